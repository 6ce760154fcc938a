package notebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// EditSources returns the file of a notebook with the sources of its code cells as edit gives them back.
// Nothing else in the file changes by a byte. Cells are numbered from 1, and cells of any type count.
func EditSources(data []byte, edit func(cell int, source string) string) ([]byte, error) {
	if _, err := Parse(data); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	done, number := 0, 0
	err := fields(data, func(name string, value json.RawMessage, at int) error {
		if name != "cells" {
			return nil
		}
		return elements(value, func(raw json.RawMessage, in int) error {
			number++
			source, start, err := codeSource(raw)
			if err != nil || source == nil {
				return err
			}
			start += at + in
			out.Write(data[done:start])
			out.Write(editSource(source, func(text string) string { return edit(number, text) }))
			done = start + len(source)
			return nil
		})
	})
	out.Write(data[done:])
	return out.Bytes(), err
}

// codeSource returns the source of a code cell as it is in the file, and where it is in the cell; nil for a
// cell of another type.
func codeSource(raw json.RawMessage) (source json.RawMessage, at int, err error) {
	code := false
	err = fields(raw, func(name string, value json.RawMessage, in int) error {
		switch name {
		case "cell_type":
			code = string(value) == `"code"`
		case "source":
			source, at = value, in
		}
		return nil
	})
	if !code {
		return nil, 0, err
	}
	return source, at, err
}

// editSource edits a source, a string or a list of lines. What stays of a list stays as it was written.
func editSource(raw json.RawMessage, edit func(string) string) []byte {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if edited := edit(text); edited != text {
			return quote(edited)
		}
		return raw
	}
	var before, between []byte // what is before the first line, and what is between it and the second
	written := map[string][]byte{}
	last := 1
	// Parse has found that these are strings.
	_ = elements(raw, func(line json.RawMessage, at int) error {
		switch len(written) {
		case 0:
			before, between = raw[1:at], append([]byte{','}, raw[1:at]...)
		case 1:
			between = raw[last:at]
		}
		var s string
		_ = json.Unmarshal(line, &s)
		text += s
		written[s], last = line, at+len(line)
		return nil
	})
	edited := edit(text)
	if edited == text {
		return raw
	}
	var lines [][]byte
	for _, line := range strings.SplitAfter(edited, "\n") {
		switch {
		case line == "":
		case written[line] != nil:
			lines = append(lines, written[line])
		default:
			lines = append(lines, quote(line))
		}
	}
	if len(lines) == 0 {
		return []byte("[]")
	}
	if len(written) == 0 {
		between = []byte{','}
	}
	return slices.Concat([]byte("["), before, bytes.Join(lines, between), raw[last:])
}

// quote returns text as a JSON string, as Jupyter writes it.
func quote(text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string cannot fail
	return bytes.TrimRight(b.Bytes(), "\n")
}

// fields calls f with each field of a JSON object, and where its value is.
func fields(object []byte, f func(name string, value json.RawMessage, at int) error) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		if err := next(dec, func(value json.RawMessage, at int) error { return f(fmt.Sprint(name), value, at) }); err != nil {
			return err
		}
	}
	return nil
}

// elements calls f with each element of a JSON array, and where it is.
func elements(array []byte, f func(value json.RawMessage, at int) error) error {
	dec := json.NewDecoder(bytes.NewReader(array))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		if err := next(dec, f); err != nil {
			return err
		}
	}
	return nil
}

func next(dec *json.Decoder, f func(value json.RawMessage, at int) error) error {
	var value json.RawMessage
	if err := dec.Decode(&value); err != nil {
		return err
	}
	return f(value, int(dec.InputOffset())-len(value))
}
