package directive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A fake notes what directives ask for.
type fake struct {
	out strings.Builder
	dir string
}

func (f *fake) note(format string, args ...any) error {
	fmt.Fprintf(&f.out, format, args...)
	return nil
}

func (f *fake) Print(text string)    { f.out.WriteString(text) }
func (f *fake) Note(text string)     { f.note("note: %s\n", text) }
func (f *fake) Declarations() string { return "declarations" }
func (f *fake) Timings() string      { return "timings" }
func (f *fake) Version() string      { return "version" }
func (f *fake) Path(name string) string {
	return filepath.Join(f.dir, name)
}
func (f *fake) Document(_ context.Context, name string, detail int) error {
	return f.note("document %s %d", name, detail)
}
func (f *fake) Capture(path string, more bool) error {
	return f.note("capture %s %v", filepath.Base(path), more)
}
func (f *fake) Reset(context.Context) error             { return f.note("reset") }
func (f *fake) ResetModule(context.Context) error       { return f.note("reset the module") }
func (f *fake) Remove(names []string) error             { return f.note("remove %q", names) }
func (f *fake) Get(_ context.Context, m string) error   { return f.note("get %s", m) }
func (f *fake) Ask(secret bool) error                   { return f.note("ask %v", secret) }
func (f *fake) Chdir(_ context.Context, d string) error { return nil }
func (f *fake) Setenv(_ context.Context, name, value string) error {
	if name == "BAD" {
		return errors.New("no")
	}
	return nil
}
func (f *fake) Run(_ context.Context, c Command) error {
	f.note("run %q %v %q %q", c.Line, c.InModule, c.Args, c.Input)
	if c.Line == "false" || c.Input == "false\n" {
		return errors.New("exit status 1")
	}
	return nil
}

func (f *fake) env() Env { return Env{Output: f, Session: f, Module: f, System: f} }

func TestRun(t *testing.T) {
	for text, want := range map[string]string{
		"%list": "declarations", "%ls": "declarations", "%timings": "timings", "%version": "version\n", "%help": Help(),
		"%reset": "reset", "%reset go.mod": "reset the module", "%rm a b": `remove ["a" "b"]`, "%remove a": `remove ["a"]`, "%get a@v1": "get a@v1",
		"!echo a  b":        `run "echo a  b" false [] ""`,
		"!*pwd":             `run "pwd" true [] ""`,
		"! a; \\\n  b":      `run "a;    b" false [] ""`,
		"//gonb:!ls":        `run "ls" false [] ""`,
		"!false":            "run \"false\" false [] \"\"note: !false: exit status 1\n",
		"!":                 "",
		"fmt.Println?":      "document fmt.Println 0",
		"??x":               "document x 1",
		"%doc x":            "document x 0",
		"%env A b":          "Set: A=\"b\"\n",
		"%env A=b=c":        "Set: A=\"b=c\"\n",
		"%env A b c":        "Set: A=\"b c\"\n",
		"%env A \"b  c\"":   "Set: A=\"b  c\"\n",
		"%env A \"\"":       "Set: A=\"\"\n",
		"%cd":               "Current directory: \"/w\"\n",
		"%cd x":             "Changed directory to \"/w/x\"\n",
		"%with_inputs":      "ask false",
		"%with_password":    "ask true",
		"%capture f":        "capture f false",
		"%capture -a f":     "capture f true",
		"%%":                "",
		"%% --n=3":          "",
		"//gonb:%main":      "",
		"%args x":           "",
		"%exec f":           "",
		"%test":             "",
		"%%script bc -l\n1": `run "" false ["bc" "-l"] "1\n"`,
		"%%bash\na\nb\n":    `run "" false ["bash" "-s"] "a\nb\n"`,
		"%%sh":              `run "" false ["sh" "-s"] ""`,
		"%autoget":          "note: no module is fetched by itself here: use %get MODULE@VERSION\n",
	} {
		f := &fake{dir: "/w"}
		if err := Run(t.Context(), f.env(), text); err != nil || f.out.String() != want {
			t.Errorf("%s: %q, %v; want %q", text, f.out.String(), err, want)
		}
	}
}

