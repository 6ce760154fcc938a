// Package directive holds the lines of a cell that begin with % or !, as values: what each is called,
// what it does in a sentence, and the function that does it. Help is made from them. They are those of GoNB
// and some more; what GoNB needs and Lathe does not says so.
package directive

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

// Env is what directives work on.
type Env struct {
	Output  Output
	Session Session
	Module  Module
	System  System
}

// Output is the output of the cell.
type Output interface {
	// Print shows text, Note a remark beside it.
	Print(text string)
	Note(text string)
	// Document shows what is known of a name or a directive, with a detail of 1 its source as well.
	Document(ctx context.Context, name string, detail int) error
	// Capture copies what the cell shows from here on to a file, at its end if more is set.
	Capture(path string, more bool) error
}

// Session is the state of the notebook.
type Session interface {
	// Declarations describes what is live, Timings where the time of the cell before this one went.
	Declarations() string
	Timings() string
	// Reset forgets all declarations and values, Remove those of some names.
	Reset(ctx context.Context) error
	Remove(names []string) error
	// Setenv and Chdir hold for cells and for commands.
	Setenv(ctx context.Context, name, value string) error
	Chdir(ctx context.Context, dir string) error
}

// Module is the notebook's module.
type Module interface {
	// Get makes it require a module at a version.
	Get(ctx context.Context, module string) error
	// ResetModule makes its go.mod anew, if it is the notebook's own.
	ResetModule(ctx context.Context) error
}

// System runs commands.
type System interface {
	// Path returns the absolute path that a name means in the working directory; "" is that itself.
	Path(name string) string
	// Run runs a command, connected to the cell's output.
	Run(ctx context.Context, c Command) error
	// Ask lets the next shell line ask the user for what it reads, hidden if it is secret.
	Ask(secret bool) error
	// Version describes this program.
	Version() string
}

// A Command is a program to run: a line for the shell, or a program with its arguments and what it reads.
type Command struct {
	Line     string
	InModule bool // in the folder of the notebook's module
	Args     []string
	Input    string
}

// A Call is one use of a directive.
type Call struct {
	Args []string
	Rest string // the arguments as they were written
	Body string // the rest of the cell, for a directive that takes it
}

// A Directive is one word after a %.
type Directive struct {
	Name  string
	Args  string // as help shows them
	Short string // what it does, without a full stop
	Run   func(ctx context.Context, e Env, c Call) error
}

// Help lists the directives.
func Help() string {
	var b strings.Builder
	line := func(usage, short string) { fmt.Fprintf(&b, "%-28s %s\n", usage, short) }
	for _, d := range All() {
		line(d.usage(), d.Short)
	}
	line("!COMMAND", "run a command in a shell; a backslash at its end continues the line. Go's operator stands in brackets: (!ok)")
	line("!*COMMAND", "run it in the folder of the notebook's module")
	line("NAME?  NAME??", "show the documentation of a name, and its source")
	return b.String()
}

// usage returns the directive as it is written.
func (d Directive) usage() string { return strings.TrimSpace("%" + d.Name + " " + d.Args) }

// ErrUnknown is wrapped by the error of a line that names no directive.
var ErrUnknown = errors.New("there is no such directive")

// errUsage is the error of a directive whose arguments are wrong; Run says how it is used.
var errUsage = errors.New("usage")

// Run runs the directive of a cell that is given by its text.
func Run(ctx context.Context, e Env, text string) error {
	line := cell.ParseLine(text)
	switch line.Name {
	case "!", "!*":
		return shell(ctx, e, line)
	case "?", "??":
		return e.Output.Document(ctx, line.Rest, len(line.Name)-1)
	}
	d, ok := find(strings.TrimPrefix(line.Name, "%"))
	if !ok {
		return unknown(line.Name)
	}
	err := d.Run(ctx, e, Call{Args: cell.Words(line.Rest), Rest: line.Rest, Body: line.Body})
	if errors.Is(err, errUsage) {
		return fmt.Errorf("it is used as %s: %s", d.usage(), d.Short)
	}
	return err
}

// find returns the directive of that name.
func find(name string) (Directive, bool) {
	for _, d := range All() {
		if d.Name == name {
			return d, true
		}
	}
	return Directive{}, false
}

// unknown returns the error for a name that no directive has: it names the nearest.
func unknown(name string) error {
	nearest, least := "", 3 // more differences than two are no slip
	for _, d := range All() {
		if n := distance(name, "%"+d.Name); n < least && n < len(d.Name) {
			nearest, least = "%"+d.Name, n
		}
	}
	if nearest != "" {
		return fmt.Errorf("%s: %w; did you mean %s? %%help lists them", name, ErrUnknown, nearest)
	}
	return fmt.Errorf("%s: %w; %%help lists them", name, ErrUnknown)
}

// distance returns how many bytes must be put in, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// shell runs a line in a shell. That it fails is said and no more, as in GoNB: a command such as grep may fail
// without anything being wrong.
func shell(ctx context.Context, e Env, line cell.Line) error {
	if line.Rest == "" {
		return nil
	}
	err := e.System.Run(ctx, Command{Line: line.Rest, InModule: line.Name == "!*"})
	if err != nil && ctx.Err() == nil {
		e.Output.Note(fmt.Sprintf("%s%s: %v", line.Name, line.Rest, err))
		return nil
	}
	return err
}
