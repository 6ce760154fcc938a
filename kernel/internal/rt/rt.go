// Package rt holds the few functions that the generated code of a cell calls, inside the worker.
//
// Everything here is about executions: an Exec is one run of one cell's code. The worker process
// (package process) starts them and knows which one a goroutine belongs to.
package rt

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/rt/control"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// ErrInterrupted is the cause of the cancellation of an interrupted cell's context.
var ErrInterrupted = errors.New("interrupted")

// An Exec is one execution of a cell.
type Exec struct {
	Cell   uint64
	ctx    context.Context
	cancel context.CancelCauseFunc
	stop   atomic.Bool  // the user asked it to stop
	thrown time.Time    // when Check unwound it first; only its main goroutine knows
	marks  atomic.Int64 // the last mark that was reached
	main   string       // the goroutine that runs the cell's own code
	tests  *watched     // goroutines that run its tests
}

// units holds the code of every loaded unit, by name; hooks are the process's. Both belong to the one
// process that a worker is: generated code has no other way to reach them.
var (
	unitsMu sync.Mutex
	units   = map[string]func(){}
	hooks   Hooks
	// stopping counts the executions that were asked to stop and whose code has not ended yet. Check
	// reads it at every turn of a cell's loops.
	stopping atomic.Int32
)

// Hooks is what the worker process provides.
type Hooks struct {
	Current func() *Exec              // the execution of the calling goroutine
	Send    func(f frame.Frame) error // to the kernel
}

// Init sets the hooks, before any cell runs.
func Init(h Hooks) { hooks = h }

// Register makes a unit's code known by its name. Units call it when they are loaded.
func Register(unit string, body func()) {
	unitsMu.Lock()
	defer unitsMu.Unlock()
	units[unit] = body
}

// stopped is the panic that unwinds an interrupted cell. It is no error: a cell's own recover must be
// able to tell it from its panics, and gets to see why in its text.
type stopped struct{}

func (stopped) String() string { return "the cell was interrupted" }

// exited unwinds a cell that called os.Exit.
type exited struct{ code int }

func (e exited) String() string { return fmt.Sprintf("os.Exit(%d)", e.code) }

// Check ends the cell if it was interrupted. Generated code calls it in every loop and function.
func Check() {
	if stopping.Load() != 0 {
		checkSlow()
	}
}

// unwindTime is how long the deferred functions of an interrupted cell may take. Code that goes on for
// longer is unwound again, at every turn: it has recovered from the interrupt.
const unwindTime = 50 * time.Millisecond

func checkSlow() {
	e := hooks.Current()
	if e == nil || !e.stop.Load() {
		return
	}
	thrown, id := &e.thrown, goroutine()
	if id != e.main {
		if thrown = e.tests.thrown(id); thrown == nil {
			return
		}
	}
	if thrown.IsZero() {
		*thrown = time.Now()
	} else if time.Since(*thrown) < unwindTime {
		return
	}
	panic(stopped{})
}

// Mark notes that the cell's code has come as far as its n-th mark.
func Mark(n int) {
	if e := hooks.Current(); e != nil {
		// A goto may lead back to earlier marks.
		e.marks.Store(max(e.marks.Load(), int64(n)))
	}
}

// cellError is the panic by which a cell fails whose last expression is a non-nil error.
type cellError struct{ err error }

// voidType is the type that a call of a C function without a result has.
const voidType = "main._Ctype_void"

// Result returns a function that shows the values of a cell's last expression, each made into a bundle
// by show: a call of its own, since an expression with several values can only be all of a call's
// arguments. If the last value is a non-nil error, the cell fails with it; a nil error beside other values
// is not shown.
func Result(show func(any) frame.Bundle) func(values ...any) {
	return func(values ...any) {
		Check() // a cell that was left behind may come back after all
		Fail(values...)
		if n := len(values); n > 1 && values[n-1] == nil {
			values = values[:n-1]
		}
		for _, v := range values {
			if fmt.Sprintf("%T", v) == voidType {
				continue
			}
			if f, err := frame.Encode(frame.Result, show(v)); err == nil {
				_ = hooks.Send(f) // the kernel is gone if this fails, and this process with it
			}
		}
	}
}

