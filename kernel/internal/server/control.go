package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// errNoDebugger is the reply to a request of a debugger.
var errNoDebugger = errors.New("this kernel has no debugger")

// kernelInfo answers what this kernel is.
func (s *Server) kernelInfo(context.Context, *request) (any, error) {
	info := s.handler.Info()
	info.Status = "ok"
	info.ProtocolVersion = wire.ProtocolVersion
	if info.HelpLinks == nil {
		info.HelpLinks = []wire.HelpLink{}
	}
	info.Features = []string{subshellFeature}
	return info, nil
}

// connect answers where the sockets are. It is deprecated, and costs nothing.
func (s *Server) connect(context.Context, *request) (any, error) {
	c := s.info
	return wire.ConnectReply{
		Status: "ok", ShellPort: c.ShellPort, IOPubPort: c.IOPubPort, StdinPort: c.StdinPort,
		ControlPort: c.ControlPort, HeartbeatPort: c.HeartbeatPort,
	}, nil
}

// debug refuses a request of a debugger: kernel_info does not offer one, but some frontends ask.
func (s *Server) debug(_ context.Context, r *request) (any, error) {
	q := wire.ParseDebugRequest(r.msg)
	e := wire.NewErrorReply("Unsupported", errNoDebugger)
	return wire.DebugErrorReply{ErrorReply: e, Type: "response", RequestSeq: q.Seq, Command: q.Command, Message: e.Value}, nil
}

// Interrupt cancels the running cells of all shells with ErrInterrupted: interrupts are for the kernel,
// not for one of its shells. It does nothing when none runs. The program calls it when a signal asks it to.
func (s *Server) Interrupt() { s.state.stop(ErrInterrupted, nil) }

// interrupt answers an interrupt request.
func (s *Server) interrupt(context.Context, *request) (any, error) {
	s.Interrupt()
	return wire.OKReply{Status: "ok"}, nil
}

// shutdown answers a shutdown request, on its channel and to every frontend, when the handler has shut
// down.
func (s *Server) shutdown(_ context.Context, r *request) (any, error) {
	q, err := wire.ParseShutdownRequest(r.msg)
	if err == nil {
		err = s.shutDown(q.Restart)
	}
	if err != nil {
		s.log.Print(err)
	}
	reply := wire.ShutdownReply{Status: "ok", Restart: q.Restart} // it ends in any case
	s.publish(wire.ShutdownReplyType, &r.msg, reply)
	return reply, nil
}

// shutDown ends the running cell and the handler, once.
func (s *Server) shutDown(restart bool) (err error) {
	s.end.Do(func() {
		s.commQueue.close(ErrShutdown)
		for _, sh := range s.shells.list() {
			sh.queue.close(ErrShutdown)
		}
		s.state.stop(ErrShutdown, nil)
		for end := time.Now().Add(cellGrace); s.state.running() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(context.Background(), handlerGrace)
		defer cancel()
		if e := s.handler.Shutdown(ctx, restart); e != nil {
			err = fmt.Errorf("server: shut the handler down: %w", e)
		}
	})
	return err
}
