package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// begun takes the beginning of a cell.
func begun(r *kerneltest.Request, code string) {
	r.ExpectBusy()
	r.ExpectInput(code)
}

// interrupted takes the end of an interrupted cell.
func interrupted(r *kerneltest.Request) {
	r.ExpectError("Interrupted")
	r.ExpectReply("error")
	r.ExpectIdle()
}

// subshells lists the subshells.
func subshells(f *kerneltest.Frontend) (ids []string) {
	reply := done(f.Request(kerneltest.Control, "list_subshell_request", nil, nil), "ok")
	for _, id := range reply["subshell_id"].([]any) {
		ids = append(ids, id.(string))
	}
	return ids
}

// TestSubshells: cells of different shells run at once, those of one shell in turn; they share the numbers
// of cells, and an interrupt is for all.
func TestSubshells(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	if ids := subshells(f); len(ids) != 0 {
		t.Errorf("at first there are the subshells %v", ids)
	}
	one, two := f.CreateSubshell(), f.CreateSubshell()
	if ids := subshells(f); one == two || !slices.Equal(ids, []string{one, two}) {
		t.Errorf("the subshells are %v, want %s and %s", ids, one, two)
	}
	main := f.Execute("sleep 1h")
	begun(main, "sleep 1h")
	side := f.ExecuteIn(one, "sleep 2h")
	begun(side, "sleep 2h")
	waiting := f.ExecuteIn(one, "shell")
	quickly := f.ExecuteIn(two, "shell")
	quickly.ExpectBusy()
	if n := quickly.ExpectInput("shell"); n != 3 {
		t.Errorf("the third cell has the number %d", n)
	}
	quickly.ExpectStream("stdout", fmt.Sprintf("%q\n", two))
	quickly.ExpectFields(map[string]any{"execution_count": 3})
	quickly.ExpectIdle()
	f.Interrupt()
	interrupted(main)
	interrupted(side)
	if reply := waiting.ExpectReply("error"); reply["ename"] != "Aborted" {
		t.Errorf("a cell behind the interrupted one is answered with %v", reply)
	}
	waiting.ExpectBusy()
	waiting.ExpectIdle()
}

// TestStopOnErrorOfSubshell: a failing cell aborts what waits in its own shell.
func TestStopOnErrorOfSubshell(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	sub := f.CreateSubshell()
	main := f.Execute("sleep 100ms")
	next := f.Execute("x")
	failing := f.ExecuteIn(sub, "broken y")
	aborted := f.ExecuteIn(sub, "z")
	begun(failing, "broken y")
	failing.ExpectError("Error")
	failing.ExpectReply("error")
	failing.ExpectIdle()
	if reply := done(aborted, "error"); reply["ename"] != "Aborted" {
		t.Errorf("the reply is %v", reply)
	}
	begun(main, "sleep 100ms")
	main.ExpectReply("ok")
	main.ExpectIdle()
	begun(next, "x")
	next.ExpectResult("x")
	next.ExpectReply("ok")
	next.ExpectIdle()
}

// TestDeleteSubshell: its cell ends, those that wait are answered, and it is not known any more.
func TestDeleteSubshell(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	sub := f.CreateSubshell()
	running, waiting := f.ExecuteIn(sub, "sleep 1h"), f.ExecuteIn(sub, "x")
	begun(running, "sleep 1h")
	main := f.Execute("sleep 1h")
	begun(main, "sleep 1h")
	remove := func(id any) *kerneltest.Request {
		return f.Request(kerneltest.Control, "delete_subshell_request", map[string]any{"subshell_id": id}, nil)
	}
	done(remove(sub), "ok")
	running.ExpectError("Interrupted")
	running.ExpectReply("error")
	running.ExpectIdle()
	done(waiting, "error")
	for _, id := range []any{sub, "", nil, 7, "none"} {
		done(remove(id), "error")
	}
	if ids := subshells(f); len(ids) != 0 {
		t.Errorf("left are %v", ids)
	}
	for msgType, content := range map[string]any{
		"execute_request": kerneltest.Cell("x"), "kernel_info_request": nil, "is_complete_request": map[string]any{"code": "x"},
	} {
		reply := done(f.Send(kerneltest.Outgoing{Channel: kerneltest.Shell, Type: msgType, Subshell: sub, Content: content}), "error")
		if reply["ename"] != "UnknownSubshell" {
			t.Errorf("%s for a deleted subshell is answered with %v", msgType, reply)
		}
	}
	f.Interrupt()
	interrupted(main)
}

