package server

import (
	"context"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

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