// Fail ends the cell if the last of values is a non-nil error; nothing is shown. It is for calls that
// are made for what they do, like fmt.Println.
func Fail(values ...any) {
	if n := len(values); n > 0 {
		if err, ok := values[n-1].(error); ok {
			panic(cellError{err})
		}
	}
}

// Guarded returns f, a function, with a Guard around it: for go statements that call a function by name,
// and for functions that are handed to what starts a goroutine for them. When f panics, its results are
// zero, but for a last one that is an error, which tells of the panic.
func Guarded[F any](f F) F {
	v := reflect.ValueOf(f)
	t := v.Type()
	return reflect.MakeFunc(t, func(args []reflect.Value) (results []reflect.Value) {
		test := testOf(args)
		if test != nil {
			defer heed()()
		}
		defer func() {
			if r := recover(); r != nil {
				if test != nil {
					failTest(test, r, callers(4))
				}
				report(r, callers(4))
				results = failed(t, r)
			}
		}()
		if v.IsNil() {
			var f func()
			f() // panics as Go does
		}
		if t.IsVariadic() {
			return v.CallSlice(args)
		}
		return v.Call(args)
	}).Interface().(F)
}

// failed returns the results of a function of type t that has panicked with r.
func failed(t reflect.Type, r any) []reflect.Value {
	results := make([]reflect.Value, t.NumOut())
	for i := range results {
		results[i] = reflect.Zero(t.Out(i))
	}
	if n := len(results); n > 0 && t.Out(n-1) == reflect.TypeFor[error]() {
		results[n-1] = reflect.ValueOf(fmt.Errorf("panic: %s", describe(r, nil).Text))
	}
	return results
}

// Close, Panic and Delete are the predeclared functions, for go statements.
func Close[C ~chan T | ~chan<- T, T any](c C) {
	defer Guard()
	close(c)
}

// Panic panics on a goroutine of its own.
func Panic(v any) {
	defer Guard()
	panic(v)
}

// Delete deletes an entry of a map on a goroutine of its own.
func Delete[M ~map[K]V, K comparable, V any](m M, k K) {
	defer Guard()
	delete(m, k)
}

// Guard is deferred by every goroutine that a cell's code starts, so that its panic is reported
// and ends that goroutine alone.
func Guard() {
	r := recover()
	if r == nil {
		return
	}
	report(r, callers(4))
}

// report tells the kernel of a panic on a goroutine that is not the cell's own.
func report(r any, stack []control.Call) {
	if _, ok := r.(stopped); ok {
		return
	}
	if c, ok := creator(); ok {
		stack = append(stack, c)
	}
	if f, err := frame.Encode(control.KindPanic, describe(r, stack)); err == nil {
		_ = hooks.Send(f) // as in Result
	}
}

// Exit is what os.Exit does in a cell: it ends the cell and not the worker.
func Exit(code int) {
	if e := hooks.Current(); e != nil && goroutine() == e.main {
		panic(exited{code})
	}
	// Elsewhere there is no code of a cell to unwind to: the goroutine ends, after its deferred calls.
	runtime.Goexit()
}

// Start makes an execution. Run it with Run on a goroutine of its own.
func Start(cell uint64) *Exec {
	e := &Exec{Cell: cell, tests: &watched{since: map[string]*time.Time{}}}
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	return e
}

// Context is cancelled when the execution is interrupted. It outlives the cell's code: goroutines
// that the cell started may still be at work.
func (e *Exec) Context() context.Context { return e.ctx }

// Stop asks the execution to end. Its code unwinds at its next Check.
func (e *Exec) Stop() {
	if e.stop.CompareAndSwap(false, true) {
		stopping.Add(1)
		e.cancel(ErrInterrupted)
	}
}

