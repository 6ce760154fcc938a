package server

import (
	"context"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// helpTime is how long the handler may take over a completion or an inspection. The user has typed on
// long before.
const helpTime = 10 * time.Second

// complete answers what may stand at the cursor.
func (s *Server) complete(ctx context.Context, r *request) (any, error) {
	q, err := wire.ParseCompleteRequest(r.msg)
	if err != nil {
		return nil, err
	}
	reply := wire.CompleteReply{CursorStart: q.CursorPos, CursorEnd: q.CursorPos}
	if c, ok := s.handler.(Completer); ok {
		ctx, cancel := context.WithTimeout(ctx, helpTime)
		defer cancel()
		if reply, err = c.Complete(ctx, q.Code, q.CursorPos); err != nil {
			return nil, err
		}
	}
	if reply.Status == "" {
		reply.Status = "ok"
	}
	if reply.Matches == nil {
		reply.Matches = []string{}
	}
	reply.Metadata = orEmpty(reply.Metadata)
	return reply, nil
}

// isComplete answers whether code may be run as it is.
func (s *Server) isComplete(_ context.Context, r *request) (any, error) {
	q, err := wire.ParseIsCompleteRequest(r.msg)
	if err != nil {
		return nil, err
	}
	return s.handler.IsComplete(q.Code), nil
}

// inspect answers what stands at the cursor.
func (s *Server) inspect(ctx context.Context, r *request) (any, error) {
	q, err := wire.ParseInspectRequest(r.msg)
	if err != nil {
		return nil, err
	}
	var reply wire.InspectReply
	if i, ok := s.handler.(Inspector); ok {
		ctx, cancel := context.WithTimeout(ctx, helpTime)
		defer cancel()
		if reply, err = i.Inspect(ctx, q.Code, q.CursorPos, q.DetailLevel); err != nil {
			return nil, err
		}
	}
	if reply.Status == "" {
		reply.Status = "ok"
	}
	reply.Data, reply.Metadata = orEmpty(reply.Data), orEmpty(reply.Metadata)
	return reply, nil
}
