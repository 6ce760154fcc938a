package session

import (
	"errors"
	"fmt"
	"os/exec"
	"path"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/diag"
	"github.com/lathe-go/lathe/kernel/internal/rt/control"
	"github.com/lathe-go/lathe/kernel/internal/worker"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// A RunError is the failure of a cell that ran.
type RunError struct {
	Name  string // "panic", "Interrupt", "os.Exit", "crash", or the Go type of an error
	Value string
	Trace []string // the cells' lines on the stack, innermost first, each with its source
}

func (e *RunError) Error() string { return e.Name + ": " + e.Value }

func interrupted() error {
	return &RunError{Name: "Interrupt", Value: "the cell was interrupted"}
}

// outcome turns the end of an execution into an error, or nil.
func (s *Session) outcome(done control.Done, panics []control.Panic) error {
	e := &RunError{}
	if p := done.Panic; p != nil {
		e.Value, e.Trace = compose.Plain(p.Text), s.trace(p.Stack)
	}
	switch done.Status {
	case control.OK:
		if len(panics) == 0 {
			return nil
		}
		e = &RunError{Name: "panic", Value: compose.Plain(panics[0].Text) + " (in a goroutine)", Trace: s.trace(panics[0].Stack)}
	case control.Interrupted:
		e.Name, e.Value = "Interrupt", "the cell was interrupted"
		if done.Abandoned {
			e.Value += "; it is blocked where it cannot be stopped, so its goroutine was left behind"
		}
	case control.Exited:
		e.Name = "os.Exit"
		e.Value = strings.TrimSuffix(strings.TrimPrefix(e.Value, "os.Exit("), ")")
		e.Value = "the cell asked to exit with code " + e.Value + "; the session goes on"
	case control.Failed:
		e.Name = strings.TrimPrefix(compose.Plain(done.Panic.Type), "*")
	default:
		e.Name = "panic"
	}
	return e
}

// latePanic shows a panic in a goroutine of a cell that has ended. It ends nothing.
func (s *Session) latePanic(number uint64, p control.Panic) {
	text := "panic: " + compose.Plain(p.Text) + " (in a goroutine, after the cell has ended)\n"
	for _, line := range s.trace(p.Stack) {
		text += line + "\n"
	}
	s.opts.Output(frame.Frame{Kind: frame.Stderr, Cell: number, Payload: []byte(text)})
}

// cellFile is the name by which generated code knows a cell's lines.
var cellFile = regexp.MustCompile(`In\[\d+\]`)

// trace renders the calls of a stack that stand in cells.
func (s *Session) trace(stack []control.Call) []string {
	var lines []string
	for _, c := range stack {
		name := cellFile.FindString(path.Base(c.File))
		if name == "" {
			continue
		}
		lines = append(lines, s.traceLine(name, c.Line, c.Func))
	}
	return lines
}

// traceLine renders one call: where it stands, in which function, and the source line.
func (s *Session) traceLine(name string, line int, function string) string {
	name, text := s.sources.latest(name)
	where := fmt.Sprintf("%s:%d", name, line)
	if f := functionName(function); f != "" {
		where += " in " + f
	}
	return where + "\n    " + strings.TrimSpace(diag.Line(text, line))
}

// functionName returns a function's name as users know it, or "" for the code of a cell itself.
func functionName(symbol string) string {
	name := compose.Plain(strings.TrimPrefix(symbol, "cell."))
	if strings.HasPrefix(name, "cellʹ") {
		return ""
	}
	return name
}

// stackLine finds the lines of cells in what a dying Go program prints.
var stackLine = regexp.MustCompile(`(?m)^(\S.*)\(.*\)\n\t\S*?(In\[\d+\]):(\d+)`)

// crash puts the end of a worker into an error: what the runtime said, and the cells' lines.
func (s *Session) crash(d *worker.Death) error {
	e := &RunError{Name: "crash", Value: deathReason(d)}
	seen := map[string]bool{}
	for _, m := range stackLine.FindAllStringSubmatch(d.Stderr, -1) {
		n, err := strconv.Atoi(m[3])
		if line := s.traceLine(m[2], n, m[1]); err == nil && !seen[line] && len(e.Trace) < 10 {
			seen[line] = true
			e.Trace = append(e.Trace, line)
		}
	}
	return e
}

// deathReason returns the line by which a dying Go program says why, or what the system says.
func deathReason(d *worker.Death) string {
	for line := range strings.Lines(d.Stderr) {
		for _, prefix := range []string{"panic: ", "fatal error: ", "runtime: goroutine stack exceeds", "SIG", "unexpected fault address"} {
			if strings.HasPrefix(line, prefix) {
				return strings.TrimSpace(line)
			}
		}
	}
	var exit *exec.ExitError
	if errors.As(d.Err, &exit) {
		if st, ok := exit.Sys().(syscall.WaitStatus); ok && st.Signaled() {
			if st.Signal() == syscall.SIGKILL {
				return "the worker was killed, most likely because memory ran out"
			}
			return "the worker was ended by a signal: " + st.Signal().String()
		}
		return fmt.Sprintf("the worker exited with code %d", exit.ExitCode())
	}
	return d.Err.Error()
}
