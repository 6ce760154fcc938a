package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lathe-go/lathe/kernel/internal/bench"
	"github.com/lathe-go/lathe/kernel/internal/build"
)

// benchHelp is what follows the usage line of `lathe bench`.
const benchHelp = `
Measures how long cells take, from the request to the kernel's word that it is idle, where the time goes,
how a session grows, how fast models train in a cell, in a plain program and in JAX, how long completion and inspection take, and
the same in GoNB. JAX and GoNB are installed into the user's cache folder at the first call. LATHE_PYTHON may
name a Python that has ipykernel, which is measured too, and LATHE_RIVALS one that has JAX and PyTorch, which
would be 3 GB to install. The worklog is measured beside MLflow, Aim, TensorBoard and Trackio, which go into the cache
folder too. It takes some minutes; leave the machine alone meanwhile.

  --quick      fewer values, and fewer runs in the list, in some five minutes
  --long       more of them
  --only PART  measure one part alone, such as "the protocol"
  --json FILE  write every value to FILE
`

// benchCommand measures and prints one table.
func benchCommand(ctx context.Context, e env, args []string) error {
	flags := newFlags("bench")
	quick := flags.Bool("quick", false, "")
	long := flags.Bool("long", false, "")
	only := flags.String("only", "", "")
	file := flags.String("json", "", "")
	if help, err := parseNone(flags, args, e, benchHelp); err != nil || help {
		return err
	}
	o := bench.Options{Python: os.Getenv("LATHE_PYTHON"), Rivals: os.Getenv("LATHE_RIVALS"), Effort: bench.Normal, Only: *only, Log: e.stderr}
	switch {
	case *quick && *long:
		return fmt.Errorf("%w: --quick or --long, not both", errUsage)
	case *quick:
		o.Effort = bench.Quick
	case *long:
		o.Effort = bench.Long
	}
	if _, err := build.Current(); err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("find the cache folder: %w", err)
	}
	o.Cache = filepath.Join(cache, "lathe", "bench")
	if o.Lathe, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	report, err := bench.Run(ctx, o)
	if err != nil {
		return err
	}
	report.WriteTable(e.stdout)
	if *file == "" {
		return nil
	}
	data, err := json.MarshalIndent(report, "", "\t")
	if err != nil {
		return fmt.Errorf("write the values: %w", err)
	}
	if err := os.WriteFile(*file, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the values: %w", err)
	}
	return nil
}
