package server

import (
	"context"
	"encoding/json"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// commInfo answers which comms are open: none, as this kernel has no targets.
func (s *Server) commInfo(_ context.Context, r *request) (any, error) {
	if _, err := wire.ParseCommInfoRequest(r.msg); err != nil {
		return nil, err
	}
	return wire.CommInfoReply{Status: "ok", Comms: map[string]wire.CommInfo{}}, nil
}

// commOpen closes a comm that a frontend opens, as the protocol asks for targets that are not known.
func (s *Server) commOpen(_ context.Context, r *request) (any, error) {
	q, err := wire.ParseComm(r.msg)
	if err != nil {
		s.reports.printf(s.log, "comm", "a comm_open was dropped: %v", err)
		return nil, nil
	}
	s.reports.once(s.log, "comm "+q.TargetName, "comms of the target %q are not known and are closed", q.TargetName)
	return nil, s.publish(wire.CommCloseType, &r.msg, wire.Comm{CommID: q.CommID, Data: json.RawMessage("{}")})
}

// commIgnore takes a message of a comm that is not open.
func (s *Server) commIgnore(context.Context, *request) (any, error) { return nil, nil }
