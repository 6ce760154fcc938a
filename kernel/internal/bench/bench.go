// Package bench measures Lathe as its users meet it. Kernels run as processes of their own and are
// spoken to through the sockets of the Jupyter protocol; what is compared is measured in turns, so that
// whatever else the machine does falls on both sides alike.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Options say what to measure and with what.
type Options struct {
	Lathe  string    // the lathe program, set up
	Python string    // a Python that has ipykernel; "" leaves it out
	Rivals string    // a Python that has JAX or PyTorch; "" makes one with JAX
	Cache  string    // folder in which the programs to compare with are kept between calls
	Effort Effort    // how often to measure
	Only   string    // the one part to measure; "" measures all
	Log    io.Writer // is told what is being measured
}

// An Effort says how many values are taken.
type Effort struct {
	Cells   int // of each kind of cell
	Starts  int // of kernels, and of workers after a crash
	Session int // cells of the session that is watched as it grows
	Windows int // of training, on each side
	Steps   int // of one window
	Runs    int // in the folder whose index is made
}

// The efforts that can be asked for.
var (
	Quick  = Effort{Cells: 10, Starts: 3, Session: 60, Windows: 3, Steps: 300, Runs: 2_000}
	Normal = Effort{Cells: 30, Starts: 10, Session: 300, Windows: 7, Steps: 400, Runs: manyRuns}
	Long   = Effort{Cells: 100, Starts: 30, Session: 1000, Windows: 25, Steps: 1000, Runs: manyRuns}
)

// A bench is one run of all measurements.
type bench struct {
	Options
	dir    string // removed at the end
	report *Report
}

// Run measures everything. What cannot be measured here is left out, and the report says why; an error
// means that there is nothing to report.
func Run(ctx context.Context, o Options) (*Report, error) {
	dir, err := os.MkdirTemp("", "lathe-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(dir)
	b := &bench{Options: o, dir: dir, report: &Report{Machine: lookAtMachine(), Began: time.Now()}}
	parts := []struct {
		name string
		run  func(context.Context) error
	}{
		{"cells", b.cells},
		{"kernel start", b.starts},
		{"a growing session", b.session},
		{"training", b.training},
		{"beside other frameworks", b.frameworks},
		{"beside other kernels", b.others},
		{"the protocol", b.protocol},
		{"editing", b.editing},
		{"worklog", b.worklog},
	}
	for _, p := range parts {
		if o.Only != "" && o.Only != p.name {
			continue
		}
		fmt.Fprintf(b.Log, "%-22s (%s)\n", p.name, time.Since(b.report.Began).Round(time.Second))
		err := p.run(ctx)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			b.report.leaveOut(p.name, err)
		}
	}
	if len(b.report.Samples) == 0 && len(b.report.Missing) == 0 {
		var names []string
		for _, p := range parts {
			names = append(names, strconv.Quote(p.name))
		}
		return nil, fmt.Errorf("there is no part %q, only %s", o.Only, strings.Join(names, ", "))
	}
	if len(b.report.Samples) == 0 {
		return nil, errors.New("nothing could be measured: " + b.report.Missing[0])
	}
	b.report.Took = time.Since(b.report.Began)
	b.report.Machine.LoadAfter = loadAverage()
	return b.report, nil
}

// folder makes a new folder for one kernel.
func (b *bench) folder() (string, error) {
	dir, err := os.MkdirTemp(b.dir, "kernel-")
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	return dir, os.Mkdir(filepath.Join(dir, "tmp"), 0o700)
}

// start starts a kernel in a folder of its own.
func (b *bench) start(ctx context.Context, p program) (*kernel, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	return startKernel(ctx, p, dir)
}

// lathe is the kernel that all is about.
func (b *bench) lathe() program {
	return program{name: "lathe", path: b.Lathe, args: []string{"kernel"}}
}
