package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/complete"
	"github.com/lathe-go/lathe/kernel/internal/home"
	"github.com/lathe-go/lathe/kernel/internal/pjrt"
)

// setupHelp is what follows the usage line of `lathe setup`.
const setupHelp = `
Makes what cells need: the base library, with every package that cells may import; the patched linker;
and a PJRT plugin, if none is found. It may be killed and run again at any time.

  --module DIR    make a base library for the notebooks of the module in DIR: of the packages that both
                  the module and Lathe need, it has versions that suit both
`

// setupCommand makes what cells need: the base library, the patched linker and a PJRT plugin. It may
// be killed and run again at any time.
func setupCommand(ctx context.Context, e env, args []string) error {
	flags := newFlags("setup")
	module := flags.String("module", "", "")
	if done, err := parseNone(flags, args, e, setupHelp); done || err != nil {
		return err
	}
	if *module != "" {
		abs, err := filepath.Abs(*module)
		if err != nil {
			return err
		}
		if *module = build.FindModule(abs); *module == "" {
			return fmt.Errorf("%s is in no module: there is no go.mod or go.work there or upward", abs)
		}
	}
	bar := &setupBar{out: e.stdout, start: time.Now()}
	base, err := build.EnsureFor(ctx, *module, bar.count)
	bar.end()
	if err != nil {
		return plainly(err)
	}
	fmt.Fprintf(e.stdout, "base library  %d packages, %s\n", len(base.Names), base.Toolchain.Version)
	if base.Strategy != build.Shared {
		fmt.Fprintf(e.stdout, "              cells are linked as plugins, which is slower: %s\n", base.Why)
	}
	plugin, err := pjrt.Find(ctx)
	if err != nil {
		plugin, err = pjrt.Install(ctx, bar.bytes)
		bar.end()
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, syscall.ENOSPC) {
		plugin, err = goxlaInstall(ctx, e, base.Toolchain, err)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "PJRT plugin   %s\n", plugin.Path)
	bar.show("gopls", 0, 0, "being built, if it is not there")
	gopls, err := complete.Install(ctx)
	bar.end()
	if err != nil {
		gopls = "none, which only makes completion know less (" + lastLine(err.Error()) + ")"
	}
	fmt.Fprintf(e.stdout, "gopls         %s\n", gopls)
	fmt.Fprintln(e.stdout, "ready: `lathe install` tells Jupyter, `lathe run NOTEBOOK` needs none")
	return nil
}

// goxlaInstall is the last resort after first, the failure to get the pinned plugin: go-xla's own
// installer, which puts a plugin where go-xla finds it by itself.
func goxlaInstall(ctx context.Context, e env, t build.Toolchain, first error) (pjrt.Plugin, error) {
	src, err := build.SourceDir()
	if err != nil {
		return pjrt.Plugin{}, errors.Join(first, err)
	}
	fmt.Fprintf(e.stdout, "PJRT plugin   the pinned one cannot be had; trying go-xla's own installer\n")
	cmd := exec.CommandContext(ctx, t.Go, "run", "./kernel/internal/pjrt/goxla")
	cmd.Dir = src
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return pjrt.Plugin{}, fmt.Errorf("%w; go-xla's own installer failed as well: %s", first, lastLine(said.String()))
	}
	return pjrt.Find(ctx)
}

// plainly words a failure of the build that its user can mend in one sentence. What runs out of space or
// misses a module is a tool, so all there is to go by is what it said.
func plainly(err error) error {
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "no space left on device"), strings.Contains(text, "disk quota exceeded"):
		dir, homeErr := home.Data()
		if homeErr != nil {
			return err
		}
		return fmt.Errorf("the disk is full: free some 400 MB, or set LATHE_HOME (now %s) and TMPDIR (now %s) to folders on another disk", dir, os.TempDir())
	case strings.Contains(text, "dial tcp"), strings.Contains(text, "module lookup disabled"):
		return fmt.Errorf("a module cannot be fetched: the first set-up needs a network, or GOPROXY set to a mirror (%s)", lastLine(err.Error()))
	}
	return err
}

// lastLine returns the last line of a text that is not empty.
func lastLine(text string) string {
	// `go run` adds a line of its own.
	text = strings.TrimSuffix(strings.TrimSpace(text), "\nexit status 1")
	return text[strings.LastIndex(text, "\n")+1:]
}

// A setupBar shows how far a set-up has come: on a terminal in one line that changes, else in a line
// for each tenth.
type setupBar struct {
	out   io.Writer
	start time.Time
	stage string
	shown int  // the last tenth
	open  bool // a line has not ended
}

func (b *setupBar) count(stage string, done, total int) {
	b.show(stage, done, total, fmt.Sprintf("%d of %d", done, total))
}

func (b *setupBar) bytes(done, total int64) {
	const mega = 1e6
	b.show("PJRT plugin", int(done), int(total), fmt.Sprintf("%.0f of %.0f MB", float64(done)/mega, float64(total)/mega))
}

func (b *setupBar) show(stage string, done, total int, amount string) {
	if total == 0 {
		amount = ""
	}
	tenth := 0
	if total > 0 {
		tenth = done * 10 / total
	}
	took := time.Since(b.start).Round(time.Second)
	if isTerminal(b.out) {
		fmt.Fprintf(b.out, "\r\x1b[K%-14s %s  (%s)", stage, amount, took)
		b.open = true
		return
	}
	if stage != b.stage || tenth != b.shown {
		fmt.Fprintf(b.out, "%-14s %s  (%s)\n", stage, amount, took)
	}
	b.stage, b.shown = stage, tenth
}

func (b *setupBar) end() {
	if b.open {
		fmt.Fprint(b.out, "\r\x1b[K")
		b.open = false
	}
}

// isTerminal tells whether w is a terminal, on which a line can be written again.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
