package server

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
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
}

// serve answers r between its busy and its idle.
func (r *request) serve(ctx context.Context, a answer) {
	r.s.state.busy(r, false)
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
	m.Identities = [][]byte{[]byte("kernel." + s.session + "." + msgType)}
	frames, err := wire.Encode(m, s.key)
	if err != nil {
		return err
	}
	s.iopub.Publish(frames)
	return nil
}

// state is what the kernel does at the moment. Its lock orders the status messages.
type state struct {
	mu     sync.Mutex
	active *request                // the execute request that runs
	cancel context.CancelCauseFunc // cancels it
}

// busy publishes that r is being worked on, and remembers it if it is a running cell.
func (st *state) busy(r *request, active bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if active {
		st.active = r
	}
	st.status(r, wire.Busy)
}

// idle publishes that r is done. If that is not the running cell, the kernel is still busy with that
// one, and says so: frontends show the latest status.
func (st *state) idle(r *request) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.active == r {
		st.active, st.cancel = nil, nil
	}
	st.status(r, wire.Idle)
	if st.active != nil {
		st.status(st.active, wire.Busy)
	}
}

// status publishes the state of a request; the lock is held.
func (st *state) status(r *request, to string) {
	r.s.publish(wire.StatusType, &r.msg, wire.Status{ExecutionState: to}) // a string always encodes
}

// cancellable makes the running cell end when stop is called.
func (st *state) cancellable(cancel context.CancelCauseFunc) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.cancel = cancel
}

// stop cancels the running cell, if there is one.
func (st *state) stop(cause error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.cancel != nil {
		st.cancel(cause)
	}
}

// running says whether a cell runs.
func (st *state) running() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.active != nil
}
