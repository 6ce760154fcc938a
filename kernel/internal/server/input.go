package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// inputs is the one question that may be open to a user.
type inputs struct {
	asking chan struct{} // has an element while a question is open

	mu      sync.Mutex
	id      string // of the question's message; "" when none is open
	session string // the frontend that was asked
	line    chan string
}

// open begins a question that the frontend's session is to answer.
func (in *inputs) open(id, session string) chan string {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.id, in.session, in.line = id, session, make(chan string, 1)
	return in.line
}

// close ends the question; later answers are too late.
func (in *inputs) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.id = ""
}

// answer gives a line to the open question, if it is for that.
func (in *inputs) answer(m wire.Message, line string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	parent := m.ParentID() // many frontends name none
	if in.id == "" || parent != "" && parent != in.id || m.Header.Session != in.session {
		return
	}
	in.id = ""
	in.line <- line
}

// inputLoop takes the answers of users.
func (s *Server) inputLoop(ctx context.Context) {
	for {
		m, ok := s.receive(ctx, s.stdin)
		if !ok {
			return
		}
		reply, err := wire.ParseInputReply(m)
		if m.Header.MsgType != wire.InputReplyType || err != nil {
			s.reports.printf(s.log, "input", "the stdin channel brought no input_reply but %s: %v", m.Header.MsgType, err)
			continue
		}
		s.inputs.answer(m, reply.Value)
	}
}

// An inputOutput is an output whose frontend can be asked.
type inputOutput struct{ *output }

// stdinTime is how long a frontend may take to connect its stdin channel, which may come after the
// others.
const stdinTime = 5 * time.Second

// connected waits for the frontend's stdin channel.
func (o *inputOutput) connected(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stdinTime)
	defer cancel()
	return o.s.stdin.Await(ctx, o.r.msg.Identities[0])
}

// Input implements Inputter.
func (o *inputOutput) Input(ctx context.Context, prompt string, password bool) (string, error) {
	in := &o.s.inputs
	select {
	case in.asking <- struct{}{}:
		defer func() { <-in.asking }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	o.finish()
	m, err := wire.New(wire.InputRequestType, o.s.session, &o.r.msg, wire.InputRequest{Prompt: prompt, Password: password})
	if err != nil {
		return "", err
	}
	line := in.open(m.Header.MsgID, o.r.msg.Header.Session)
	defer in.close()
	err = o.connected(ctx)
	if err == nil {
		err = o.r.send(o.s.stdin, m)
	}
	if err != nil {
		return "", fmt.Errorf("server: the frontend cannot be asked for input: %w", err)
	}
	select {
	case text := <-line:
		return text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-o.s.ended:
		return "", errors.New("server: the kernel has ended")
	}
}
