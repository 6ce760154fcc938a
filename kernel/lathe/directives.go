package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/directive"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/session"
)

// directive runs a directive of the cell whose execution has that number.
func (c *cells) directive(ctx context.Context, number uint64, line string) error {
	c.mu.Lock()
	env := &directiveEnv{cells: c, out: c.outputs[number], report: c.last}
	c.mu.Unlock()
	return directive.Run(ctx, env, line)
}

// A directiveEnv is what a directive may touch.
type directiveEnv struct {
	cells  *cells
	out    server.Output
	report session.Report
}

func (e *directiveEnv) Print(text string) { e.out.Stream("stdout", text) }

func (e *directiveEnv) Declarations() string {
	var b strings.Builder
	for _, d := range e.cells.session.Snapshot().Decls() {
		fmt.Fprintln(&b, d.Summary())
	}
	if b.Len() == 0 {
		return "nothing is declared\n"
	}
	return b.String()
}

func (e *directiveEnv) Timings() string {
	r := e.report
	if r.Reused {
		return fmt.Sprintf("nothing was compiled: the cell ran before and nothing in it has changed; run %s\n", milliseconds(r.Run))
	}
	return fmt.Sprintf("check %s · compile %s · stub %s · link %s · ld %s · load %s · run %s\n", milliseconds(r.Check),
		milliseconds(r.Build.Compile), milliseconds(r.Build.Stub), milliseconds(r.Build.Link), milliseconds(r.Build.LD),
		milliseconds(r.Load), milliseconds(r.Run))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func (e *directiveEnv) Reset(ctx context.Context) error { return e.cells.session.Reset(ctx) }

func (e *directiveEnv) Shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = e.cells.dir
	cmd.Stdout, cmd.Stderr = streamWriter{e.out, "stdout"}, streamWriter{e.out, "stderr"}
	return cmd
}

// A streamWriter writes to a stream of a cell.
type streamWriter struct {
	out  server.Output
	name string
}

func (w streamWriter) Write(p []byte) (int, error) {
	w.out.Stream(w.name, string(p))
	return len(p), nil
}
