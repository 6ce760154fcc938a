package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/home"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// kernelCommand serves Jupyter until it is told to shut down.
func kernelCommand(ctx context.Context, _ env, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: give the connection file that Jupyter has written", errUsage)
	}
	info, err := server.ReadConnectionFile(args[0])
	if err != nil {
		return err
	}
	s, err := server.Listen(info, nil)
	if err != nil {
		return err
	}
	if data, err := home.Data(); err == nil { // without a home there is the history of this session
		s.KeepHistory(filepath.Join(data, "history.jsonl"))
	}
	// A terminal's interrupt reaches every process in front of it: it interrupts the cell, not the kernel.
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer stop()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	ctx, orphaned := context.WithCancel(ctx)
	defer orphaned()
	go func() {
		alive := time.NewTicker(time.Second)
		defer alive.Stop()
		for parent := os.Getppid(); ; {
			select {
			case <-interrupts:
				s.Interrupt()
			case <-alive.C:
				// Jupyter may be killed before it can say that the kernel is to end.
				if os.Getenv("JPY_PARENT_PID") != "" && os.Getppid() != parent {
					orphaned()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	// What lives long here are type-checked packages; collecting them often costs more than it frees.
	debug.SetGCPercent(400)
	// Scripts in the page, such as gonbui's, find the kernel by the name that Jupyter has given it, and ask
	// their cells for it.
	if id, ok := strings.CutPrefix(strings.TrimSuffix(filepath.Base(args[0]), ".json"), "kernel-"); ok {
		os.Setenv("GONB_JUPYTER_KERNEL_ID", id)
	}
	c := startCells(ctx, "")
	go c.helpEditors(ctx)
	return s.Serve(ctx, &handler{cells: c})
}

// A handler is the Go language behind the Jupyter protocol.
type handler struct{ cells *cells }

// Info describes the language.
func (h *handler) Info() wire.KernelInfo {
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
func (h *handler) Execute(ctx context.Context, req server.ExecuteRequest, out server.Output) error {
	return h.cells.execute(ctx, fmt.Sprintf("In[%d]", req.Count), req.Code, out)
}

// IsComplete says whether a console should run code.
func (h *handler) IsComplete(code string) wire.IsCompleteReply {
	status, indent := isComplete(code)
	return wire.IsCompleteReply{Status: status, Indent: indent}
}

// Complete says what may stand at the cursor. It does not wait for a cell that runs.
func (h *handler) Complete(ctx context.Context, code string, cursor int) (wire.CompleteReply, error) {
	h.settle(ctx)
	return h.cells.help.Complete(ctx, code, cursor)
}

// Inspect describes what stands at the cursor, with a detail of 1 with its source.
func (h *handler) Inspect(ctx context.Context, code string, cursor, detail int) (wire.InspectReply, error) {
	h.settle(ctx)
	return h.cells.help.Inspect(ctx, code, cursor, detail)
}

// Comm hands a message of a comm to the worker. The messages that answer it go to out; what its handler shows
// belongs to the cell that has opened the comm.
func (h *handler) Comm(ctx context.Context, m frame.CommMessage, out server.Output) error {
	return h.cells.fromPage(ctx, m, out)
}

// Evaluate evaluates a user expression.
func (h *handler) Evaluate(ctx context.Context, expression string) (frame.Bundle, error) {
	return h.cells.evaluate(ctx, expression)
}

// settleTime is how long a question about a cell waits for a session that starts.
const settleTime = 800 * time.Millisecond

// settle waits for the session, without which little is known, but not for long.
func (h *handler) settle(ctx context.Context) {
	late := time.NewTimer(settleTime)
	defer late.Stop()
	select {
	case <-h.cells.ready:
	case <-late.C:
	case <-ctx.Done():
	}
}

// Shutdown ends the session.
func (h *handler) Shutdown(context.Context, bool) error { return h.cells.close() }

// version returns the version of this program's module.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}
