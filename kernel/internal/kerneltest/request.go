package kerneltest

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A Request is one request of a Frontend, and what the kernel has sent because of it. Each Expect
// takes the next message, and ends the test if that is another than expected.
type Request struct {
	f       *Frontend
	msgType string
	name    string
	id      string
	busy    bool     // the first busy has come
	idle    bool     // and the idle
	outputs *mailbox // what came on IOPub
	replies *mailbox
	ended   bool // the idle has been read
	replied bool // and the reply
	ignored bool // nothing of it need be read
	again   func()
}

// Replay sends the very message again.
func (r *Request) Replay() { r.again() }

// Abandon says that what r causes need not be read: the kernel ends before it does.
func (r *Request) Abandon() { r.ignored = true }

// String names r by its type and its place among the requests.
func (r *Request) String() string { return r.name }

// next takes the next message of a box, which must be of the given type unless that is "".
func (r *Request) next(box *mailbox, want string) wire.Message {
	r.f.t.Helper()
	if want == "" {
		want = "a message"
	}
	m, ok := box.wait(patience)
	if !ok {
		r.f.t.Fatalf("%s: %s did not come", r, want)
	}
	if want != "a message" && m.Header.MsgType != want {
		r.f.t.Fatalf("%s: got %s %s, want %s", r, m.Header.MsgType, m.Content, want)
	}
	r.note(m)
	return m
}

// note remembers that the end of r, or the reply to it, has been read.
func (r *Request) note(m wire.Message) {
	var s wire.Status
	if m.Header.MsgType == wire.StatusType && json.Unmarshal(m.Content, &s) == nil {
		r.ended = r.ended || s.ExecutionState == wire.Idle
	}
	r.replied = r.replied || strings.HasSuffix(m.Header.MsgType, "_reply")
}

// NextOutput takes the next message that the kernel publishes.
func (r *Request) NextOutput() wire.Message {
	r.f.t.Helper()
	return r.next(r.outputs, "")
}

// decode reads the content of m into v.
func (r *Request) decode(m wire.Message, v any) {
	r.f.t.Helper()
	if err := json.Unmarshal(m.Content, v); err != nil {
		r.f.t.Fatalf("%s: %s: %v", r, m.Header.MsgType, err)
	}
}

// ExpectBusy takes the status busy.
func (r *Request) ExpectBusy() {
	r.f.t.Helper()
	r.expectStatus(wire.Busy)
}

// ExpectIdle takes the status idle.
func (r *Request) ExpectIdle() {
	r.f.t.Helper()
	r.expectStatus(wire.Idle)
}

// expectStatus takes a status.
func (r *Request) expectStatus(want string) {
	r.f.t.Helper()
	var s wire.Status
	r.decode(r.next(r.outputs, wire.StatusType), &s)
	if s.ExecutionState != want {
		r.f.t.Fatalf("%s: the status is %q, want %q", r, s.ExecutionState, want)
	}
}

// ExpectInput takes the broadcast of the code that runs, and returns the cell's number.
func (r *Request) ExpectInput(code string) int {
	r.f.t.Helper()
	var in wire.ExecuteInput
	r.decode(r.next(r.outputs, wire.ExecuteInputType), &in)
	if in.Code != code {
		r.f.t.Fatalf("%s: the input is %q, want %q", r, in.Code, code)
	}
	return in.ExecutionCount
}

// ExpectStream takes text of a stream, in however many messages it comes.
func (r *Request) ExpectStream(name, text string) {
	r.f.t.Helper()
	for at := 0; at < len(text); {
		var s wire.Stream
		r.decode(r.next(r.outputs, wire.StreamType), &s)
		if s.Name != name || !strings.HasPrefix(text[at:], s.Text) {
			r.f.t.Fatalf("%s: %s goes on with %q, want %s %q", r, s.Name, s.Text, name, text[at:])
		}
		at += len(s.Text)
	}
}

// ExpectResult takes the value of the cell, whose text/plain must be text.
func (r *Request) ExpectResult(text string) wire.ExecuteResult {
	r.f.t.Helper()
	var v wire.ExecuteResult
	r.decode(r.next(r.outputs, wire.ExecuteResultType), &v)
	if v.Data["text/plain"] != text {
		r.f.t.Fatalf("%s: the result is %v, want %q", r, v.Data, text)
	}
	return v
}

// ExpectDisplay takes a display that has the form of the given MIME type.
func (r *Request) ExpectDisplay(mime string) wire.DisplayData {
	r.f.t.Helper()
	return r.expectShown(wire.DisplayDataType, mime)
}

// ExpectUpdate takes the update of a display that has the form of the given MIME type.
func (r *Request) ExpectUpdate(mime string) wire.DisplayData {
	r.f.t.Helper()
	return r.expectShown(wire.UpdateDisplayType, mime)
}

// expectShown takes a display or an update.
func (r *Request) expectShown(msgType, mime string) wire.DisplayData {
	r.f.t.Helper()
	var v wire.DisplayData
	r.decode(r.next(r.outputs, msgType), &v)
	if _, ok := v.Data[mime]; !ok {
		r.f.t.Fatalf("%s: %s has no %s: %v", r, msgType, mime, v.Data)
	}
	return v
}

// ExpectClear takes the request to clear the output.
func (r *Request) ExpectClear(wait bool) {
	r.f.t.Helper()
	var v wire.ClearOutput
	r.decode(r.next(r.outputs, wire.ClearOutputType), &v)
	if v.Wait != wait {
		r.f.t.Fatalf("%s: clear_output waits: %v, want %v", r, v.Wait, wait)
	}
}

// ExpectError takes an error of the given name.
func (r *Request) ExpectError(name string) wire.Error {
	r.f.t.Helper()
	var v wire.Error
	r.decode(r.next(r.outputs, wire.ErrorType), &v)
	if v.Name != name {
		r.f.t.Fatalf("%s: the error is %+v, want a %s", r, v, name)
	}
	return v
}

// ExpectComm takes a message of the comm with the given identifier.
func (r *Request) ExpectComm(msgType, id string) wire.Message {
	r.f.t.Helper()
	m := r.next(r.outputs, msgType)
	var c wire.Comm
	r.decode(m, &c)
	if c.CommID != id {
		r.f.t.Fatalf("%s: %s is of the comm %q, want %q", r, msgType, c.CommID, id)
	}
	return m
}

// ExpectReply takes the reply, which must have the given status, and returns its content.
func (r *Request) ExpectReply(status string) map[string]any {
	r.f.t.Helper()
	content := map[string]any{}
	r.decode(r.next(r.replies, ""), &content)
	if content["status"] != status {
		r.f.t.Fatalf("%s: the reply is %v, want the status %s", r, content, status)
	}
	return content
}

// ExpectFields takes a reply with status "ok" in which the given fields have the given JSON values.
func (r *Request) ExpectFields(want map[string]any) {
	r.f.t.Helper()
	got := r.ExpectReply("ok")
	raw, err := json.Marshal(want)
	if err != nil {
		r.f.t.Fatal(err)
	}
	normal := map[string]any{}
	if err := json.Unmarshal(raw, &normal); err != nil {
		r.f.t.Fatal(err)
	}
	for name, v := range normal {
		if !reflect.DeepEqual(got[name], v) {
			r.f.t.Errorf("%s: %s is %v, want %v", r, name, got[name], v)
		}
	}
}
