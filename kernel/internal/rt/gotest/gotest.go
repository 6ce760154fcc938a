// Package gotest runs the tests of cells as `go test` does, in the process where their values are.
package gotest

import (
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/rt"
)

// A Suite is what is to be run.
type Suite struct {
	Tests      []testing.InternalTest
	Benchmarks []testing.InternalBenchmark
	Fuzz       []testing.InternalFuzzTarget
	Examples   []testing.InternalExample
}

// Failure is the error of tests that have failed: it names them.
type Failure string

func (f Failure) Error() string { return string(f) }

// Run runs a suite with the flags of `go test`, and with those that cells define.
func Run(args []string, s Suite) error {
	testing.Init()
	// Two flags cannot be set to what they are before they are set.
	rt.Args(append([]string{"-test.v=false", "-test.fuzztime=" + fuzzTime}, long(args)...)...)
	rt.ParseFlags()
	if f := flag.Lookup("test.fuzzcachedir"); f.Value.String() == "" {
		_ = f.Value.Set(os.TempDir()) // nothing is kept there
	}
	failed := &names{}
	m := testing.MainStart(&deps{suite: s}, failed.tests(s.Tests), failed.benchmarks(s.Benchmarks), failed.fuzz(s.Fuzz), s.Examples)
	code := m.Run()
	rt.Check() // tests fail that an interrupt has ended
	if code != 0 {
		return failed.failure()
	}
	return nil
}

// long gives the flags of package testing the names that they have without the go command: -v is -test.v,
// unless a cell has a flag of that name.
func long(args []string) []string {
	var list []string
	for _, arg := range args {
		name := strings.TrimLeft(arg, "-")
		word, _, _ := strings.Cut(name, "=")
		if name != arg && flag.Lookup(word) == nil && flag.Lookup("test."+word) != nil {
			arg = "-test." + name
		}
		if arg != "" {
			list = append(list, arg)
		}
	}
	return list
}

// names are those of what has failed.
type names struct {
	mu   sync.Mutex
	list []string
}

func (n *names) failure() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.list) == 0 {
		return Failure("FAIL")
	}
	return Failure(strings.Join(n.list, ", ") + " failed")
}

// watch notes the name of a test that has failed when it ends, and all that it has started.
func (n *names) watch(t testing.TB) {
	t.Cleanup(func() {
		if t.Failed() {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.list = append(n.list, t.Name())
		}
	})
}

// watched returns a test that is watched and whose panic is its failure.
func watched[T testing.TB](n *names, f func(T)) func(T) {
	run := rt.Guarded(f)
	return func(t T) {
		n.watch(t)
		run(t)
	}
}

func (n *names) tests(list []testing.InternalTest) []testing.InternalTest {
	list = slices.Clone(list)
	for i, t := range list {
		list[i].F = watched(n, t.F)
	}
	return list
}

func (n *names) benchmarks(list []testing.InternalBenchmark) []testing.InternalBenchmark {
	list = slices.Clone(list)
	for i, b := range list {
		list[i].F = watched(n, b.F)
	}
	return list
}

func (n *names) fuzz(list []testing.InternalFuzzTarget) []testing.InternalFuzzTarget {
	list = slices.Clone(list)
	for i, f := range list {
		list[i].Fn = watched(n, f.Fn)
	}
	return list
}

// deps is what package testing asks of the program that it is in. The go command generates it elsewhere.
type deps struct{ suite Suite }

func (*deps) ImportPath() string                                       { return "" }
func (*deps) ModulePath() string                                       { return "" }
func (*deps) MatchString(pat, s string) (bool, error)                  { return regexp.MatchString(pat, s) }
func (*deps) SetPanicOnExit0(bool)                                     {}
func (*deps) StartCPUProfile(w io.Writer) error                        { return pprof.StartCPUProfile(w) }
func (*deps) StopCPUProfile()                                          { pprof.StopCPUProfile() }
func (*deps) StartTestLog(io.Writer)                                   {}
func (*deps) StopTestLog() error                                       { return nil }
func (*deps) CheckCorpus(values []any, t []reflect.Type) error         { return check(values, t) }
func (*deps) ReadCorpus(string, []reflect.Type) ([]corpusEntry, error) { return nil, nil }
func (*deps) RunFuzzWorker(func(corpusEntry) error) error              { return nil }
func (*deps) ResetCoverage()                                           {}
func (*deps) SnapshotCoverage()                                        {}

func (*deps) WriteProfileTo(name string, w io.Writer, debug int) error {
	return pprof.Lookup(name).WriteTo(w, debug)
}

func (*deps) InitRuntimeCoverage() (string, func(string, string) (string, error), func() float64) {
	return "", nil, nil
}

// CoordinateFuzzing hands random inputs to the target that is fuzzed.
func (d *deps) CoordinateFuzzing(limit time.Duration, count int64, _ time.Duration, _ int64, _ int, seeds []corpusEntry, types []reflect.Type, _, _ string) error {
	f := &fuzzer{limit: limit, count: count, types: types}
	for _, s := range seeds {
		f.seeds = append(f.seeds, s.Values)
	}
	// Only a worker of the fuzzer gets to call the target.
	if err := flag.Set("test.fuzzworker", "true"); err != nil {
		return err
	}
	defer flag.Set("test.fuzzworker", "false")
	testing.MainStart(f, nil, nil, d.suite.Fuzz, nil).Run()
	return f.found
}

// check tells whether a seed has the types of its target.
func check(values []any, types []reflect.Type) error {
	if len(values) != len(types) {
		return fmt.Errorf("a seed has %d values, the target wants %d", len(values), len(types))
	}
	for i, v := range values {
		if reflect.TypeOf(v) != types[i] {
			return fmt.Errorf("a seed has %T where the target wants %v", v, types[i])
		}
	}
	return nil
}
