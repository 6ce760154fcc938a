// Package kerneltest tests kernels from the outside: a frontend that speaks to them over real sockets,
// a handler that echoes, and scenarios in text files. See RunScripts for the form of a scenario.
package kerneltest

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/kernel/internal/zmq"
)

// patience is how long an Expect waits. It is long, as only a failing test waits so long.
const patience = 30 * time.Second

// A Frontend is connected to all channels of one kernel. When it closes it fails the test for every message
// that was not read, for every request whose end was not read, and for every message of the kernel that is
// not as the specification has it.
type Frontend struct {
	t       testing.TB
	key     wire.Key
	session string
	conns   map[string]*zmq.Conn
	wg      sync.WaitGroup
	stop    context.CancelFunc
	prompts chan wire.Message
	record  *transcript // nil keeps none

	mu       sync.Mutex
	requests map[string]*Request
	order    []*Request
	strays   []string      // messages that no request of ours caused
	uncaused *mailbox      // what came on IOPub without a parent
	lost     chan struct{} // closed when the control channel has ended
	statuses []string
}

// Channels of a kernel, as Request names them.
const (
	Shell   = "shell"
	Control = "control"
	Stdin   = "stdin"
	iopub   = "iopub"
)

// Serve runs h as a kernel on loopback sockets until the test ends, and returns where it listens. What
// the kernel logs goes to the test's log.
func Serve(t testing.TB, h server.Handler) server.ConnectionInfo {
	t.Helper()
	l := log.New(testLog{t}, "", 0)
	s, err := server.Listen(server.ConnectionInfo{IP: "127.0.0.1", Key: wire.NewID()}, l)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(ctx, h); err != nil && ctx.Err() == nil {
			t.Errorf("the kernel ended with %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s.Connection()
}

// testLog writes to the log of a test.
type testLog struct{ t testing.TB }

// Write implements io.Writer.
func (l testLog) Write(b []byte) (int, error) {
	l.t.Logf("kernel: %s", strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// Start runs h as a kernel and connects to it.
func Start(t testing.TB, h server.Handler) *Frontend {
	t.Helper()
	return Connect(t, Serve(t, h))
}

// Connect connects to a kernel over TCP, and waits until its output will arrive. The connection ends
// with the test.
func Connect(t testing.TB, info server.ConnectionInfo) *Frontend {
	t.Helper()
	return connect(t, info, nil)
}

// connect is Connect, and writes down what passes.
func connect(t testing.TB, info server.ConnectionInfo, record *transcript) *Frontend {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	f := &Frontend{
		t: t, key: wire.KeyOf(info.Key), session: wire.NewID(), stop: stop,
		conns: map[string]*zmq.Conn{}, requests: map[string]*Request{}, prompts: make(chan wire.Message, 16), uncaused: newMailbox(),
		lost: make(chan struct{}), record: record,
	}
	t.Cleanup(f.close)
	for channel, port := range map[string]int{Shell: info.ShellPort, Control: info.ControlPort, Stdin: info.StdinPort, iopub: info.IOPubPort} {
		kind := "DEALER"
		if channel == iopub {
			kind = "SUB"
		}
		c, err := zmq.Dial(ctx, "tcp", net.JoinHostPort(info.IP, strconv.Itoa(port)), kind, f.session)
		if err != nil {
			t.Fatalf("%s: %v", channel, err)
		}
		f.conns[channel] = c
	}
	f.welcome()
	return f.listen(ctx)
}

// listen begins to read all channels.
func (f *Frontend) listen(ctx context.Context) *Frontend {
	for channel := range f.conns {
		f.wg.Go(func() { f.readLoop(ctx, channel) })
	}
	return f
}

// welcome subscribes to all output.
func (f *Frontend) welcome() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f.conns[iopub].Subscribe("")
	for {
		frames, err := f.conns[iopub].Recv(ctx)
		if err != nil {
			f.t.Fatalf("no iopub_welcome: %v", err)
		}
		m, err := wire.Decode(frames, f.key)
		if err != nil {
			f.t.Fatal(err)
		}
		f.check(iopub, m)
		if m.Header.MsgType == wire.WelcomeType {
			f.record.add(entry{"", fromKernel, iopub, m})
			return
		}
		f.t.Errorf("%s came before iopub_welcome", m.Header.MsgType)
	}
}

// readLoop gives the messages of one channel to the requests that caused them.
func (f *Frontend) readLoop(ctx context.Context, channel string) {
	for {
		frames, err := f.conns[channel].Recv(ctx)
		if err != nil {
			if channel == Control {
				close(f.lost)
			}
			return
		}
		m, err := wire.Decode(frames, f.key)
		if err != nil {
			f.t.Errorf("%s: %v", channel, err)
			continue
		}
		f.check(channel, m)
		if channel == Stdin {
			f.record.add(entry{m.ParentID(), fromKernel, channel, m})
			f.prompts <- m
			continue
		}
		f.deliver(channel, m)
	}
}

// check fails the test if a message of the kernel is not as the specification has it.
func (f *Frontend) check(channel string, m wire.Message) {
	if _, measured := f.t.(*testing.B); measured {
		return
	}
	if err := checkMessage(fromKernel, channel, m); err != nil {
		f.t.Errorf("the kernel's message is not of the protocol: %v", err)
	}
}

// deliver gives m to its request. The repeated busy that restores the kernel's state is kept in the
// list of statuses alone.
func (f *Frontend) deliver(channel string, m wire.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.requests[m.ParentID()]
	state := ""
	if m.Header.MsgType == wire.StatusType {
		var s wire.Status
		json.Unmarshal(m.Content, &s) // an empty state fails the test that looks at it
		state = s.ExecutionState
		if state != wire.Starting {
			f.statuses = append(f.statuses, state)
		}
	}
	switch {
	case state == wire.Starting || r == nil && m.ParentID() != "" && channel == iopub:
		// What other frontends have caused is theirs.
	case r == nil && channel == iopub:
		f.uncaused.put(m)
	case r == nil:
		f.strays = append(f.strays, channel+": "+m.Header.MsgType)
	case state != "" && r.idle:
		f.strays = append(f.strays, fmt.Sprintf("%s: %s, after the idle of %s", channel, state, r))
	case state == wire.Busy && r.busy:
	case channel == iopub:
		r.busy, r.idle = r.busy || state == wire.Busy, state == wire.Idle || r.idle
		f.record.add(entry{r.id, fromKernel, channel, m})
		r.outputs.put(m)
	default:
		f.record.add(entry{r.id, fromKernel, channel, m})
		r.replies.put(m)
	}
}

// NextUncaused takes the next message that the kernel publishes because of no request.
func (f *Frontend) NextUncaused() wire.Message {
	f.t.Helper()
	m, ok := f.uncaused.wait(patience)
	if !ok {
		f.t.Fatal("no message without a request came")
	}
	return m
}

// Statuses returns the states that the kernel has told so far, for all requests.
func (f *Frontend) Statuses() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.statuses...)
}

// settle waits until what the kernel has sent so far is here: the answer to a last question comes behind it.
func (f *Frontend) settle() {
	for _, channel := range []string{Shell, Control} {
		m, err := wire.New(wire.KernelInfoRequestType, f.session, nil, struct{}{})
		if err != nil {
			return
		}
		r := f.remember("the last question", m.Header.MsgID)
		r.ignored = true
		frames, err := wire.Encode(m, f.key)
		if err != nil || f.conns[channel] == nil || f.conns[channel].Send(frames...) != nil {
			return
		}
		for _, box := range []*mailbox{r.replies, r.outputs, r.outputs} { // the reply, busy and idle
			select {
			case <-box.ready:
				box.take()
			case <-f.lost: // the kernel has ended
				return
			case <-time.After(patience):
				f.t.Error("the kernel does not answer at the end of the test")
				return
			}
		}
	}
}

// close disconnects, and fails the test for what it has not read.
func (f *Frontend) close() {
	if !f.t.Failed() {
		f.settle()
	}
	f.stop()
	for _, c := range f.conns {
		c.Close()
	}
	f.wg.Wait()
	if f.t.Failed() {
		return
	}
	for _, r := range f.order {
		if r.ignored {
			continue
		}
		if !r.ended {
			f.t.Errorf("the end of %s was not read", r)
		}
		if !r.replied && strings.HasSuffix(r.msgType, "_request") {
			f.t.Errorf("the reply to %s was not read", r)
		}
		for _, box := range []*mailbox{r.outputs, r.replies} {
			for m, ok := box.take(); ok; m, ok = box.take() {
				f.t.Errorf("%s was not read: %s %s", r, m.Header.MsgType, m.Content)
			}
		}
	}
	for m, ok := f.uncaused.take(); ok; m, ok = f.uncaused.take() {
		f.t.Errorf("a message without a request was not read: %s %s", m.Header.MsgType, m.Content)
	}
	for _, s := range f.strays {
		f.t.Errorf("a message without a request was not read: %s", s)
	}
	for len(f.prompts) > 0 {
		m := <-f.prompts
		f.t.Errorf("a prompt was not read: %s", m.Content)
	}
}

// An Outgoing is a message that a Frontend sends.
type Outgoing struct {
	Channel, Type string
	Subshell      string   // "" is the main shell
	Content       any      // nil is {}
	Metadata      any      // nil is {}
	Buffers       [][]byte // that belong to the content
}

// Request sends a request with content, and metadata unless it is nil.
func (f *Frontend) Request(channel, msgType string, content, metadata any) *Request {
	f.t.Helper()
	return f.Send(Outgoing{Channel: channel, Type: msgType, Content: content, Metadata: metadata})
}

// Send sends a message.
func (f *Frontend) Send(o Outgoing) *Request {
	f.t.Helper()
	if o.Content == nil {
		o.Content = struct{}{}
	}
	m, err := wire.New(o.Type, f.session, nil, o.Content)
	if err != nil {
		f.t.Fatal(err)
	}
	if o.Metadata != nil {
		if m.Metadata, err = json.Marshal(o.Metadata); err != nil {
			f.t.Fatal(err)
		}
	}
	if o.Subshell != "" {
		m.Header.SubshellID = &o.Subshell
	}
	m.Buffers = o.Buffers
	r := f.remember(o.Type, m.Header.MsgID)
	frames, err := wire.Encode(m, f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	f.sent(o.Channel, r.id, frames)
	f.Raw(o.Channel, frames...)
	r.again = func() { f.Raw(o.Channel, frames...) }
	return r
}

// sent writes down what is being sent. It must be of the protocol if it is written down.
func (f *Frontend) sent(channel, request string, frames [][]byte) {
	f.t.Helper()
	if f.record == nil {
		return
	}
	m, err := wire.Decode(frames, f.key)
	if err == nil {
		err = checkMessage(fromFrontend, channel, m)
	}
	if err != nil {
		f.t.Errorf("the frontend's message is not of the protocol: %v", err)
	}
	f.record.add(entry{request, fromFrontend, channel, m})
}

// remember makes the request that messages with the given parent belong to.
func (f *Frontend) remember(msgType, id string) *Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &Request{
		f: f, msgType: msgType, name: fmt.Sprintf("%s %d", msgType, len(f.order)+1), id: id,
		outputs: newMailbox(), replies: newMailbox(),
	}
	f.requests[id] = r
	f.order = append(f.order, r)
	return r
}

// Raw sends frames as they are.
func (f *Frontend) Raw(channel string, frames ...[]byte) {
	f.t.Helper()
	if err := f.conns[channel].Send(frames...); err != nil {
		f.t.Fatalf("%s: %v", channel, err)
	}
}

// Execute sends a cell.
func (f *Frontend) Execute(code string) *Request {
	f.t.Helper()
	return f.Request(Shell, wire.ExecuteRequestType, Cell(code), nil)
}

// ExecuteIn sends a cell to a subshell.
func (f *Frontend) ExecuteIn(subshell, code string) *Request {
	f.t.Helper()
	return f.Send(Outgoing{Channel: Shell, Type: wire.ExecuteRequestType, Subshell: subshell, Content: Cell(code)})
}

// CreateSubshell makes a subshell and returns its identifier.
func (f *Frontend) CreateSubshell() string {
	f.t.Helper()
	r := f.Request(Control, wire.CreateSubshellRequestType, struct{}{}, nil)
	id, _ := r.ExpectReply("ok")["subshell_id"].(string)
	r.ExpectBusy()
	r.ExpectIdle()
	return id
}

// Cell returns the content of an execute_request as frontends send it. Fields may be changed.
func Cell(code string) map[string]any {
	return map[string]any{
		"code": code, "silent": false, "store_history": true,
		"user_expressions": map[string]any{}, "allow_stdin": true, "stop_on_error": true,
	}
}

// Interrupt interrupts the running cell and waits for the reply.
func (f *Frontend) Interrupt() {
	f.t.Helper()
	r := f.Request(Control, wire.InterruptRequestType, struct{}{}, nil)
	r.ExpectReply("ok")
	r.ExpectBusy()
	r.ExpectIdle()
}

// Answer answers the next prompt of the kernel, whose text must be prompt, with a line.
func (f *Frontend) Answer(prompt, line string) {
	f.t.Helper()
	m := f.Prompts(1)[0]
	var q wire.InputRequest
	if err := json.Unmarshal(m.Content, &q); err != nil || q.Prompt != prompt {
		f.t.Fatalf("the prompt is %s, want %q", m.Content, prompt)
	}
	f.Reply(m, line)
}

// Prompts takes the next n prompts of the kernel.
func (f *Frontend) Prompts(n int) (prompts []wire.Message) {
	f.t.Helper()
	for late := time.After(patience); len(prompts) < n; {
		select {
		case m := <-f.prompts:
			prompts = append(prompts, m)
		case <-late:
			f.t.Fatalf("%d of %d prompts came", len(prompts), n)
		}
	}
	return prompts
}

// Reply answers a prompt with a line.
func (f *Frontend) Reply(prompt wire.Message, line string) {
	f.t.Helper()
	m, err := wire.New(wire.InputReplyType, f.session, &prompt, wire.InputReply{Value: line})
	if err != nil {
		f.t.Fatal(err)
	}
	frames, err := wire.Encode(m, f.key)
	if err != nil {
		f.t.Fatal(err)
	}
	f.sent(Stdin, prompt.ParentID(), frames)
	f.Raw(Stdin, frames...)
}
