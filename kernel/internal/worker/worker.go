// Package worker starts, talks to and replaces the process that runs cells.
package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/rt/control"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// Options say how to start a worker.
type Options struct {
	Path string   // the program
	Env  []string // besides this process's own
	Dir  string   // its working directory; "" is this process's
	// Output takes everything that cells make, in order, from one goroutine at a time. It must not
	// call back into the worker.
	Output func(frame.Frame)
	// Ask asks the user a question of an execution. ctx ends with the worker. Nil answers none.
	Ask func(ctx context.Context, cell uint64, q control.Ask) (string, error)
	// Panic takes a panic in a goroutine of an execution that has ended, as Output takes what it makes; nil
	// drops it.
	Panic func(cell uint64, p control.Panic)
}

// A Worker is one process that runs cells, several executions at a time.
type Worker struct {
	cmd     *exec.Cmd
	channel net.Conn
	opts    Options
	raw     [2]*rawStream // what the process writes to descriptors 1 and 2 itself

	sendMu sync.Mutex
	outMu  sync.Mutex // held while a frame is passed to output

	mu      sync.Mutex
	running []*execution // in the order of their starts; raw output is the last one's
	dead    chan struct{}
	died    error
	life    context.Context // ends with the process
	end     context.CancelFunc
}

// An execution is one that has begun and not ended.
type execution struct {
	cell   uint64
	done   chan control.Done
	panics []control.Panic
}

// startTimeout bounds how long a worker may take until it waits for work.
const startTimeout = 60 * time.Second

// Start starts a worker and waits until it is ready.
func Start(ctx context.Context, o Options) (*Worker, error) {
	w := &Worker{opts: o, dead: make(chan struct{})}
	w.life, w.end = context.WithCancel(context.WithoutCancel(ctx))
	ready := make(chan struct{})
	if err := w.start(o, ready); err != nil {
		return nil, fmt.Errorf("start the worker: %w", err)
	}
	select {
	case <-ready:
		return w, nil
	case <-w.dead:
		return nil, fmt.Errorf("start the worker: %w", w.died)
	case <-time.After(startTimeout):
		w.Kill()
		return nil, errors.New("start the worker: it does not answer")
	case <-ctx.Done():
		w.Kill()
		return nil, context.Cause(ctx)
	}
}

func (w *Worker) start(o Options, ready chan struct{}) error {
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	defer theirs.Close()
	w.channel = ours
	w.cmd = exec.Command(o.Path)
	w.cmd.Env = append(os.Environ(), o.Env...)
	w.cmd.Dir = o.Dir
	w.cmd.ExtraFiles = []*os.File{theirs}
	// The kernel's own interrupt must not reach the worker; the worker must not outlive the kernel.
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var ends [2]*os.File
	for i, kind := range []frame.Kind{frame.Stdout, frame.Stderr} {
		r, end, err := os.Pipe()
		if err != nil {
			return err
		}
		defer end.Close()
		ends[i] = end
		w.raw[i] = &rawStream{pipe: r, kind: kind}
	}
	w.cmd.Stdout, w.cmd.Stderr = ends[0], ends[1]
	if err := w.cmd.Start(); err != nil {
		return err
	}
	for _, s := range w.raw {
		go s.read(w)
	}
	go w.receive(ready)
	return nil
}

// socketPair makes the channel: one end for this process, one to hand on.
func socketPair() (net.Conn, *os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	file := os.NewFile(uintptr(fds[0]), "worker")
	defer file.Close()
	conn, err := net.FileConn(file)
	return conn, os.NewFile(uintptr(fds[1]), "kernel"), err
}

// receive takes what the worker sends until it is gone.
func (w *Worker) receive(ready chan struct{}) {
	for {
		f, err := frame.Read(w.channel)
		if err != nil {
			w.bury()
			return
		}
		switch f.Kind {
		case control.KindReady:
			close(ready)
		case control.KindDone:
			var d control.Done
			if err := f.Decode(&d); err != nil {
				w.Kill()
				continue
			}
			w.drain()
			w.finish(f.Cell, d)
		case control.KindPanic:
			var p control.Panic
			if f.Decode(&p) == nil {
				w.panicked(f.Cell, p)
			}
		case control.KindAsk:
			var q control.Ask
			if f.Decode(&q) == nil {
				go w.ask(f.Cell, q)
			}
		default:
			w.emit(f)
		}
	}
}

