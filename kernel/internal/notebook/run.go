package notebook

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Kernel executes the code of one cell and emits its outputs in order.
//
// A cell that fails emits an Error output; Execute may then return nil or any error. An error without
// an Error output says that the kernel itself cannot go on. Emit is called from one goroutine at a
// time and not after Execute returned.
type Kernel interface {
	Execute(ctx context.Context, code string, emit func(Output)) error
}

// Options say how a notebook is run.
type Options struct {
	AllowErrors bool     // go on after a cell that failed
	Observer    Observer // may be nil
}

// An Observer is told how a run goes on.
type Observer interface {
	Started(Position)
	Emitted(Position, Output)
	Ended(p Position, took time.Duration, err error)
}

// A Position says where in a notebook a run is. Empty code cells are not counted.
type Position struct {
	Number, Total int // of the code cells to run; Number starts at 1
	Cell          *Cell
}

// A CellError is the failure of one cell.
type CellError struct {
	Position
	EName, EValue string
}

// Error names the cell and says why it failed.
func (e *CellError) Error() string {
	return fmt.Sprintf("cell %d of %d failed: %s: %s", e.Number, e.Total, e.EName, e.EValue)
}

// Run executes the code cells of nb in order and stores what they make in it, with the execution
// count and the times of each. It first removes what an earlier run left. It stops at the first cell
// that fails and returns a *CellError; with AllowErrors it goes on, and returns an error only when
// the kernel cannot.
func Run(ctx context.Context, nb *Notebook, k Kernel, opts Options) error {
	var todo []*Cell
	for _, c := range nb.Cells {
		if c.Type != Code {
			continue
		}
		c.Outputs, c.ExecutionCount = nil, 0
		delete(c.Metadata, "execution")
		if strings.TrimSpace(c.Source) != "" {
			todo = append(todo, c)
		}
	}
	rec := newRecorder()
	for i, c := range todo {
		p := Position{i + 1, len(todo), c}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped before cell %d of %d: %w", p.Number, p.Total, err)
		}
		fatal, err := runCell(ctx, p, k, rec, opts.Observer)
		if err != nil && (fatal || !opts.AllowErrors) {
			return err
		}
	}
	return nil
}

// runCell executes one cell. Fatal says that no other cell can run.
func runCell(ctx context.Context, p Position, k Kernel, rec *recorder, obs Observer) (fatal bool, err error) {
	if obs != nil {
		obs.Started(p)
	}
	p.Cell.ExecutionCount = p.Number
	rec.begin(p.Cell)
	start := time.Now()
	err = k.Execute(ctx, p.Cell.Source, func(o Output) {
		rec.add(o)
		if obs != nil {
			obs.Emitted(p, o)
		}
	})
	end := time.Now()
	rec.end()
	setTimes(p.Cell, start, end)
	failure := p.Cell.failure()
	if err != nil && failure == nil {
		fatal = true
		failure = &Output{Type: Error, EName: "KernelError", EValue: err.Error(), Traceback: []string{err.Error()}}
		p.Cell.Outputs = append(p.Cell.Outputs, failure)
	}
	switch {
	case ctx.Err() != nil:
		fatal, err = true, fmt.Errorf("stopped in cell %d of %d: %w", p.Number, p.Total, ctx.Err())
	case fatal:
		err = fmt.Errorf("cell %d of %d: %w", p.Number, p.Total, err)
	case failure != nil:
		err = &CellError{p, failure.EName, failure.EValue}
	default:
		err = nil
	}
	if obs != nil {
		obs.Ended(p, end.Sub(start), err)
	}
	return fatal, err
}

// timeFormat is ISO 8601 with microseconds, as JupyterLab stores it.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// setTimes stores when the cell ran under the names that JupyterLab and nbclient use.
func setTimes(c *Cell, start, end time.Time) {
	if c.Metadata == nil {
		c.Metadata = map[string]any{}
	}
	begun, ended := start.UTC().Format(timeFormat), end.UTC().Format(timeFormat)
	c.Metadata["execution"] = map[string]any{
		"iopub.status.busy":   begun,
		"iopub.execute_input": begun,
		"shell.execute_reply": ended,
		"iopub.status.idle":   ended,
	}
}

// Took returns how long the cell ran in the run that made its outputs, and false if that is unknown.
func (c *Cell) Took() (time.Duration, bool) {
	times, _ := c.Metadata["execution"].(map[string]any)
	begun, ok1 := parseTime(times["iopub.execute_input"])
	ended, ok2 := parseTime(times["shell.execute_reply"])
	if !ok1 || !ok2 || ended.Before(begun) {
		return 0, false
	}
	return ended.Sub(begun), true
}

// parseTime reads a time as JupyterLab stores it.
func parseTime(v any) (time.Time, bool) {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, s)
	return t, err == nil
}
