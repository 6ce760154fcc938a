package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/lathe-go/lathe/pkg/worklog"
)

// logCommand lists and shows the runs of a worklog as text.
func logCommand(_ context.Context, e env, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: say ls, show or diff", errUsage)
	}
	verb := args[0]
	folder, rest, err := logFlags(verb, args[1:])
	if err != nil {
		return err
	}
	switch verb {
	case "ls":
		runs, err := folder.Runs(rest...)
		fmt.Fprint(e.stdout, runs)
		return err
	case "show":
		if len(rest) != 1 {
			return fmt.Errorf("%w: show takes one run", errUsage)
		}
		run, err := folder.Run(rest[0])
		if err != nil {
			return err
		}
		fmt.Fprint(e.stdout, run)
		return nil
	case "diff":
		return logDiff(e, folder, rest)
	}
	return fmt.Errorf("%w: there is ls, show and diff, not %q", errUsage, verb)
}

// logDiff compares two runs, or one with the run of the same name before it.
func logDiff(e env, folder *worklog.Folder, ids []string) error {
	if len(ids) != 1 && len(ids) != 2 {
		return fmt.Errorf("%w: diff takes one or two runs", errUsage)
	}
	a, err := folder.Run(ids[0])
	if err != nil {
		return err
	}
	b := a
	if len(ids) == 1 {
		a = b.Previous()
	} else if b, err = folder.Run(ids[1]); err != nil {
		return err
	}
	fmt.Fprint(e.stdout, worklog.Diff(a, b))
	return nil
}

// logFlags reads the flags that the verbs share, which may stand before and after the other words.
func logFlags(verb string, args []string) (*worklog.Folder, []string, error) {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	dir := flags.String("dir", "", "the folder of the worklog")
	var rest []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, nil, errors.Join(errUsage, err)
		}
		args = flags.Args()
		if len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	if *dir != "" {
		return worklog.Open(*dir), rest, nil
	}
	folder, err := worklog.Find()
	return folder, rest, err
}
