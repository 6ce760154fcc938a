package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/kernel/internal/zmq"
)

// How long the end of a kernel may take. Frontends kill a kernel that is there 2.5 s after the reply.
const (
	cellGrace    = 500 * time.Millisecond  // for the running cell to heed its context
	handlerGrace = 1500 * time.Millisecond // for Handler.Shutdown
	linger       = 500 * time.Millisecond  // for the sockets to send what they hold
)

// A Server is a kernel as frontends see it. Listen makes it; Serve runs it, once.
type Server struct {
	log     *log.Logger
	info    ConnectionInfo
	key     wire.Key
	session string
	handler Handler

	shell, control, stdin *zmq.Router
	iopub                 *zmq.Publisher
	heartbeat             *zmq.Echo

	reports   reports
	replays   replays
	shells    shells
	commQueue queue
	history   history
	comms     comms
	inputs    inputs
	helpers   chan struct{} // one element for each goroutine that answers a slow question

	state state
	ended chan struct{} // closed when the sockets close
	shut  sync.Once
	end   sync.Once
	stop  context.CancelFunc // ends Serve
	tasks sync.WaitGroup     // the goroutines of the protocol
}

// Serve binds the sockets of info and runs the kernel until a shutdown request or the end of ctx.
func Serve(ctx context.Context, info ConnectionInfo, h Handler) error {
	s, err := Listen(info, nil)
	if err != nil {
		return err
	}
	return s.Serve(ctx, h)
}

// Listen binds the five sockets of info. Messages are answered once Serve is called; Close is needed
// only if it never is. The log takes what no frontend would show, such as bad messages; nil is the
// standard error.
func Listen(info ConnectionInfo, l *log.Logger) (*Server, error) {
	if err := info.check(); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	key, err := wire.NewKey(info.SignatureScheme, info.Key)
	if err != nil {
		return nil, err
	}
	if l == nil {
		l = log.New(os.Stderr, "lathe: ", log.LstdFlags|log.Lmsgprefix)
	}
	s := &Server{
		log:     l,
		info:    info,
		key:     key,
		session: wire.NewID(),
		helpers: make(chan struct{}, maxHelpers),
		ended:   make(chan struct{}),
	}
	s.shells.add(newShell("")) // the first always fits
	s.commQueue = newQueue(maxComms)
	if err := s.bind(); err != nil {
		s.Close()
		return nil, fmt.Errorf("server: %w", err)
	}
	return s, nil
}

// bind binds the sockets and notes the ports that the system chose.
func (s *Server) bind() (err error) {
	o := zmq.Options{Logf: func(format string, args ...any) { s.reports.printf(s.log, "peer", format, args...) }}
	small := o
	small.MaxMessage, small.MaxQueue = 64<<10, 1<<20 // a heartbeat is a few bytes
	c := &s.info
	router := func(port *int) (r *zmq.Router) {
		if err == nil {
			network, address := c.address(*port)
			if r, err = zmq.ListenRouter(network, address, o); err == nil {
				*port = chosen(r.Addr(), *port)
			}
		}
		return r
	}
	s.shell, s.control, s.stdin = router(&c.ShellPort), router(&c.ControlPort), router(&c.StdinPort)
	if err != nil {
		return err
	}
	network, address := c.address(c.IOPubPort)
	if s.iopub, err = zmq.ListenPublisher(network, address, o, s.welcome); err != nil {
		return err
	}
	c.IOPubPort = chosen(s.iopub.Addr(), c.IOPubPort)
	network, address = c.address(c.HeartbeatPort)
	if s.heartbeat, err = zmq.ListenEcho(network, address, small); err != nil {
		return err
	}
	c.HeartbeatPort = chosen(s.heartbeat.Addr(), c.HeartbeatPort)
	return nil
}

// welcome makes the message that tells a subscriber that its subscription stands.
func (s *Server) welcome(topic string) [][]byte {
	m, err := wire.New(wire.WelcomeType, s.session, nil, wire.Welcome{Subscription: topic})
	if err != nil {
		return [][]byte{[]byte(topic)}
	}
	m.Identities = [][]byte{[]byte(topic)}
	frames, _ := wire.Encode(m, s.key) // a header always encodes
	return frames
}

// Connection returns where the kernel listens, with the ports that the system chose.
func (s *Server) Connection() ConnectionInfo { return s.info }

// Serve answers requests until a shutdown request comes, and returns nil, or until ctx ends, and
// returns its error. The handler's Shutdown has been called in both cases.
func (s *Server) Serve(ctx context.Context, h Handler) error {
	s.handler = h
	s.warn()
	run, stop := context.WithCancel(ctx)
	defer stop()
	s.stop = stop
	s.publish(wire.StatusType, nil, wire.Status{ExecutionState: wire.Starting})
	s.tasks.Go(func() { s.executeLoop(ctx, s.shells.find("")) })
	s.tasks.Go(func() { s.commLoop(run) })
	s.tasks.Go(func() { s.readLoop(run, s.shell, s.shellRoutes()) })
	s.tasks.Go(func() { s.readLoop(run, s.control, s.controlRoutes()) })
	s.tasks.Go(func() { s.inputLoop(run) })
	<-run.Done()
	err := s.shutDown(false) // nothing is left to do if a request has done it
	s.Close()
	s.wait()
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return err
}

// wait waits for the goroutines of the protocol. A call of the handler that does not heed its context
// is left behind.
func (s *Server) wait() {
	ended := make(chan struct{})
	go func() { s.tasks.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(cellGrace):
		s.log.Print("the running cell, or an answer to a question, did not end at shutdown")
	}
}

// warn tells about a connection that is less private than it should be.
func (s *Server) warn() {
	if !s.key.Signs() {
		s.log.Print("the connection has no key: whoever reaches the ports can run code")
	} else if s.info.shared {
		s.log.Print("the connection file can be read by other users, and so can its key")
	}
}

// Close closes the sockets. What they hold is still sent, if it goes quickly.
func (s *Server) Close() {
	s.shut.Do(func() { close(s.ended) })
	var wg sync.WaitGroup
	if s.iopub != nil {
		wg.Go(func() { s.iopub.Close(linger) })
	}
	if s.heartbeat != nil {
		wg.Go(func() { s.heartbeat.Close(0) })
	}
	for _, r := range []*zmq.Router{s.shell, s.control, s.stdin} {
		if r != nil {
			wg.Go(func() { r.Close(linger) })
		}
	}
	wg.Wait()
}
