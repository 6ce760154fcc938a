package golang

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/directive"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/session"
	"github.com/lathe-go/lathe/kernel/internal/shell"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// surroundings are what %cd and %env have set, for commands. The session has them for cells.
type surroundings struct {
	mu  sync.Mutex
	dir string // "" is the notebook's
	env map[string]string
}

// runCell runs one cell, and its tests if it asks for them.
func (c *cells) runCell(ctx context.Context, s *session.Session, req session.Request) (session.Report, error) {
	defer c.endCapture(req.Number)
	report, err := s.Execute(ctx, req)
	if err != nil || !strings.Contains(req.Text, "%test") {
		return report, err
	}
	parsed, err := cell.Parse(req.Name, req.Text)
	if err != nil || parsed.Program == nil || parsed.Program.Test == nil {
		return report, err
	}
	tests := session.Tests{Number: req.Number, Args: cell.Words(parsed.Program.Test.Rest)}
	for _, it := range parsed.Items {
		if f, ok := it.Node.(*ast.FuncDecl); ok && f.Recv == nil && len(tests.Args) == 0 {
			tests.Names = append(tests.Names, f.Name.Name)
		}
	}
	tested, err := s.Test(ctx, tests)
	tested.Notices = slices.Concat(report.Notices, tested.Notices)
	return tested, err
}

// directive runs a directive of the cell whose execution has that number.
func (c *cells) directive(ctx context.Context, number uint64, text string) error {
	c.mu.Lock()
	e := &directiveEnv{cells: c, out: c.outputs[number], report: c.last}
	c.mu.Unlock()
	return directive.Run(ctx, directive.Env{Output: e, Session: e, Module: e, System: e}, text)
}

// A directiveEnv is what a directive may touch.
type directiveEnv struct {
	cells  *cells
	out    *limited
	report session.Report
}

// Print shows text.
func (e *directiveEnv) Print(text string) { e.out.Stream("stdout", text) }

// Note shows a remark.
func (e *directiveEnv) Note(text string) { e.out.Stream("stderr", "note: "+text+"\n") }

// Document shows what is known of a name: in the frontend's pager, or as output where there is none.
func (e *directiveEnv) Document(ctx context.Context, name string, detail int) error {
	reply, err := e.cells.help.Inspect(ctx, name, utf8.RuneCountInString(name), detail)
	if err != nil {
		return err
	}
	if !reply.Found {
		return fmt.Errorf("nothing is known of %s", name)
	}
	if p, ok := e.out.frontend().(server.Pager); ok {
		p.Page(frame.Bundle{Data: reply.Data})
	} else if text, ok := reply.Data["text/plain"].(string); ok {
		e.Print(text + "\n")
	}
	return nil
}

// Capture copies what the cell shows to a file, until the cell ends.
func (e *directiveEnv) Capture(path string, more bool) error {
	flags := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if more {
		flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return fmt.Errorf("%%capture: %w", err)
	}
	e.out.capture(f)
	return nil
}

// endCapture ends the capture of an execution's output.
func (c *cells) endCapture(number uint64) {
	out := c.output(number)
	if err := out.capture(nil); err != nil {
		out.Stream("stderr", "note: what the cell shows was not captured in full: "+err.Error()+"\n")
	}
}

// Declarations lists what is live.
func (e *directiveEnv) Declarations() string {
	var b strings.Builder
	for _, d := range e.cells.session.Snapshot().Decls() {
		fmt.Fprintln(&b, d.Summary())
	}
	if b.Len() == 0 {
		return "nothing is declared\n"
	}
	return b.String()
}

