package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/golang"
	"github.com/lathe-go/lathe/kernel/internal/notebook"
)

// runHelp is what follows the usage line of `lathe run`.
const runHelp = `
Executes the code cells of NOTEBOOK in order, in its folder, and shows what it is doing on the error
output. With -o the notebook with its new outputs is written to OUT.ipynb after every cell; without
it no file changes, and the outputs go to the standard output as text. NOTEBOOK itself changes only
if -o names it. The exit code is not 0 if a cell fails; no later cell runs then.

  -p name=value   set a variable that the cell tagged "parameters" declares (may be repeated)
  -o OUT.ipynb    write the notebook with its outputs
  --allow-errors  go on after a cell that fails
`

// runCommand runs a notebook without a browser.
func runCommand(ctx context.Context, e env, args []string) error {
	var params []notebook.Param
	flags := newFlags("run")
	flags.Func("p", "", func(s string) error {
		p, err := notebook.ParseParam(s)
		params = append(params, p)
		return err
	})
	out := flags.String("o", "", "")
	allow := flags.Bool("allow-errors", false, "")
	path, err := parseOne(flags, args, e, runHelp)
	if err != nil || path == "" {
		return err
	}
	nb, err := notebook.ReadFile(path)
	if err != nil {
		return err
	}
	if err := nb.Inject(params); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := makeFolder(*out); err != nil {
		return err
	}
	p := &progress{log: e.stderr, now: time.Now}
	if *out == "" {
		p.out = e.stdout
	} else {
		p.save = func() error { return nb.WriteFile(*out) }
	}
	return execute(ctx, filepath.Dir(path), nb, notebook.Options{AllowErrors: *allow, Observer: p})
}

// execute runs nb on a kernel of its own in the folder dir. What an observer that saves could not
// save is part of the error.
func execute(ctx context.Context, dir string, nb *notebook.Notebook, opts notebook.Options) error {
	k := golang.Start(ctx, dir)
	if err := k.Ready(); err != nil {
		return errors.Join(fmt.Errorf("start the kernel: %w", err), k.Close())
	}
	err := notebook.Run(ctx, nb, k.Headless(), opts)
	if p, ok := opts.Observer.(*progress); ok {
		err = errors.Join(err, p.finish())
	}
	return errors.Join(err, k.Close())
}

// newFlags returns the flags of the command name; it prints nothing itself.
func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// parseOne parses args, in which flags may stand before and after the one word that is no flag, and
// returns that word. It is "" if help was asked for and given.
func parseOne(flags *flag.FlagSet, args []string, e env, help string) (string, error) {
	var words []string
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(e.stdout, "usage: lathe %s%s", usageLine(flags.Name()), "\n"+help)
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("%w: %w", errUsage, err)
		}
		if flags.NArg() == 0 {
			break
		}
		words, args = append(words, flags.Arg(0)), flags.Args()[1:]
	}
	if len(words) != 1 {
		return "", fmt.Errorf("%w: give one notebook, not %d", errUsage, len(words))
	}
	return words[0], nil
}

// usageLine returns the name and arguments of a command.
func usageLine(name string) string {
	for _, c := range commands() {
		if c.name == name {
			return c.name + " " + c.args
		}
	}
	return name
}

// makeFolder makes the folder that is to hold the file at path; "" is no file.
func makeFolder(path string) error {
	if path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make the folder of %s: %w", path, err)
	}
	return nil
}

// updateEvery is how often a display that changes, such as a progress bar, is shown.
const updateEvery = 2 * time.Second

// A progress is the Observer of `lathe run`.
type progress struct {
	log io.Writer        // what is going on
	out io.Writer        // outputs as text; nil if they are saved
	now func() time.Time // the clock

	save    func() error // nil if nothing is saved
	saveErr error        // the last failure of save

	line    strings.Builder // a line of a stream that has not ended
	back    bool            // a carriage return stands after it
	shown   time.Time       // when an update was last shown
	updated map[string]bool // the displays of this cell that were updated
}

// Started shows which cell runs.
func (p *progress) Started(pos notebook.Position) {
	p.updated = map[string]bool{}
	width := len(fmt.Sprint(pos.Total))
	fmt.Fprintf(p.log, "[%*d/%d] %s\n", width, pos.Number, pos.Total, firstLine(pos.Cell.Source))
}

// Emitted shows an output as it comes.
func (p *progress) Emitted(_ notebook.Position, o notebook.Output) {
	switch o.Type {
	case notebook.Stream:
		if p.out != nil {
			io.WriteString(p.out, o.Text)
			return
		}
		p.logStream(o.Text)
	case notebook.UpdateDisplay:
		p.updated[o.DisplayID] = true
		if now := p.now(); now.Sub(p.shown) >= updateEvery {
			p.shown = now
			p.logText(o.PlainText())
		}
	case notebook.ClearOutput:
	case notebook.Error:
		p.logText(o.PlainText())
	default:
		p.show(&o)
	}
}

// Ended shows how the cell ended and saves.
func (p *progress) Ended(pos notebook.Position, took time.Duration, err error) {
	if p.line.Len() > 0 {
		p.logStream("\n")
	}
	for _, o := range pos.Cell.Outputs {
		if o.DisplayID != "" && p.updated[o.DisplayID] {
			p.show(o)
		}
	}
	verdict := "done"
	if err != nil {
		verdict = "failed"
	}
	fmt.Fprintf(p.log, "        %s in %s\n", verdict, seconds(took))
	if p.save != nil {
		p.saveErr = p.save()
	}
}

// finish saves a last time and returns why that failed, if it did.
func (p *progress) finish() error {
	if p.save != nil {
		p.saveErr = p.save()
	}
	return p.saveErr
}

// show writes a value: as it is to the standard output, or among the progress.
func (p *progress) show(o *notebook.Output) {
	if text := o.PlainText(); p.out != nil {
		fmt.Fprintln(p.out, strings.TrimRight(text, "\n"))
	} else {
		p.logText(text)
	}
}

// logStream shows the lines of a stream that have ended. What a carriage return overwrites is left out.
func (p *progress) logStream(text string) {
	for _, r := range text {
		switch {
		case r == '\n':
			fmt.Fprintf(p.log, "      | %s\n", p.line.String())
			p.line.Reset()
		case r != '\r':
			if p.back {
				p.line.Reset()
			}
			p.line.WriteRune(r)
		}
		p.back = r == '\r'
	}
}

// logLines and logWidth bound how much of one value the progress shows.
const (
	logLines = 12
	logWidth = 200
)

// logText shows the start of a text, line by line.
func (p *progress) logText(text string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	more := len(lines) - logLines
	if more > 0 {
		lines = lines[:logLines]
	}
	for _, line := range lines {
		fmt.Fprintf(p.log, "      | %s\n", cut(line, logWidth))
	}
	if more > 0 {
		fmt.Fprintf(p.log, "      | (%d more lines)\n", more)
	}
}

// firstLine returns the first line of source that says something, cut to the width of a terminal.
func firstLine(source string) string {
	line := ""
	for l := range strings.Lines(source) {
		if line = strings.TrimSpace(l); line != "" {
			break
		}
	}
	return cut(line, 68)
}

// cut shortens a line to so many characters.
func cut(line string, width int) string {
	if runes := []rune(line); len(runes) > width {
		return string(runes[:width-1]) + "…"
	}
	return line
}

// seconds writes a duration for a reader.
func seconds(d time.Duration) string {
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
