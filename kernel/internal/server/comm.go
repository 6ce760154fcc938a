package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// maxComms is how many messages of comms may wait for the handler.
const maxComms = 1 << 16

// comms are the open comms: the target of each, by its identifier.
type comms struct {
	mu   sync.Mutex
	open map[string]string
}

// note keeps up with a message of either side.
func (c *comms) note(m frame.CommMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch m.Type {
	case wire.CommOpenType:
		if c.open == nil {
			c.open = map[string]string{}
		}
		c.open[m.ID] = m.Target
	case wire.CommCloseType:
		delete(c.open, m.ID)
	}
}

// has says whether a comm is open.
func (c *comms) has(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, open := c.open[id]
	return open
}

// list returns the open comms of a target, or all if that is "".
func (c *comms) list(target string) map[string]wire.CommInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]wire.CommInfo{}
	for id, t := range c.open {
		if target == "" || t == target {
			found[id] = wire.CommInfo{TargetName: t}
		}
	}
	return found
}

// reset forgets the open comms and returns their identifiers.
func (c *comms) reset() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := make([]string, 0, len(c.open))
	for id := range c.open {
		ids = append(ids, id)
	}
	c.open = nil
	slices.Sort(ids)
	return ids
}

// ResetComms closes every open comm and tells the frontends. The handler calls it when what its comms
// led to has gone, such as a process that was replaced; messages that are on their way to them are
// dropped. It may be called from any goroutine.
func (s *Server) ResetComms() {
	for _, id := range s.comms.reset() {
		s.publish(wire.CommCloseType, nil, wire.Comm{CommID: id, Data: json.RawMessage("{}")}) // always encodes
	}
}

// commInfo answers which comms are open.
func (s *Server) commInfo(_ context.Context, r *request) (any, error) {
	q, err := wire.ParseCommInfoRequest(r.msg)
	if err != nil {
		return nil, err
	}
	return wire.CommInfoReply{Status: "ok", Comms: s.comms.list(q.TargetName)}, nil
}

// commLoop gives the messages of comms to the handler, one after another, until the server ends.
func (s *Server) commLoop(ctx context.Context) {
	for {
		r, ok := s.commQueue.next()
		if !ok {
			return
		}
		r.serve(ctx, r.to.answer)
	}
}

// comm takes one message of a comm. It has no reply: what is wrong with it goes to the log, and a comm
// that cannot be opened is closed.
func (s *Server) comm(ctx context.Context, r *request) (any, error) {
	q, err := wire.ParseComm(r.msg)
	if err != nil {
		s.reports.printf(s.log, "comm", "a %s was dropped: %v", r.msg.Header.MsgType, err)
		return nil, nil
	}
	m := frame.CommMessage{
		Type: r.msg.Header.MsgType, ID: q.CommID, Target: q.TargetName,
		Data: q.Data, Metadata: r.msg.Metadata, Buffers: r.msg.Buffers,
	}
	if m.Type != wire.CommOpenType && !s.comms.has(m.ID) {
		s.reports.printf(s.log, "closed comm", "a %s was dropped: its comm is not open", m.Type)
		return nil, nil
	}
	s.comms.note(m)
	out := newOutput(r, false, 0)
	if _, err := r.try(ctx, func(ctx context.Context, _ *request) (any, error) { return nil, s.handComm(ctx, m, out) }); err != nil {
		s.reports.printf(s.log, "comm "+m.Type+" "+m.Target, "%s of comm %s: %v", m.Type, m.ID, err)
		if m.Type == wire.CommOpenType {
			out.Comm(frame.CommMessage{Type: wire.CommCloseType, ID: m.ID})
		}
	}
	out.finish()
	return nil, nil
}

// handComm gives a message to the handler. One that has no use for comms has no targets either.
func (s *Server) handComm(ctx context.Context, m frame.CommMessage, out Output) error {
	if c, ok := s.handler.(Commer); ok {
		return c.Comm(ctx, m, out)
	}
	return fmt.Errorf("comms of the target %q are not known and are closed", m.Target)
}

// Comm implements Output.
func (o *output) Comm(m frame.CommMessage) {
	defer o.pace()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flushAll()
	o.s.comms.note(m)
	c := wire.Comm{CommID: m.ID, Data: m.Data}
	if m.Type == wire.CommOpenType {
		c.TargetName = m.Target
	}
	if len(c.Data) == 0 {
		c.Data = json.RawMessage("{}")
	}
	msg, err := wire.New(m.Type, o.s.session, &o.r.msg, c)
	if err == nil {
		msg.Metadata, msg.Buffers = m.Metadata, m.Buffers
		err = o.s.broadcast(msg)
	}
	if err != nil {
		o.s.reports.printf(o.s.log, "comm", "a %s was not sent: %v", m.Type, err)
	}
}
