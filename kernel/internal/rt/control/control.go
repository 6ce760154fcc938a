// Package control is what the kernel and its worker say to each other besides a cell's output. Each
// message is the JSON payload of a frame of one of the kinds below.
package control

import "github.com/lathe-go/lathe/pkg/display/frame"

// What the kernel sends.
const (
	KindExecute   = frame.Reserved + iota // an Execute
	KindInterrupt                         // no payload; Frame.Cell names the execution
	KindAnswer                            // an Answer
)

// What the worker sends.
const (
	KindReady = frame.Reserved + 32 + iota // no payload: the worker waits for work
	KindDone                               // a Done
	KindPanic                              // a Panic in a goroutine that outlives its cell's code
	KindAsk                                // an Ask; Frame.Cell names the execution that wants to know
)

// A Library is a compiled unit to load.
type Library struct {
	Path  string   // of the shared library
	Types []string // names of the type descriptors that it defines
	Inits []string // symbols of its packages' initialisation, in order
}

// Execute asks the worker to change its surroundings, to load libraries, in order, and then to run one unit.
// Frame.Cell is the number by which everything that it causes is known.
type Execute struct {
	Env  []string `json:",omitempty"` // variables to set, as in "NAME=VALUE"
	Dir  string   `json:",omitempty"` // to work in; "" is where it is
	Load []Library
	Unit string // the unit to run; "" runs none
	// Cells are those that the worker has not been told of, up to the one that is to run. Who keeps a record of
	// what a session did asks the worker for them.
	Cells []frame.Cell `json:",omitempty"`
}

// Ask asks the user for a line.
type Ask struct {
	ID       uint64 // of the answer
	Prompt   string
	Password bool
}

// Answer is the line, or why there is none.
type Answer struct {
	ID   uint64
	Line string
	Err  string `json:",omitempty"`
}

// Status says how an execution ended.
type Status string

// The ways in which an execution ends.
const (
	OK          Status = "ok"
	Panicked    Status = "panic"
	Failed      Status = "error" // its last expression was a non-nil error
	Interrupted Status = "interrupted"
	Exited      Status = "exit"
	NotLoaded   Status = "not loaded"
)

// Done reports the end of an execution.
type Done struct {
	Status    Status
	Panic     *Panic `json:",omitempty"` // of every status but OK
	Marks     int    // how many of the unit's marks were reached: what ran to completion
	Abandoned bool   `json:",omitempty"` // the code did not stop when asked; its goroutine was left behind
	Load, Run int64  // nanoseconds
}

// A Panic is what ended a goroutine's code.
type Panic struct {
	Type  string // the Go type of the value
	Text  string
	Stack []Call // innermost first
}

// A Call is one frame of a stack.
type Call struct {
	Func string
	File string
	Line int
}
