package directive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// All returns the directives, in the order of help.
func All() []Directive {
	list := []Directive{
		{"help", "", "show this list", func(_ context.Context, e Env, _ Call) error {
			e.Output.Print(Help())
			return nil
		}},
		{"doc", "NAME", "show the documentation of a name, as NAME? does", document},
		{"version", "", "show the versions of Lathe and of Go", func(_ context.Context, e Env, _ Call) error {
			e.Output.Print(e.System.Version() + "\n")
			return nil
		}},
		{"fmt", "", "on the first line of a cell: lay out the cell as gofmt does, and do not run it", func(context.Context, Env, Call) error {
			return errors.New("%fmt stands on the first line of a cell, alone")
		}},
		{"timings", "", "show where the time of the last cell went", func(_ context.Context, e Env, _ Call) error {
			e.Output.Print(e.Session.Timings())
			return nil
		}},
		{"list", "", "list the live declarations and variables", declarations},
		{"ls", "", "the same as %list", declarations},
		{"rm", "NAME…", "forget declarations and imports", remove},
		{"remove", "NAME…", "the same as %rm", remove},
		{"reset", "[go.mod]", "forget all declarations and values, or what the notebook's own module requires", reset},
		{"get", "MODULE@VERSION", "make the notebook's module require a module; this may use the network", get},
	}
	return slices.Concat(list, programs(), surroundings(), needless())
}

// programs are the directives by which a cell is run as a program. What they mean is part of the cell: when
// their turn comes, nothing is left to do but to see that they can be meant.
func programs() []Directive {
	return []Directive{
		{"%", "[ARG…]", "what follows are statements; ARGs are in os.Args, and flags that cells define are parsed", none},
		{"main", "[ARG…]", "the same as %%", none},
		{"args", "ARG…", "set os.Args for this cell", none},
		{"exec", "FUNC [ARG…]", "parse flags and call a function without parameters", func(_ context.Context, _ Env, c Call) error {
			if len(c.Args) == 0 {
				return errUsage
			}
			return nil
		}},
		{"test", "[-v] [-run=X] [-bench=X] [-fuzz=X]", "run the cell's tests, benchmarks, fuzz targets and examples, or else those of all cells", none},
	}
}

// surroundings are the directives about what surrounds the code of cells.
func surroundings() []Directive {
	return []Directive{
		{"env", "NAME=VALUE", "set an environment variable, for cells and commands", setenv},
		{"cd", "[DIR]", "change the working directory, of cells and commands, or show it", chdir},
		{"with_inputs", "", "let the next ! line ask for what it reads", func(_ context.Context, e Env, _ Call) error { return e.System.Ask(false) }},
		{"with_password", "", "the same, hidden as it is typed", func(_ context.Context, e Env, _ Call) error { return e.System.Ask(true) }},
		{"capture", "[-a] FILE", "copy what the cell shows to a file; -a appends", capture},
		{"%writefile", "[-a] FILE", "write the rest of the cell to a file; -a appends", writeFile},
		{"%script", "COMMAND", "hand the rest of the cell to a program", func(ctx context.Context, e Env, c Call) error {
			if len(c.Args) == 0 {
				return errUsage
			}
			return script(ctx, e, c.Args, c.Body)
		}},
		{"%bash", "", "run the rest of the cell in bash", func(ctx context.Context, e Env, c Call) error {
			return script(ctx, e, append([]string{"bash", "-s"}, c.Args...), c.Body)
		}},
		{"%sh", "", "run the rest of the cell in sh", func(ctx context.Context, e Env, c Call) error {
			return script(ctx, e, append([]string{"sh", "-s"}, c.Args...), c.Body)
		}},
	}
}

// needless are directives of GoNB that have nothing to do here. A notebook that has them runs on.
func needless() []Directive {
	return []Directive{
		{"autoget", "", "no module is fetched by itself here: use %get", explain("no module is fetched by itself here: use %get MODULE@VERSION")},
		{"noautoget", "", "needless: no module is fetched by itself", explain("no module is ever fetched by itself here")},
		{"goflags", "[FLAG…]", "needless: cells are not built by go build", explain("cells are not built by go build, so %goflags changes nothing: for coverage and the like use `go test` in a module, by a ! line")},
		{"goworkfix", "", "needless: a go.work file is followed as it is", explain("a go.work file is followed as it is, without %goworkfix")},
		{"track", "[PATH]", "needless: packages of the notebook's module are followed", explain("the packages of the notebook's module and of its go.work are always followed, without %track")},
		{"untrack", "[PATH]", "needless, as %track is", explain("the packages of the notebook's module are always followed: %untrack changes nothing")},
		{"widgets", "", "needless: widgets are connected when they are shown", explain("widgets are connected when they are shown, without %widgets")},
		{"widgets_hb", "", "needless, as %widgets is", explain("Jupyter itself connects widgets to the kernel, so there is no heartbeat to wait for")},
		{"wasm", "", "not here: cells run natively", refuse("cells run natively here and not as WebAssembly: show a page with package display, or compile it with GOOS=js GOARCH=wasm go build, by a ! line")},
		{"%gx", "", "not here: cells are Go", refuse("cells are Go here: run gx by a ! line")},
	}
}

