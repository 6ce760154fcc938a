package process

import (
	"context"
	"slices"

	"github.com/lathe-go/lathe/kernel/internal/rt"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// Send implements frame.Sink, with frame.Contexter, frame.Asker, frame.Guarder,
// frame.Historian and frame.Echoer: the worker is what the packages of pkg see of the notebook.
func (w *worker) Send(f frame.Frame) error { return w.out.Send(f) }

// Context returns the context of the calling goroutine's execution.
func (w *worker) Context() context.Context {
	if e := w.current(); e != nil {
		return e.Context()
	}
	return context.Background()
}

// Ask asks the user, on behalf of the calling goroutine's execution. If the execution is interrupted, its code
// unwinds from here.
func (w *worker) Ask(ctx context.Context, prompt string, password bool) (string, error) {
	line, err := w.asker.ask(ctx, prompt, password)
	rt.Check()
	return line, err
}

// Cells returns the cells of the session from the one at index from on.
func (w *worker) Cells(from int) []frame.Cell {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.cells[min(from, len(w.cells)):])
}

// Echo has f called with all text that is sent.
func (w *worker) Echo(f func(frame.Frame)) (stop func()) { return w.out.echo(f) }

// Guard runs f, whose panic is reported as that of a goroutine.
func (w *worker) Guard(f func()) {
	defer rt.Guard()
	f()
}

// askNow asks the user and gives up when the calling goroutine's execution is interrupted.
func (w *worker) askNow(prompt string, password bool) (string, error) {
	return w.Ask(w.Context(), prompt, password)
}
