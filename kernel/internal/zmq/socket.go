package zmq

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Options bound what peers may do. A zero field takes its default.
type Options struct {
	MaxMessage int           // bytes of one message; 256 MiB
	MaxQueue   int64         // bytes that wait for one peer; 512 MiB
	MaxPeers   int           // connections at a time; 1024
	Handshake  time.Duration // the time for a handshake; 10 s
	// Logf reports peers that were refused or disconnected; nil reports nothing.
	Logf func(format string, args ...any)
}

// defaults fills the zero fields in.
func (o Options) defaults() Options {
	if o.MaxMessage == 0 {
		o.MaxMessage = 256 << 20
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = 512 << 20
	}
	if o.MaxPeers == 0 {
		o.MaxPeers = 1024
	}
	if o.Handshake == 0 {
		o.Handshake = 10 * time.Second
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	return o
}

// A role is what makes a socket a ROUTER, an XPUB or an echo. Its methods are called from the
// goroutines of the peers.
type role interface {
	join(p *peer)
	receive(p *peer, item parcel) // a message, or a command that is not PING
	leave(p *peer)
}

// A socket accepts connections and runs their peers.
type socket struct {
	name     string   // its ZeroMQ type
	accepted []string // the types its peers may have
	role     role
	opts     Options
	listener net.Listener
	done     chan struct{} // closed when Close begins
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]*peer // nil during the handshake
}

// listen binds the address of network ("tcp" or "unix") and begins to accept.
func (s *socket) listen(network, address string) error {
	if network == "unix" {
		removeStale(address)
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return fmt.Errorf("zmq: %s socket: %w", s.name, err)
	}
	if network == "unix" {
		if err := os.Chmod(address, 0o600); err != nil {
			l.Close()
			return fmt.Errorf("zmq: %s socket: %w", s.name, err)
		}
	}
	s.opts = s.opts.defaults()
	s.listener = l
	s.done = make(chan struct{})
	s.conns = map[net.Conn]*peer{}
	s.wg.Go(s.acceptLoop)
	return nil
}

// removeStale removes the socket file of a process that was killed, as nobody listens there any more.
func removeStale(path string) {
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		os.Remove(path) // if it stays, the bind tells why
	}
}

// acceptLoop takes connections until the listener is closed.
func (s *socket) acceptLoop() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as no file descriptor left: it may pass
			s.opts.Logf("zmq: %s accept: %v", s.name, err)
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-s.done:
				return
			}
		}
		if !s.track(conn) {
			s.opts.Logf("zmq: %s refused %s: too many connections", s.name, conn.RemoteAddr())
			conn.Close()
			continue
		}
		s.wg.Go(func() { s.serve(conn) })
	}
}

// track remembers conn, so that Close finds it. It refuses one too many.
func (s *socket) track(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing() || len(s.conns) >= s.opts.MaxPeers {
		return false
	}
	s.conns[conn] = nil
	return true
}

// closing says whether Close has begun.
func (s *socket) closing() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// serve runs one connection to its end.
func (s *socket) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	p, err := s.handshake(conn)
	if err != nil {
		s.report(conn, err)
		return
	}
	s.mu.Lock()
	s.conns[conn] = p
	s.mu.Unlock()
	s.wg.Go(p.writeLoop)
	s.role.join(p)
	s.report(conn, s.readLoop(p))
	s.role.leave(p)
	p.out.close()
}

// report tells why a connection ended, unless that is usual.
func (s *socket) report(conn net.Conn, err error) {
	if err != io.EOF && !errors.Is(err, net.ErrClosed) && !s.closing() {
		s.opts.Logf("zmq: %s dropped %s: %v", s.name, conn.RemoteAddr(), err)
	}
}

// handshake exchanges greetings and READY within the time allowed.
func (s *socket) handshake(conn net.Conn) (*peer, error) {
	conn.SetDeadline(time.Now().Add(s.opts.Handshake))
	in := bufio.NewReaderSize(conn, chunk)
	h, err := shake(conn, in, hello{socketType: s.name}, s.accepted)
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	return newPeer(conn, in, h.identity, s.opts.MaxQueue), nil
}

// shake does either side's handshake. The greeting is sent whole before anything is read: both sides
// may begin.
func shake(conn net.Conn, in *bufio.Reader, me hello, accepted []string) (hello, error) {
	if _, err := conn.Write(greeting()); err != nil {
		return hello{}, err
	}
	if err := readGreeting(in); err != nil {
		return hello{}, err
	}
	w := bufio.NewWriter(conn)
	me.encode().write(w)
	if err := w.Flush(); err != nil {
		return hello{}, err
	}
	return readReady(in, accepted)
}

// readLoop hands what p sends to the role, until the connection ends.
func (s *socket) readLoop(p *peer) error {
	for {
		item, err := readParcel(p.in, s.opts.MaxMessage)
		if err != nil {
			return err
		}
		if s.closing() {
			continue
		}
		if item.command {
			name, data, err := splitCommand(item.frames[0])
			if err != nil {
				return err
			}
			if name == "PING" {
				pong(p, data)
				continue
			}
		}
		s.role.receive(p, item)
	}
}

// pong answers a PING, whose data is a time to live of two bytes and what is to be sent back.
func pong(p *peer, data []byte) {
	if len(data) < 2 || len(data) > 2+16 {
		return
	}
	p.send(parcel{frames: [][]byte{commandBody("PONG", data[2:])}, command: true})
}

// Addr returns the address that the socket is bound to.
func (s *socket) Addr() net.Addr { return s.listener.Addr() }

// Close stops accepting, waits for at most linger until the queues of the peers are sent, and
// disconnects them. Every goroutine of the socket has ended when it returns.
func (s *socket) Close(linger time.Duration) {
	s.mu.Lock()
	if s.closing() {
		s.mu.Unlock()
		s.wg.Wait()
		return
	}
	close(s.done)
	conns := make(map[net.Conn]*peer, len(s.conns))
	for c, p := range s.conns {
		conns[c] = p
	}
	s.mu.Unlock()
	s.listener.Close()
	for c, p := range conns {
		if p == nil {
			c.Close()
			continue
		}
		s.wg.Go(p.finish)
	}
	ctx, cancel := context.WithTimeout(context.Background(), linger)
	defer cancel()
	s.drain(ctx)
}

// drain waits for the goroutines to end by themselves and, when ctx has ended, for less.
func (s *socket) drain(ctx context.Context) {
	ended := make(chan struct{})
	go func() { s.wg.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		<-ended
	}
}
