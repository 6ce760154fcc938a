package server

import (
	"context"
	"fmt"
	"log"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/kernel/internal/zmq"
)

const (
	maxHelpers = 32    // slow questions that are answered at a time
	maxReports = 256   // kinds of report that are counted apart
	maxReplays = 16384 // signatures that are remembered
)

// An answer makes the content of the reply to a request; a nil content sends none.
type answer func(ctx context.Context, r *request) (any, error)

// A lane says which goroutine answers a request.
type lane int

const (
	atOnce  lane = iota // the one that reads the channel
	aside               // one of its own
	inShell             // the one that runs the cells of its shell
	inComms             // the one that takes the messages of comms
)

// A route says how a request is answered.
type route struct {
	lane   lane
	answer answer
	last   bool // and then the server ends
}

// shellRoutes lists the requests of the shell channel. Frontends older than protocol 5.4 send there
// what belongs to control.
func (s *Server) shellRoutes() map[string]route {
	routes := s.controlRoutes()
	routes[wire.ConnectRequestType] = route{answer: s.connect}
	routes[wire.ExecuteRequestType] = route{lane: inShell}
	routes[wire.CompleteRequestType] = route{lane: aside, answer: s.complete}
	routes[wire.IsCompleteRequestType] = route{lane: aside, answer: s.isComplete}
	routes[wire.InspectRequestType] = route{lane: aside, answer: s.inspect}
	routes[wire.HistoryRequestType] = route{lane: aside, answer: s.historyReply}
	routes[wire.CommInfoRequestType] = route{lane: inComms, answer: s.commInfo}
	return routes
}

// controlRoutes lists the requests of the control channel.
func (s *Server) controlRoutes() map[string]route {
	return map[string]route{
		wire.KernelInfoRequestType:     {answer: s.kernelInfo},
		wire.InterruptRequestType:      {answer: s.interrupt},
		wire.ShutdownRequestType:       {answer: s.shutdown, last: true},
		wire.CreateSubshellRequestType: {answer: s.createSubshell},
		wire.DeleteSubshellRequestType: {answer: s.deleteSubshell},
		wire.ListSubshellRequestType:   {answer: s.listSubshells},
		wire.DebugRequestType:          {answer: s.debug},
		wire.CommOpenType:              {lane: inComms, answer: s.comm},
		wire.CommMsgType:               {lane: inComms, answer: s.comm},
		wire.CommCloseType:             {lane: inComms, answer: s.comm},
	}
}

// readLoop takes the messages of one channel and answers them or passes them on. It never waits for a
// cell.
func (s *Server) readLoop(ctx context.Context, socket *zmq.Router, routes map[string]route) {
	for {
		m, ok := s.receive(ctx, socket)
		if !ok {
			return
		}
		to, known := routes[m.Header.MsgType]
		if !known {
			s.reports.once(s.log, "type "+m.Header.MsgType, "messages of type %q are not known and are ignored", m.Header.MsgType)
			continue
		}
		s.take(ctx, &request{s: s, socket: socket, msg: m, to: to})
		if to.last {
			s.stop()
		}
	}
}

// take answers a request or passes it on. Which subshell a message of a comm names means nothing: comms
// have an order of their own, in which the last one may come when its subshell has been deleted.
func (s *Server) take(ctx context.Context, r *request) {
	if r.to.lane == inComms {
		if err := s.commQueue.put(r); err != nil {
			s.reports.printf(s.log, "comm", "a %s was dropped: %v", r.msg.Header.MsgType, err)
		}
		return
	}
	sh := s.shells.find("")
	if r.socket == s.shell {
		sh = s.shells.find(r.subshell())
	}
	switch {
	case sh == nil:
		r.noSubshell()
	case r.to.lane == inShell:
		if err := sh.queue.put(r); err != nil {
			r.abort(err)
		}
	case r.to.lane == aside:
		s.help(ctx, r)
	default:
		r.serve(ctx, r.to.answer)
	}
}

// help answers a slow question on a goroutine of its own.
func (s *Server) help(ctx context.Context, r *request) {
	select {
	case s.helpers <- struct{}{}:
	default:
		r.serve(ctx, func(context.Context, *request) (any, error) {
			return nil, fmt.Errorf("%d other questions wait for an answer", maxHelpers)
		})
		return
	}
	s.tasks.Go(func() {
		defer func() { <-s.helpers }()
		r.serve(ctx, r.to.answer)
	})
}

// receive returns the next good message of a channel. Bad ones are counted and reported. It returns
// false when the server ends.
func (s *Server) receive(ctx context.Context, socket *zmq.Router) (wire.Message, bool) {
	for {
		frames, err := socket.Recv(ctx)
		if err != nil {
			return wire.Message{}, false
		}
		m, err := wire.Decode(frames, s.key)
		if err != nil {
			s.reports.printf(s.log, "bad message", "a message was dropped: %v", err)
			continue
		}
		if m.Signature != "" && s.replays.seen(m.Signature) {
			s.reports.printf(s.log, "replay", "a repeated %s was dropped", m.Header.MsgType)
			continue
		}
		return m, true
	}
}

// Dropped counts what was dropped.
type Dropped struct {
	Messages int // that were not signed messages
	Repeated int // that had come before
	Peers    int // connections that did not speak ZeroMQ, or were refused
}

// Dropped returns how much has been dropped so far.
func (s *Server) Dropped() Dropped {
	return Dropped{s.reports.count("bad message"), s.reports.count("replay"), s.reports.count("peer")}
}

// reports counts what goes wrong by kind, and logs the 1st, 10th, 100th … of each: a flood of bad
// messages must not become a flood in the log.
type reports struct {
	mu     sync.Mutex
	counts map[string]int
}

// printf counts a report of the given kind and perhaps logs it.
func (p *reports) printf(l *log.Logger, kind, format string, args ...any) {
	n := p.add(kind)
	if !powerOfTen(n) {
		return
	}
	text := fmt.Sprintf(format, args...)
	if n > 1 {
		text = fmt.Sprintf("%s (%d times so far)", text, n)
	}
	l.Print(text)
}

// once logs the first report of a kind.
func (p *reports) once(l *log.Logger, kind, format string, args ...any) {
	if p.add(kind) == 1 {
		l.Printf(format, args...)
	}
}

// add counts one report, and returns how many there were of its kind.
func (p *reports) add(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.counts == nil {
		p.counts = map[string]int{}
	}
	if _, known := p.counts[kind]; !known && len(p.counts) >= maxReports {
		kind = "other" // strangers choose some kinds: their number is bounded
	}
	p.counts[kind]++
	return p.counts[kind]
}

// count returns how many reports there were of a kind.
func (p *reports) count(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[kind]
}

// powerOfTen says whether n is 1, 10, 100 …
func powerOfTen(n int) bool {
	for n > 1 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}

// replays remembers the latest signatures.
type replays struct {
	mu   sync.Mutex
	set  map[string]bool
	ring []string
	next int
}

// seen says whether signature has come before, and remembers it.
func (p *replays) seen(signature string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set[signature] {
		return true
	}
	if p.set == nil {
		p.set, p.ring = map[string]bool{}, make([]string, maxReplays)
	}
	delete(p.set, p.ring[p.next])
	p.set[signature], p.ring[p.next] = true, signature
	p.next = (p.next + 1) % maxReplays
	return false
}
