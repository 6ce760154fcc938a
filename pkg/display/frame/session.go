package frame

import "time"

// A Cell is a cell that the session of this process has executed.
type Cell struct {
	Number uint64    `json:"number"` // of the execution, the Cell of its frames; a later one has a higher number
	Name   string    `json:"name"`   // "In[3]" of the third execution
	Text   string    `json:"text"`   // the source, exactly
	Time   time.Time `json:"time"`   // when it began to run
}

// A Historian is a Sink that knows the cells of its session.
type Historian interface {
	Cells(from int) []Cell
}

// Cells returns the cells that the session has executed so far, the one that runs now too, without the first
// ones, so many that from says. Outside a notebook there are none.
func Cells(from int) []Cell {
	if h, ok := Attached().(Historian); ok {
		return h.Cells(from)
	}
	return nil
}

// An Echoer is a Sink that lets others see the text that is sent to it.
type Echoer interface {
	Echo(f func(Frame)) (stop func())
}

// Echo has f called with each frame of text, Stdout or Stderr, that the cells of this process print, until stop is
// called. f is called from the goroutine that prints, which waits for it, and must neither print nor keep the
// payload. Outside a notebook it is never called.
func Echo(f func(Frame)) (stop func()) {
	if e, ok := Attached().(Echoer); ok {
		return e.Echo(f)
	}
	return func() {}
}