// TestSubshellStatus: the last status is busy as long as a cell of any shell runs.
func TestSubshellStatus(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	sub := f.CreateSubshell()
	main := f.Execute("sleep 1h")
	begun(main, "sleep 1h")
	for range 3 {
		r := f.ExecuteIn(sub, "1")
		begun(r, "1")
		r.ExpectResult("1")
		r.ExpectReply("ok")
		r.ExpectIdle()
		done(f.Request(kerneltest.Control, "kernel_info_request", nil, nil), "ok")
	}
	statuses := f.Statuses()
	for i, s := range statuses[2:] { // those of creating the subshell come first
		if s == wire.Idle && i+3 < len(statuses) && statuses[i+3] != wire.Busy {
			t.Errorf("idle is followed by %s while a cell runs: %v", statuses[i+3], statuses)
		}
	}
	f.Interrupt()
	interrupted(main)
}

// TestTooManySubshells: their number is bounded.
func TestTooManySubshells(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	for range 256 {
		f.CreateSubshell()
	}
	done(f.Request(kerneltest.Control, "create_subshell_request", nil, nil), "error")
}

// TestInputOfSubshells: cells of two shells ask at once, and each gets its own answer.
func TestInputOfSubshells(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	sub := f.CreateSubshell()
	main, side := f.Execute("input main"), f.ExecuteIn(sub, "input side")
	questions := f.Prompts(2)
	for i, question := range questions {
		f.Reply(question, fmt.Sprint(i))
	}
	for i, question := range questions {
		r := main
		if strings.Contains(string(question.Content), "side") {
			r = side
		}
		r.ExpectBusy()
		r.NextOutput()
		r.ExpectStream("stdout", fmt.Sprintf("%d\n", i))
		r.ExpectReply("ok")
		r.ExpectIdle()
	}
}

// TestExpressions: each expression of a successful cell has its value or its error; without an Evaluator
// each is an error, and a failed cell has none.
func TestExpressions(t *testing.T) {
	ask := func(h server.Handler, code, status string) any {
		f := kerneltest.Start(t, h)
		content := kerneltest.Cell(code)
		content["user_expressions"], content["silent"] = map[string]any{"a": "1", "b": "fail Name value", "c": "panic"}, true
		r := f.Request(kerneltest.Shell, "execute_request", content, nil)
		return done(r, status)["user_expressions"]
	}
	got := fmt.Sprint(ask(panicky{&kerneltest.Echo{}}, "x", "ok"))
	for _, part := range []string{"a:map[data:map[text/plain:1] metadata:map[] status:ok]", "b:map[ename:Name evalue:value", "c:map[ename:Error", "the kernel failed: no value"} {
		if !strings.Contains(got, part) {
			t.Errorf("the expressions are %s, want %s", got, part)
		}
	}
	if got := fmt.Sprint(ask(plain{&kerneltest.Echo{}}, "x", "ok")); strings.Count(got, "Unsupported") != 3 {
		t.Errorf("the expressions are %s", got)
	}
	if got := ask(&kerneltest.Echo{}, "broken x", "error"); got != nil {
		t.Errorf("a failed cell has the expressions %v", got)
	}
}

// panicky is an Echo of which one expression panics.
type panicky struct{ *kerneltest.Echo }

func (p panicky) Evaluate(ctx context.Context, expression string) (frame.Bundle, error) {
	if expression == "panic" {
		panic("no value")
	}
	return p.Echo.Evaluate(ctx, expression)
}
