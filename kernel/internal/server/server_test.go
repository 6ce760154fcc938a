package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// quick is how long a question may take while a cell runs. It takes about a millisecond; the machine
// may be busy with other tests.
const quick = time.Second

// handler is an Echo whose Execute is a function.
type handler struct {
	kerneltest.Echo
	execute func(ctx context.Context, req server.ExecuteRequest, out server.Output) error
	ended   []bool // the restart of each call of Shutdown
}

func (h *handler) Execute(ctx context.Context, req server.ExecuteRequest, out server.Output) error {
	return h.execute(ctx, req, out)
}

func (h *handler) Shutdown(_ context.Context, restart bool) error {
	h.ended = append(h.ended, restart)
	return nil
}

// done takes the end of a request that shows nothing.
func done(r *kerneltest.Request, status string) map[string]any {
	reply := r.ExpectReply(status)
	r.ExpectBusy()
	r.ExpectIdle()
	return reply
}

func TestExecute(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	r := f.Execute("print hello\nshow id value\n6")
	r.ExpectBusy()
	if n := r.ExpectInput("print hello\nshow id value\n6"); n != 1 {
		t.Errorf("the first cell is %d", n)
	}
	r.ExpectStream("stdout", "hello\n")
	if d := r.ExpectDisplay("text/plain"); d.Transient.DisplayID != "id" {
		t.Errorf("transient is %+v", d.Transient)
	}
	if v := r.ExpectResult("6"); v.ExecutionCount != 1 {
		t.Errorf("the result has the number %d", v.ExecutionCount)
	}
	r.ExpectFields(map[string]any{"execution_count": 1, "payload": []any{}, "user_expressions": map[string]any{}})
	r.ExpectIdle()
	done(f.Request(kerneltest.Shell, "execute_request", map[string]any{}, nil), "error") // no code
}

// TestCount: only stored cells use up numbers; the others report the last one.
func TestCount(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	tests := []struct {
		silent, store bool
		input, reply  int
	}{
		{false, true, 1, 1},
		{true, true, 0, 1},
		{false, false, 2, 1},
		{false, true, 2, 2},
	}
	for _, tt := range tests {
		content := kerneltest.Cell("print x")
		content["silent"], content["store_history"] = tt.silent, tt.store
		r := f.Request(kerneltest.Shell, "execute_request", content, nil)
		r.ExpectBusy()
		if !tt.silent {
			if n := r.ExpectInput("print x"); n != tt.input {
				t.Errorf("%+v: the input has the number %d", tt, n)
			}
			r.ExpectStream("stdout", "x\n")
		}
		r.ExpectIdle()
		reply := r.ExpectReply("ok")
		if n := reply["execution_count"]; n != float64(tt.reply) {
			t.Errorf("%+v: the reply has the number %v", tt, n)
		}
	}
}

