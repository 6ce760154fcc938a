package notebook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// ReadFile reads the notebook at path.
func ReadFile(path string) (*Notebook, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read notebook: %w", err)
	}
	nb, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return nb, nil
}

// Parse reads a notebook from the bytes of its file. Its errors continue a sentence that begins with
// the name of the file.
func Parse(data []byte) (*Notebook, error) {
	root, err := decodeObject(data)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, remedy)
	}
	if err := checkVersion(root); err != nil {
		return nil, err
	}
	r := reader{root}
	nb := &Notebook{Minor: r.integer("nbformat_minor"), Metadata: r.object("metadata")}
	delete(root, "nbformat")
	cells, ok := r.take("cells").([]any)
	if !ok {
		return nil, errors.New(`is not a notebook: its "cells" are not a list`)
	}
	nb.extra = root
	for _, name := range []string{"orig_nbformat", "orig_nbformat_minor", "signature"} {
		delete(nb.Metadata, name)
	}
	for i, v := range cells {
		cell, err := parseCell(v)
		if err != nil {
			return nil, fmt.Errorf("is not a valid notebook: cell %d %w", i+1, err)
		}
		nb.Cells = append(nb.Cells, cell)
	}
	return nb, nil
}

// remedy ends the errors about a file that is no notebook at all.
const remedy = "; give a notebook as Jupyter saves it"

// decodeObject decodes data, which must be one JSON object; numbers keep their text.
func decodeObject(data []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("is not JSON: there is more after its end")
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("is not a notebook: it is not a JSON object")
	}
	return root, nil
}

// checkVersion reports whether root is a notebook of format 4.
func checkVersion(root map[string]any) error {
	n, ok := root["nbformat"].(json.Number)
	if !ok {
		return errors.New(`is not a notebook: it has no "nbformat" number` + remedy)
	}
	if n != "4" {
		return fmt.Errorf("is a notebook of format %s, and only format 4 is read; `jupyter nbconvert --to notebook` converts it", n)
	}
	if _, ok := root["cells"]; !ok {
		return errors.New(`is not a notebook: it has no "cells"` + remedy)
	}
	return nil
}

// parseCell reads a cell and checks that it is well-formed.
func parseCell(v any) (*Cell, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("is not an object")
	}
	r := reader{m}
	c := &Cell{ID: r.text("id"), Type: CellType(r.text("cell_type")), Metadata: r.object("metadata")}
	delete(c.Metadata, "trusted")
	source, ok := joinLines(r.take("source")).(string)
	if !ok {
		return nil, errors.New("has a source that is not text")
	}
	c.Source = source
	c.extra = m
	switch c.Type {
	case Markdown, Raw:
		return c, nil
	case Code:
		c.ExecutionCount = r.integer("execution_count")
		outputs, ok := r.take("outputs").([]any)
		if !ok {
			return nil, errors.New("is a code cell without a list of outputs")
		}
		for i, v := range outputs {
			o, err := parseOutput(v)
			if err != nil {
				return nil, fmt.Errorf("has an output %d that %w", i+1, err)
			}
			c.Outputs = append(c.Outputs, o)
		}
		return c, nil
	}
	return nil, fmt.Errorf("is of type %q, which is none of code, markdown and raw", c.Type)
}

// parseOutput reads a stored output.
func parseOutput(v any) (*Output, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("is not an object")
	}
	r := reader{m}
	o := &Output{Type: OutputType(r.text("output_type")), extra: m}
	switch o.Type {
	case Stream:
		o.Name = r.text("name")
		text, ok := joinLines(r.take("text")).(string)
		if !ok {
			return nil, errors.New("is a stream whose text is not text")
		}
		o.Text = text
	case ExecuteResult:
		o.ExecutionCount = r.integer("execution_count")
		fallthrough
	case DisplayData:
		o.Data, o.Metadata = r.object("data"), r.object("metadata")
		for mime, v := range o.Data {
			if !isJSON(mime) {
				o.Data[mime] = joinLines(v)
			}
		}
	case Error:
		o.EName, o.EValue = r.text("ename"), r.text("evalue")
		lines, _ := r.take("traceback").([]any)
		for _, line := range lines {
			o.Traceback = append(o.Traceback, fmt.Sprint(line))
		}
	default:
		return nil, fmt.Errorf("is of the unknown type %q", o.Type)
	}
	return o, nil
}

// isJSON reports whether values of the MIME type are stored as JSON rather than as text.
func isJSON(mime string) bool {
	return mime == "application/json" || strings.HasPrefix(mime, "application/") && strings.HasSuffix(mime, "+json")
}

// joinLines makes one string of a list of strings; what is none comes back as it is.
func joinLines(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	var b strings.Builder
	for _, line := range list {
		s, ok := line.(string)
		if !ok {
			return v
		}
		b.WriteString(s)
	}
	return b.String()
}

// A reader takes known fields out of a decoded object, so that what is left is what is unknown.
type reader struct{ m map[string]any }

// take removes the field and returns its value.
func (r reader) take(name string) any {
	v := r.m[name]
	delete(r.m, name)
	return v
}

// text takes a field that should be a string.
func (r reader) text(name string) string {
	s, _ := r.take(name).(string)
	return s
}

// integer takes a field that should be an integer; null and absence give 0.
func (r reader) integer(name string) int {
	n, _ := r.take(name).(json.Number)
	i, _ := n.Int64()
	return int(i)
}

// object takes a field that should be an object; it is never nil.
func (r reader) object(name string) map[string]any {
	if m, ok := r.take(name).(map[string]any); ok {
		return m
	}
	return map[string]any{}
}