func none(context.Context, Env, Call) error { return nil }

// explain returns what a needless directive does: it says why it is.
func explain(why string) func(context.Context, Env, Call) error {
	return func(_ context.Context, e Env, _ Call) error {
		e.Output.Note(why)
		return nil
	}
}

// refuse returns what a directive does without which its cell makes no sense.
func refuse(why string) func(context.Context, Env, Call) error {
	return func(context.Context, Env, Call) error { return errors.New(why) }
}

func document(ctx context.Context, e Env, c Call) error {
	if len(c.Args) != 1 {
		return errUsage
	}
	return e.Output.Document(ctx, c.Args[0], 0)
}

func declarations(_ context.Context, e Env, _ Call) error {
	e.Output.Print(e.Session.Declarations())
	return nil
}

func remove(_ context.Context, e Env, c Call) error {
	if len(c.Args) == 0 {
		return errUsage
	}
	return e.Session.Remove(c.Args)
}

func reset(ctx context.Context, e Env, c Call) error {
	switch c.Rest {
	case "":
		return e.Session.Reset(ctx)
	case "go.mod":
		return e.Module.ResetModule(ctx)
	}
	return errUsage
}

func get(ctx context.Context, e Env, c Call) error {
	if len(c.Args) != 1 {
		return errors.New("%get wants one module, such as example.org/module@v1.2.3")
	}
	return e.Module.Get(ctx, c.Args[0])
}

func setenv(ctx context.Context, e Env, c Call) error {
	if len(c.Args) == 0 {
		return errUsage
	}
	name, value, ok := c.Args[0], strings.Join(c.Args[1:], " "), len(c.Args) > 1
	if strings.Contains(name, "=") {
		name, value, ok = strings.Cut(strings.Join(c.Args, " "), "=")
	}
	if !ok || name == "" {
		return errUsage
	}
	if err := e.Session.Setenv(ctx, name, value); err != nil {
		return fmt.Errorf("%%env %s: %w", name, err)
	}
	e.Output.Print(fmt.Sprintf("Set: %s=%q\n", name, value))
	return nil
}

func chdir(ctx context.Context, e Env, c Call) error {
	switch len(c.Args) {
	case 0:
		e.Output.Print(fmt.Sprintf("Current directory: %q\n", e.System.Path("")))
		return nil
	case 1:
	default:
		return errUsage
	}
	dir := e.System.Path(c.Args[0])
	if err := e.Session.Chdir(ctx, dir); err != nil {
		return fmt.Errorf("%%cd: %w", err)
	}
	e.Output.Print(fmt.Sprintf("Changed directory to %q\n", dir))
	return nil
}

// fileArg returns the file that a directive writes, and whether it appends.
func fileArg(e Env, c Call) (path string, more bool, err error) {
	args := c.Args
	if len(args) == 2 && args[0] == "-a" {
		more, args = true, args[1:]
	}
	if len(args) != 1 {
		return "", false, errUsage
	}
	return e.System.Path(args[0]), more, nil
}

func capture(_ context.Context, e Env, c Call) error {
	path, more, err := fileArg(e, c)
	if err != nil {
		return err
	}
	return e.Output.Capture(path, more)
}

func writeFile(_ context.Context, e Env, c Call) error {
	path, more, err := fileArg(e, c)
	if err != nil {
		return err
	}
	flags, done := os.O_CREATE|os.O_WRONLY|os.O_TRUNC, "written"
	if more {
		flags, done = os.O_CREATE|os.O_WRONLY|os.O_APPEND, "appended"
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err == nil {
		_, err = f.WriteString(whole(c.Body))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("%%%%writefile: %w", err)
	}
	e.Output.Note(fmt.Sprintf("the cell is %s to %s", done, path))
	return nil
}

func script(ctx context.Context, e Env, args []string, body string) error {
	if err := e.System.Run(ctx, Command{Args: args, Input: whole(body)}); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return nil
}

// whole ends a text with the end of a line.
func whole(body string) string {
	if body == "" || strings.HasSuffix(body, "\n") {
		return body
	}
	return body + "\n"
}
