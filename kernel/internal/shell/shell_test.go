package shell

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// A record is what a command has written, and when the first of it came.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
	came chan struct{}
	once sync.Once
}

func newRecord() *record { return &record{came: make(chan struct{})} }

func (r *record) Write(p []byte) (int, error) {
	defer r.once.Do(func() { close(r.came) })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func command(line string) (Command, *record, *record) {
	out, errs := newRecord(), newRecord()
	return Command{Args: Line(line), Env: os.Environ(), Stdout: out, Stderr: errs}, out, errs
}

func TestOutput(t *testing.T) {
	c, out, errs := command("printf out; printf err >&2; exit 3")
	var exit *exec.ExitError
	if err := c.Run(t.Context()); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("it ended with %v", err)
	}
	if out.String() != "out" || errs.String() != "err" {
		t.Errorf("it wrote %q and %q", out, errs)
	}
}

func TestInput(t *testing.T) {
	c, out, _ := command("cat")
	c.Input = "a\nb\n"
	if err := c.Run(t.Context()); err != nil || out.String() != "a\nb\n" {
		t.Errorf("%q, %v", out, err)
	}
	c, out, _ = command("cat; echo end")
	if err := c.Run(t.Context()); err != nil || out.String() != "end\n" {
		t.Errorf("without input: %q, %v", out, err)
	}
}

// TestOutputIsLive: what is written without the end of a line is there before the command ends.
func TestOutputIsLive(t *testing.T) {
	c, out, _ := command("printf wait; read line; echo $line")
	c.Ask = func(context.Context) (string, error) {
		<-out.came
		return "go on", nil
	}
	if err := c.Run(t.Context()); err != nil || out.String() != "waitgo on\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestAsksForEachLine(t *testing.T) {
	c, out, _ := command("read a; read b; echo $a-$b")
	lines := []string{"x", "y"}
	c.Ask = func(context.Context) (string, error) {
		if len(lines) == 0 {
			return "", errors.New("asked once too often")
		}
		line := lines[0]
		lines = lines[1:]
		return line, nil
	}
	if err := c.Run(t.Context()); err != nil || out.String() != "x-y\n" || len(lines) != 0 {
		t.Errorf("%q, %v; not asked for: %q", out, err, lines)
	}
}

// TestInputEndsWhereNobodyAnswers: the command reads the end of its input.
func TestInputEndsWhereNobodyAnswers(t *testing.T) {
	c, out, _ := command("read a || echo none")
	c.Ask = func(context.Context) (string, error) { return "", errors.New("nobody is there") }
	if err := c.Run(t.Context()); err != nil || out.String() != "none\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestInterruptEndsAll: the children too, also those that do not heed an interrupt.
func TestInterruptEndsAll(t *testing.T) {
	cause := errors.New("interrupted")
	for _, line := range []string{"sleep 1000 & echo $!; sleep 1000", "trap '' INT; sh -c 'trap \"\" INT; while :; do sleep 0.1; done' & echo $!; wait"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		c, out, _ := command(line)
		go func() {
			<-out.came
			cancel(cause)
		}()
		if err := c.Run(ctx); !errors.Is(err, cause) {
			t.Errorf("%s: %v", line, err)
		}
		child := strings.TrimSpace(out.String())
		deadline := time.Now().Add(10 * time.Second)
		for alive(child) && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		if alive(child) {
			t.Errorf("%s: the child %s is still there", line, child)
		}
	}
}

// alive tells whether a process is there and is not dead already.
func alive(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestBackground: a command that is left in the background does not hold up the cell, and its output comes.
func TestBackground(t *testing.T) {
	wait := t.TempDir() + "/go"
	c, out, _ := command("(while ! [ -e " + wait + " ]; do sleep 0.02; done; echo late) & echo now")
	if err := c.Run(t.Context()); err != nil || out.String() != "now\n" {
		t.Fatalf("%q, %v", out, err)
	}
	if err := os.WriteFile(wait, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for out.String() != "now\nlate\n" && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if out.String() != "now\nlate\n" {
		t.Errorf("the output is %q", out)
	}
}
