package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/complete"
	"github.com/lathe-go/lathe/kernel/internal/golang"
	"github.com/lathe-go/lathe/kernel/internal/pjrt"
)

// A finding is one thing that doctor looks at.
type finding struct {
	what string
	look func(ctx context.Context) (string, error) // what is found, or what is missing and how to mend it
}

// errUnwell makes doctor's exit code 1; what is missing has been printed.
var errUnwell = errors.New("something is missing")

// doctorCommand says what is found, what is missing, and how to mend it.
func doctorCommand(ctx context.Context, e env, args []string) error {
	if len(args) != 0 {
		return fmt.Errorf("%w: it takes no arguments", errUsage)
	}
	var failed error
	for _, f := range []finding{
		{"Go toolchain", findToolchain},
		{"git", findGit},
		{"base library", findBase},
		{"PJRT plugin", findPlugin},
		{"gopls", findGopls},
		{"a cell", golang.Try},
	} {
		found, err := f.look(ctx)
		mark := "ok  "
		if err != nil {
			mark, found, failed = "MISS", err.Error(), errUnwell
		}
		fmt.Fprintf(e.stdout, "%s  %-13s %s\n", mark, f.what, found)
	}
	return failed
}

func findToolchain(ctx context.Context) (string, error) {
	src, err := build.SourceDir()
	if err != nil {
		return "", err
	}
	t, err := build.FindToolchain(ctx, src)
	return fmt.Sprintf("%s at %s, C compiler %s, linker %s", t.Version, t.GOROOT, t.CC, t.LD), err
}

func findGit(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		return "", errors.New("git is not on the PATH; runs are recorded without the state of their code until it is installed")
	}
	return strings.TrimSpace(string(out)), nil
}

func findBase(context.Context) (string, error) {
	b, err := build.Current()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d packages in %s (strategy: %s%s)", len(b.Names), b.Dir, b.Strategy, because(b.Why)), b.Verify()
}

func findPlugin(ctx context.Context) (string, error) {
	p, err := pjrt.Find(ctx)
	if err != nil {
		return "", err
	}
	if err := pjrt.Verify(ctx, p); err != nil {
		return "", err
	}
	return p.Path, nil
}

// findGopls never fails: what is missing is comfort.
func findGopls(ctx context.Context) (string, error) {
	path, err := complete.Find()
	if err != nil {
		return err.Error(), nil
	}
	version, err := complete.Version(ctx, path)
	if err != nil {
		return err.Error(), nil
	}
	return version + " at " + path, nil
}

// because puts a reason behind what it explains.
func because(why string) string {
	if why == "" {
		return ""
	}
	return ", since " + why
}
