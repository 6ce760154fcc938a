// Package process is the worker: a program that loads the libraries of cells, runs their code and
// sends what they make to the kernel. It is linked once, with the base library.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/lathe-go/lathe/kernel/internal/rt"
	"github.com/lathe-go/lathe/kernel/internal/rt/control"
	"github.com/lathe-go/lathe/kernel/internal/rt/gonb"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// channelFD is the descriptor of the socket to the kernel.
const channelFD = 3

// Grace is how long an interrupted cell may take to stop before it is left behind.
const Grace = 700 * time.Millisecond

//go:linkname getProfLabel runtime/pprof.runtime_getProfLabel
func getProfLabel() unsafe.Pointer

//go:linkname setProfLabel runtime/pprof.runtime_setProfLabel
func setProfLabel(unsafe.Pointer)

// A worker is the state of this process.
type worker struct {
	loader *loader
	out    *sink
	asker  asker
	stdin  stdin
	gonb   *gonb.Server

	mu      sync.Mutex
	running []*rt.Exec                  // whose code runs on its own goroutine, in the order of their starts
	byLabel map[unsafe.Pointer]*rt.Exec // goroutine labels, which children inherit, to executions
	cells   []frame.Cell                // of the session, as far as the kernel has told
	texts   map[string]string           // of cells, each once: many run again
}

// Main runs the worker until the kernel closes the channel.
func Main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "lathe worker:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) > 2 && os.Args[1] == "probe" {
		return probe(os.Args[2], os.Args[3:])
	}
	channel := os.NewFile(channelFD, "kernel")
	if channel == nil {
		return errors.New("no channel to a kernel; `lathe kernel` starts workers")
	}
	l, err := newLoader()
	if err != nil {
		return err
	}
	debug.SetTraceback("all")
	// Endless recursion must not take the machine down with it before it is noticed.
	debug.SetMaxStack(256 << 20)
	w := &worker{loader: l, out: newSink(channel), byLabel: map[unsafe.Pointer]*rt.Exec{}, texts: map[string]string{}}
	w.out.current = w.current
	w.asker = asker{send: w.out.Send, open: map[uint64]chan control.Answer{}}
	w.stdin.start(w.askNow)
	go w.out.write()
	rt.Init(rt.Hooks{Current: w.current, Send: w.out.Send})
	frame.Attach(w)
	w.serveGonb()
	hookOS(w)
	lineBufferC()
	if err := w.out.Send(frame.Frame{Kind: control.KindReady}); err != nil {
		return err
	}
	return w.serve(channel)
}

// probe loads one library, to see whether it can be done.
func probe(path string, inits []string) error {
	l, err := newLoader()
	if err != nil {
		return err
	}
	return l.load(control.Library{Path: path, Inits: inits})
}

// serve obeys the kernel. Executions run on goroutines of their own; interrupts, answers and the messages
// of comms are heard meanwhile.
func (w *worker) serve(channel io.Reader) error {
	for {
		f, err := frame.Read(channel)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from the kernel: %w", err)
		}
		switch f.Kind {
		case control.KindExecute:
			var req control.Execute
			if err := f.Decode(&req); err != nil {
				return err
			}
			w.execute(f.Cell, req)
		case control.KindInterrupt:
			w.interrupt(f.Cell)
		case control.KindAnswer:
			var a control.Answer
			if err := f.Decode(&a); err != nil {
				return err
			}
			w.asker.answer(a)
		case frame.CommFrame:
			var m frame.CommMessage
			if err := f.Decode(&m); err != nil {
				return err
			}
			w.deliver(m)
		}
	}
}

