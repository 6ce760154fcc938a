// Package gonb lets code that was written for GoNB work in a cell: it is the other side of the package
// github.com/janpfeifer/gonb/gonbui.
//
// gonbui opens two pipes, whose names it finds in the environment, and writes to one and reads from the
// other messages in the form of package gob. It believes to be in a program that lives as long as one cell.
// Here it lives in the worker as long as the session. What it writes never gets as far as the pipe: the
// worker's package os hands it to Server.Write on the goroutine that writes, so it has the order of the
// program and belongs to the cell of that goroutine. The pipes are there for programs that cells start: what
// they show belongs to the cell that runs. Each has pipes of its own. Only programs that open theirs in the
// same moment share them, and disturb each other.
package gonb

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/janpfeifer/gonb/gonbui/protocol"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// Options are what the worker process knows.
type Options struct {
	// Cell returns the number of the execution that the calling goroutine belongs to, or 0.
	Cell func() uint64
	// Owner returns a function that makes its caller's goroutine belong to the execution that the caller
	// of Owner belongs to.
	Owner func() (join func())
	// Ask asks the user for a line that the standard input then has. It does not wait for it.
	Ask func(prompt string, password bool)
}

// A Server serves gonbui in one process.
type Server struct {
	opts      Options
	out, back string // the paths of the pipes
	own       *peer  // gonbui in this process
	displays  displays
	page      page

	mu     sync.Mutex
	subs   map[string]map[*peer]func() // by address, who wants its values, and how to join whose cell
	closed bool
}

// A peer is one side that speaks to the server: gonbui in this process or in another.
type peer struct {
	in     stream
	inbox  *inbox
	other  bool        // in another process
	warned atomic.Bool // the user knows that something could not be read
}

// Serve makes the pipes that the environment names and serves them until Close. Without names there is
// nothing to serve, and the Server is nil.
func Serve(o Options) (*Server, error) {
	s := &Server{opts: o, out: os.Getenv(protocol.GONB_PIPE_ENV), back: os.Getenv(protocol.GONB_PIPE_BACK_ENV)}
	if s.out == "" || s.back == "" {
		return nil, nil
	}
	for _, path := range []string{s.out, s.back} {
		if err := makePipe(path); err != nil {
			return nil, fmt.Errorf("gonb: %w", err)
		}
	}
	s.own = &peer{inbox: newInbox()}
	s.subs = map[string]map[*peer]func(){}
	s.displays.known = map[string]bool{}
	s.page.start(s)
	go s.serveOthers()
	return s, nil
}

// Close ends the service and removes the pipes.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.page.close()
	s.own.inbox.close()
	s.own.in.close()
	// serveOthers waits for somebody to open the pipe for writing.
	if f, err := os.OpenFile(s.out, os.O_RDWR, 0); err == nil {
		f.Close()
	}
	return errors.Join(os.Remove(s.out), os.Remove(s.back))
}

// makePipe makes a named pipe for this user alone, in the place of an older one.
func makePipe(path string) error {
	fresh := path + ".new"
	if err := syscall.Mkfifo(fresh, 0o600); err != nil {
		return &os.PathError{Op: "mkfifo", Path: fresh, Err: err}
	}
	return os.Rename(fresh, path)
}

// Write takes what this process writes to the pipe that gonbui has opened, and says whether f is that.
func (s *Server) Write(f *os.File, b []byte) bool {
	if s == nil || f.Name() != s.out {
		return false
	}
	s.take(s.own, b)
	return true
}

// take serves what p has written.
func (s *Server) take(p *peer, b []byte) {
	if err := p.in.write(b, func(d *protocol.DisplayData) { s.serve(p, d) }); err != nil && !p.warned.Swap(true) {
		note(err.Error())
	}
}

// Read waits for messages for gonbui in this process, if f is the pipe from which it reads. It returns one
// message or less of it, on a goroutine that belongs to the cell that wants the message.
func (s *Server) Read(f *os.File, b []byte) (n int, err error, taken bool) {
	if s == nil || f.Name() != s.back {
		return 0, nil, false
	}
	n, err = s.own.inbox.Read(b)
	return n, err, true
}

// serve does what a message asks for.
func (s *Server) serve(p *peer, d *protocol.DisplayData) {
	if v, ok := d.Data[protocol.MIMEJupyterInput].(protocol.InputRequest); ok {
		s.request(p, v)
	} else if v, ok := d.Data[protocol.MIMECommValue].(protocol.CommValue); ok {
		s.value(p, v)
	} else if v, ok := d.Data[protocol.MIMECommSubscribe].(protocol.CommSubscription); ok {
		s.subscribe(p, v)
	} else {
		s.displays.show(s, d)
	}
}

// request asks the user for a line.
func (s *Server) request(p *peer, r protocol.InputRequest) {
	if p.other {
		note("gonbui.RequestInput works in a cell, not in a program that a cell starts")
		return
	}
	s.opts.Ask(r.Prompt, r.Password)
}

// value passes a value on to the page. Two addresses are meant for the kernel itself.
func (s *Server) value(p *peer, v protocol.CommValue) {
	switch {
	case v.Address == protocol.GonbuiSyncAddress:
		// All that was written before has been sent, in this order.
		p.inbox.put(protocol.CommValue{Address: protocol.GonbuiSyncAckAddress, Value: v.Value}, nil)
	case v.Address == protocol.GonbuiStartAddress:
		s.page.install(s.opts.Cell())
	case v.Request:
		s.page.send(s.opts.Cell(), message{Address: v.Address, Request: true})
	default:
		s.page.send(s.opts.Cell(), message{Address: v.Address, Value: v.Value})
	}
}

// subscribe notes that p wants the values of an address, or no longer does.
func (s *Server) subscribe(p *peer, v protocol.CommSubscription) {
	s.mu.Lock()
	if v.Unsubscribe {
		delete(s.subs[v.Address], p)
		if len(s.subs[v.Address]) == 0 {
			delete(s.subs, v.Address)
		}
	} else {
		if s.subs[v.Address] == nil {
			s.subs[v.Address] = map[*peer]func(){}
		}
		s.subs[v.Address][p] = s.opts.Owner()
	}
	s.mu.Unlock()
	if !v.Unsubscribe {
		s.page.install(s.opts.Cell())
	}
}

// deliver hands a value that the page has sent to those who want it.
func (s *Server) deliver(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, join := range s.subs[m.Address] {
		p.inbox.put(protocol.CommValue{Address: m.Address, Value: plain(m.Value)}, join)
	}
}

// forget ends what p has subscribed to.
func (s *Server) forget(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for address, peers := range s.subs {
		delete(peers, p)
		if len(peers) == 0 {
			delete(s.subs, address)
		}
	}
}

// note tells the user of the calling goroutine's cell what does not work.
func note(text string) {
	if sink := frame.Attached(); sink != nil {
		_ = sink.Send(frame.Frame{Kind: frame.Stderr, Payload: []byte("note: " + text + "\n")}) // the kernel is gone if this fails
	}
}
