package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A question waits for a user's answer.
type question struct {
	id      string // of its message
	session string // the frontend that was asked
	shell   string // whose cell asks
	line    chan string
}

// inputs are the open questions: one of each shell at most, the oldest first.
type inputs struct {
	mu   sync.Mutex
	open []question
}

// ask begins a question that the frontend's session is to answer.
func (in *inputs) ask(id, session, shell string) question {
	in.mu.Lock()
	defer in.mu.Unlock()
	q := question{id, session, shell, make(chan string, 1)}
	in.open = append(in.open, q)
	return q
}

// close ends a question; later answers are too late.
func (in *inputs) close(id string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.open = slices.DeleteFunc(in.open, func(q question) bool { return q.id == id })
}

// answer gives a line to the question that it is for: the one that m names as its parent, the one of the
// subshell that it names or, as many frontends name neither, the oldest of the frontend's session.
func (in *inputs) answer(m wire.Message, line string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	parent, shell := m.ParentID(), m.Header.SubshellID
	for i, q := range in.open {
		if (parent == "" || parent == q.id) && (shell == nil || *shell == q.shell) && q.session == m.Header.Session {
			in.open = slices.Delete(in.open, i, i+1)
			q.line <- line
			return
		}
	}
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
type inputOutput struct {
	*output
	shell *shell
}

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
	case o.shell.asking <- struct{}{}:
		defer func() { <-o.shell.asking }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	o.finish()
	m, err := wire.New(wire.InputRequestType, o.s.session, &o.r.msg, wire.InputRequest{Prompt: prompt, Password: password})
	if err != nil {
		return "", err
	}
	q := in.ask(m.Header.MsgID, o.r.msg.Header.Session, o.shell.id)
	defer in.close(q.id)
	err = o.connected(ctx)
	if err == nil {
		err = o.r.send(o.s.stdin, m)
	}
	if err != nil {
		return "", fmt.Errorf("server: the frontend cannot be asked for input: %w", err)
	}
	select {
	case text := <-q.line:
		return text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-o.s.ended:
		return "", errors.New("server: the kernel has ended")
	}
}