// Marks returns how many marks the execution's code has reached.
func (e *Exec) Marks() int { return int(e.marks.Load()) }

// Stopping tells whether Stop was called.
func (e *Exec) Stopping() bool { return e.stop.Load() }

// Run runs the unit on the calling goroutine and writes to d how it ended, also when the unit's code
// ends the goroutine with runtime.Goexit.
func (e *Exec) Run(unit string, d *control.Done) {
	unitsMu.Lock()
	body := units[unit]
	unitsMu.Unlock()
	if body == nil {
		*d = control.Done{Status: control.NotLoaded, Panic: &control.Panic{Type: "error", Text: "unit " + unit + " is not loaded"}}
		return
	}
	e.main = goroutine()
	returned := false
	defer func() {
		r := recover()
		if !returned {
			*d = e.ended(r)
		}
		d.Marks = int(e.marks.Load())
		if e.stop.Load() {
			stopping.Add(-1)
		}
	}()
	body()
	returned = true
	*d = control.Done{Status: control.OK}
}

// ended tells how code ended that did not return: r is what it panicked with, nil after Goexit.
func (e *Exec) ended(r any) control.Done {
	switch r := r.(type) {
	case nil:
		return control.Done{Status: control.Panicked, Panic: &control.Panic{Type: "runtime.Goexit",
			Text: "runtime.Goexit ended the cell", Stack: callers(4)}}
	case stopped:
		return control.Done{Status: control.Interrupted, Panic: describe(r, callers(4))}
	case exited:
		return control.Done{Status: control.Exited, Panic: describe(r, callers(4))}
	case cellError:
		p := describe(r.err, nil)
		return control.Done{Status: control.Failed, Panic: p}
	}
	if err, ok := r.(error); ok && e.stop.Load() && errors.Is(err, ErrInterrupted) {
		return control.Done{Status: control.Interrupted, Panic: describe(r, callers(4))}
	}
	return control.Done{Status: control.Panicked, Panic: describe(r, callers(4))}
}

// describe puts a panic's value into words. The value's own methods may panic.
func describe(r any, stack []control.Call) (p *control.Panic) {
	p = &control.Panic{Type: fmt.Sprintf("%T", r), Stack: stack}
	defer func() {
		if recover() != nil {
			p.Text = "a panic whose value cannot be printed"
		}
	}()
	switch r := r.(type) {
	case error:
		p.Text = r.Error()
	case fmt.Stringer:
		p.Text = r.String()
	default:
		p.Text = fmt.Sprint(r)
	}
	return p
}

// createdBy is how a stack trace tells which call started its goroutine.
var createdBy = regexp.MustCompile(`(?m)^created by (.+?)(?: in goroutine \d+)?\n\t(.+):(\d+)`)

// creator returns the go statement that started the calling goroutine.
func creator() (control.Call, bool) {
	buf := make([]byte, 64<<10)
	m := createdBy.FindSubmatch(buf[:runtime.Stack(buf, false)])
	if m == nil {
		return control.Call{}, false
	}
	line, err := strconv.Atoi(string(m[3]))
	return control.Call{Func: string(m[1]), File: string(m[2]), Line: line}, err == nil
}

// callers returns the stack above the function that called it, without skip innermost frames.
func callers(skip int) []control.Call {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip, pcs)])
	var calls []control.Call
	for {
		f, more := frames.Next()
		if f.Function != "" {
			calls = append(calls, control.Call{Func: f.Function, File: f.File, Line: f.Line})
		}
		if !more {
			return calls
		}
	}
}

// goroutine names the calling goroutine, as its stack trace does.
func goroutine() string {
	var buf [64]byte
	head := string(buf[:runtime.Stack(buf[:], false)])
	name, _, _ := strings.Cut(strings.TrimPrefix(head, "goroutine "), " ")
	return name
}