// emit passes on one frame. Output comes from the channel and from two pipes.
func (w *Worker) emit(f frame.Frame) {
	w.outMu.Lock()
	defer w.outMu.Unlock()
	w.opts.Output(f)
}

func (w *Worker) finish(cell uint64, d control.Done) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := w.find(cell); i >= 0 {
		w.running[i].done <- d
	}
}

// find returns the index of a running execution, or -1; the lock is held.
func (w *Worker) find(cell uint64) int {
	return slices.IndexFunc(w.running, func(e *execution) bool { return e.cell == cell })
}

// panicked keeps a panic for the report of its execution, or passes it on if that has ended.
func (w *Worker) panicked(cell uint64, p control.Panic) {
	w.mu.Lock()
	i := w.find(cell)
	if i >= 0 {
		w.running[i].panics = append(w.running[i].panics, p)
	}
	w.mu.Unlock()
	if i < 0 && w.opts.Panic != nil {
		w.outMu.Lock()
		defer w.outMu.Unlock()
		w.opts.Panic(cell, p)
	}
}

// ask has a question answered. It has a goroutine of its own, which ends with the process at the latest.
func (w *Worker) ask(cell uint64, q control.Ask) {
	answer := control.Answer{ID: q.ID}
	var err error = frame.ErrNoInput
	if w.opts.Ask != nil {
		answer.Line, err = w.opts.Ask(w.life, cell, q)
	}
	if err != nil {
		answer.Err = err.Error()
	}
	_ = w.send(control.KindAnswer, cell, answer) // if it fails, nobody waits any more
}

// Comm hands a message of the frontend to the comms of the process.
func (w *Worker) Comm(m frame.CommMessage) error { return w.send(frame.CommFrame, 0, m) }

// bury waits for the process's end and says why it ended.
func (w *Worker) bury() {
	w.channel.Close()
	for _, s := range w.raw {
		s.wait()
	}
	err := w.cmd.Wait()
	if err == nil {
		err = errors.New("it ended by itself")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
	w.died = &Death{Err: err, Stderr: w.raw[1].lastText()}
	close(w.dead)
}

// drain waits until what the process wrote to its descriptors before now has been passed on.
func (w *Worker) drain() {
	for _, s := range w.raw {
		s.drain(w)
	}
}

// A Death says how a worker ended.
type Death struct {
	Err    error  // an *exec.ExitError as a rule
	Stderr string // the end of what it wrote there: a Go program that dies says why
}

func (d *Death) Error() string { return "the worker ended: " + d.Err.Error() }
func (d *Death) Unwrap() error { return d.Err }

// Execute runs one execution and waits for its end; others may run meanwhile. When ctx is cancelled the
// execution is asked to stop, and the wait goes on: the worker reports the end in any case. The error is a
// *Death if the process ended.
func (w *Worker) Execute(ctx context.Context, cell uint64, req control.Execute) (control.Done, []control.Panic, error) {
	e := &execution{cell: cell, done: make(chan control.Done, 1)}
	w.begin(e)
	defer w.forget(e)
	if err := w.send(control.KindExecute, cell, req); err != nil {
		<-w.dead
		return control.Done{}, nil, w.died
	}
	interrupt := ctx.Done()
	for {
		select {
		case d := <-e.done:
			w.forget(e)
			return d, e.panics, nil
		case <-w.dead:
			return control.Done{}, nil, w.died
		case <-interrupt:
			interrupt = nil
			_ = w.send(control.KindInterrupt, cell, nil) // if it fails, the process is dead: the next turn sees it
		}
	}
}

func (w *Worker) begin(e *execution) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = append(w.running, e)
}

// forget takes an execution that has ended out; nothing is added to it afterwards.
func (w *Worker) forget(e *execution) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = slices.DeleteFunc(w.running, func(x *execution) bool { return x == e })
}

func (w *Worker) send(kind frame.Kind, cell uint64, v any) error {
	f, err := frame.Encode(kind, v)
	if err != nil {
		return err
	}
	f.Cell = cell
	w.sendMu.Lock()
	defer w.sendMu.Unlock()
	_, err = w.channel.Write(frame.Append(nil, f))
	return err
}