// TestWhileBusy: everything but cells is answered at once while a cell runs, and the last status is
// that of the cell.
func TestWhileBusy(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	cell := f.Execute("sleep 1h")
	cell.ExpectBusy()
	cell.ExpectInput("sleep 1h")
	asked := 0
	ask := func(channel, msgType string, content map[string]any, want map[string]any) {
		t.Helper()
		asked++
		start := time.Now()
		r := f.Request(channel, msgType, content, nil)
		if status := want["status"]; status == "complete" {
			r.ExpectReply("complete")
		} else {
			r.ExpectFields(want)
		}
		if took := time.Since(start); took > quick {
			t.Errorf("%s on %s took %v", msgType, channel, took)
		}
		r.ExpectBusy()
		r.ExpectIdle()
	}
	for _, channel := range []string{kerneltest.Shell, kerneltest.Control} {
		ask(channel, "kernel_info_request", map[string]any{}, map[string]any{
			"protocol_version": "5.5", "implementation": "echo", "supported_features": []string{"kernel subshells"}, "help_links": []any{},
			"language_info": (&kerneltest.Echo{}).Info().LanguageInfo,
		})
	}
	ask(kerneltest.Shell, "complete_request", map[string]any{"code": "é unw", "cursor_pos": 5},
		map[string]any{"matches": []string{"unwritten"}, "cursor_start": 2, "cursor_end": 5, "metadata": map[string]any{}})
	ask(kerneltest.Shell, "inspect_request", map[string]any{"code": "nothing", "cursor_pos": 1},
		map[string]any{"found": false, "data": map[string]any{}, "metadata": map[string]any{}})
	ask(kerneltest.Shell, "is_complete_request", map[string]any{"code": "x"}, map[string]any{"status": "complete"})
	ask(kerneltest.Shell, "comm_info_request", map[string]any{}, map[string]any{"comms": map[string]any{}})
	ask(kerneltest.Shell, "history_request", map[string]any{"hist_access_type": "tail", "n": 5, "output": false, "raw": true},
		map[string]any{"history": []any{[]any{1, 1, "sleep 1h"}}})
	statuses := f.Statuses()
	for end := time.Now().Add(5 * time.Second); len(statuses) <= 3*asked && time.Now().Before(end); statuses = f.Statuses() {
		time.Sleep(time.Millisecond) // the last busy is on its way
	}
	if len(statuses) != 1+3*asked || statuses[len(statuses)-1] != wire.Busy {
		t.Errorf("statuses of a running cell and %d questions: %v", asked, statuses)
	}
	f.Interrupt()
	cell.ExpectError("Interrupted")
	cell.ExpectReply("error")
	cell.ExpectIdle()
}

// TestStopOnError: cells behind a failing one run after all if that one asks not to stop.
func TestStopOnError(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	for _, stop := range []bool{true, false} {
		content := kerneltest.Cell("broken x")
		content["stop_on_error"] = stop
		first := f.Request(kerneltest.Shell, "execute_request", content, nil)
		second := f.Execute("y")
		first.ExpectBusy()
		first.ExpectInput("broken x")
		first.ExpectError("Error")
		first.ExpectReply("error")
		first.ExpectIdle()
		second.ExpectBusy()
		if stop {
			reply := second.ExpectReply("error")
			if reply["ename"] != "Aborted" || reply["execution_count"] != 0.0 || reply["traceback"] == nil {
				t.Errorf("an aborted cell is answered with %v", reply)
			}
		} else {
			second.ExpectInput("y")
			second.ExpectResult("y")
			second.ExpectReply("ok")
		}
		second.ExpectIdle()
	}
}

// TestManyLines: 100000 lines, each written by itself, arrive complete, in order, and joined.
func TestManyLines(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	const n = 100000
	var want strings.Builder
	for i := range n {
		want.WriteString(strconv.Itoa(i) + "\n")
	}
	code := fmt.Sprintf("lines %d\nend", n)
	r := f.Execute(code)
	r.ExpectBusy()
	r.ExpectInput(code)
	r.ExpectStream("stdout", want.String())
	r.ExpectResult("end")
	r.ExpectReply("ok")
	r.ExpectIdle()
}

// TestStreams: order is kept between streams and displays; characters that come in pieces arrive whole.
func TestStreams(t *testing.T) {
	started := make(chan struct{})
	f := kerneltest.Start(t, &handler{execute: func(_ context.Context, _ server.ExecuteRequest, out server.Output) error {
		world := "世"
		out.Stream("stdout", "a"+world[:1])
		<-started // longer than text is held back
		out.Stream("stdout", world[1:]+"b")
		out.Stream("stderr", "c")
		out.Stream("stdout", "d")
		out.Clear(true)
		out.Stream("stdout", strings.Repeat("é", 1<<20))
		out.Stream("stdout", world[:2])
		out.Display(frame.Bundle{})
		return nil
	}})
	r := f.Execute("")
	r.ExpectBusy()
	r.ExpectInput("")
	r.ExpectStream("stdout", "a")
	close(started)
	r.ExpectStream("stdout", "世b")
	r.ExpectStream("stderr", "c")
	r.ExpectStream("stdout", "d")
	r.ExpectClear(true)
	r.ExpectStream("stdout", strings.Repeat("é", 1<<20))
	r.ExpectStream("stdout", "\ufffd\ufffd") // it never became whole
	if m := r.NextOutput(); m.Header.MsgType != "display_data" || string(m.Content) != `{"data":{},"metadata":{},"transient":{}}` {
		t.Errorf("an empty bundle is %s %s", m.Header.MsgType, m.Content)
	}
	r.ExpectReply("ok")
	r.ExpectIdle()
}

