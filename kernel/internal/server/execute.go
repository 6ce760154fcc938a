package server

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// abortDelay is how long a failed cell's reply is held back, so that the cells that were sent together
// with it have arrived and can be aborted.
const abortDelay = 20 * time.Millisecond

// errAborted is the reply to a cell that was not run.
var errAborted = errors.New("not run, because an earlier cell failed")

// errUnsupported is the reply to an expression where the handler evaluates none.
var errUnsupported = errors.New("user_expressions are not supported; run a cell")

// executeLoop runs the cells of a shell in the order of their requests, until the shell is closed.
func (s *Server) executeLoop(ctx context.Context, sh *shell) {
	for {
		r, ok := sh.queue.next()
		if !ok {
			return
		}
		for _, late := range s.execute(context.WithoutCancel(ctx), sh, r) {
			late.abort(errAborted)
		}
	}
}

// execute runs one cell of a shell. It returns the requests that are not to be run because it failed.
func (s *Server) execute(ctx context.Context, sh *shell, r *request) (aborted []*request) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.state.begin(&run{r: r, shell: sh, cancel: cancel})
	defer s.state.idle(r)
	if why := sh.queue.closed(); why != nil {
		cancel(why) // the shell was closed when it had taken r, and before stop could find it
	}
	q, err := wire.ParseExecuteRequest(r.msg)
	if err != nil {
		r.reply(wire.ExecuteErrorReply{ErrorReply: wire.NewErrorReply("Error", err), ExecutionCount: s.history.current()}, nil)
		return nil
	}
	count := s.begin(q.Code, q.StoreHistory)
	if !q.Silent {
		s.publish(wire.ExecuteInputType, &r.msg, wire.ExecuteInput{Code: q.Code, ExecutionCount: count})
	}
	out := newOutput(r, q.Silent, count)
	started := time.Now()
	err = r.run(ctx, sh, q, out)
	out.finish()
	if q.StoreHistory {
		s.result(count, out.value())
	}
	if err != nil && !q.Silent {
		s.publish(wire.ErrorType, &r.msg, describe(ctx, err))
		if q.StopOnError {
			time.Sleep(abortDelay)
			aborted = sh.queue.takeAll()
		}
	}
	r.replyExecuted(ctx, q, out, err, started)
	return aborted
}

// run calls the handler.
func (r *request) run(ctx context.Context, sh *shell, q wire.ExecuteRequest, out *output) error {
	_, err := r.try(ctx, func(ctx context.Context, _ *request) (any, error) {
		return nil, r.s.handler.Execute(ctx, ExecuteRequest{
			Code:         q.Code,
			Silent:       q.Silent,
			StoreHistory: q.StoreHistory,
			AllowStdin:   q.AllowStdin,
			Count:        out.count,
			CellID:       q.CellID,
			Subshell:     sh.id,
		}, out.forHandler(sh, q.AllowStdin))
	})
	return err
}

// replyExecuted sends the reply of a cell that has run.
func (r *request) replyExecuted(ctx context.Context, q wire.ExecuteRequest, out *output, err error, started time.Time) {
	count := out.count // other shells may have counted on
	if !q.StoreHistory {
		count = r.s.history.current()
	}
	metadata := map[string]any{"started": started.UTC().Format(time.RFC3339Nano), "status": "ok"}
	if err != nil {
		metadata["status"] = "error"
		reply := wire.ErrorReply{Status: "error", Error: describe(ctx, err)}
		r.reply(wire.ExecuteErrorReply{ErrorReply: reply, ExecutionCount: count}, metadata)
		return
	}
	reply := wire.ExecuteReply{Status: "ok", ExecutionCount: count, Payload: out.payload(), UserExpressions: map[string]any{}}
	for _, name := range slices.Sorted(maps.Keys(q.UserExpressions)) {
		reply.UserExpressions[name] = r.evaluate(ctx, q.UserExpressions[name])
	}
	r.reply(reply, metadata)
}

// evaluate returns the value of an expression, or its error, as a reply shows it.
func (r *request) evaluate(ctx context.Context, expression string) any {
	e, ok := r.s.handler.(Evaluator)
	if !ok {
		return wire.NewErrorReply("Unsupported", errUnsupported)
	}
	v, err := r.try(ctx, func(ctx context.Context, _ *request) (any, error) {
		b, err := e.Evaluate(ctx, expression)
		if err != nil {
			return nil, err
		}
		x := wire.Expression{Status: "ok", Data: orEmpty(b.Data), Metadata: orEmpty(b.Metadata)}
		return json.Marshal(x)
	})
	if err != nil {
		return wire.ErrorReply{Status: "error", Error: describe(ctx, err)}
	}
	return json.RawMessage(v.([]byte))
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
func (r *request) abort(why error) {
	r.s.state.busy(r)
	defer r.s.state.idle(r)
	r.reply(wire.ExecuteErrorReply{ErrorReply: wire.NewErrorReply("Aborted", why)}, map[string]any{"status": "aborted"})
}
