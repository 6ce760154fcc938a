package rt

import (
	"fmt"
	"io"
	"path"
	"reflect"
	"strings"
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
	e.tests.Store(id, new(time.Time))
	return func() { e.tests.Delete(id) }
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
