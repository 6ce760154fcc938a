package server

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/kernel/internal/zmq"
)

// A request is one message that a frontend wants answered, and the channel that it came on.
type request struct {
	s      *Server
	socket *zmq.Router
	msg    wire.Message
	to     route
}

// serve answers r between its busy and its idle.
func (r *request) serve(ctx context.Context, a answer) {
	r.s.state.busy(r)
	defer r.s.state.idle(r)
	content, err := r.try(ctx, a)
	if err != nil {
		content = wire.NewErrorReply("Error", err)
	}
	if content != nil {
		r.reply(content, nil)
	}
}

// try calls a. A panic of the handler is its error, and not the end of the kernel.
func (r *request) try(ctx context.Context, a answer) (content any, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.s.log.Printf("panic while answering %s: %v\n%s", r.msg.Header.MsgType, p, debug.Stack())
			content, err = nil, fmt.Errorf("the kernel failed: %v", p)
		}
	}()
	return a(ctx, r)
}

// reply answers r on the channel that it came on.
func (r *request) reply(content any, metadata map[string]any) {
	msgType := strings.TrimSuffix(r.msg.Header.MsgType, "_request") + "_reply"
	m, err := wire.New(msgType, r.s.session, &r.msg, content)
	if err != nil {
		m, _ = wire.New(msgType, r.s.session, &r.msg, wire.NewErrorReply("Error", err)) // text always encodes
	}
	m.Metadata, _ = json.Marshal(metadata) // strings and numbers of our own
	if metadata == nil {
		m.Metadata = nil
	}
	r.send(r.socket, m)
}

// send sends m to the frontend that sent r.
func (r *request) send(socket *zmq.Router, m wire.Message) error {
	m.Identities = r.msg.Identities
	frames, err := wire.Encode(m, r.s.key)
	if err == nil {
		err = socket.Send(frames)
	}
	if err != nil {
		r.s.reports.printf(r.s.log, "send", "%s was not sent: %v", m.Header.MsgType, err)
	}
	return err
}

// publish shows content to every frontend, as caused by parent unless that is nil.
func (s *Server) publish(msgType string, parent *wire.Message, content any) error {
	m, err := wire.New(msgType, s.session, parent, content)
	if err != nil {
		return err
	}
	return s.broadcast(m)
}

// broadcast shows m to every frontend.
func (s *Server) broadcast(m wire.Message) error {
	m.Identities = [][]byte{[]byte("kernel." + s.session + "." + m.Header.MsgType)}
	frames, err := wire.Encode(m, s.key)
	if err != nil {
		return err
	}
	s.iopub.Publish(frames)
	return nil
}

// A run is an execute request that is being executed.
type run struct {
	r      *request
	shell  *shell
	cancel context.CancelCauseFunc
}

// state is what the kernel does at the moment. Its lock orders the status messages.
type state struct {
	mu   sync.Mutex
	runs []*run // one of each shell at most, the latest last
}

// begin publishes that a cell is being run, and remembers it.
func (st *state) begin(c *run) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.runs = append(st.runs, c)
	st.status(c.r, wire.Busy)
}

// busy publishes that r, which is no cell that runs, is being worked on.
func (st *state) busy(r *request) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.status(r, wire.Busy)
}

// idle publishes that r is done. If cells still run, the kernel is still busy with the first of those,
// and says so: frontends show the latest status.
func (st *state) idle(r *request) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.runs = slices.DeleteFunc(st.runs, func(c *run) bool { return c.r == r })
	st.status(r, wire.Idle)
	if len(st.runs) > 0 {
		st.status(st.runs[0].r, wire.Busy)
	}
}

// status publishes the state of a request; the lock is held.
func (st *state) status(r *request, to string) {
	r.s.publish(wire.StatusType, &r.msg, wire.Status{ExecutionState: to}) // a string always encodes
}

// stop cancels the running cell of a shell, or of all shells if that is nil.
func (st *state) stop(cause error, sh *shell) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, c := range st.runs {
		if sh == nil || c.shell == sh {
			c.cancel(cause)
		}
	}
}

// running says whether a cell runs.
func (st *state) running() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.runs) > 0
}
