package gotest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// corpusEntry is package testing's type of an input.
type corpusEntry = struct {
	Parent     string
	Path       string
	Data       []byte
	Values     []any
	Generation int
	IsSeed     bool
}

// fuzzTime is how long a target is fuzzed if nothing is said.
const fuzzTime = "10s"

// A fuzzer calls a target with inputs that are made of its seeds at random. It knows nothing of what the
// target's code covers.
type fuzzer struct {
	deps
	limit time.Duration
	count int64
	types []reflect.Type
	seeds [][]any
	found error
}

// RunFuzzWorker calls the target until it fails, or as long as is allowed.
func (f *fuzzer) RunFuzzWorker(call func(corpusEntry) error) error {
	ctx := frame.Context()
	start := time.Now()
	n := int64(0)
	for ctx.Err() == nil && (f.count > 0 && n < f.count || f.count == 0 && time.Since(start) < f.limit) {
		n++
		values := f.next()
		if err := call(corpusEntry{Values: values}); err != nil {
			f.found = fmt.Errorf("%s\nthe failing input: f.Add(%s)", strings.TrimRight(err.Error(), "\n"), input(values))
			break
		}
	}
	fmt.Printf("fuzz: %d inputs in %v\n", n, time.Since(start).Round(10*time.Millisecond))
	return nil
}

// next returns an input.
func (f *fuzzer) next() []any {
	values := make([]any, len(f.types))
	for i, t := range f.types {
		values[i] = reflect.Zero(t).Interface()
	}
	if len(f.seeds) > 0 {
		values = slices.Clone(f.seeds[rand.IntN(len(f.seeds))])
	}
	i := rand.IntN(len(values))
	values[i] = mutated(values[i])
	return values
}

// interesting are numbers at which code is often wrong.
var interesting = []int64{0, 1, -1, 2, 10, 127, 128, 255, 256, 1 << 15, 1 << 31, 1<<31 - 1, -1 << 31, 1 << 62, -1 << 63}

// mutated returns another value of the type of v, which is one that package testing can fuzz.
func mutated(v any) any {
	switch v := v.(type) {
	case string:
		return string(scrambled([]byte(v)))
	case []byte:
		return scrambled(bytes.Clone(v))
	case bool:
		return rand.IntN(2) == 0
	}
	r := reflect.New(reflect.TypeOf(v)).Elem()
	old := reflect.ValueOf(v)
	step := int64(rand.IntN(21) - 10)
	n := interesting[rand.IntN(len(interesting))]
	switch {
	case r.CanInt() && rand.IntN(2) == 0:
		r.SetInt(old.Int() + step)
	case r.CanInt():
		r.SetInt(n)
	case r.CanUint() && rand.IntN(2) == 0:
		r.SetUint(old.Uint() + uint64(step))
	case r.CanUint():
		r.SetUint(uint64(n))
	case rand.IntN(2) == 0:
		r.SetFloat(old.Float() + rand.NormFloat64())
	default:
		r.SetFloat(old.Float() * float64(n))
	}
	return r.Interface()
}

// scrambled changes some bytes of b.
func scrambled(b []byte) []byte {
	for range 1 + rand.IntN(4) {
		at := rand.IntN(len(b) + 1)
		switch kind := rand.IntN(4); {
		case kind == 0 || len(b) == 0:
			b = slices.Insert(b, at, byte(rand.IntN(256)))
		case kind == 1:
			b = slices.Insert(b, at, b[rand.IntN(len(b)):]...)
			b = b[:min(len(b), 1<<16)]
		case at == len(b):
		case kind == 2:
			b = slices.Delete(b, at, at+1)
		default:
			b[at] ^= 1 << rand.IntN(8)
		}
	}
	return b
}

// input writes an input as the arguments of F.Add.
func input(values []any) string {
	var list []string
	for _, v := range values {
		text := fmt.Sprintf("%#v", v)
		switch v := v.(type) {
		case []byte:
			text = fmt.Sprintf("[]byte(%q)", v)
		case string, bool, int:
		default:
			text = fmt.Sprintf("%T(%v)", v, v)
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}
