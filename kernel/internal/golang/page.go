package golang

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"os"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/rt/control"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/session"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A causes keeps the outputs of the frontend's last messages, by their numbers, for what answers them.
type causes struct {
	count uint64
	outs  [64]server.Output
}

// add gives a message its number.
func (c *causes) add(out server.Output) uint64 {
	c.count++
	c.outs[c.count%uint64(len(c.outs))] = out
	return c.count
}

// out returns the output of a message, or nil if that was long ago.
func (c *causes) out(number uint64) server.Output {
	if number == 0 || number+uint64(len(c.outs)) <= c.count {
		return nil
	}
	return c.outs[number%uint64(len(c.outs))]
}

// comm sends a message of the worker's comms to the frontend. It is caused by the frontend's message that it
// answers, else by the cell.
func (c *cells) comm(f frame.Frame, cell *limited) {
	var m frame.CommMessage
	if err := f.Decode(&m); err != nil {
		fmt.Fprintf(os.Stderr, "lathe: a message of a comm could not be read: %v\n", err)
		return
	}
	c.mu.Lock()
	out := c.causes.out(m.Cause)
	if out == nil && cell != nil {
		out = cell
	}
	switch m.Type {
	case frame.CommOpen:
		c.comms[m.ID] = f.Cell
	case frame.CommClose:
		delete(c.comms, m.ID)
	}
	c.mu.Unlock()
	if out != nil { // without a cell and a cause there is no comm
		out.Comm(m)
	}
}

// closeComms tells the frontend that the comms of a worker are gone with it.
func (c *cells) closeComms() {
	c.mu.Lock()
	open := c.comms
	c.comms = map[string]uint64{}
	outputs := map[string]*limited{}
	for id, number := range open {
		outputs[id] = c.outputs[number]
	}
	c.mu.Unlock()
	for id, out := range outputs {
		if out != nil {
			out.Comm(frame.CommMessage{Type: frame.CommClose, ID: id})
		}
	}
}

// fromPage hands a message of the frontend to the worker's comms. What answers it goes to out.
func (c *cells) fromPage(ctx context.Context, m frame.CommMessage, out server.Output) error {
	if err := c.wait(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	switch m.Type {
	case frame.CommOpen:
		c.comms[m.ID] = c.count
	case frame.CommClose:
		delete(c.comms, m.ID)
	}
	m.Cause = c.causes.add(out)
	c.mu.Unlock()
	return c.session.Comm(m)
}

// ask asks the user a question of a cell.
func (c *cells) ask(ctx context.Context, number uint64, q control.Ask) (string, error) {
	out := c.output(number)
	if out == nil {
		return "", frame.ErrNoInput
	}
	in, ok := out.Output.(server.Inputter)
	if !ok {
		return "", frame.ErrNoInput
	}
	return in.Input(ctx, q.Prompt, q.Password)
}

// evaluate returns the value of an expression among what is live, as a cell of it alone would show it.
func (c *cells) evaluate(ctx context.Context, expression string) (frame.Bundle, error) {
	if _, err := parser.ParseExpr(expression); err != nil {
		return frame.Bundle{}, fmt.Errorf("%q is not an expression: %w", expression, err)
	}
	out := &value{}
	number := c.begin(out)
	_, err := c.session.Execute(ctx, session.Request{Number: number, Name: "the expression", Text: expression})
	if err = cellError(err); err != nil {
		if cell, ok := errors.AsType[*server.CellError](err); ok {
			err = errors.New(cell.Value)
		}
		return frame.Bundle{}, err
	}
	return out.take()
}

// A value keeps the value of an expression, and nothing else that it does.
type value struct {
	probe
	mu    sync.Mutex
	given *frame.Bundle
}

// Result keeps the value.
func (v *value) Result(b frame.Bundle) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.given = &b
}

func (v *value) take() (frame.Bundle, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.given == nil {
		return frame.Bundle{}, errors.New("the expression has no value")
	}
	return *v.given, nil
}
