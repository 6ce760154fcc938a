package process

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/lathe-go/lathe/kernel/internal/rt"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// maxPending bounds what waits to be sent: a cell that prints faster than the kernel reads is slowed.
const maxPending = 4 << 20

// A sink sends frames to the kernel in the order in which Send was called. One goroutine writes; while
// it does, what is sent gathers and goes out in one piece.
type sink struct {
	channel io.Writer
	current func() *rt.Exec

	mu      sync.Mutex
	wake    *sync.Cond // pending grew, shrank, or the channel broke
	pending []byte
	err     error

	echoes atomic.Pointer[[]*func(frame.Frame)] // who sees the text that is sent; replaced under mu
}

func newSink(channel io.Writer) *sink {
	s := &sink{channel: channel}
	s.wake = sync.NewCond(&s.mu)
	return s
}

// Send queues a frame for the kernel. Frames without a cell get the calling goroutine's.
func (s *sink) Send(f frame.Frame) error {
	if f.Cell == 0 && s.current != nil {
		if e := s.current(); e != nil {
			f.Cell = e.Cell
		}
	}
	if f.Kind == frame.Stdout || f.Kind == frame.Stderr {
		for _, seen := range s.echoing() {
			(*seen)(f)
		}
	}
	return s.send(f)
}

// echoing returns who sees the text that is sent.
func (s *sink) echoing() []*func(frame.Frame) {
	if e := s.echoes.Load(); e != nil {
		return *e
	}
	return nil
}

// echo has f called with the text that is sent, before it goes out, until stop is called.
func (s *sink) echo(f func(frame.Frame)) (stop func()) {
	change := func(edit func([]*func(frame.Frame)) []*func(frame.Frame)) {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := edit(slices.Clone(s.echoing()))
		s.echoes.Store(&now)
	}
	change(func(all []*func(frame.Frame)) []*func(frame.Frame) { return append(all, &f) })
	return func() {
		change(func(all []*func(frame.Frame)) []*func(frame.Frame) {
			return slices.DeleteFunc(all, func(e *func(frame.Frame)) bool { return e == &f })
		})
	}
}

// send queues a frame that knows its cell.
func (s *sink) send(f frame.Frame) error {
	if len(f.Payload) > frame.MaxPayload {
		return errors.New("more output in one piece than the kernel takes")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) > maxPending && s.err == nil {
		s.wake.Wait()
	}
	s.pending = frame.Append(s.pending, f)
	s.wake.Broadcast()
	return s.err
}

// write sends what is pending, for as long as the process lives.
func (s *sink) write() {
	var batch []byte
	for {
		s.mu.Lock()
		for len(s.pending) == 0 {
			s.wake.Wait()
		}
		batch, s.pending = s.pending, batch[:0]
		s.wake.Broadcast()
		s.mu.Unlock()
		if _, err := s.channel.Write(batch); err != nil {
			s.mu.Lock()
			s.err = err
			s.wake.Broadcast()
			s.mu.Unlock()
			return
		}
	}
}

// hookOS takes over what cells write to the standard streams and read from the standard input through package
// os, whose file is empty, what gonbui does with its pipes, and os.Exit. The base library's os package has the
// variables; a program built in another way has not.
func hookOS(w *worker) {
	stdin, stdout, stderr := os.Stdin, os.Stdout, os.Stderr
	if p := global("os.latheWrite"); p != nil {
		*(*func(*os.File, []byte) bool)(unsafe.Pointer(p)) = func(f *os.File, b []byte) bool {
			kind := frame.Stdout
			switch f {
			case stdout:
			case stderr:
				kind = frame.Stderr
			default:
				return w.gonb.Write(f, b)
			}
			return w.out.Send(frame.Frame{Kind: kind, Payload: b}) == nil
		}
	}
	if p := global("os.latheRead"); p != nil {
		*(*func(*os.File, []byte) (int, error, bool))(unsafe.Pointer(p)) = func(f *os.File, b []byte) (int, error, bool) {
			if f != stdin {
				return w.gonb.Read(f, b)
			}
			n, err := w.stdin.read(b)
			return n, err, true
		}
	}
	if p := global("os.latheExit"); p != nil {
		*(*func(int))(unsafe.Pointer(p)) = func(code int) {
			if w.current() != nil {
				rt.Exit(code)
			}
		}
	}
}
