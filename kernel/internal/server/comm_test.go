package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// plain hides what a handler has beyond Handler.
type plain struct{ server.Handler }

// comm sends a message of a comm.
func comm(f *kerneltest.Frontend, msgType, id, target string, buffers ...[]byte) *kerneltest.Request {
	content := map[string]any{"comm_id": id, "data": map[string]any{"n": 1}}
	if target != "" {
		content["target_name"] = target
	}
	return f.Send(kerneltest.Outgoing{Channel: kerneltest.Shell, Type: msgType, Content: content, Metadata: map[string]any{"version": "2.1"}, Buffers: buffers})
}

// bare takes the end of a message that neither shows nor replies anything.
func bare(r *kerneltest.Request) {
	r.ExpectBusy()
	r.ExpectIdle()
}

// openComms returns the open comms as comm_info tells them.
func openComms(f *kerneltest.Frontend, target string) string {
	content := map[string]any{}
	if target != "" {
		content["target_name"] = target
	}
	reply := done(f.Request(kerneltest.Shell, "comm_info_request", content, nil), "ok")
	raw, _ := json.Marshal(reply["comms"]) // was JSON before
	return string(raw)
}

// TestComm: a frontend's comm is opened, answers with its data, metadata and buffers while a cell runs, and
// is closed.
func TestComm(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	cell := f.Execute("sleep 1h")
	cell.ExpectBusy()
	cell.ExpectInput("sleep 1h")
	bare(comm(f, "comm_open", "c1", "widget"))
	bare(comm(f, "comm_open", "c2", "other"))
	if got := openComms(f, "widget"); got != `{"c1":{"target_name":"widget"}}` {
		t.Errorf("the comms of the target are %s", got)
	}
	if got := openComms(f, ""); got != `{"c1":{"target_name":"widget"},"c2":{"target_name":"other"}}` {
		t.Errorf("the open comms are %s", got)
	}
	start := time.Now()
	r := comm(f, "comm_msg", "c1", "", []byte{0, 255}, nil)
	r.ExpectBusy()
	m := r.ExpectComm("comm_msg", "c1")
	if took := time.Since(start); took > quick {
		t.Errorf("a comm's answer took %v while a cell runs", took)
	}
	if string(m.Content) != `{"comm_id":"c1","data":{"n":1}}` || string(m.Metadata) != `{"version":"2.1"}` ||
		len(m.Buffers) != 2 || string(m.Buffers[0]) != "\x00\xff" || len(m.Buffers[1]) != 0 {
		t.Errorf("the answer is %s %s with buffers %q", m.Content, m.Metadata, m.Buffers)
	}
	r.ExpectIdle()
	bare(comm(f, "comm_close", "c1", ""))
	if got := openComms(f, ""); got != `{"c2":{"target_name":"other"}}` {
		t.Errorf("after the close, the open comms are %s", got)
	}
	bare(comm(f, "comm_msg", "c1", "")) // it is closed: the message is dropped
	f.Interrupt()
	cell.ExpectError("Interrupted")
	cell.ExpectReply("error")
	cell.ExpectIdle()
}

// TestCommOfCell: a cell opens a comm, sends on it and closes it, also when it is silent, and what it prints
// stays in its place.
func TestCommOfCell(t *testing.T) {
	f := kerneltest.Start(t, &kerneltest.Echo{})
	code := "print a\nopen c1 widget\nprint b\nsend c1 {\"x\": [1]}"
	r := f.Execute(code)
	r.ExpectBusy()
	r.ExpectInput(code)
	r.ExpectStream("stdout", "a\n")
	if m := r.ExpectComm("comm_open", "c1"); string(m.Content) != `{"comm_id":"c1","target_name":"widget","data":{}}` {
		t.Errorf("comm_open is %s", m.Content)
	}
	r.ExpectStream("stdout", "b\n")
	if m := r.ExpectComm("comm_msg", "c1"); string(m.Content) != `{"comm_id":"c1","data":{"x":[1]}}` {
		t.Errorf("comm_msg is %s", m.Content)
	}
	r.ExpectReply("ok")
	r.ExpectIdle()
	if got := openComms(f, ""); got != `{"c1":{"target_name":"widget"}}` {
		t.Errorf("the open comms are %s", got)
	}
	content := kerneltest.Cell("print unseen\nclose c1")
	content["silent"] = true
	r = f.Request(kerneltest.Shell, "execute_request", content, nil)
	r.ExpectBusy()
	r.ExpectComm("comm_close", "c1")
	r.ExpectReply("ok")
	r.ExpectIdle()
	if got := openComms(f, ""); got != `{}` {
		t.Errorf("the open comms are %s", got)
	}
}

