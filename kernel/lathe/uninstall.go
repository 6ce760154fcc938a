package main

import (
	"context"
	"fmt"

	"github.com/lathe-go/lathe/kernel/internal/spec"
)

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
