package frame

import "context"

// A Contexter is a Sink that knows which execution the calling goroutine belongs to.
type Contexter interface {
	Context() context.Context
}

// Context returns the context of the execution that the calling goroutine belongs to: it is cancelled
// when the user interrupts the cell. Outside a notebook it is context.Background().
func Context() context.Context {
	if c, ok := Attached().(Contexter); ok {
		return c.Context()
	}
	return context.Background()
}
