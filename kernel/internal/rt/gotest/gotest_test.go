package gotest

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLong(t *testing.T) {
	got := long([]string{"-v", "--run=X", "-test.bench=.", "-mine=1", "word", ""})
	want := []string{"-test.v", "-test.run=X", "-test.bench=.", "-mine=1", "word"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMutatedKeepsTheType: of every type that package testing fuzzes.
func TestMutatedKeepsTheType(t *testing.T) {
	for _, v := range []any{"abc", []byte("abc"), "", []byte{}, true, byte(1), rune('a'), float32(1.5), 2.5, int(1), int8(1), int16(1),
		int64(1), uint(1), uint16(1), uint32(1), uint64(1)} {
		changed := false
		for range 200 {
			m := mutated(v)
			if reflect.TypeOf(m) != reflect.TypeOf(v) {
				t.Fatalf("%T became %T", v, m)
			}
			changed = changed || !reflect.DeepEqual(m, v)
		}
		if !changed {
			t.Errorf("%T never changes", v)
		}
	}
}

// TestFuzzerIsBounded: by a count, by a time, and by the first failure.
func TestFuzzerIsBounded(t *testing.T) {
	types := []reflect.Type{reflect.TypeFor[string](), reflect.TypeFor[int]()}
	n := 0
	count := func(corpusEntry) error { n++; return nil }
	f := &fuzzer{count: 50, types: types}
	if f.RunFuzzWorker(count); n != 50 || f.found != nil {
		t.Errorf("%d inputs, %v", n, f.found)
	}
	n = 0
	f = &fuzzer{limit: 20 * time.Millisecond, types: types, seeds: [][]any{{"seed", 7}}}
	if f.RunFuzzWorker(count); n == 0 || f.found != nil {
		t.Errorf("%d inputs, %v", n, f.found)
	}
	n = 0
	f = &fuzzer{count: 50, types: types, seeds: [][]any{{"seed", 7}}}
	f.RunFuzzWorker(func(e corpusEntry) error {
		if n++; n == 3 {
			return testError("wrong\n")
		}
		return nil
	})
	if n != 3 || f.found == nil || !strings.HasPrefix(f.found.Error(), "wrong\nthe failing input: f.Add(") {
		t.Errorf("%d inputs, %v", n, f.found)
	}
}

type testError string

func (e testError) Error() string { return string(e) }

func TestInput(t *testing.T) {
	if got := input([]any{"a\"", []byte("b"), 3, int8(4), 2.5, true}); got != `"a\"", []byte("b"), 3, int8(4), float64(2.5), true` {
		t.Error(got)
	}
}

func TestCheck(t *testing.T) {
	types := []reflect.Type{reflect.TypeFor[string]()}
	if err := check([]any{"a"}, types); err != nil {
		t.Error(err)
	}
	for _, bad := range [][]any{{}, {1}, {"a", "b"}} {
		if check(bad, types) == nil {
			t.Errorf("%v passes", bad)
		}
	}
}
