package rt

import (
	"fmt"
	"io"
	"path"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/rt/control"
)

// A tester is what package testing hands to tests, benchmarks and fuzz targets.
type tester interface {
	Fail()
	FailNow()
	Output() io.Writer
}

// testOf returns the test that a function is called for, or nil.
func testOf(args []reflect.Value) tester {
	if len(args) == 0 || !args[0].CanInterface() {
		return nil
	}
	t, _ := args[0].Interface().(tester)
	return t
}

// heed makes the calling goroutine one that an interrupt of its cell ends, until the function that it returns
// is called: package testing runs each test on a goroutine of its own.
func heed() (done func()) {
	e := hooks.Current()
	if e == nil {
		return func() {}
	}
	id := goroutine()
	e.tests.set(id, new(time.Time))
	return func() { e.tests.set(id, nil) }
}

// watched are goroutines, each with when Check unwound it first. It is no sync.Map, whose methods the
// compiler would make anew for every cell.
type watched struct {
	mu    sync.Mutex
	since map[string]*time.Time
}

// set adds a goroutine, or with nil takes it out.
func (w *watched) set(id string, thrown *time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if thrown == nil {
		delete(w.since, id)
	} else {
		w.since[id] = thrown
	}
}

// thrown returns when a goroutine was unwound, which only that one changes, or nil for one that is not watched.
func (w *watched) thrown(id string) *time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.since[id]
}

// failTest lets a test fail that has panicked with r. Package testing would end the process.
func failTest(t tester, r any, stack []control.Call) {
	fmt.Fprintf(t.Output(), "panic: %s\n", describe(r, nil).Text)
	for _, c := range stack {
		if file := path.Base(c.File); strings.HasPrefix(file, "In[") {
			fmt.Fprintf(t.Output(), "    %s:%d\n", file, c.Line)
		}
	}
	t.FailNow()
}
