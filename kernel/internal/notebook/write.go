package notebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteFile writes the notebook to path: into a new file beside it first, which then takes its name,
// so that a reader never sees half a notebook. An existing file keeps its permissions.
func (nb *Notebook) WriteFile(path string) error {
	data, err := nb.Bytes()
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	return ReplaceFile(path, data, mode)
}

// ReplaceFile writes data to a new file that then takes the name path, so that the file at path is the old
// one or the new one, never a part, also on a disk that is full.
func ReplaceFile(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Bytes returns the notebook as the bytes of its file: indented by one space, keys sorted, long text
// as a list of lines, a line feed at the end.
func (nb *Notebook) Bytes() ([]byte, error) {
	root := orEmpty(maps.Clone(nb.extra))
	root["metadata"] = orEmpty(nb.Metadata)
	root["nbformat"] = 4
	root["nbformat_minor"] = nb.Minor
	cells := make([]any, len(nb.Cells))
	for i, c := range nb.Cells {
		cells[i] = c.object()
	}
	root["cells"] = cells
	var b bytes.Buffer
	if err := appendJSON(&b, root, "\n"); err != nil {
		return nil, fmt.Errorf("write notebook: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// object returns the cell as the object that a file holds.
func (c *Cell) object() map[string]any {
	m := orEmpty(maps.Clone(c.extra))
	if attachments, ok := m["attachments"].(map[string]any); ok {
		m["attachments"] = splitAttachments(attachments)
	}
	if c.ID != "" {
		m["id"] = c.ID
	}
	m["cell_type"] = string(c.Type)
	m["metadata"] = orEmpty(c.Metadata)
	m["source"] = splitLines(c.Source)
	if c.Type != Code {
		return m
	}
	m["execution_count"] = countOrNull(c.ExecutionCount)
	outputs := make([]any, len(c.Outputs))
	for i, o := range c.Outputs {
		outputs[i] = o.object()
	}
	m["outputs"] = outputs
	return m
}

// splitAttachments splits the text of every attachment into lines.
func splitAttachments(attachments map[string]any) map[string]any {
	split := map[string]any{}
	for name, v := range attachments {
		if data, ok := v.(map[string]any); ok {
			v = splitData(data)
		}
		split[name] = v
	}
	return split
}

// object returns the output as the object that a file holds.
func (o *Output) object() map[string]any {
	m := orEmpty(maps.Clone(o.extra))
	m["output_type"] = string(o.Type)
	switch o.Type {
	case Stream:
		m["name"], m["text"] = o.Name, splitLines(o.Text)
	case ExecuteResult:
		m["execution_count"] = countOrNull(o.ExecutionCount)
		fallthrough
	case DisplayData:
		m["data"], m["metadata"] = splitData(o.Data), orEmpty(o.Metadata)
	case Error:
		lines := make([]any, len(o.Traceback))
		for i, line := range o.Traceback {
			lines[i] = line
		}
		m["ename"], m["evalue"], m["traceback"] = o.EName, o.EValue, lines
	}
	return m
}

// splitData returns data with the text of those types split into lines that Jupyter splits.
func splitData(data map[string]any) map[string]any {
	split := map[string]any{}
	for mime, v := range data {
		s, ok := v.(string)
		lines := strings.HasPrefix(mime, "text/") || mime == "application/javascript" || mime == "image/svg+xml"
		if ok && lines {
			v = splitLines(s)
		}
		split[mime] = v
	}
	return split
}

// lineEnds are the characters that end a line for Jupyter, which are those of Python's splitlines.
const lineEnds = "\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

// splitLines splits s after every line end, which stays with its line.
func splitLines(s string) []any {
	lines := []any{}
	for s != "" {
		end := strings.IndexAny(s, lineEnds)
		if end < 0 {
			return append(lines, s)
		}
		size := 1
		if s[end] >= utf8.RuneSelf {
			_, size = utf8.DecodeRuneInString(s[end:])
		} else if strings.HasPrefix(s[end:], "\r\n") {
			size = 2
		}
		lines = append(lines, s[:end+size])
		s = s[end+size:]
	}
	return lines
}

// countOrNull returns an execution count as files hold it.
func countOrNull(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// orEmpty returns m, or an empty map for nil.
func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// appendJSON writes v as Jupyter does. Newline is a line feed and the indentation of v.
func appendJSON(b *bytes.Buffer, v any, newline string) error {
	inner := newline + " "
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			b.WriteString("{}")
			return nil
		}
		sep := "{"
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.WriteString(sep + inner)
			appendString(b, key)
			b.WriteString(": ")
			if err := appendJSON(b, v[key], inner); err != nil {
				return err
			}
			sep = ","
		}
		b.WriteString(newline + "}")
	case []any:
		if len(v) == 0 {
			b.WriteString("[]")
			return nil
		}
		sep := "["
		for _, e := range v {
			b.WriteString(sep + inner)
			if err := appendJSON(b, e, inner); err != nil {
				return err
			}
			sep = ","
		}
		b.WriteString(newline + "]")
	case string:
		appendString(b, v)
	case int:
		b.WriteString(strconv.Itoa(v))
	case bool, nil, json.Number:
		text, err := json.Marshal(v)
		b.Write(text)
		return err
	default:
		return appendOther(b, v, newline)
	}
	return nil
}

// appendOther writes a value of a type that decoding does not make, such as a []string that a kernel
// put into a bundle, by way of encoding/json.
func appendOther(b *bytes.Buffer, v any, newline string) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var plain any
	if err := dec.Decode(&plain); err != nil {
		return err
	}
	return appendJSON(b, plain, newline)
}

// appendString writes s with the escapes that Python's json module writes and no others.
func appendString(b *bytes.Buffer, s string) {
	const short = "\"\\\b\f\n\r\t"
	const names = `"\bfnrt`
	b.WriteByte('"')
	for _, r := range s {
		if i := strings.IndexRune(short, r); i >= 0 {
			b.WriteByte('\\')
			b.WriteByte(names[i])
		} else if r < 0x20 {
			fmt.Fprintf(b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