// TestLateOutput: what a cell's goroutine writes later belongs to that cell, and many may write at once.
func TestLateOutput(t *testing.T) {
	var writers sync.WaitGroup
	release := make(chan struct{})
	f := kerneltest.Start(t, &handler{execute: func(_ context.Context, req server.ExecuteRequest, out server.Output) error {
		for range 4 {
			writers.Go(func() {
				<-release
				for range 100 {
					out.Stream("stdout", req.Code)
				}
			})
		}
		return nil
	}})
	first, second := f.Execute("1"), f.Execute("2")
	for i, r := range []*kerneltest.Request{first, second} {
		r.ExpectBusy()
		r.ExpectInput(strconv.Itoa(i + 1))
		r.ExpectReply("ok")
		r.ExpectIdle()
	}
	close(release)
	first.ExpectStream("stdout", strings.Repeat("1", 400))
	second.ExpectStream("stdout", strings.Repeat("2", 400))
	writers.Wait()
}

// TestInterrupt: an interrupt ends the running cell, with the handler's own error if it has one, and
// nothing else.
func TestInterrupt(t *testing.T) {
	running := make(chan struct{})
	f := kerneltest.Start(t, &handler{execute: func(ctx context.Context, req server.ExecuteRequest, _ server.Output) error {
		running <- struct{}{}
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), server.ErrInterrupted) {
			return errors.New("wrong cause")
		}
		if req.Code == "own" {
			return &server.CellError{Name: "Stopped", Value: "by hand"}
		}
		return fmt.Errorf("somewhere: %w", ctx.Err())
	}})
	f.Interrupt() // nothing runs
	for range 20 {
		for code, name := range map[string]string{"own": "Stopped", "other": "Interrupted"} {
			r := f.Execute(code)
			r.ExpectBusy()
			r.ExpectInput(code)
			<-running
			f.Interrupt()
			if e := r.ExpectError(name); len(e.Traceback) == 0 {
				t.Error("no traceback")
			}
			r.ExpectReply("error")
			r.ExpectIdle()
		}
	}
}

// TestInput: only a frontend that allows it is asked; an interrupt ends the question.
func TestInput(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	r := f.Execute("print before\ninput name? ")
	f.Answer("name? ", "Ada")
	r.ExpectBusy()
	r.ExpectInput("print before\ninput name? ")
	r.ExpectStream("stdout", "before\nAda\n")
	r.ExpectReply("ok")
	r.ExpectIdle()

	content := kerneltest.Cell("input x")
	content["allow_stdin"] = false
	r = f.Request(kerneltest.Shell, "execute_request", content, nil)
	r.ExpectBusy()
	r.ExpectInput("input x")
	r.ExpectError("Error")
	r.ExpectReply("error")
	r.ExpectIdle()

	r = f.Execute("input x")
	r.ExpectBusy()
	r.ExpectInput("input x")
	time.Sleep(20 * time.Millisecond) // the question is open
	f.Interrupt()
	f.Answer("x", "too late")
	r.ExpectError("Interrupted")
	r.ExpectReply("error")
	r.ExpectIdle()

	r = f.Execute("input y")
	f.Answer("y", "in time")
	r.ExpectBusy()
	r.ExpectInput("input y")
	r.ExpectStream("stdout", "in time\n")
	r.ExpectReply("ok")
	r.ExpectIdle()
}

// TestTwoFrontends: both see the output, each gets its own replies and prompts.
func TestTwoFrontends(t *testing.T) {
	info := kerneltest.Serve(t, &kerneltest.Echo{})
	one, two := kerneltest.Connect(t, info), kerneltest.Connect(t, info)
	for i, f := range []*kerneltest.Frontend{one, two} {
		r := f.Execute("input x")
		f.Answer("x", strconv.Itoa(i))
		r.ExpectBusy()
		r.ExpectInput("input x")
		r.ExpectStream("stdout", strconv.Itoa(i)+"\n")
		r.ExpectReply("ok")
		r.ExpectIdle()
	}
	if a, b := one.Statuses(), two.Statuses(); len(a) < 2 || !slices.Equal(a[:2], b[:2]) {
		t.Errorf("one saw %v, the other %v", a, b)
	}
}