// TestNeedless: what GoNB needs and Lathe does not says why, and the cell goes on.
func TestNeedless(t *testing.T) {
	for _, name := range []string{"%autoget", "%noautoget", "%goflags --cover", "%goworkfix", "%track a", "%untrack a", "%widgets", "%widgets_hb"} {
		f := &fake{}
		if err := Run(t.Context(), f.env(), name); err != nil || !strings.HasPrefix(f.out.String(), "note: ") {
			t.Errorf("%s: %q, %v", name, f.out.String(), err)
		}
	}
}

func TestWriteFile(t *testing.T) {
	f := &fake{dir: t.TempDir()}
	for _, cell := range []string{"%%writefile a.txt\n\n  x", "%%writefile -a a.txt\ny\n"} {
		if err := Run(t.Context(), f.env(), cell); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(f.dir, "a.txt"))
	if err != nil || string(got) != "\n  x\ny\n" {
		t.Errorf("the file has %q (%v)", got, err)
	}
	if err := Run(t.Context(), f.env(), "%%writefile no/such/folder\nx"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that cannot be written: %v", err)
	}
}

func TestHelpNamesEveryDirective(t *testing.T) {
	for _, d := range All() {
		if !strings.Contains(Help(), "%"+d.Name) || !strings.Contains(Help(), d.Short) {
			t.Errorf("help does not show %s", d.Name)
		}
	}
}

// TestHasTheDirectivesOfGoNB: those that version 0.11.5 knows.
func TestHasTheDirectivesOfGoNB(t *testing.T) {
	for _, name := range []string{"%", "main", "args", "test", "exec", "wasm", "widgets", "widgets_hb", "env", "cd", "goflags", "autoget",
		"noautoget", "help", "version", "reset", "ls", "list", "rm", "remove", "with_inputs", "with_password", "track", "untrack",
		"goworkfix", "capture", "%writefile", "%script", "%bash", "%sh", "%gx"} {
		if !slices.ContainsFunc(All(), func(d Directive) bool { return d.Name == name }) {
			t.Errorf("%%%s is missing", name)
		}
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"%nothing":      "%nothing: there is no such directive; %help lists them",
		"%rest":         "%rest: there is no such directive; did you mean %reset? %help lists them",
		"%%writefil x":  "%%writefil: there is no such directive; did you mean %%writefile? %help lists them",
		"%%html\n<b>":   "%%html: there is no such directive; %help lists them",
		"%rm":           "it is used as %rm NAME…: forget declarations and imports",
		"%env A":        "it is used as %env NAME=VALUE: set an environment variable, for cells and commands",
		"%env =b":       "it is used as %env NAME=VALUE: set an environment variable, for cells and commands",
		"%env BAD=1":    "%env BAD: no",
		"%cd a b":       "it is used as %cd [DIR]: change the working directory, of cells and commands, or show it",
		"%exec":         "it is used as %exec FUNC [ARG…]: parse flags and call a function without parameters",
		"%%script\nx":   "it is used as %%script COMMAND: hand the rest of the cell to a program",
		"%reset go.sum": "it is used as %reset [go.mod]: forget all declarations and values, or what the notebook's own module requires",
		"%%bash\nfalse": "bash: exit status 1",
		"%capture a b":  "it is used as %capture [-a] FILE: copy what the cell shows to a file; -a appends",
	} {
		if err := Run(t.Context(), (&fake{}).env(), text); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if err := Run(t.Context(), (&fake{}).env(), "%wasm"); err == nil {
		t.Error("%wasm cannot be meant here and does not fail")
	}
	if err := Run(t.Context(), (&fake{}).env(), "%nothing"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown directive: %v", err)
	}
}
