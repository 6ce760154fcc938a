package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/worklog"
)

// A logVerb is one thing that lathe log does; its help is generated from it.
type logVerb struct {
	name  string
	args  string // what follows the name, as help shows it
	short string // one line, no full stop
	least int    // words that it takes at least
	most  int    // and at most; -1 for any number
	flags func(flags *flag.FlagSet, o *logOptions)
	run   func(ctx context.Context, c logCall) error
}

// logOptions are the flags of all verbs; each verb declares those that it takes.
type logOptions struct {
	csv, json   bool
	cells, text bool // of show
	format, out string
}

// A logCall is a verb that was called.
type logCall struct {
	env
	logOptions
	folder *worklog.Folder
	words  []string
}

// logVerbs lists the verbs in the order of help.
func logVerbs() []logVerb {
	return []logVerb{
		{"ls", "[QUERY...]", "list runs, in what fits on a page", 0, -1, nil, logList},
		{"table", "[QUERY...] [--csv]", "list runs with a column for everything, what varies first", 0, -1, csvFlag, logTable},
		{"watch", "[QUERY...] [metric:NAME]", "follow runs as they go; without QUERY, those at work; Ctrl-C ends it", 0, -1, nil, logWatch},
		{"show", "RUN [--cells | --output]", "show what is known of a run, the cells of its session, or what was printed", 1, 1, showFlags, logShow},
		{"diff", "RUN [RUN]", "say what differs from the run of that name before, or from another", 1, 2, nil, logDiff},
		{"note", "RUN TEXT...", "add a remark to a run", 2, -1, nil, logNote},
		{"tag", "RUN TAG...", "add words to find a run by", 2, -1, nil, logTag},
		{"verdict", "RUN TEXT...", "say what a run showed", 2, -1, nil, logVerdict},
		{"sql", "[QUERY] [--csv | --json]", "answer a question in SQL; without QUERY, list the tables", 0, -1, tableFlags, logSQL},
		{"export", "RUN | QUERY... [--format md|html|json|csv] [-o FILE]", "write pages that tell runs, or their data", 1, -1, exportFlags, logExport},
		{"import", "FILE|DIR...", "add runs of TensorBoard, MLflow, W&B-style JSONL, CSV, or of an export", 1, -1, nil, logImport},
		{"patch", "RUN [RUN]", "print what differs in the code, of the same runs as diff, as a patch", 1, 2, nil, logPatch},
		{"restore", "RUN DIR", "write the source tree of a run into a new folder", 2, 2, nil, logRestore},
		{"gc", "", "let git delete the source trees of runs whose logs are gone", 0, 0, nil, logClean},
		{"verify", "", "check every log, and that every source tree is there", 0, 0, nil, logVerify},
	}
}

// logCommand does what the first word says with a worklog.
func logCommand(ctx context.Context, e env, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: say %s", errUsage, verbNames())
	}
	if name := args[0]; name == "help" || name == "-h" || name == "--help" {
		logHelp(e.stdout)
		return nil
	}
	for _, v := range logVerbs() {
		if v.name == args[0] {
			return v.call(ctx, e, args[1:])
		}
	}
	return fmt.Errorf("%w: there is %s, not %q", errUsage, verbNames(), args[0])
}

// verbNames lists the verbs in a sentence.
func verbNames() string {
	var names []string
	for _, v := range logVerbs() {
		names = append(names, v.name)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// logHelp lists the verbs.
func logHelp(w io.Writer) {
	fmt.Fprintln(w, "Every verb takes --dir DIR, the folder of the worklog. RUN is the ID of a run, or its beginning or end.")
	fmt.Fprintln(w)
	for _, v := range logVerbs() {
		fmt.Fprintf(w, "  lathe log %s\n      %s\n", v.name+" "+v.args, v.short)
	}
	fmt.Fprintln(w, "\nQUERY is a name with *, tag:WORD, state:STATE, since:24h, or a comparison such as LR<=0.01; all must hold.")
}

// call reads the flags, which may stand before and after the other words, and runs the verb.
func (v logVerb) call(ctx context.Context, e env, args []string) error {
	usage := func(err error) error {
		return fmt.Errorf("%w: %w: lathe log %s %s", errUsage, err, v.name, v.args)
	}
	c := logCall{env: e}
	flags := newFlags(v.name)
	dir := flags.String("dir", "", "")
	if v.flags != nil {
		v.flags(flags, &c.logOptions)
	}
	for len(args) > 0 {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(e.stdout, "usage: lathe log %s %s\n%s\n", v.name, v.args, v.short)
			return nil
		}
		if err != nil {
			return usage(err)
		}
		if args = flags.Args(); len(args) > 0 {
			c.words, args = append(c.words, args[0]), args[1:]
		}
	}
	if len(c.words) < v.least || v.most >= 0 && len(c.words) > v.most {
		return usage(fmt.Errorf("%s does not take %d words", v.name, len(c.words)))
	}
	var err error
	if c.folder = worklog.Open(*dir); *dir == "" {
		c.folder, err = worklog.Find()
	}
	if err != nil {
		return err
	}
	return v.run(ctx, c)
}

// logList lists runs. What was found is shown beside the error for what could not be read.
func logList(_ context.Context, c logCall) error {
	runs, err := c.folder.Runs(c.words...)
	fmt.Fprint(c.stdout, runs)
	return err
}

func logShow(_ context.Context, c logCall) error {
	run, err := c.folder.Run(c.words[0])
	if err != nil {
		return err
	}
	switch {
	case c.text:
		out, err := run.Output()
		fmt.Fprint(c.stdout, out)
		return err
	case c.cells:
		cells, err := run.Cells()
		for _, cell := range cells {
			fmt.Fprintf(c.stdout, "// %s, %s\n%s\n\n", cell.Name, cell.Time.Local().Format(time.DateTime), cmp.Or(cell.Text, "// not recorded: "+cell.LeftOut))
		}
		return err
	}
	fmt.Fprint(c.stdout, run)
	return nil
}

func showFlags(flags *flag.FlagSet, o *logOptions) {
	flags.BoolVar(&o.cells, "cells", false, "")
	flags.BoolVar(&o.text, "output", false, "")
}

// logDiff compares two runs, or one with the run of the same name before it.
func logDiff(_ context.Context, c logCall) error {
	a, b, err := c.two()
	if err != nil {
		return err
	}
	fmt.Fprint(c.stdout, worklog.Diff(a, b))
	return nil
}

// annotate changes the run that the first word names.
func annotate(c logCall, change func(run *worklog.Run, words []string)) error {
	run, err := c.folder.Run(c.words[0])
	if err != nil {
		return err
	}
	change(run, c.words[1:])
	return run.Err()
}

func logNote(_ context.Context, c logCall) error {
	return annotate(c, func(run *worklog.Run, words []string) { run.Note(strings.Join(words, " ")) })
}

func logTag(_ context.Context, c logCall) error {
	return annotate(c, func(run *worklog.Run, words []string) { run.Tag(words...) })
}

func logVerdict(_ context.Context, c logCall) error {
	return annotate(c, func(run *worklog.Run, words []string) { run.Verdict(strings.Join(words, " ")) })
}
