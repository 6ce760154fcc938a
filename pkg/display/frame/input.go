package frame

import (
	"context"
	"errors"
)

// ErrNoInput is the error of a question that nobody can be asked.
var ErrNoInput = errors.New("frame: nobody can be asked for input here")

// An Asker is a Sink that can ask the user for a line.
type Asker interface {
	Ask(ctx context.Context, prompt string, password bool) (string, error)
}

// Ask asks the user of the notebook for a line, which a password field hides, and waits for it or for the
// end of ctx.
func Ask(ctx context.Context, prompt string, password bool) (string, error) {
	if a, ok := Attached().(Asker); ok {
		return a.Ask(ctx, prompt, password)
	}
	return "", ErrNoInput
}
