package golang

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
)

// startWhole starts the whole kernel and a frontend of it.
func startWhole(t *testing.T) *kerneltest.Frontend {
	ensureBase(t)
	return kerneltest.Start(t, Start(context.Background(), t.TempDir()))
}

// shows takes a cell that has a value and nothing else.
func shows(r *kerneltest.Request, code, result string) {
	r.ExpectBusy()
	r.ExpectInput(code)
	if result != "" {
		r.ExpectResult(result)
	}
	r.ExpectReply("ok")
	r.ExpectIdle()
}

// TestSubshell: while a cell runs, cells of a subshell see and change what lives; what they declare stays, also
// when the other cell ends later; an interrupt ends both.
func TestSubshell(t *testing.T) {
	f := startWhole(t)
	shows(f.Execute("type model struct{ step int64 }\nm := &model{}\nstop := false"), "type model struct{ step int64 }\nm := &model{}\nstop := false", "")
	loop := "for !stop {\n\tatomic.AddInt64(&m.step, 1)\n\ttime.Sleep(time.Millisecond)\n}\nafter := m.step"
	training := f.Execute(loop)
	training.ExpectBusy()
	training.ExpectInput(loop)
	side := f.CreateSubshell()
	look := "for atomic.LoadInt64(&m.step) == 0 {\n\ttime.Sleep(time.Millisecond)\n}\natomic.LoadInt64(&m.step) > 0"
	shows(f.ExecuteIn(side, look), look, "true")
	shows(f.ExecuteIn(side, "func (m *model) Twice() int64 { return 2 * atomic.LoadInt64(&m.step) }"), "func (m *model) Twice() int64 { return 2 * atomic.LoadInt64(&m.step) }", "")
	shows(f.ExecuteIn(side, "seen := m.Twice()\nseen > 0"), "seen := m.Twice()\nseen > 0", "true")
	shows(f.ExecuteIn(side, "stop = true"), "stop = true", "")
	training.ExpectReply("ok")
	training.ExpectIdle()
	all := "after > 0 && seen > 0 && m.Twice() >= 2*seen/2"
	shows(f.Execute(all), all, "true")
	endless := "for {\n}"
	one, two := f.Execute(endless), f.ExecuteIn(side, endless)
	for _, r := range []*kerneltest.Request{one, two} {
		r.ExpectBusy()
		r.ExpectInput(endless)
	}
	time.Sleep(500 * time.Millisecond) // both are compiled and run
	f.Interrupt()
	for _, r := range []*kerneltest.Request{one, two} {
		r.ExpectError("Interrupt")
		r.ExpectReply("error")
		r.ExpectIdle()
	}
	shows(f.Execute("after > 0"), "after > 0", "true")
}

// TestSubshellCrash: a worker that dies ends the cells of all shells, once, and the session goes on.
func TestSubshellCrash(t *testing.T) {
	f := startWhole(t)
	side := f.CreateSubshell()
	wait := "time.Sleep(time.Hour)"
	main := f.Execute(wait)
	main.ExpectBusy()
	main.ExpectInput(wait)
	time.Sleep(time.Second) // it runs
	kill := "syscall.Kill(syscall.Getpid(), syscall.SIGKILL); time.Sleep(time.Hour)"
	crash := f.ExecuteIn(side, kill)
	crash.ExpectBusy()
	crash.ExpectInput(kill)
	for _, r := range []*kerneltest.Request{crash, main} {
		if n := r.NextOutput(); n.Header.MsgType != "stream" {
			t.Errorf("a notice should tell what was lost; got %s", n.Content)
		}
		r.ExpectError("crash")
		r.ExpectReply("error")
		r.ExpectIdle()
	}
	shows(f.Execute("1 + 1"), "1 + 1", "2")
}

// TestComms: both sides open comms, with buffers, while a cell runs; a worker that is replaced closes its own.
func TestComms(t *testing.T) {
	f := startWhole(t)
	code := `frame.HandleComms("echo", func(c *frame.Comm, m frame.CommMessage) func(*frame.Comm, frame.CommMessage) {
	return func(c *frame.Comm, m frame.CommMessage) {
		if m.Type == frame.CommData {
			c.Send(m.Data, m.Buffers...)
		}
	}
})
own, _ := frame.OpenComm(frame.CommMessage{ID: "own", Target: "thing"}, nil)`
	early := f.Request(kerneltest.Shell, "comm_open", map[string]any{"comm_id": "early", "target_name": "echo", "data": map[string]any{}}, nil)
	if m := answerTo(early); m.Header.MsgType != "comm_close" { // nothing handles it yet
		t.Errorf("it is answered with %s", m.Header.MsgType)
	}
	opener := f.Execute(code)
	opener.ExpectBusy()
	opener.ExpectInput(code)
	opener.ExpectComm("comm_open", "own")
	opener.ExpectReply("ok")
	opener.ExpectIdle()
	busy := "time.Sleep(time.Hour)"
	cell := f.Execute(busy)
	cell.ExpectBusy()
	cell.ExpectInput(busy)
	comm := func(msgType string, content map[string]any, buffers ...[]byte) *kerneltest.Request {
		return f.Send(kerneltest.Outgoing{Channel: kerneltest.Shell, Type: msgType, Content: content, Buffers: buffers})
	}
	opened := comm("comm_open", map[string]any{"comm_id": "a", "target_name": "echo", "data": map[string]any{}})
	opened.ExpectBusy()
	opened.ExpectIdle()
	m := answerTo(comm("comm_msg", map[string]any{"comm_id": "a", "data": map[string]any{"n": 1}}, []byte{0, 1, 255}))
	if !strings.Contains(string(m.Content), `"n":1`) || fmt.Sprint(m.Buffers) != "[[0 1 255]]" {
		t.Errorf("came back: %s %v", m.Content, m.Buffers)
	}
	open := f.Request(kerneltest.Shell, "comm_info_request", map[string]any{}, nil)
	if got := fmt.Sprint(open.ExpectReply("ok")["comms"]); got != "map[a:map[target_name:echo] own:map[target_name:thing]]" {
		t.Errorf("open comms: %s", got)
	}
	open.ExpectBusy()
	open.ExpectIdle()
	f.Interrupt()
	cell.ExpectError("Interrupt")
	cell.ExpectReply("error")
	cell.ExpectIdle()
	reset := f.Execute("%reset")
	reset.ExpectBusy()
	reset.ExpectInput("%reset")
	opener.ExpectComm("comm_close", "own")
	cell.ExpectComm("comm_close", "a") // it was opened while that cell ran
	reset.ExpectReply("ok")
	reset.ExpectIdle()
}

// TestUserExpressions: each is a value in all its forms, or an error of its own.
func TestUserExpressions(t *testing.T) {
	f := startWhole(t)
	content := kerneltest.Cell("x := 20")
	content["user_expressions"] = map[string]any{"twice": "2*x", "none": "y", "statement": "z := 1"}
	r := f.Request(kerneltest.Shell, "execute_request", content, nil)
	r.ExpectBusy()
	r.ExpectInput("x := 20")
	got := r.ExpectReply("ok")["user_expressions"].(map[string]any)
	for name, want := range map[string]string{"twice": "text/plain:40", "none": "undefined: y", "statement": "is not an expression"} {
		if text := fmt.Sprint(got[name]); !strings.Contains(text, want) {
			t.Errorf("%s is answered with %s, want %q", name, text, want)
		}
	}
	r.ExpectIdle()
}
