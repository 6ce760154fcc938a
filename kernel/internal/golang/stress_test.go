package golang

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/session"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// newTestSession starts a session whose output is gathered as text.
func newTestSession(t *testing.T) (*session.Session, *strings.Builder) {
	t.Helper()
	ensureBase(t)
	base, err := build.Current()
	if err != nil {
		t.Fatal(err)
	}
	out := &strings.Builder{}
	s, err := session.New(context.Background(), session.Options{Base: base, Dir: t.TempDir(), Output: func(f frame.Frame) {
		if f.Kind == frame.Stdout {
			out.Write(f.Payload)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, out
}

// TestInterruptHundredTimes interrupts a running cell again and again: each time it ends within a second
// and keeps what it did.
func TestInterruptHundredTimes(t *testing.T) {
	s, out := newTestSession(t)
	run := func(ctx context.Context, n uint64, text string) error {
		_, err := s.Execute(ctx, session.Request{Number: n, Name: fmt.Sprintf("In[%d]", n), Text: text})
		return err
	}
	if err := run(context.Background(), 1, "n, rounds := 0, 0"); err != nil {
		t.Fatal(err)
	}
	const loop = "rounds++\nfor { n++ }"
	var worst time.Duration
	for i := range 100 {
		ctx, cancel := context.WithCancel(context.Background())
		var stopped time.Time
		// The first run is compiled, the others begin at once.
		timer := time.AfterFunc(map[bool]time.Duration{true: 2 * time.Second, false: 15 * time.Millisecond}[i == 0], func() {
			stopped = time.Now()
			cancel()
		})
		err := run(ctx, uint64(i+2), loop)
		took := time.Since(stopped)
		timer.Stop()
		cancel()
		var failed *session.RunError
		if !errors.As(err, &failed) || failed.Name != "Interrupt" {
			t.Fatalf("run %d ended with %v", i, err)
		}
		if took > time.Second {
			t.Errorf("run %d took %v to end", i, took)
		}
		worst = max(worst, took)
	}
	if err := run(context.Background(), 200, "fmt.Println(rounds, n > 0)"); err != nil {
		t.Fatal(err)
	}
	if out.String() != "100 true\n" {
		t.Errorf("after 100 interrupts the state is %q", out)
	}
	t.Logf("the slowest of 100 interrupts took %v", worst)
}

// TestLongCell runs a cell of 5,000 lines, with the line ends of Windows.
func TestLongCell(t *testing.T) {
	s, out := newTestSession(t)
	var text strings.Builder
	text.WriteString("sum := 0\r\nraw := `a\r\n%b\r\n`\r\n")
	for i := range 4996 {
		fmt.Fprintf(&text, "v%d := %d; sum += v%d\r\n", i, i, i)
	}
	text.WriteString("fmt.Println(sum, len(raw))\r\n")
	start := time.Now()
	report, err := s.Execute(context.Background(), session.Request{Number: 1, Name: "In[1]", Text: text.String()})
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintln(4996*4995/2, len("a\n%b\n")); out.String() != want {
		t.Errorf("the cell prints %q, want %q", out, want)
	}
	t.Logf("%v: check %v, compile %v", time.Since(start), report.Check, report.Build.Compile)
}
