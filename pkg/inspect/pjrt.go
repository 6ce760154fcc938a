package inspect

/*
#include <stddef.h>
#include <stdlib.h>

// What follows is the layout of PJRT's C interface (pjrt_c_api.h of OpenXLA), which only grows at its end:
// a table begins with its size, a pointer and the version, then come pointers to functions in a fixed order.
typedef struct { size_t size; void *ext; size_t vsize; void *vext; int major, minor; void *fn[]; } table;
typedef struct { size_t size; void *ext; char *code; size_t code_size; const char *format; size_t format_size; } program;
typedef struct { size_t size; void *ext; void *executable; program *out; } program_args;
typedef struct { size_t size; void *ext; const char *name; size_t name_size; int type; union { const char *s; long long i; float f; char b; } v; size_t value_size; } named;
typedef struct { size_t size; void *ext; void *executable; size_t n; const named *properties; } cost_args;
typedef struct { size_t size; void *ext; void *error; const char *message; size_t message_size; } message_args;
typedef struct { size_t size; void *ext; void *error; } destroy_args;
typedef void *(*call)(void *);

enum { errorDestroy = 0, errorMessage = 1, getCostAnalysis = 46, optimizedProgram = 48 };

static int has(void *api, int i) { table *t = api; return t->size >= offsetof(table, fn) + (i + 1) * sizeof(void *) && t->fn[i]; }
static void *run(void *api, int i, void *args) { return ((call)((table *)api)->fn[i])(args); }
static void *ask_program(void *api, void *executable, program *p) {
	program_args a = { sizeof a, NULL, executable, p };
	return run(api, optimizedProgram, &a);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/go-xla/stablehlo"
	"github.com/gomlx/gomlx/core/graph"
)

// errLayout says that a value of another module does not hold what it held in the version that this was
// written for.
var errLayout = errors.New("GoMLX v0.28.2 and go-xla v0.4.1 have no call that gives it, and the values of the version in use are laid out in another way")

// errNotXLA says that there is no program to show.
var errNotXLA = errors.New("the device is not XLA, so there is no such program; backend.Default() says why and how to mend it")

// field follows unexported fields of v, through pointers and interfaces.
func field(v reflect.Value, names ...string) (reflect.Value, error) {
	for _, name := range names {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			if v.IsNil() {
				return v, errLayout
			}
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return v, errLayout
		}
		if v = v.FieldByName(name); !v.IsValid() {
			return v, errLayout
		}
	}
	return v, nil
}

// read copies an unexported field of type T, reached through pointers.
func read[T any](from any, names ...string) (value T, err error) {
	f, err := field(reflect.ValueOf(from), names...)
	if err != nil {
		return value, fmt.Errorf("%w (%T has no %v)", err, from, names)
	}
	for f.Kind() == reflect.Interface && !f.IsNil() && f.Type() != reflect.TypeFor[T]() {
		f = f.Elem()
	}
	if f.Type() != reflect.TypeFor[T]() || !f.CanAddr() && f.Kind() != reflect.Pointer {
		return value, fmt.Errorf("%w (%v of %T is a %s)", errLayout, names, from, f.Type())
	}
	if f.CanAddr() {
		return *(*T)(unsafe.Pointer(f.UnsafeAddr())), nil
	}
	p := f.UnsafePointer()
	return *(*T)(unsafe.Pointer(&p)), nil
}

// pointer reads an unexported pointer of any type.
func pointer(from any, names ...string) (unsafe.Pointer, error) {
	f, err := field(reflect.ValueOf(from), names...)
	if err != nil || f.Kind() != reflect.Pointer || f.IsNil() {
		return nil, fmt.Errorf("%w (%T has no %v)", errLayout, from, names)
	}
	return f.UnsafePointer(), nil
}

// stableHLO returns the program that was given to XLA for a graph.
func stableHLO(g *graph.Graph) (string, error) {
	if g == nil {
		return "", errors.New("the view was closed")
	}
	if g.Backend().Name() != "xla" {
		return "", errNotXLA
	}
	builder, err := read[*stablehlo.Builder](g, "builder", "builder")
	if err != nil {
		return "", err
	}
	text, err := builder.Build()
	return string(text), err
}

// A loaded is a compiled program in the plugin.
type loaded struct {
	executable *pjrt.LoadedExecutable
	api        unsafe.Pointer // the plugin's table of functions
	handle     unsafe.Pointer // the program, in the plugin
}

// load finds the compiled program of a graph.
func load(g *graph.Graph) (l loaded, err error) {
	if g == nil {
		return l, errors.New("the view was closed")
	}
	if g.Backend().Name() != "xla" {
		return l, errNotXLA
	}
	var compiled compute.Executable = g.Executable()
	if l.executable, err = read[*pjrt.LoadedExecutable](compiled, "exec"); err != nil {
		return l, err
	}
	if l.api, err = pointer(l.executable, "plugin", "api"); err != nil {
		return l, err
	}
	l.handle, err = pointer(l.executable, "executable", "wrapper", "c")
	return l, err
}

// failure makes an error of one of the plugin's, and gives that back.
func (l loaded) failure(doing string, e unsafe.Pointer) error {
	if e == nil {
		return nil
	}
	m := C.message_args{error: e}
	m.size = C.sizeof_message_args
	C.run(l.api, C.errorMessage, unsafe.Pointer(&m))
	err := fmt.Errorf("%s: the PJRT plugin says: %s", doing, C.GoStringN(m.message, C.int(m.message_size)))
	d := C.destroy_args{error: e}
	d.size = C.sizeof_destroy_args
	C.run(l.api, C.errorDestroy, unsafe.Pointer(&d))
	return err
}

// optimized returns the program after XLA's optimisation, as the plugin serialises it.
func (l loaded) optimized() (code []byte, format string, err error) {
	const doing = "ask for the optimised program"
	if C.has(l.api, C.optimizedProgram) == 0 {
		return nil, "", fmt.Errorf("%s: the plugin has no PJRT_Executable_OptimizedProgram", doing)
	}
	p := (*C.program)(C.calloc(1, C.sizeof_program))
	defer C.free(unsafe.Pointer(p))
	p.size = C.sizeof_program
	if err := l.failure(doing, C.ask_program(l.api, l.handle, p)); err != nil {
		return nil, "", err
	}
	p.code = (*C.char)(C.malloc(p.code_size + 1))
	defer C.free(unsafe.Pointer(p.code))
	if err := l.failure(doing, C.ask_program(l.api, l.handle, p)); err != nil {
		return nil, "", err
	}
	return C.GoBytes(unsafe.Pointer(p.code), C.int(p.code_size)), C.GoStringN(p.format, C.int(p.format_size)), nil
}

// costs returns what XLA's own analysis says, by name: "flops", "bytes accessed" and others.
func (l loaded) costs() (map[string]float64, error) {
	const doing = "ask for the cost analysis"
	if C.has(l.api, C.getCostAnalysis) == 0 {
		return nil, fmt.Errorf("%s: the plugin has no PJRT_Executable_GetCostAnalysis", doing)
	}
	a := (*C.cost_args)(C.calloc(1, C.sizeof_cost_args))
	defer C.free(unsafe.Pointer(a))
	a.size, a.executable = C.sizeof_cost_args, l.handle
	if err := l.failure(doing, C.run(l.api, C.getCostAnalysis, unsafe.Pointer(a))); err != nil {
		return nil, err
	}
	costs := map[string]float64{}
	for _, p := range unsafe.Slice(a.properties, int(a.n)) {
		const kindInt64, kindFloat = 1, 3
		name := C.GoStringN(p.name, C.int(p.name_size))
		switch p._type {
		case kindInt64:
			costs[name] = float64(*(*int64)(unsafe.Pointer(&p.v)))
		case kindFloat:
			costs[name] = float64(*(*float32)(unsafe.Pointer(&p.v)))
		}
	}
	return costs, nil
}