// deliver hands a message of the frontend to its comm. One that nobody takes is closed, so that the frontend
// knows.
func (w *worker) deliver(m frame.CommMessage) {
	err := frame.Deliver(m)
	if err == nil || m.Type == frame.CommClose {
		return
	}
	if m.Type == frame.CommData && !errors.Is(err, frame.ErrCommClosed) {
		fmt.Fprintln(os.Stderr, "note:", err)
		return
	}
	if f, err := frame.Encode(frame.CommFrame, frame.CommMessage{Type: frame.CommClose, ID: m.ID, Cause: m.Cause}); err == nil {
		_ = w.out.Send(f) // if the kernel is gone, serve ends the process
	}
}

// execute starts an execution and returns; a goroutine of its own waits for the end and reports it.
func (w *worker) execute(cell uint64, req control.Execute) {
	e := rt.Start(cell)
	w.mu.Lock()
	w.running = append(w.running, e)
	w.told(req.Cells)
	w.mu.Unlock()
	ended := make(chan control.Done, 1)
	go func() {
		// Goexit in a cell's code ends this goroutine: the report is sent by what is deferred.
		var d control.Done
		defer func() {
			frame.End()
			ended <- d
		}()
		w.label(e)
		if err := surround(req); err != nil {
			d = control.Done{Status: control.Failed, Panic: &control.Panic{Type: "error", Text: err.Error()}}
			return
		}
		start := time.Now()
		for _, lib := range req.Load {
			if err := w.loader.load(lib); err != nil {
				d = control.Done{Status: control.NotLoaded, Panic: &control.Panic{Type: "error", Text: err.Error()}}
				return
			}
		}
		loaded := time.Now()
		defer func() { d.Load, d.Run = loaded.Sub(start).Nanoseconds(), time.Since(loaded).Nanoseconds() }()
		d.Status = control.OK
		if req.Unit != "" {
			e.Run(req.Unit, &d)
		}
	}()
	go w.finish(e, ended)
}

// told adds to the cells of the session; the lock is held.
func (w *worker) told(cells []frame.Cell) {
	for _, c := range cells {
		if text, ok := w.texts[c.Text]; ok {
			c.Text = text
		} else {
			w.texts[c.Text] = c.Text
		}
		w.cells = append(w.cells, c)
	}
}

// surround sets the environment and the working directory as they are asked for.
func surround(req control.Execute) error {
	for _, v := range req.Env {
		name, value, _ := strings.Cut(v, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	if req.Dir == "" {
		return nil
	}
	return os.Chdir(req.Dir)
}

// finish reports the end of an execution, or leaves it behind when it does not stop.
func (w *worker) finish(e *rt.Exec, ended <-chan control.Done) {
	var d control.Done
	select {
	case d = <-ended:
	case <-e.Context().Done():
		select {
		case d = <-ended:
		case <-time.After(Grace):
			d = control.Done{Status: control.Interrupted, Abandoned: true, Marks: e.Marks()}
		}
	}
	w.mu.Lock()
	w.running = slices.DeleteFunc(w.running, func(x *rt.Exec) bool { return x == e })
	w.mu.Unlock()
	flushC()
	if f, err := frame.Encode(control.KindDone, d); err == nil {
		f.Cell = e.Cell
		_ = w.out.Send(f) // if the kernel is gone, serve ends the process
	}
}

func (w *worker) interrupt(cell uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.running {
		if e.Cell == cell {
			e.Stop()
		}
	}
}

// label marks the calling goroutine, and with it every goroutine that it will start, as e's.
func (w *worker) label(e *rt.Exec) {
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("cell", fmt.Sprint(e.Cell)))
	pprof.SetGoroutineLabels(ctx)
	w.mu.Lock()
	w.byLabel[getProfLabel()] = e
	w.mu.Unlock()
	runtime.KeepAlive(ctx)
}

// current returns the execution of the calling goroutine: the one whose label it inherited, else the
// latest that runs.
func (w *worker) current() *rt.Exec {
	label := getProfLabel()
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.byLabel[label]; e != nil && label != nil {
		return e
	}
	if n := len(w.running); n > 0 {
		return w.running[n-1]
	}
	return nil
}
