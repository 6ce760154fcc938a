package golang

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/complete"
	"github.com/lathe-go/lathe/kernel/internal/diag"
	"github.com/lathe-go/lathe/kernel/internal/figure"
	"github.com/lathe-go/lathe/kernel/internal/pjrt"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/session"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// cells executes cells: it starts a session in the background, leads what its worker makes to the output
// of the right cell, and completes charts on the way.
type cells struct {
	dir     string
	figures *figure.Renderer
	help    *complete.Completer
	ready   chan struct{} // closed when session or err is set
	err     error

	mu      sync.Mutex
	session *session.Session
	outputs map[uint64]*limited // by execution; kept, since a goroutine may print later
	comms   map[string]uint64   // open comms, by the execution that has opened them
	causes  causes
	count   uint64 // executions so far
	last    session.Report

	around surroundings

	// warm prepares the renderer of charts once no cell has run for a while: it would slow the cells.
	warm *time.Timer
}

// idleTime is how long no cell must have run before the kernel does what can wait.
const idleTime = 2 * time.Second

// startCells begins to start a session whose worker runs in dir. It returns at once.
func startCells(ctx context.Context, dir string) *cells {
	c := &cells{dir: dir, figures: figure.NewRenderer(), help: complete.New(), ready: make(chan struct{}), outputs: map[uint64]*limited{}, comms: map[string]uint64{}}
	c.warm = time.AfterFunc(time.Hour, c.figures.Warm)
	c.warm.Stop()
	go func() {
		defer close(c.ready)
		c.session, c.err = c.newSession(ctx)
	}()
	return c
}

func (c *cells) newSession(ctx context.Context) (*session.Session, error) {
	base, err := build.CurrentFor(moduleOf(c.dir))
	if err != nil {
		return nil, err
	}
	s, err := session.New(ctx, session.Options{Base: base, Dir: c.dir, Module: moduleOf(c.dir), Env: append(workerEnv(ctx), gonbEnv(c.dir)...), Output: c.show, Note: c.note, Directive: c.directive, Ask: c.ask, Replaced: c.closeComms})
	if err != nil {
		return nil, fmt.Errorf("%w; `lathe setup` makes a damaged base library anew", err)
	}
	// The packages without which hardly a cell can do.
	s.Warm("fmt", "github.com/lathe-go/lathe/kernel/internal/rt", "github.com/lathe-go/lathe/pkg/display")
	c.help.Update(s.View())
	return s, nil
}

// helpEditors prepares what completes cells, a moment after the session is ready: the first cell comes first.
func (c *cells) helpEditors(ctx context.Context) {
	<-c.ready
	select {
	case <-time.After(time.Second):
		if err := c.help.Warm(); err != nil && !errors.Is(err, complete.ErrNoGopls) {
			fmt.Fprintf(os.Stderr, "lathe: %v\n", err)
		}
	case <-ctx.Done():
	}
}

// workerEnv tells the worker where the PJRT plugin is, or why there is none: the backend package passes
// that on, and says what it does instead.
func workerEnv(ctx context.Context) []string {
	plugin, err := pjrt.Find(ctx)
	if err != nil {
		return []string{"GOMLX_NO_AUTO_INSTALL=1", "LATHE_NO_PLUGIN=" + err.Error()}
	}
	return plugin.Env()
}

// close ends the session and what it has started.
func (c *cells) close() error {
	<-c.ready
	var err error
	if c.session != nil {
		err = c.session.Close()
	}
	c.warm.Stop()
	c.help.Close()
	return errors.Join(err, c.figures.Close())
}

// execute runs one cell, which its user knows by name.
func (c *cells) execute(ctx context.Context, name, code string, out server.Output) error {
	if text, ok := formatRequest(code); ok {
		return c.format(name, text, out)
	}
	if err := c.wait(ctx); err != nil {
		return err
	}
	c.warm.Stop()
	number, s := c.begin(out), c.session
	report, err := c.runCell(ctx, s, session.Request{Number: number, Name: name, Text: code})
	c.help.Update(s.View())
	for _, n := range report.Notices {
		out.Stream("stderr", "note: "+n+"\n")
	}
	c.mu.Lock()
	c.last = report
	c.mu.Unlock()
	c.warm.Reset(idleTime)
	return cellError(err)
}

// wait waits for the session, and returns why there is none.
func (c *cells) wait(ctx context.Context) error {
	select {
	case <-c.ready:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// begin gives an execution its number and its output.
func (c *cells) begin(out server.Output) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	c.outputs[c.count] = &limited{Output: out}
	return c.count
}

// output returns the output of an execution, or nil for one that there was not.
func (c *cells) output(number uint64) *limited {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outputs[number]
}

// note tells the user of the running cell what takes long.
func (c *cells) note(text string) {
	c.mu.Lock()
	out := c.outputs[c.count]
	c.mu.Unlock()
	if out != nil {
		out.Stream("stderr", "note: "+text+"\n")
	}
}

// show leads one frame to the output of its cell.
func (c *cells) show(f frame.Frame) {
	c.mu.Lock()
	out := c.outputs[f.Cell]
	if out == nil {
		out = c.outputs[c.count]
	}
	c.mu.Unlock()
	if f.Kind == frame.CommFrame {
		c.comm(f, out)
		return
	}
	if out == nil {
		fmt.Fprintf(os.Stderr, "%s", f.Payload) // before the first cell: nobody else can see it
		return
	}
	switch f.Kind {
	case frame.Stdout:
		out.Stream("stdout", string(f.Payload))
	case frame.Stderr:
		out.Stream("stderr", string(f.Payload))
	case frame.Clear:
		var req frame.ClearRequest
		if f.Decode(&req) == nil {
			out.Clear(req.Wait)
		}
	case frame.Display, frame.Update, frame.Result:
		c.bundle(f, out)
	}
}

// bundle shows a value in every form.
func (c *cells) bundle(f frame.Frame, out *limited) {
	var b frame.Bundle
	if err := f.Decode(&b); err != nil {
		out.Stream("stderr", "lathe: an output could not be read: "+err.Error()+"\n")
		return
	}
	full, err := c.figures.Complete(context.Background(), b)
	if err != nil {
		out.Stream("stderr", "note: "+err.Error()+"\n")
	}
	switch f.Kind {
	case frame.Display:
		out.Display(full)
	case frame.Update:
		out.Update(full)
	case frame.Result:
		out.Result(full)
	}
}

// cellError puts a failure of a cell into the form that frontends show.
func cellError(err error) error {
	var list diag.List
	var run *session.RunError
	switch {
	case errors.As(err, &list) && len(list) > 0:
		e := &server.CellError{Name: "CompileError", Value: list[0].Msg}
		for _, d := range list {
			line, column := d.Position()
			e.Traceback = append(e.Traceback, fmt.Sprintf("\x1b[31m%s:%d:%d: %s\x1b[0m", d.Cell, line, column, d.Msg))
			e.Traceback = append(e.Traceback, strings.Split(d.Excerpt(), "\n")...)
		}
		return e
	case errors.As(err, &run):
		e := &server.CellError{Name: run.Name, Value: run.Value, Traceback: []string{"\x1b[31m" + run.Name + ": " + run.Value + "\x1b[0m"}}
		for _, call := range run.Trace {
			e.Traceback = append(e.Traceback, strings.Split(call, "\n")...)
		}
		return e
	}
	return err
}

// isComplete tells whether a cell's text can run, in the protocol's words.
func isComplete(code string) (status, indent string) {
	c, indent := cell.IsComplete(code)
	return string(c), indent
}
