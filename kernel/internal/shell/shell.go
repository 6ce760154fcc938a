// Package shell runs commands for a cell: what they write is shown as it comes, what they read is asked of
// the user, and an interrupt ends all that they have started.
package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Command is a program to run.
type Command struct {
	Args           []string
	Dir            string
	Env            []string // all of it
	Stdout, Stderr io.Writer
	Input          string // what it reads
	// Ask, if it is given, asks the user for a line each time that the program reads.
	Ask func(ctx context.Context) (string, error)
}

// Line returns the arguments by which a shell runs a line: bash, if there is one.
func Line(line string) []string {
	for _, name := range []string{"bash", "sh"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path, "-c", line}
		}
	}
	return []string{"/bin/sh", "-c", line}
}

// grace is how long a command may go on that was asked to end.
const grace = 2 * time.Second

// Run runs the command and waits for its end. What it has left in the background goes on, and so does the
// output of that. When ctx is cancelled, the command and all that it has started are interrupted, and killed
// after a while.
func (c Command) Run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	var pumps []*pump
	var ends []*os.File
	defer func() {
		for _, f := range ends {
			f.Close()
		}
	}()
	for _, s := range []struct {
		to  io.Writer
		end *io.Writer
	}{{c.Stdout, &cmd.Stdout}, {c.Stderr, &cmd.Stderr}} {
		p, end, err := newPump(s.to)
		if err != nil {
			return err
		}
		pumps, ends, *s.end = append(pumps, p), append(ends, end), end
	}
	answers, err := c.input(cmd)
	if err != nil {
		return err
	}
	err = cmd.Start()
	for _, f := range ends {
		f.Close()
	}
	if err != nil {
		answers.close()
		return err
	}
	stop := c.watch(ctx, cmd, answers)
	err = cmd.Wait()
	stop()
	for _, p := range pumps {
		p.wait()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// input connects the command's standard input. It returns where answers of the user go, nil if none are asked
// for.
func (c Command) input(cmd *exec.Cmd) (*answers, error) {
	if c.Ask == nil {
		if c.Input != "" {
			cmd.Stdin = strings.NewReader(c.Input)
		}
		return nil, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdin = r
	return &answers{r: r, w: w}, nil
}

// watch asks the user while the command runs, and sees to it that it ends. The function that it returns ends
// both.
func (c Command) watch(ctx context.Context, cmd *exec.Cmd, a *answers) (stop func()) {
	asking, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() { a.serve(asking, cmd.Process.Pid, c.Ask) })
	both.Go(func() {
		select {
		case <-ended:
		case <-ctx.Done():
			select {
			case <-ended:
			case <-time.After(grace):
			}
		}
		if ctx.Err() != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // nobody may be left
		}
	})
	return func() {
		cancel()
		close(ended)
		both.Wait()
		a.close()
	}
}

// A pump carries what a command writes to a cell.
type pump struct {
	done chan struct{}
	last atomic.Int64 // when something was carried last; 0 while it is
}

// newPump returns a pump and the end that the command writes to.
func newPump(to io.Writer) (*pump, *os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("connect a command: %w", err)
	}
	p := &pump{done: make(chan struct{})}
	p.last.Store(time.Now().UnixNano())
	go func() {
		defer close(p.done)
		defer r.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := r.Read(buf)
			p.last.Store(0)
			if n > 0 {
				to.Write(buf[:n]) // a cell takes everything
			}
			p.last.Store(time.Now().UnixNano())
			if err != nil {
				return
			}
		}
	}()
	return p, w, nil
}

// quietTime is how long what is left in the background must have been silent to be left alone.
const quietTime = 200 * time.Millisecond

// wait waits until the command has nothing more to show, or only what it has left in the background could.
func (p *pump) wait() {
	tick := time.NewTicker(quietTime / 4)
	defer tick.Stop()
	from := time.Now()
	for {
		select {
		case <-p.done:
			return
		case now := <-tick.C:
			if last := p.last.Load(); last != 0 && now.Sub(from) > quietTime && now.UnixNano()-last > int64(quietTime) {
				return
			}
		}
	}
}
