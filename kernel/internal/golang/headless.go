package golang

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// headless executes the cells of a notebook without Jupyter.
type headless struct {
	cells *cells
	count int
}

// Execute runs one cell.
func (h *headless) Execute(ctx context.Context, code string, emit func(notebook.Output)) error {
	h.count++
	e := &emitter{count: h.count, in: make(chan notebook.Output, 64)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for o := range e.in {
			emit(o)
		}
	}()
	err := h.cells.execute(ctx, fmt.Sprintf("In[%d]", h.count), code, e)
	var failed *server.CellError
	switch {
	case errors.As(err, &failed):
		e.send(notebook.Output{Type: notebook.Error, EName: failed.Name, EValue: failed.Value, Traceback: failed.Traceback})
	case err != nil && ctx.Err() == nil:
		e.send(notebook.Output{Type: notebook.Error, EName: "error", EValue: err.Error(), Traceback: []string{err.Error()}})
	}
	e.close()
	<-done
	return err
}

// An emitter turns what a cell shows into outputs of a notebook. What comes after the cell has ended is
// not kept: the notebook is no longer at that cell.
type emitter struct {
	count int
	sync.Mutex
	in     chan notebook.Output
	closed bool
}

func (e *emitter) send(o notebook.Output) {
	e.Lock()
	defer e.Unlock()
	if !e.closed {
		e.in <- o
	}
}

func (e *emitter) close() {
	e.Lock()
	defer e.Unlock()
	e.closed = true
	close(e.in)
}

func (e *emitter) value(t notebook.OutputType, b frame.Bundle) {
	e.send(notebook.Output{Type: t, Data: maps.Clone(b.Data), Metadata: b.Metadata, DisplayID: b.DisplayID, ExecutionCount: e.count})
}

// Stream shows text.
func (e *emitter) Stream(name, text string) {
	e.send(notebook.Output{Type: notebook.Stream, Name: name, Text: text})
}

// Display shows a value.
func (e *emitter) Display(b frame.Bundle) { e.value(notebook.DisplayData, b) }

// Update replaces a value.
func (e *emitter) Update(b frame.Bundle) { e.value(notebook.UpdateDisplay, b) }

// Clear empties the output.
func (e *emitter) Clear(wait bool) { e.send(notebook.Output{Type: notebook.ClearOutput, Wait: wait}) }

// Comm sends a message to nobody: without a frontend there is no view of a live object.
func (e *emitter) Comm(frame.CommMessage) {}

// Result shows the value of the cell.
func (e *emitter) Result(b frame.Bundle) { e.value(notebook.ExecuteResult, b) }
