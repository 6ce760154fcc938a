// Package directive holds the lines of a cell that begin with % or !, as values: what each is called,
// what it does in a sentence, and the function that does it. Help is made from them.
package directive

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Env is what a directive may touch.
type Env interface {
	// Print shows text as part of the cell's output.
	Print(text string)
	// Declarations describes what is live in the session.
	Declarations() string
	// Timings describes where the time of the cell before this one went.
	Timings() string
	// Reset forgets all declarations and values.
	Reset(ctx context.Context) error
	// Get makes the notebook's module require a module at a version.
	Get(ctx context.Context, module string) error
	// Shell returns a shell that runs a command line, connected to the cell's output.
	Shell(ctx context.Context, line string) *exec.Cmd
}

// A Directive is one word after a %.
type Directive struct {
	Name  string
	Args  string // as help shows them
	Short string // what it does, without a full stop
	Run   func(ctx context.Context, e Env, args string) error
}

// All returns the directives, in the order of help.
func All() []Directive {
	return []Directive{
		{"help", "", "show this list", func(_ context.Context, e Env, _ string) error {
			e.Print(Help())
			return nil
		}},
		{"list", "", "list the live declarations and variables", func(_ context.Context, e Env, _ string) error {
			e.Print(e.Declarations())
			return nil
		}},
		{"reset", "", "forget all declarations and values", func(ctx context.Context, e Env, _ string) error {
			return e.Reset(ctx)
		}},
		{"get", "MODULE@VERSION", "make the notebook's module require a module; this may use the network", func(ctx context.Context, e Env, args string) error {
			if args == "" || strings.Contains(args, " ") {
				return errors.New("%get wants one module, such as example.org/module@v1.2.3")
			}
			return e.Get(ctx, args)
		}},
		{"timings", "", "show where the time of the last cell went", func(_ context.Context, e Env, _ string) error {
			e.Print(e.Timings())
			return nil
		}},
	}
}

// Help lists the directives.
func Help() string {
	var b strings.Builder
	for _, d := range All() {
		fmt.Fprintf(&b, "%-20s %s\n", strings.TrimSpace("%"+d.Name+" "+d.Args), d.Short)
	}
	fmt.Fprintf(&b, "%-20s %s\n", "!command", "run a command in a shell")
	return b.String()
}

// ErrUnknown is wrapped by the error of a line that names no directive.
var ErrUnknown = errors.New("there is no such directive; %help lists them")

// Run runs the directive in a line of a cell.
func Run(ctx context.Context, e Env, line string) error {
	if command, ok := strings.CutPrefix(line, "!"); ok {
		return shell(ctx, e, command)
	}
	name, args, _ := strings.Cut(strings.TrimPrefix(line, "%"), " ")
	for _, d := range All() {
		if d.Name == name {
			return d.Run(ctx, e, strings.TrimSpace(args))
		}
	}
	return fmt.Errorf("%%%s: %w", name, ErrUnknown)
}

func shell(ctx context.Context, e Env, command string) error {
	if err := e.Shell(ctx, command).Run(); err != nil {
		return fmt.Errorf("!%s: %w", strings.TrimSpace(command), err)
	}
	return nil
}