// Timings describes where the time of the last cell went.
func (e *directiveEnv) Timings() string {
	r := e.report
	if r.Reused {
		return fmt.Sprintf("nothing was compiled: the cell ran before and nothing in it has changed; run %s\n", milliseconds(r.Run))
	}
	return fmt.Sprintf("check %s · compile %s · stub %s · link %s · ld %s · load %s · run %s\n", milliseconds(r.Check),
		milliseconds(r.Build.Compile), milliseconds(r.Build.Stub), milliseconds(r.Build.Link), milliseconds(r.Build.LD),
		milliseconds(r.Load), milliseconds(r.Run))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// Reset forgets all declarations and values.
func (e *directiveEnv) Reset(ctx context.Context) error { return e.cells.session.Reset(ctx) }

// Remove forgets some.
func (e *directiveEnv) Remove(names []string) error {
	notices, err := e.cells.session.Remove(names)
	for _, n := range notices {
		e.Note(n)
	}
	if err != nil {
		e.Note(err.Error()) // it is gone, which is what was wanted
	}
	return nil
}

// Setenv sets an environment variable, for cells and commands.
func (e *directiveEnv) Setenv(ctx context.Context, name, value string) error {
	if err := e.cells.session.Setenv(ctx, name, value); err != nil {
		return err
	}
	s := &e.cells.around
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.env == nil {
		s.env = map[string]string{}
	}
	s.env[name] = value
	return nil
}

// Chdir sets the working directory, of cells and commands.
func (e *directiveEnv) Chdir(ctx context.Context, dir string) error {
	if err := e.cells.session.Chdir(ctx, dir); err != nil {
		return err
	}
	s := &e.cells.around
	s.mu.Lock()
	s.dir = dir
	s.mu.Unlock()
	return e.Setenv(ctx, "GONB_DIR", dir)
}

// Path returns the absolute path that a name means in the working directory.
func (e *directiveEnv) Path(name string) string {
	s := &e.cells.around
	s.mu.Lock()
	defer s.mu.Unlock()
	name = os.Expand(name, func(v string) string {
		if value, ok := s.env[v]; ok {
			return value
		}
		return os.Getenv(v)
	})
	if rest, ok := strings.CutPrefix(name, "~"); ok && (rest == "" || rest[0] == '/') {
		if home, err := os.UserHomeDir(); err == nil {
			name = home + rest
		}
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(s.dir, name)
		if s.dir == "" {
			name = filepath.Join(e.cells.dir, name)
		}
	}
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}

// Version describes this program.
func (e *directiveEnv) Version() string {
	return fmt.Sprintf("lathe %s, %s %s/%s; cells as GoNB 0.11.5 has them", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// Ask lets the next command ask the user for what it reads.
func (e *directiveEnv) Ask(secret bool) error {
	if _, ok := e.out.frontend().(server.Inputter); !ok {
		return errors.New("nobody can be asked for input here")
	}
	e.out.ask, e.out.secret = true, secret
	return nil
}

// Run runs a command.
func (e *directiveEnv) Run(ctx context.Context, c directive.Command) error {
	run := e.command(e.Path(""), c.Args)
	run.Input = c.Input
	if c.Line != "" {
		run.Args = shell.Line(c.Line)
	}
	if c.InModule {
		dir, err := e.module(ctx)
		if err != nil {
			return err
		}
		run.Dir = dir
		defer e.cells.session.SetModule(dir) // the command may have changed it
	}
	if in, ok := e.out.frontend().(server.Inputter); ok && e.out.ask && c.Line != "" {
		e.out.ask = false
		prompt := map[bool]string{false: "input: ", true: "password: "}[e.out.secret]
		run.Ask = func(ctx context.Context) (string, error) { return in.Input(ctx, prompt, e.out.secret) }
	}
	return run.Run(ctx)
}

// command returns a command whose output is the cell's.
func (e *directiveEnv) command(dir string, args []string) shell.Command {
	return shell.Command{Args: args, Dir: dir, Env: e.environ(), Stdout: streamWriter{e.out, "stdout"}, Stderr: streamWriter{e.out, "stderr"}}
}

// environ returns the environment of commands.
func (e *directiveEnv) environ() []string {
	env := append(os.Environ(), gonbEnv(e.cells.dir)...)
	env = append(env, e.cells.session.Env()...)
	s := &e.cells.around
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.env)) {
		env = append(env, name+"="+s.env[name])
	}
	return env
}

// gonbEnv returns the variables that cells written for GoNB look at: the folder of the notebook, and the one
// with its go.mod.
func gonbEnv(dir string) []string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	module := moduleOf(dir)
	if module == "" {
		module = filepath.Join(abs, privateModule)
	}
	return []string{"GONB_DIR=" + abs, "GONB_TMP_DIR=" + module}
}

// privateModule is where, below a notebook's folder, the module of a notebook is kept that is in none.
const privateModule = ".lathe/module"

// moduleOf returns the folder of the module that a notebook in dir belongs to: the nearest one upward,
// else the one that %get has made, else "".
func moduleOf(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if found := build.FindModule(abs); found != "" {
		return found
	}
	private := filepath.Join(abs, privateModule)
	if _, err := os.Stat(filepath.Join(private, "go.mod")); err == nil {
		return private
	}
	return ""
}

// module returns the folder of the notebook's module, and makes a private one for a notebook that is in none.
func (e *directiveEnv) module(ctx context.Context) (string, error) {
	if dir := moduleOf(e.cells.dir); dir != "" {
		return dir, nil
	}
	dir, err := filepath.Abs(filepath.Join(e.cells.dir, privateModule))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return "", fmt.Errorf("make a module for the notebook: %w", err)
	}
	return dir, e.goCommand(ctx, dir, "mod", "init", "notebook")
}

// Get makes the notebook's module require a module. What the go command says is shown.
func (e *directiveEnv) Get(ctx context.Context, module string) error {
	dir, err := e.module(ctx)
	if err != nil {
		return err
	}
	if err := e.goCommand(ctx, dir, "get", module); err != nil {
		return err
	}
	e.cells.session.SetModule(dir)
	return nil
}

// ResetModule forgets what the notebook's own module requires.
func (e *directiveEnv) ResetModule(ctx context.Context) error {
	dir, err := e.module(ctx)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(dir, privateModule) {
		return fmt.Errorf("the notebook is part of the module in %s, which is not reset: edit its go.mod", dir)
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	err = e.goCommand(ctx, dir, "mod", "init", "notebook")
	e.cells.session.SetModule(dir)
	return err
}

func (e *directiveEnv) goCommand(ctx context.Context, dir string, args ...string) error {
	cmd := e.command(dir, append([]string{"go"}, args...))
	if err := cmd.Run(ctx); err != nil {
		return fmt.Errorf("go %s in %s: %w", args[0], dir, err)
	}
	return nil
}

// A streamWriter writes to a stream of a cell.
type streamWriter struct {
	out  server.Output
	name string
}

func (w streamWriter) Write(p []byte) (int, error) {
	w.out.Stream(w.name, string(p))
	return len(p), nil
}
