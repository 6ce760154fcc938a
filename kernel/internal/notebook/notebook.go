// Package notebook reads, runs, parameterises, writes and renders Jupyter notebooks of format 4.
//
// What this package does not know of a file, it keeps: fields and metadata of other tools come out as
// they went in, and a notebook that nothing changed is written byte for byte as Jupyter writes it.
package notebook

import (
	"maps"
	"slices"
	"strings"
)

// A Notebook is the content of one .ipynb file.
type Notebook struct {
	Cells    []*Cell
	Metadata map[string]any
	Minor    int            // the minor format version; from 5 on every cell has an ID
	extra    map[string]any // fields of the file that this package does not know
}

// CellType is what a cell holds.
type CellType string

// The types of cell.
const (
	Code     CellType = "code"
	Markdown CellType = "markdown"
	Raw      CellType = "raw"
)

// A Cell is one cell of a notebook.
type Cell struct {
	ID             string
	Type           CellType
	Source         string
	Metadata       map[string]any
	Outputs        []*Output      // code cells only
	ExecutionCount int            // code cells only; 0 if the cell was not run
	extra          map[string]any // other fields, attachments among them
}

// Tags returns the tags of the cell.
func (c *Cell) Tags() []string {
	list, _ := c.Metadata["tags"].([]any)
	var tags []string
	for _, v := range list {
		if s, ok := v.(string); ok {
			tags = append(tags, s)
		}
	}
	return tags
}

// HasTag reports whether the cell carries the tag.
func (c *Cell) HasTag(tag string) bool { return slices.Contains(c.Tags(), tag) }

// Failed reports whether the outputs of the cell hold an error.
func (c *Cell) Failed() bool { return c.failure() != nil }

// failure returns the first error among the outputs of the cell, or nil.
func (c *Cell) failure() *Output {
	for _, o := range c.Outputs {
		if o.Type == Error {
			return o
		}
	}
	return nil
}

// OutputType is what an output is.
type OutputType string

// The types of output. Notebooks store the first four; UpdateDisplay and ClearOutput only pass from
// a kernel to Run, which applies them to what is stored.
const (
	Stream        OutputType = "stream"
	DisplayData   OutputType = "display_data"
	ExecuteResult OutputType = "execute_result"
	Error         OutputType = "error"
	UpdateDisplay OutputType = "update_display_data"
	ClearOutput   OutputType = "clear_output"
)

// An Output is one piece of what a cell made.
type Output struct {
	Type OutputType

	Name string // Stream: "stdout" or "stderr"
	Text string // Stream: what was written

	// DisplayData, ExecuteResult, UpdateDisplay: a value in every form it has, by MIME type. JSON
	// types hold decoded JSON, all others a string (base64 for binary types).
	Data           map[string]any
	Metadata       map[string]any
	ExecutionCount int    // ExecuteResult
	DisplayID      string // names the output for a later UpdateDisplay; not stored

	// Error.
	EName, EValue string
	Traceback     []string // may hold ANSI colours

	Wait bool // ClearOutput: clear when the next output comes

	extra map[string]any
}

// PlainText returns the output as text: the text of a stream, the traceback of an error, the
// text/plain form of a value or the names of the forms that it has instead.
func (o *Output) PlainText() string {
	switch o.Type {
	case Stream:
		return o.Text
	case Error:
		if len(o.Traceback) == 0 {
			return o.EName + ": " + o.EValue
		}
		return strings.Join(o.Traceback, "\n")
	}
	if text, ok := o.Data["text/plain"].(string); ok {
		return text
	}
	return "[" + strings.Join(slices.Sorted(maps.Keys(o.Data)), ", ") + "]"
}
