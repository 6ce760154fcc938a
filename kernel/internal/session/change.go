package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/rt/control"
)

// Setenv sets an environment variable of the worker, and of one that may take its place.
func (s *Session) Setenv(ctx context.Context, name, value string) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := s.order(ctx, control.Execute{Env: []string{name + "=" + value}}); err != nil {
		return err
	}
	env := slices.DeleteFunc(slices.Clone(s.opts.Env), func(v string) bool { return strings.HasPrefix(v, name+"=") })
	s.opts.Env = append(env, name+"="+value)
	return nil
}

// Chdir sets the working directory of the worker, and of one that may take its place.
func (s *Session) Chdir(ctx context.Context, dir string) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if err := s.order(ctx, control.Execute{Dir: dir}); err != nil {
		return err
	}
	s.opts.Dir = dir
	return nil
}

// order has the worker do what runs no cell: load libraries, or change its surroundings. It is the caller's
// turn.
func (s *Session) order(ctx context.Context, req control.Execute) error {
	done, _, err := s.worker.Execute(ctx, loadNumber, req)
	if err == nil && done.Status != control.OK {
		err = errors.New(done.Panic.Text)
	}
	return err
}

// Remove forgets declarations and imports by their names. What uses them no longer works; that is among the
// notices.
func (s *Session) Remove(names []string) (notices []string, err error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	var unknown []string
	var removed []string
	live, broken := s.live.Clone(), cloned(s.broken)
	imports := s.inherited.Inherit()
	for _, name := range names {
		_, waits := broken[name]
		switch d := live[name]; {
		case d != nil:
			live.Remove(d)
			removed = append(removed, d.Names...)
		case waits:
			delete(broken, name)
		case removeImport(imports, name):
		default:
			unknown = append(unknown, name)
		}
	}
	for _, d := range live.Dependents(removed, nil) {
		live.Remove(d)
		at := slices.IndexFunc(removed, func(n string) bool { return d.Uses(map[string]bool{n: true}) })
		why := "what it uses was removed"
		if at >= 0 {
			why = removed[at] + " was removed"
		}
		broken[d.Name] = brokenBy(d, why)
		notices = append(notices, fmt.Sprintf("%s no longer works: %s", d.Name, why))
	}
	s.publish(live, broken, imports)
	if len(unknown) > 0 {
		err = errors.New("nothing is called " + strings.Join(unknown, ", ") + "; %ls lists what there is")
	}
	return notices, err
}

// removeImport forgets the import of a name or of a path, and tells whether there was one.
func removeImport(imports *compose.Imports, name string) bool {
	named, dot := len(imports.Named), len(imports.Dot)
	maps.DeleteFunc(imports.Named, func(n, path string) bool { return n == name || path == name })
	imports.Dot = slices.DeleteFunc(imports.Dot, func(path string) bool { return path == name })
	return len(imports.Named) < named || len(imports.Dot) < dot
}

func brokenBy(d *compose.Decl, why string) broken { return broken{decl: d, why: why} }

// testCell is the name of the code that runs tests. It stands in no trace: no cell has it.
const testCell = "%test"

// Tests says which tests are to be run.
type Tests struct {
	Number uint64   // of the execution that they belong to
	Names  []string // run these if any of them are tests, else those of all cells
	Args   []string // flags of `go test`; without any, tests are verbose
}

// Test runs tests that cells declare.
func (s *Session) Test(ctx context.Context, t Tests) (Report, error) {
	source := compose.TestSource(s.Snapshot().Decls(), t.Names, t.Args)
	report, err := s.Execute(ctx, Request{Number: t.Number, Name: testCell, Text: source})
	s.turn.Lock()
	defer s.turn.Unlock()
	imports := s.inherited.Inherit()
	for _, name := range compose.TestImports {
		removeImport(imports, name)
	}
	s.publish(s.live, s.broken, imports)
	return report, err
}