// Dead is closed when the process has ended.
func (w *Worker) Dead() <-chan struct{} { return w.dead }

// Env returns the process's environment, besides that of this one.
func (w *Worker) Env() []string { return w.opts.Env }

// Pid returns the process's number.
func (w *Worker) Pid() int { return w.cmd.Process.Pid }

// Kill ends the process and waits for its end.
func (w *Worker) Kill() {
	// The group: what cells started goes with it.
	_ = syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL)
	<-w.dead
}

// Close asks the process to end by closing its channel, and kills it if it does not at once.
func (w *Worker) Close() {
	w.channel.Close()
	select {
	case <-w.dead:
	case <-time.After(200 * time.Millisecond):
		w.Kill()
	}
}

// tailSize is how much of a stream is kept to tell why a process died.
const tailSize = 256 << 10

// A rawStream reads what the process writes to one of its descriptors past package os: C code, child
// processes, and the Go runtime when it dies.
type rawStream struct {
	pipe *os.File
	kind frame.Kind

	mu   sync.Mutex // held while what was read is passed on
	tail bytes.Buffer
	held []byte // what looks like the last words of a dying program, until it is known
	end  chan struct{}
	once sync.Once
}

// lastWords begin what the Go runtime says before a program dies.
var lastWords = [][]byte{[]byte("panic: "), []byte("fatal error: "), []byte("runtime: "), []byte("SIG"), []byte("unexpected fault address")}

// dying tells whether output begins like the last words of a program.
func dying(data []byte) bool {
	for _, w := range lastWords {
		if bytes.HasPrefix(data, w) {
			return true
		}
	}
	return false
}

func (s *rawStream) ended() chan struct{} {
	s.once.Do(func() { s.end = make(chan struct{}) })
	return s.end
}

func (s *rawStream) read(w *Worker) {
	defer close(s.ended())
	defer s.pipe.Close()
	buf := make([]byte, 64<<10)
	for {
		s.waitReadable()
		s.mu.Lock()
		n, err := s.pipe.Read(buf)
		if n > 0 {
			s.keep(buf[:n])
			if s.kind == frame.Stderr && (s.held != nil || dying(buf[:n])) {
				s.held = append(s.held, buf[:n]...)
			} else {
				w.emitRaw(s.kind, buf[:n])
			}
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// waitReadable waits until there is something to read, without taking it: what is taken must be
// passed on under the lock, or drain could not see it.
func (s *rawStream) waitReadable() {
	raw, err := s.pipe.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(fd uintptr) bool { return readable(int(fd)) != 0 })
}

// emitRaw passes on what the process wrote to a descriptor.
func (w *Worker) emitRaw(kind frame.Kind, data []byte) {
	var cell uint64
	w.mu.Lock()
	if n := len(w.running); n > 0 {
		cell = w.running[n-1].cell
	}
	w.mu.Unlock()
	w.emit(frame.Frame{Kind: kind, Cell: cell, Payload: bytes.Clone(data)})
}

// drain returns when everything that was in the pipe has been passed on. The process lives: what looked
// like its last words was not.
func (s *rawStream) drain(w *Worker) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.held != nil {
			w.emitRaw(s.kind, s.held)
			s.held = nil
		}
	}()
	for {
		s.mu.Lock()
		raw, err := s.pipe.SyscallConn()
		n := 0
		if err == nil {
			_ = raw.Control(func(fd uintptr) { n = readable(int(fd)) })
		}
		s.mu.Unlock()
		if n <= 0 {
			return
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// wait waits for the end of the stream, but not for child processes that hold it open.
func (s *rawStream) wait() {
	select {
	case <-s.ended():
	case <-time.After(time.Second):
	}
}

func (s *rawStream) keep(data []byte) {
	s.tail.Write(data)
	if extra := s.tail.Len() - tailSize; extra > 0 {
		s.tail.Next(extra)
	}
}

// lastText returns the last words of the process, or else the end of what it wrote.
func (s *rawStream) lastText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil {
		return string(s.held)
	}
	return s.tail.String()
}
