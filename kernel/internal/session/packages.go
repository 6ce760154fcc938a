package session

import (
	"context"
	"fmt"
	"go/importer"
	"go/types"
	"strings"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/rt/control"
)

// A versions importer imports packages in the version that is compiled last.
type versions struct {
	builder *build.Builder
	gc      types.Importer
}

// Import returns the package that source imports by that path.
func (v versions) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	return v.gc.Import(v.builder.SymbolPath(path))
}

// forgetTypes makes the type checker read all packages anew.
func (s *Session) forgetTypes() {
	s.imports = versions{s.builder, importer.ForCompiler(s.fset, "gc", s.builder.Export)}
}

// library is what a worker is told of a compiled library.
func library(lib *build.Library) control.Library {
	return control.Library{Path: lib.Path, Types: lib.Types, Inits: lib.Inits}
}

// modulePackages returns the packages of the notebook's module, import path to name.
func (s *Session) modulePackages(ctx context.Context) map[string]string {
	if s.opts.Module == "" {
		return nil
	}
	if s.module == nil {
		// A module that cannot be listed says why when one of its packages is imported by its path.
		s.module, _ = s.builder.ModulePackages(ctx, s.opts.Module)
	}
	return s.module
}

// addPackage loads a package that is not in the base library, if the notebook's module has it.
func (s *Session) addPackage(ctx context.Context, path string) error {
	if _, ok := s.builder.Names()[path]; ok || path == "unsafe" || path == "C" || path == compose.TestPath {
		return nil
	}
	if s.opts.Module == "" {
		return fmt.Errorf("package %q is not in the base library, and the notebook is in no module that could provide it; `%%get %s@latest` adds it", path, path)
	}
	defer s.noteSlow("compiling package " + path + " and what it needs, once …")()
	lib, err := s.builder.Add(ctx, s.opts.Module, path)
	if err != nil {
		return withHint(err, path)
	}
	if lib == nil {
		return nil
	}
	return s.load(ctx, lib)
}

// noteSlow says what the session is at if it is still at it after a second. The caller calls what it
// returns at the end.
func (s *Session) noteSlow(text string) func() {
	if s.opts.Note == nil {
		return func() {}
	}
	timer := time.AfterFunc(time.Second, func() { s.opts.Note(text) })
	return func() { timer.Stop() }
}

// withHint adds to the go command's words how a package is got.
func withHint(err error, path string) error {
	if strings.Contains(err.Error(), "no required module provides package") || strings.Contains(err.Error(), "cannot find module providing package") {
		return fmt.Errorf("no module that the notebook's go.mod requires provides package %q; `%%get %s@latest` adds it", path, path)
	}
	if strings.Contains(err.Error(), "module lookup disabled by GOPROXY=off") {
		return fmt.Errorf("package %q needs a module that is not on this machine: run `go mod download` in the notebook's module and this cell again", path)
	}
	return err
}

// load loads a library of packages into the worker, for good: a new worker gets it too.
func (s *Session) load(ctx context.Context, lib *build.Library) error {
	entry := library(lib)
	if err := s.order(ctx, control.Execute{Load: []control.Library{entry}}); err != nil {
		return fmt.Errorf("load %s: %w", lib.Path, err)
	}
	s.libs = append(s.libs, entry)
	return nil
}

// loadNumber is the number of executions that load libraries and run no cell.
const loadNumber = 0xffff_ffff

// refresh compiles and loads the packages of the notebook's module that have changed on disk.
//
// Packages are those that the cell may use: a package that does not compile is in nobody else's way.
func (s *Session) refresh(ctx context.Context, packages []string) error {
	changed := s.builder.Changed(packages)
	if len(changed) == 0 {
		return nil
	}
	defer s.noteSlow("compiling what has changed in " + strings.Join(changed, ", ") + " …")()
	lib, paths, err := s.builder.Reload(ctx, s.opts.Module, changed)
	if err != nil {
		return err
	}
	s.forgetTypes()
	s.stale = append(s.stale, paths...)
	if lib == nil {
		return nil // units bring it along
	}
	return s.load(ctx, lib)
}

// SetModule makes the module at dir the notebook's.
func (s *Session) SetModule(dir string) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.opts.Module, s.module = dir, nil
}
