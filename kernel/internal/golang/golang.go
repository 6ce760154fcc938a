// Package golang is Go as a language of notebooks: it stands between the protocol (package server) or a
// notebook that is run without one (package notebook), and the session that compiles and runs cells. It leads
// what cells make to the output of the right cell, and runs their directives.
package golang

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/notebook"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A Handler is Go as a language of notebooks: the Handler of a server, and a kernel without one.
type Handler struct{ cells *cells }

// Start begins to start a handler whose cells run in the folder dir; "" is that of this process. It returns
// at once.
func Start(ctx context.Context, dir string) *Handler { return &Handler{startCells(ctx, dir)} }

// Ready waits until cells can run, and returns why they cannot.
func (h *Handler) Ready() error {
	<-h.cells.ready
	return h.cells.err
}

// Headless returns the handler as a kernel that needs no frontend.
func (h *Handler) Headless() notebook.Kernel { return &headless{cells: h.cells} }

// Close ends the session and what it has started.
func (h *Handler) Close() error { return h.cells.close() }

// HelpEditors prepares what completes cells, a moment after the session is ready: the first cell comes first.
func (h *Handler) HelpEditors(ctx context.Context) { h.cells.helpEditors(ctx) }

// Info describes the language.
func (h *Handler) Info() wire.KernelInfo {
	return wire.KernelInfo{
		Implementation:        "lathe",
		ImplementationVersion: version(),
		Banner:                "Lathe: Go in notebooks, for training models with care. %help lists the directives.",
		LanguageInfo: wire.LanguageInfo{
			Name: "go", Version: runtime.Version()[len("go"):], MIMEType: "text/x-go", FileExtension: ".go",
			PygmentsLexer: "go", CodemirrorMode: "go", NBConvertExporter: "script",
		},
		HelpLinks: []wire.HelpLink{
			{Text: "The Go language", URL: "https://go.dev/ref/spec"},
			{Text: "GoMLX", URL: "https://pkg.go.dev/github.com/gomlx/gomlx"},
		},
	}
}

// Execute runs a cell.
func (h *Handler) Execute(ctx context.Context, req server.ExecuteRequest, out server.Output) error {
	return h.cells.execute(ctx, fmt.Sprintf("In[%d]", req.Count), req.Code, out)
}

// IsComplete says whether a console should run code.
func (h *Handler) IsComplete(code string) wire.IsCompleteReply {
	status, indent := isComplete(code)
	return wire.IsCompleteReply{Status: status, Indent: indent}
}

// Complete says what may stand at the cursor. It does not wait for a cell that runs.
func (h *Handler) Complete(ctx context.Context, code string, cursor int) (wire.CompleteReply, error) {
	h.settle(ctx)
	return h.cells.help.Complete(ctx, code, cursor)
}

// Inspect describes what stands at the cursor, with a detail of 1 with its source.
func (h *Handler) Inspect(ctx context.Context, code string, cursor, detail int) (wire.InspectReply, error) {
	h.settle(ctx)
	return h.cells.help.Inspect(ctx, code, cursor, detail)
}

// Comm hands a message of a comm to the worker. The messages that answer it go to out; what its handler shows
// belongs to the cell that has opened the comm.
func (h *Handler) Comm(ctx context.Context, m frame.CommMessage, out server.Output) error {
	return h.cells.fromPage(ctx, m, out)
}

// Evaluate evaluates a user expression.
func (h *Handler) Evaluate(ctx context.Context, expression string) (frame.Bundle, error) {
	return h.cells.evaluate(ctx, expression)
}

// settleTime is how long a question about a cell waits for a session that starts.
const settleTime = 800 * time.Millisecond

// settle waits for the session, without which little is known, but not for long.
func (h *Handler) settle(ctx context.Context) {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	select {
	case <-h.cells.ready:
	case <-late.C:
	case <-ctx.Done():
	}
}

// Shutdown ends the session.
func (h *Handler) Shutdown(context.Context, bool) error { return h.cells.close() }

// version returns the version of this program's module.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}

// Try compiles, loads and runs a cell, and says what it did.
func Try(ctx context.Context) (string, error) {
	c := startCells(ctx, "")
	defer c.close()
	var out probe
	if err := c.execute(ctx, "In[1]", "x := 41\nx + 1", &out); err != nil {
		return "", err
	}
	if out.text != "42" {
		return "", fmt.Errorf("x + 1 gave %q, not 42", out.text)
	}
	return "compiled, loaded and run", nil
}

// A probe keeps the text of a cell's result and nothing else.
type probe struct{ text string }

func (*probe) Stream(string, string)  {}
func (*probe) Display(frame.Bundle)   {}
func (*probe) Update(frame.Bundle)    {}
func (*probe) Clear(bool)             {}
func (*probe) Comm(frame.CommMessage) {}

// Result keeps the text of the value.
func (p *probe) Result(b frame.Bundle) { p.text = fmt.Sprint(b.Data["text/plain"]) }

var _ server.Output = (*probe)(nil)
