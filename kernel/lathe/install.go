package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/figure"
	"github.com/lathe-go/lathe/kernel/internal/spec"
)

// installHelp is what follows the usage line of `lathe install`.
const installHelp = `
Tells Jupyter about this kernel, so that it can be chosen for a notebook. The kernelspec names this
very program: install again after moving it. An earlier one of the same name is replaced.

  --prefix DIR        install into DIR/share/jupyter, such as of a Python environment; else for this user
  --name NAME         the name of the kernelspec, "lathe" by default
  --papermill PYTHON  also teach Go to the papermill of this Python, as its package lathe-papermill
  --list              list what is installed there instead
`

// installCommand installs the kernelspec.
func installCommand(ctx context.Context, e env, args []string) error {
	flags := newFlags("install")
	prefix := flags.String("prefix", "", "")
	name := flags.String("name", spec.DefaultName, "")
	papermill := flags.String("papermill", "", "")
	list := flags.Bool("list", false, "")
	if done, err := parseNone(flags, args, e, installHelp); done || err != nil {
		return err
	}
	dir, err := specFolder(*prefix)
	if err != nil {
		return err
	}
	if *list {
		return listSpecs(e, dir)
	}
	program, err := thisProgram()
	if err != nil {
		return err
	}
	target, err := spec.Install(dir, spec.Spec{
		Name: *name,
		Argv: []string{program, "kernel"},
		Resources: map[string][]byte{
			"echarts.min.js":      figure.Script(),
			"echarts-license.txt": figure.License(),
		},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "installed %s\nChoose \"Go (Lathe)\" in JupyterLab, or: jupyter console --kernel %s\n", target, filepath.Base(target))
	if *papermill == "" {
		return nil
	}
	return installTranslator(ctx, e, *papermill, program)
}

// installTranslator has python's pip install the package by which papermill knows Go.
func installTranslator(ctx context.Context, e env, python, program string) error {
	name, wheel, err := spec.Wheel(program)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lathe-papermill-")
	if err != nil {
		return fmt.Errorf("make a folder for the Python package: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, wheel, 0o644); err != nil {
		return fmt.Errorf("write the Python package: %w", err)
	}
	cmd := exec.CommandContext(ctx, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
		"--no-index", "--no-deps", "--force-reinstall", "--upgrade", path)
	cmd.Stdout, cmd.Stderr = e.stdout, e.stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("install the Python package %s with the pip of %s: %w", spec.Papermill, python, err)
	}
	fmt.Fprintf(e.stdout, "installed %s for papermill; `%s -m pip uninstall %s` removes it\n", spec.Papermill, python, spec.Papermill)
	return nil
}

// specFolder returns the folder of kernelspecs below prefix, or this user's.
func specFolder(prefix string) (string, error) {
	if prefix == "" {
		return spec.UserDir()
	}
	prefix, err := filepath.Abs(prefix)
	return spec.PrefixDir(prefix), err
}

// listSpecs lists the kernelspecs of Lathe in a folder.
func listSpecs(e env, dir string) error {
	found, err := spec.List(dir)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		fmt.Fprintf(e.stdout, "none in %s\n", dir)
	}
	for _, s := range found {
		note := ""
		if _, err := os.Stat(s.Argv[0]); err != nil {
			note = "  (the program is not there; install again)"
		}
		fmt.Fprintf(e.stdout, "%-12s %s  runs %s%s\n", s.Name, s.Dir, strings.Join(s.Argv, " "), note)
	}
	return nil
}

// temporary matches the path of a program that the go command builds and throws away.
var temporary = regexp.MustCompile(`/go-build[0-9]*/`)

// thisProgram returns the path by which Jupyter can start this program.
func thisProgram() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	if temporary.MatchString(path) {
		return "", errors.New("this program is a temporary one of `go run`; build it and install that")
	}
	return path, nil
}

// parseNone parses args, which are flags alone. It returns true if help was asked for and given.
func parseNone(flags *flag.FlagSet, args []string, e env, help string) (done bool, err error) {
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(e.stdout, "usage: lathe %s\n%s", usageLine(flags.Name()), help)
		return true, nil
	case err != nil:
		return false, fmt.Errorf("%w: %w", errUsage, err)
	case flags.NArg() > 0:
		return false, fmt.Errorf("%w: %q means nothing here", errUsage, flags.Arg(0))
	}
	return false, nil
}

// uninstallHelp is what follows the usage line of `lathe uninstall`.
const uninstallHelp = `
Removes the kernelspec that lathe install made. Notebooks, worklogs and caches stay.

  --prefix DIR    remove it from DIR/share/jupyter; else from this user's folder
  --name NAME     the name of the kernelspec, "lathe" by default
`

// uninstallCommand removes the kernelspec.
func uninstallCommand(_ context.Context, e env, args []string) error {
	flags := newFlags("uninstall")
	prefix := flags.String("prefix", "", "")
	name := flags.String("name", spec.DefaultName, "")
	if done, err := parseNone(flags, args, e, uninstallHelp); done || err != nil {
		return err
	}
	dir, err := specFolder(*prefix)
	if err != nil {
		return err
	}
	if err := spec.Uninstall(dir, *name); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "removed %s from %s\n", *name, dir)
	return nil
}
