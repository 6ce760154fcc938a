package server

import (
	"context"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// kernelInfo answers what this kernel is.
func (s *Server) kernelInfo(context.Context, *request) (any, error) {
	info := s.handler.Info()
	info.Status = "ok"
	info.ProtocolVersion = wire.ProtocolVersion
	if info.HelpLinks == nil {
		info.HelpLinks = []wire.HelpLink{}
	}
	info.Features = []string{}
	return info, nil
}
