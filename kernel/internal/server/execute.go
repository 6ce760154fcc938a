package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// abortDelay is how long a failed cell's reply is held back, so that the cells that were sent together
// with it have arrived and can be aborted.
const abortDelay = 20 * time.Millisecond

// errAborted is the reply to a cell that was not run.
var errAborted = errors.New("not run, because an earlier cell failed")

// errUnsupported is the reply to an expression of user_expressions.
var errUnsupported = errors.New("user_expressions are not supported; run a cell")

// executeLoop runs cells in the order of their requests until the server ends.
func (s *Server) executeLoop(ctx context.Context) {
	for {
		r, ok := s.queue.next()
		if !ok {
			return
		}
		for _, late := range s.execute(context.WithoutCancel(ctx), r) {
			late.abort()
		}
	}
}

// execute runs one cell. It returns the requests that are not to be run because it failed.
func (s *Server) execute(ctx context.Context, r *request) (aborted []*request) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.state.busy(r, true)
	defer s.state.idle(r)
	q, err := wire.ParseExecuteRequest(r.msg)
	if err != nil {
		r.reply(wire.ExecuteErrorReply{ErrorReply: wire.NewErrorReply("Error", err), ExecutionCount: s.history.current()}, nil)
		return nil
	}
	s.state.cancellable(cancel)
	count := s.history.begin(q.Code, q.StoreHistory)
	if !q.Silent {
		s.publish(wire.ExecuteInputType, &r.msg, wire.ExecuteInput{Code: q.Code, ExecutionCount: count})
	}
	out := newOutput(r, q.Silent, count)
	started := time.Now()
	err = r.run(ctx, q, out)
	out.finish()
	if q.StoreHistory {
		s.history.result(count, out.value())
	}
	if err != nil && !q.Silent {
		s.publish(wire.ErrorType, &r.msg, describe(ctx, err))
		if q.StopOnError {
			time.Sleep(abortDelay)
			aborted = s.queue.takeAll()
		}
	}
	r.replyExecuted(ctx, q, out, err, started)
	return aborted
}

// run calls the handler.
func (r *request) run(ctx context.Context, q wire.ExecuteRequest, out *output) error {
	_, err := r.try(ctx, func(ctx context.Context, _ *request) (any, error) {
		return nil, r.s.handler.Execute(ctx, ExecuteRequest{
			Code:         q.Code,
			Silent:       q.Silent,
			StoreHistory: q.StoreHistory,
			AllowStdin:   q.AllowStdin,
			Count:        out.count,
			CellID:       q.CellID,
		}, out.forHandler(q.AllowStdin))
	})
	return err
}

// replyExecuted sends the reply of a cell that has run.
func (r *request) replyExecuted(ctx context.Context, q wire.ExecuteRequest, out *output, err error, started time.Time) {
	count := r.s.history.current()
	metadata := map[string]any{"started": started.UTC().Format(time.RFC3339Nano), "status": "ok"}
	if err != nil {
		metadata["status"] = "error"
		reply := wire.ErrorReply{Status: "error", Error: describe(ctx, err)}
		r.reply(wire.ExecuteErrorReply{ErrorReply: reply, ExecutionCount: count}, metadata)
		return
	}
	reply := wire.ExecuteReply{Status: "ok", ExecutionCount: count, Payload: out.payload(), UserExpressions: map[string]any{}}
	for name := range q.UserExpressions {
		reply.UserExpressions[name] = wire.NewErrorReply("Unsupported", errUnsupported)
	}
	r.reply(reply, metadata)
}

// describe puts what Execute returned in the form of the protocol.
func describe(ctx context.Context, err error) wire.Error {
	if cell, ok := errors.AsType[*CellError](err); ok {
		e := wire.Error{Name: cell.Name, Value: cell.Value, Traceback: cell.Traceback}
		if len(e.Traceback) == 0 {
			e.Traceback = []string{cell.Error()}
		}
		return e
	}
	name := "Error"
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrInterrupted) && (errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled)):
		name, err = "Interrupted", errors.New("the cell was interrupted")
	case errors.Is(cause, ErrShutdown):
		name = "Shutdown"
	}
	return wire.Error{Name: name, Value: err.Error(), Traceback: []string{err.Error()}}
}

// abort answers a cell that is not run. It has no number: 0 keeps frontends from showing one.
func (r *request) abort() {
	r.s.state.busy(r, false)
	defer r.s.state.idle(r)
	r.reply(wire.ExecuteErrorReply{ErrorReply: wire.NewErrorReply("Aborted", errAborted)}, map[string]any{"status": "aborted"})
}

// A queue holds the cells that wait to be run.
type queue struct {
	ready chan struct{} // has an element when next should look again

	mu     sync.Mutex
	items  []*request
	closed bool
}

// put appends a request.
func (q *queue) put(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, r)
	q.wake()
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
	if !q.closed && len(q.items) > 0 {
		r, q.items = q.items[0], q.items[1:]
	}
	return r, !q.closed
}

// takeAll empties the queue.
func (q *queue) takeAll() []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.items
	q.items = nil
	return all
}

// close ends next.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}
