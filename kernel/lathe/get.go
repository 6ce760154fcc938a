package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/lathe-go/lathe/kernel/internal/build"
)

// privateModule is where, below a notebook's folder, the module of a notebook is kept that is in none.
const privateModule = ".lathe/module"

// moduleOf returns the folder of the module that a notebook in dir belongs to: the nearest one upward,
// else the one that %get has made, else "".
func moduleOf(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if found := build.FindModule(abs); found != "" {
		return found
	}
	private := filepath.Join(abs, privateModule)
	if _, err := os.Stat(filepath.Join(private, "go.mod")); err == nil {
		return private
	}
	return ""
}

// Get makes the notebook's module require a module, and makes a private module for a notebook that is
// in none. What the go command says is shown.
func (e *directiveEnv) Get(ctx context.Context, module string) error {
	dir := moduleOf(e.cells.dir)
	if dir == "" {
		abs, err := filepath.Abs(filepath.Join(e.cells.dir, privateModule))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(abs, 0o755); err != nil {
			return fmt.Errorf("make a module for the notebook: %w", err)
		}
		if err := e.goCommand(ctx, abs, "mod", "init", "notebook"); err != nil {
			return err
		}
		dir = abs
	}
	if err := e.goCommand(ctx, dir, "get", module); err != nil {
		return err
	}
	e.cells.session.SetModule(dir)
	return nil
}

func (e *directiveEnv) goCommand(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = streamWriter{e.out, "stdout"}, streamWriter{e.out, "stderr"}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s in %s: %w", args[0], dir, err)
	}
	return nil
}
