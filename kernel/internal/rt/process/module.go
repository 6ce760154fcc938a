package process

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *lathe_open(const char *path) { return dlopen(path, RTLD_NOW | RTLD_GLOBAL); }
static void *lathe_global(const char *name) { return dlsym(RTLD_DEFAULT, name); }
static void lathe_flush(void) { fflush(NULL); }
static void lathe_lines(void) { setvbuf(stdout, NULL, _IOLBF, 0); }
*/
import "C"

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"github.com/lathe-go/lathe/kernel/internal/rt/control"
)

// What the runtime does at start-up for each module of a program that is linked against shared
// libraries, done here for a module that comes later.
//
//go:linkname modulesinit runtime.modulesinit
func modulesinit()

//go:linkname typelinksinit runtime.typelinksinit
func typelinksinit()

//go:linkname itabsinit runtime.itabsinit
func itabsinit()

//go:linkname doInit1 runtime.doInit1
func doInit1(task unsafe.Pointer)

// activeModules returns the module data of every module that modulesinit has seen.
//
//go:linkname activeModules runtime.activeModules
func activeModules() []unsafe.Pointer

// A loader loads the libraries of cells into this process.
type loader struct {
	mu     sync.Mutex // held while one library is loaded
	module moduleLayout
	// typemaps keeps the maps alive that module data, which the collector does not trace, point to.
	typemaps []map[int32]unsafe.Pointer
}

// A moduleLayout says where the runtime keeps a module's fields.
type moduleLayout struct{ types, etypes, typemap uintptr }

// newLoader reads the layout of the runtime's module data from its own type descriptor.
func newLoader() (*loader, error) {
	desc := global("type:runtime.moduledata")
	if desc == nil {
		return &loader{}, nil // load lets the runtime compare types itself
	}
	var value any
	(*[2]unsafe.Pointer)(unsafe.Pointer(&value))[0] = desc
	t := reflect.TypeOf(value)
	l := &loader{}
	for name, offset := range map[string]*uintptr{
		"types": &l.module.types, "etypes": &l.module.etypes, "typemap": &l.module.typemap,
	} {
		f, ok := t.FieldByName(name)
		if !ok {
			return nil, fmt.Errorf("the runtime's module data has no field %q", name)
		}
		*offset = f.Offset
	}
	return l, nil
}

// load loads a library and initialises its package. After an error the library may be mapped, but
// none of its code has run.
func (l *loader) load(lib control.Library) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	path := C.CString(lib.Path)
	defer C.free(unsafe.Pointer(path))
	handle := C.lathe_open(path)
	if handle == nil {
		return errors.New(C.GoString(C.dlerror()))
	}
	modulesinit()
	if l.module.typemap == 0 {
		typelinksinit()
	} else {
		l.mapTypes(handle, lib.Types)
	}
	itabsinit()
	for _, name := range lib.Inits {
		// A package with nothing to initialise has no task, or one whose second word, the number of
		// functions, is 0.
		if task := initTask(handle, name); task != nil && *(*uint32)(unsafe.Add(task, 4)) != 0 {
			doInit1(task)
		}
	}
	return nil
}

// initTask finds what initialises a package. A cell's is the library's own; of another package there is
// one, whichever library it came with first: the runtime knows by it whether that is done.
func initTask(handle unsafe.Pointer, name string) unsafe.Pointer {
	if name == cellTask {
		return symbolOf(handle, name)
	}
	return global(name)
}

// cellTask initialises the package of a cell.
const cellTask = "cell..inittask"

// mapTypes tells the runtime which of the library's type descriptors are copies of ones that an
// earlier library defines. The runtime would find this out by comparing all types of all modules;
// the dynamic linker has already decided, by name.
func (l *loader) mapTypes(handle unsafe.Pointer, names []string) {
	var own, canonical []unsafe.Pointer
	for _, name := range names {
		mine, first := symbolOf(handle, name), global(name)
		if mine != nil && first != nil && mine != first {
			own, canonical = append(own, mine), append(canonical, first)
		}
	}
	if len(own) == 0 {
		return
	}
	for _, md := range activeModules() {
		from, to := *(*uintptr)(unsafe.Add(md, l.module.types)), *(*uintptr)(unsafe.Add(md, l.module.etypes))
		if p := uintptr(own[0]); p < from || p >= to {
			continue
		}
		typemap := make(map[int32]unsafe.Pointer, len(own))
		for i, p := range own {
			typemap[int32(uintptr(p)-from)] = canonical[i]
		}
		l.typemaps = append(l.typemaps, typemap)
		*(*map[int32]unsafe.Pointer)(unsafe.Add(md, l.module.typemap)) = typemap
		return
	}
}

// global finds a symbol as the dynamic linker binds it: in the library that was loaded first.
func global(name string) unsafe.Pointer {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return C.lathe_global(s)
}

// symbolOf finds a symbol in one library.
func symbolOf(handle unsafe.Pointer, name string) unsafe.Pointer {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	return C.dlsym(handle, s)
}

// lineBufferC makes C code write each line as it ends, as it does on a terminal.
func lineBufferC() { C.lathe_lines() }

// flushC writes out what C code has printed.
func flushC() { C.lathe_flush() }