// TestCommRefused: a comm that nobody serves is closed, whether the handler refuses it or has no comms.
func TestCommRefused(t *testing.T) {
	for _, h := range []server.Handler{&kerneltest.Echo{}, plain{&kerneltest.Echo{}}} {
		f := kerneltest.Start(t, h)
		r := comm(f, "comm_open", "c1", "refused")
		r.ExpectBusy()
		r.ExpectComm("comm_close", "c1")
		r.ExpectIdle()
		if got := openComms(f, ""); got != `{}` {
			t.Errorf("the open comms are %s", got)
		}
		for _, msgType := range []string{"comm_msg", "comm_close", "comm_open"} {
			bare(f.Request(kerneltest.Shell, msgType, map[string]any{"data": 1}, nil)) // no comm_id
		}
	}
}

// commer is a handler whose comms are a function.
type commer struct {
	plain
	comm func(m frame.CommMessage) error
}

func (c commer) Comm(_ context.Context, m frame.CommMessage, _ server.Output) error { return c.comm(m) }

// TestCommOrder: the messages of comms come one at a time and in their order, over both channels and any
// subshell, even one that is not there any more; one that panics or fails costs the others nothing.
func TestCommOrder(t *testing.T) {
	const n = 200
	var got []string
	f := kerneltest.Start(t, commer{plain{&kerneltest.Echo{}}, func(m frame.CommMessage) error {
		got = append(got, string(m.Data))
		if len(got) == 20 {
			panic("a bad message")
		}
		if len(got) == 21 {
			return errors.New("another bad message")
		}
		return nil
	}})
	bare(comm(f, "comm_open", "c", "x"))
	want, requests := []string{`{"n":1}`}, []*kerneltest.Request{}
	for i := range n {
		o := kerneltest.Outgoing{Channel: kerneltest.Shell, Type: "comm_msg", Content: map[string]any{"comm_id": "c", "data": i}}
		o.Subshell = []string{"", "gone"}[i%2]
		requests = append(requests, f.Send(o))
		want = append(want, fmt.Sprint(i))
	}
	for _, r := range requests {
		bare(r)
	}
	bare(f.Send(kerneltest.Outgoing{Channel: kerneltest.Control, Type: "comm_close", Content: map[string]any{"comm_id": "c", "data": 0}}))
	if want = append(want, "0"); !slices.Equal(got, want) {
		t.Errorf("the handler got %v", got)
	}
}

// TestSlowComm: a comm whose handler does not return holds up other comms, and nothing else.
func TestSlowComm(t *testing.T) {
	release := make(chan struct{})
	f := kerneltest.Start(t, commer{plain{&kerneltest.Echo{}}, func(frame.CommMessage) error { <-release; return nil }})
	slow := comm(f, "comm_open", "c", "x")
	slow.ExpectBusy()
	r := f.Execute("7")
	r.ExpectBusy()
	r.ExpectInput("7")
	r.ExpectResult("7")
	r.ExpectReply("ok")
	r.ExpectIdle()
	done(f.Request(kerneltest.Shell, "kernel_info_request", nil, nil), "ok")
	close(release)
	slow.ExpectIdle()
}

// TestResetComms: comms whose other end has gone are closed for every frontend.
func TestResetComms(t *testing.T) {
	k := start(t, loopback(), &handler{})
	f := kerneltest.Connect(t, k.Connection())
	bare(comm(f, "comm_open", "c2", "x"))
	bare(comm(f, "comm_open", "c1", "x"))
	k.ResetComms()
	for _, id := range []string{"c1", "c2"} {
		if m := f.NextUncaused(); m.Header.MsgType != "comm_close" || !strings.Contains(string(m.Content), id) {
			t.Errorf("got %s %s, want the comm_close of %s", m.Header.MsgType, m.Content, id)
		}
	}
	k.ResetComms()
	bare(comm(f, "comm_msg", "c1", ""))
	if got := openComms(f, ""); got != `{}` {
		t.Errorf("the open comms are %s", got)
	}
}

// BenchmarkComm is the time of one message of a comm from the frontend to the handler and back, with many
// under way; the busy and idle around each are read too.
func BenchmarkComm(b *testing.B) {
	f := kerneltest.Start(b, &kerneltest.Echo{})
	bare(comm(f, "comm_open", "c", "x"))
	const ahead = 64
	var under []*kerneltest.Request
	end := func() {
		under[0].ExpectBusy()
		under[0].ExpectComm("comm_msg", "c")
		under[0].ExpectIdle()
		under = under[1:]
	}
	content := wire.Comm{CommID: "c", Data: json.RawMessage(`{"method":"update","state":{"value":42}}`)}
	start := time.Now()
	for b.Loop() {
		under = append(under, f.Request(kerneltest.Shell, "comm_msg", content, nil))
		if len(under) == ahead {
			end()
		}
	}
	for len(under) > 0 {
		end()
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "messages/s")
}