// TestReply: a content that JSON cannot hold is answered as an error.
func TestReply(t *testing.T) {
	f := kerneltest.Start(t, badInfo{&kerneltest.Echo{}})
	reply := done(f.Request(kerneltest.Shell, "kernel_info_request", struct{}{}, nil), "error")
	if text, _ := json.Marshal(reply); !strings.Contains(string(text), "unsupported") {
		t.Errorf("the reply is %s", text)
	}
}

// badInfo describes itself with a value that JSON cannot hold.
type badInfo struct{ *kerneltest.Echo }

func (badInfo) Info() wire.KernelInfo {
	return wire.KernelInfo{LanguageInfo: wire.LanguageInfo{CodemirrorMode: func() {}}}
}

// TestFlood: questions are answered while a cell shows more than a frontend can take, and all of it
// arrives.
func TestFlood(t *testing.T) {
	const n, size = 100, 256 << 10
	f := kerneltest.Start(t, &handler{execute: func(_ context.Context, _ server.ExecuteRequest, out server.Output) error {
		for i := range n {
			if i%2 == 0 {
				out.Stream("stdout", strings.Repeat("x", size))
			} else {
				out.Display(frame.Bundle{Data: map[string]any{"text/plain": strings.Repeat("y", size)}})
			}
		}
		return nil
	}})
	cell := f.Execute("flood")
	cell.ExpectBusy()
	cell.ExpectInput("flood")
	for range 5 {
		start := time.Now()
		r := f.Request(kerneltest.Control, "kernel_info_request", struct{}{}, nil)
		r.ExpectReply("ok")
		if took := time.Since(start); took > quick {
			t.Errorf("kernel_info took %v", took)
		}
		r.ExpectBusy()
		r.ExpectIdle()
	}
	for range n / 2 {
		cell.ExpectStream("stdout", strings.Repeat("x", size))
		cell.ExpectDisplay("text/plain")
	}
	cell.ExpectReply("ok")
	cell.ExpectIdle()
}

// BenchmarkExecute is the time from sending a cell to its idle, without the cell's own.
func BenchmarkExecute(b *testing.B) {
	f := kerneltest.Start(b, &kerneltest.Echo{})
	for b.Loop() {
		r := f.Execute("print x")
		r.ExpectBusy()
		r.ExpectInput("print x")
		r.ExpectStream("stdout", "x\n")
		r.ExpectReply("ok")
		r.ExpectIdle()
	}
}

// BenchmarkLines is the time for 10000 lines of text.
func BenchmarkLines(b *testing.B) {
	f := kerneltest.Start(b, &kerneltest.Echo{})
	var want strings.Builder
	for i := range 10000 {
		want.WriteString(strconv.Itoa(i) + "\n")
	}
	for b.Loop() {
		r := f.Execute("lines 10000")
		r.ExpectBusy()
		r.ExpectInput("lines 10000")
		r.ExpectStream("stdout", want.String())
		r.ExpectReply("ok")
		r.ExpectIdle()
	}
}

// BenchmarkKernelInfo is the time of a question while a cell runs.
func BenchmarkKernelInfo(b *testing.B) {
	f := kerneltest.Start(b, &kerneltest.Echo{})
	cell := f.Execute("sleep 1h")
	cell.ExpectBusy()
	cell.ExpectInput("sleep 1h")
	for b.Loop() {
		r := f.Request(kerneltest.Control, "kernel_info_request", struct{}{}, nil)
		r.ExpectReply("ok")
		r.ExpectBusy()
		r.ExpectIdle()
	}
	f.Interrupt()
	cell.ExpectError("Interrupted")
	cell.ExpectReply("error")
	cell.ExpectIdle()
}
