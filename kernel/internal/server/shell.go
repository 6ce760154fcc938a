package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// subshellFeature is how kernel_info says that there are subshells.
const subshellFeature = "kernel subshells"

// maxSubshells bounds the subshells, each of which has a goroutine.
const maxSubshells = 256

// errDeleted is why the cells of a deleted subshell end.
var errDeleted = fmt.Errorf("%w: the subshell was deleted", ErrInterrupted)

// errSubshell is the reply to a request for a subshell that is not there.
var errSubshell = errors.New("there is no such subshell")

// A shell runs cells, one after another: the main shell, whose identifier is empty, or a subshell.
type shell struct {
	id     string
	queue  queue
	asking chan struct{} // has an element while a question of its cells is open
}

// newShell makes a shell.
func newShell(id string) *shell {
	return &shell{id: id, queue: newQueue(0), asking: make(chan struct{}, 1)}
}

// shells are the main shell and the subshells, in the order of their creation.
type shells struct {
	mu  sync.Mutex
	all []*shell
}

// find returns the shell with the given identifier, or nil.
func (s *shells) find(id string) *shell {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.all {
		if sh.id == id {
			return sh
		}
	}
	return nil
}

// add adds a shell, unless there are too many.
func (s *shells) add(sh *shell) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) > maxSubshells {
		return fmt.Errorf("there are %d subshells already", maxSubshells)
	}
	s.all = append(s.all, sh)
	return nil
}

// remove takes a subshell out, and returns it, or nil if there is none.
func (s *shells) remove(id string) *shell {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.all, func(sh *shell) bool { return sh.id == id && id != "" })
	if i < 0 {
		return nil
	}
	sh := s.all[i]
	s.all = slices.Delete(s.all, i, i+1)
	return sh
}

// list returns the shells.
func (s *shells) list() []*shell {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// createSubshell makes a subshell and answers with its identifier. Its cells end with ctx at the latest.
func (s *Server) createSubshell(ctx context.Context, _ *request) (any, error) {
	sh := newShell(wire.NewID())
	if err := s.shells.add(sh); err != nil {
		return nil, err
	}
	s.tasks.Go(func() { s.executeLoop(ctx, sh) })
	return wire.CreateSubshellReply{Status: "ok", SubshellID: sh.id}, nil
}

// deleteSubshell takes a subshell away and ends its cell, without waiting for it. Those that wait are
// answered with an error.
func (s *Server) deleteSubshell(_ context.Context, r *request) (any, error) {
	q, err := wire.ParseDeleteSubshellRequest(r.msg)
	if err != nil {
		return nil, err
	}
	sh := s.shells.remove(q.SubshellID)
	if sh == nil {
		return nil, fmt.Errorf("subshell %q: %w", q.SubshellID, errSubshell)
	}
	sh.queue.close(errDeleted)
	s.state.stop(errDeleted, sh)
	for _, waiting := range sh.queue.takeAll() {
		waiting.abort(errDeleted)
	}
	return wire.OKReply{Status: "ok"}, nil
}

// listSubshells answers which subshells there are.
func (s *Server) listSubshells(context.Context, *request) (any, error) {
	reply := wire.ListSubshellReply{Status: "ok", SubshellIDs: []string{}}
	for _, sh := range s.shells.list() {
		if sh.id != "" {
			reply.SubshellIDs = append(reply.SubshellIDs, sh.id)
		}
	}
	return reply, nil
}

// noSubshell answers a request for a subshell that is not there.
func (r *request) noSubshell() {
	r.s.state.busy(r)
	defer r.s.state.idle(r)
	e := wire.NewErrorReply("UnknownSubshell", fmt.Errorf("subshell %q: %w", r.subshell(), errSubshell))
	if r.msg.Header.MsgType == wire.ExecuteRequestType {
		r.reply(wire.ExecuteErrorReply{ErrorReply: e, ExecutionCount: r.s.history.current()}, nil)
		return
	}
	r.reply(e, nil)
}

// subshell returns the identifier of the shell that r is for.
func (r *request) subshell() string {
	if id := r.msg.Header.SubshellID; id != nil {
		return *id
	}
	return ""
}

// A queue holds requests that wait for the goroutine that works them off.
type queue struct {
	ready chan struct{} // has an element when next should look again
	limit int           // of requests that wait; 0 is none

	mu    sync.Mutex
	items []*request
	ended error // why the queue is closed, or nil
}

// newQueue makes a queue for at most limit requests; 0 is no limit.
func newQueue(limit int) queue { return queue{ready: make(chan struct{}, 1), limit: limit} }

// put appends a request. It is an error if the queue is closed or full.
func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended != nil {
		return q.ended
	}
	if q.limit > 0 && len(q.items) >= q.limit {
		return fmt.Errorf("%d messages wait already", q.limit)
	}
	q.items = append(q.items, r)
	q.wake()
	return nil
}

// wake lets next look again.
func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// next waits for a request. It returns false once the queue is closed.
func (q *queue) next() (*request, bool) {
	for {
		if r, open := q.poll(); r != nil || !open {
			return r, open
		}
		<-q.ready
	}
}

// poll returns the first request, if there is one, and whether the queue is open.
func (q *queue) poll() (r *request, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended == nil && len(q.items) > 0 {
		r, q.items = q.items[0], q.items[1:]
	}
	return r, q.ended == nil
}

// takeAll empties the queue.
func (q *queue) takeAll() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.items
	q.items = nil
	return all
}

// close ends next for the reason why.
func (q *queue) close(why error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = why
	q.wake()
}

// closed returns why the queue is closed, or nil.
func (q *queue) closed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ended
}
