package notebook

import (
	"maps"
	"slices"
)

// A recorder applies what a kernel emits to the outputs that the cells store, as JupyterLab does.
type recorder struct {
	cell    *Cell
	clear   bool      // empty the cell when its next output comes
	stream  *Output   // the last output, while it is a stream
	screen  screen    // what stream shows
	display []display // what may be updated yet, of all cells
}

// A display is a stored output that has a display ID.
type display struct {
	id     string
	output *Output
}

func newRecorder() *recorder { return &recorder{} }

// begin makes c the cell that outputs go to.
func (r *recorder) begin(c *Cell) {
	r.cell, r.clear, r.stream = c, false, nil
}

// end settles what a kernel left open. A clear that nothing followed does not happen.
func (r *recorder) end() {
	r.flush()
	r.stream = nil
}

// add applies one output.
func (r *recorder) add(o Output) {
	switch o.Type {
	case ClearOutput:
		r.clear = true
		if !o.Wait {
			r.empty()
		}
	case UpdateDisplay:
		for _, d := range r.display {
			if d.id == o.DisplayID {
				d.output.Data, d.output.Metadata = maps.Clone(o.Data), maps.Clone(o.Metadata)
			}
		}
	default:
		if r.clear {
			r.empty()
		}
		r.store(o)
	}
}

// store appends an output to the cell, or to the stream that is its last output.
func (r *recorder) store(o Output) {
	if o.Type == Stream {
		if r.stream == nil || r.stream.Name != o.Name {
			r.flush()
			r.stream, r.screen = &Output{Type: Stream, Name: o.Name}, screen{}
			r.cell.Outputs = append(r.cell.Outputs, r.stream)
		}
		r.screen.write(o.Text)
		return
	}
	r.flush()
	r.stream = nil
	if o.Type == ExecuteResult {
		o.ExecutionCount = r.cell.ExecutionCount
	}
	r.cell.Outputs = append(r.cell.Outputs, &o)
	if o.DisplayID != "" {
		r.display = append(r.display, display{o.DisplayID, &o})
	}
}

// flush gives the open stream its text.
func (r *recorder) flush() {
	if r.stream != nil {
		r.stream.Text = r.screen.text()
	}
}

// empty removes the outputs of the cell.
func (r *recorder) empty() {
	r.display = slices.DeleteFunc(r.display, func(d display) bool { return slices.Contains(r.cell.Outputs, d.output) })
	r.cell.Outputs, r.stream, r.clear = nil, nil, false
}

// A screen is the text that a stream shows: a carriage return goes back to the start of the line and
// what follows overwrites it, a backspace goes back by one.
type screen struct {
	done []byte // finished lines
	line []rune
	at   int // where the next rune goes in line
}

// write adds text.
func (s *screen) write(text string) {
	for _, r := range text {
		switch {
		case r == '\n':
			s.done = append(append(s.done, string(s.line)...), '\n')
			s.line, s.at = s.line[:0], 0
		case r == '\r':
			s.at = 0
		case r == '\b':
			s.at = max(s.at-1, 0)
		case s.at < len(s.line):
			s.line[s.at] = r
			s.at++
		default:
			s.line = append(s.line, r)
			s.at++
		}
	}
}

// text returns what the screen shows.
func (s *screen) text() string { return string(s.done) + string(s.line) }
