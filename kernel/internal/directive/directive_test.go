package directive

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

type fake struct{ out strings.Builder }

func (f *fake) Print(text string)           { f.out.WriteString(text) }
func (f *fake) Declarations() string        { return "declarations" }
func (f *fake) Timings() string             { return "timings" }
func (f *fake) Reset(context.Context) error { f.out.WriteString("reset"); return nil }
func (f *fake) Get(_ context.Context, module string) error {
	f.out.WriteString("get " + module)
	return nil
}
func (f *fake) Shell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Stdout = &f.out
	return cmd
}

func TestRun(t *testing.T) {
	for line, want := range map[string]string{
		"%list": "declarations", "%timings": "timings", "%reset": "reset", "!echo a  b": "a b\n", "%help": Help(), "%get a@v1": "get a@v1",
	} {
		f := &fake{}
		if err := Run(t.Context(), f, line); err != nil || f.out.String() != want {
			t.Errorf("%s: %q, %v; want %q", line, f.out.String(), err, want)
		}
	}
}

func TestHelpNamesEveryDirective(t *testing.T) {
	for _, d := range All() {
		if !strings.Contains(Help(), "%"+d.Name) || !strings.Contains(Help(), d.Short) {
			t.Errorf("help does not show %s", d.Name)
		}
	}
}

func TestErrors(t *testing.T) {
	if err := Run(t.Context(), &fake{}, "%nothing"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown directive: %v", err)
	}
	var exit *exec.ExitError
	if err := Run(t.Context(), &fake{}, "!exit 3"); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("failing command: %v", err)
	}
}
