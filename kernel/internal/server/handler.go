package server

import (
	"context"
	"errors"

	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// Why the context of an Execute was cancelled, as context.Cause tells it.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrShutdown    = errors.New("the kernel is shutting down")
)

// Handler is the language behind the protocol. Execute is called for one request of each shell at a
// time, and for those of the main shell and of subshells at once; the other methods are called at any
// time and from any goroutine, so also while a cell runs.
type Handler interface {
	// Info describes the language and the kernel. It should answer at once.
	Info() wire.KernelInfo
	// Execute runs a cell and returns when it has ended. ctx is cancelled by an interrupt or a
	// shutdown; context.Cause tells which (ErrInterrupted, ErrShutdown). A *CellError is an error of
	// the user's code.
	Execute(ctx context.Context, req ExecuteRequest, out Output) error
	// IsComplete says whether a console should run code or ask for another line.
	IsComplete(code string) wire.IsCompleteReply
	// Shutdown ends whatever the handler has started. The kernel stops, or is started again by its
	// frontend when restart is true, once it returns or ctx ends.
	Shutdown(ctx context.Context, restart bool) error
}

// Completer is a Handler that completes code. The cursor counts code points.
type Completer interface {
	Complete(ctx context.Context, code string, cursor int) (wire.CompleteReply, error)
}

// Inspector is a Handler that describes what stands at a cursor, which counts code points. A detail
// of 1 asks for the source as well.
type Inspector interface {
	Inspect(ctx context.Context, code string, cursor, detail int) (wire.InspectReply, error)
}

// Commer is a Handler that has comms.
type Commer interface {
	// Comm takes one message of a frontend's comm: a comm_open, or whatever follows it on a comm that
	// either side has opened. It is called for one message at a time, in the order in which they came,
	// also while cells run, and should pass the message on rather than wait for what that does: it holds
	// up the messages behind. An error of a comm_open closes the comm, any other is reported. What goes
	// to out, then or later, is caused by the message.
	Comm(ctx context.Context, m frame.CommMessage, out Output) error
}

// Evaluator is a Handler that evaluates the user_expressions of a cell. Evaluate is called after the
// cell has succeeded and before its reply is sent, once for each expression; an error is the result of
// that expression alone. ctx is that of the cell.
type Evaluator interface {
	Evaluate(ctx context.Context, expression string) (frame.Bundle, error)
}

// ExecuteRequest is one cell to run.
type ExecuteRequest struct {
	Code         string
	Silent       bool   // run without a trace: nothing is shown and no number is used up
	StoreHistory bool   // remember the code, and count it
	AllowStdin   bool   // the frontend can answer input requests
	Count        int    // the cell's number, as in In[3]; that of the next cell when it is not counted
	CellID       string // the notebook's identifier of the cell, or ""
	Subshell     string // the subshell that runs it; "" is the main shell
}

// Output shows what one execution makes, in the order of the calls. It may be used from any
// goroutine, and after Execute has returned: what comes then still belongs to its cell.
type Output interface {
	// Stream shows text on "stdout" or "stderr".
	Stream(name, text string)
	// Display shows a value; with a DisplayID, Update can replace it later.
	Display(b frame.Bundle)
	// Update replaces what was displayed with b's DisplayID.
	Update(b frame.Bundle)
	// Clear empties the cell's output, with wait only when the next output comes.
	Clear(wait bool)
	// Result shows the value of the cell.
	Result(b frame.Bundle)
	// Comm sends a message of a comm to every frontend; a comm_open or a comm_close counts from then on.
	// It is sent for a silent cell too, as it is no output but a message between two programs.
	Comm(m frame.CommMessage)
}

// Inputter is what an Output also is when the frontend allows input requests.
type Inputter interface {
	// Input asks the user for a line and waits for it or for the end of ctx.
	Input(ctx context.Context, prompt string, password bool) (string, error)
}

// Pager is what an Output of Execute also is: Page shows b in the frontend's pager once the cell
// has ended, if the frontend has one.
type Pager interface {
	Page(b frame.Bundle)
}

// NextInputter is what an Output of Execute also is: NextInput asks the frontend, once the cell has ended, to
// put text into a new cell below or, with replace, in place of the cell's own.
type NextInputter interface {
	NextInput(text string, replace bool)
}

// CellError is an error of the user's code: shown with its traceback. Any other error from Execute is
// shown with its text alone.
type CellError struct {
	Name, Value string
	Traceback   []string
}

// Error returns the name and the value.
func (e *CellError) Error() string { return e.Name + ": " + e.Value }
