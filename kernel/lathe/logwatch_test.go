package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lathe-go/lathe/pkg/worklog"
)

// A shared buffer may be read while it is written.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// watching follows two runs, of which one ends, and returns what was written to out, which seen tells,
// when the watch is interrupted after it has said so.
func watching(t *testing.T, out io.Writer, seen func() string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, env{stdout: out, stderr: out}, []string{"log", "watch", "--dir", dir, "mlp"})
	}()
	wait := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !strings.Contains(seen(), what); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("no %q in %q", what, seen())
			}
		}
	}
	var runs []*worklog.Run
	for _, width := range []int{16, 32} {
		r := worklog.Start("mlp", struct{ Width, Steps int }{width, 100}, worklog.In(worklog.Open(dir)))
		defer r.End(nil)
		r.Log(7, "loss", 0.25)
		r.Flush()
		runs = append(runs, r)
	}
	wait("7/100")
	runs[0].End(fmt.Errorf("no memory"))
	wait("failed: no memory")
	interrupt()
	if got := <-code; got != 0 {
		t.Errorf("after an interrupt the exit code is %d", got)
	}
	return seen()
}

func TestLogWatchAppendsLines(t *testing.T) {
	var out shared
	text := watching(t, &out, out.String)
	if strings.Contains(text, "\x1b") || !regexp.MustCompile(`(?m)^\S+  \w{6}  mlp  running  step 7/100  loss 0\.25$`).MatchString(text) {
		t.Errorf("what is no terminal gets\n%q", text)
	}
	if n := strings.Count(text, "failed"); n != 1 {
		t.Errorf("%d lines tell that a run failed:\n%s", n, text)
	}
}

func TestLogWatchDrawsInPlace(t *testing.T) {
	master, terminal := pty(t)
	var out shared
	go io.Copy(&out, master) // ends with the terminal
	text := watching(t, terminal, out.String)
	frames := strings.Split(text, "\x1b[J")
	last := frames[len(frames)-1]
	if len(frames) < 3 || !strings.HasSuffix(frames[len(frames)-2], "A\r") {
		t.Errorf("it was not drawn over:\n%q", text)
	}
	if got := strings.Count(last, "\n"); got != 4 || !strings.Contains(last, "1 running, 1 failed") {
		t.Errorf("the last table has %d lines, want heading, two runs and a count:\n%s", got, last)
	}
	for line := range strings.SplitSeq(last, "\r\n") {
		if n := len([]rune(line)); n > 60 {
			t.Errorf("a line has %d letters in a window of 60: %q", n, line)
		}
	}
}

// pty returns the two ends of a terminal of 60 by 20 characters.
func pty(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 20, Col: 60}); err != nil {
		t.Fatal(err)
	}
	return master, terminal
}

func TestFitKeepsTheLastLine(t *testing.T) {
	got := strings.Join(fit([]string{"head", "one line", "two", "three", "four", "count"}, 6, 4), "|")
	if want := "head|one l…|… 3 m…|count"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
