// Package session holds the state of a notebook: which declarations are live, and the worker in which
// their values are. Executing a cell is a transaction: a cell that fails to parse, type-check, compile
// or load leaves the state as it was.
package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/diag"
	"github.com/lathe-go/lathe/kernel/internal/rt/control"
	"github.com/lathe-go/lathe/kernel/internal/worker"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// Options say what a session works with.
type Options struct {
	Base *build.Base
	Dir  string // the worker's working directory; "" is this process's
	// Module is the folder of the notebook's module, whose packages cells may import; "" is none.
	Module string
	Env    []string // of the worker, besides this process's own
	// Output takes what cells make. Frame.Cell is the number that Execute was given.
	Output func(frame.Frame)
	// Note says what takes long, while it does.
	Note func(text string)
	// Directive runs a directive of the execution with that number, before the cell's Go code.
	Directive func(ctx context.Context, number uint64, line string) error
	// Ask asks the user a question of the execution with that number.
	Ask func(ctx context.Context, number uint64, q control.Ask) (string, error)
	// Replaced says that another worker has taken the place of one that had died or was reset.
	Replaced func()
}

// A Session is the state of one notebook. Its methods may be called from any goroutine. Cells run at the
// same time if Execute is called so; all else happens to one of them at a time. What a cell declares is
// live when it has ended, also for those that have begun meanwhile.
type Session struct {
	// turn is held by the goroutine that works on what follows, and not while a cell's code runs.
	turn    sync.Mutex
	opts    Options
	dir     string // private; removed by Close
	builder *build.Builder
	fset    *token.FileSet
	imports types.Importer

	worker *worker.Worker
	libs   []control.Library // loaded, in order: what a new worker needs
	stale  []string          // import paths of packages that declarations must be compiled against again
	module map[string]string // the packages of the notebook's module, by path; nil until they are asked for

	units    int
	versions map[string]int // the last version of each name
	ran      map[[32]byte]*ran
	broken   map[string]broken // by name; never changed, like live
	warned   map[[32]byte]bool // texts of cells whose warnings have been shown

	sources sources

	mu     sync.Mutex // guards what follows and worker, which readers take as they are
	closed bool
	live   compose.World
	// inherited are the imports of the cells so far.
	inherited *compose.Imports
}

// ran remembers the unit of a cell, and what the names in it meant, so that running the same again
// costs nothing.
type ran struct {
	plan *plan
	// packages are those that the code may use.
	packages []string
	names    map[string]*compose.Decl
}

// A Request is one cell to execute.
type Request struct {
	Number uint64 // by which output is known; unique, not 0
	Name   string // "In[3]"
	Text   string
}

// A Report tells about an execution besides its output.
type Report struct {
	Notices []string // what users must know: variables that were dropped, functions that no longer work
	Reused  bool     // nothing was compiled
	Check   time.Duration
	Build   build.Timings
	Load    time.Duration
	Run     time.Duration
}

// New starts a session.
func New(ctx context.Context, o Options) (*Session, error) {
	dir, err := os.MkdirTemp("", "lathe-session-") // 0700
	if err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	s := &Session{
		opts: o, dir: dir, fset: token.NewFileSet(), live: compose.World{}, versions: map[string]int{},
		ran: map[[32]byte]*ran{}, sources: sources{texts: map[string]string{}, shown: map[[32]byte]string{}}, warned: map[[32]byte]bool{},
		inherited: &compose.Imports{Named: map[string]string{}},
	}
	if s.builder, err = build.NewBuilder(o.Base, dir); err == nil {
		s.forgetTypes()
		s.worker, err = s.startWorker(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Session) startWorker(ctx context.Context) (*worker.Worker, error) {
	pipes, err := os.MkdirTemp(s.dir, "gonb-")
	if err != nil {
		return nil, err
	}
	// The worker makes them: package rt/gonb.
	env := append(slices.Clone(s.opts.Env), "GONB_PIPE="+filepath.Join(pipes, "out"), "GONB_PIPE_BACK="+filepath.Join(pipes, "back"))
	return worker.Start(ctx, worker.Options{Path: s.opts.Base.Worker(), Env: env, Dir: s.opts.Dir, Output: s.opts.Output,
		Ask: s.opts.Ask, Panic: s.latePanic})
}

// Close ends the worker, and with it the cells that run, and removes the session's files.
func (s *Session) Close() error {
	s.mu.Lock()
	w := s.worker
	s.closed = true
	s.mu.Unlock()
	if w != nil {
		w.Close()
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	var err error
	if s.worker != nil {
		s.worker.Close()
	}
	if s.builder != nil {
		err = s.builder.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// Warm reads the export data of packages that cells are likely to use, so that the first cell does not
// have to wait for it.
func (s *Session) Warm(paths ...string) {
	s.turn.Lock()
	defer s.turn.Unlock()
	for _, p := range paths {
		_, _ = s.imports.Import(p) // a package that is not there is reported when a cell imports it
	}
}

// Snapshot returns the live declarations. It never waits for a cell.
func (s *Session) Snapshot() compose.World {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

// Env is the environment of the session's process, besides that of this one: what runs beside it may use the
// same pipes.
func (s *Session) Env() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.worker.Env()
}

// A View is what the names in a next cell would mean. It never changes.
type View struct {
	World    compose.World
	Imports  *compose.Imports // of the cells so far
	Packages build.Exports    // what a cell may import
	Module   string           // the folder of the notebook's module, or ""
}

// View returns the session's state between two cells.
func (s *Session) View() View {
	s.turn.Lock()
	defer s.turn.Unlock()
	return View{World: s.live, Imports: s.inherited, Packages: s.builder.Exports(), Module: s.opts.Module}
}

// Comm hands a message of the frontend to the comms of the session's process.
func (s *Session) Comm(m frame.CommMessage) error {
	s.mu.Lock()
	w := s.worker
	s.mu.Unlock()
	if err := w.Comm(m); err != nil {
		return fmt.Errorf("session: %s: %w", m.Type, err)
	}
	return nil
}

// Execute runs a cell. The error is a diag.List for a cell that cannot be compiled, a *RunError for
// one that failed as it ran, and another for what is not the cell's fault.
func (s *Session) Execute(ctx context.Context, req Request) (Report, error) {
	s.sources.add(req.Name, req.Text)
	var report Report
	c, err := cell.Parse(req.Name, req.Text)
	if err != nil {
		return report, err
	}
	if err := s.directives(ctx, req, c); err != nil {
		return report, err
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	digest := sha256.Sum256([]byte(req.Text))
	if r := s.ran[digest]; r != nil && s.holds(r) && len(s.builder.Changed(r.packages)) == 0 {
		report.Reused = true
		return report, s.run(ctx, req, r.plan, nil, &report)
	}
	p, err := s.prepare(ctx, c, &report)
	if err != nil {
		return report, err
	}
	if p.Empty() {
		s.sources.begun(req)
		s.commit(p, control.Done{Status: control.OK}, &report)
		return report, nil
	}
	unit := build.Unit{Name: fmt.Sprintf("u%d", s.units), Vars: p.Vars()}
	s.units++
	p.Unit = unit.Name
	vetted := p.vet()
	sources := p.Final(p.check.facts())
	p.check = nil // it is large
	lib, err := s.build(ctx, &unit, sources)
	if err != nil {
		return report, err
	}
	report.Build = lib.Took
	s.warn(req.Text, vetted(ctx))
	err = s.run(ctx, req, p, lib, &report)
	if live := s.live; p.settled {
		r := &ran{plan: p, packages: s.live.Packages(p.Cell), names: map[string]*compose.Decl{}}
		for name := range p.Cell.Names() {
			r.names[name] = live[name]
		}
		s.ran[digest] = r
	}
	return report, err
}

// prepare finds out what a cell means.
func (s *Session) prepare(ctx context.Context, c *cell.Cell, report *Report) (*plan, error) {
	start := time.Now()
	a, err := compose.Analyse(c, s.inherited)
	if err != nil {
		return nil, err
	}
	if err := s.resolveImports(ctx, a); err != nil {
		return nil, err
	}
	if err := s.refresh(ctx, s.live.Packages(a)); err != nil {
		return nil, diag.List{{Cell: c.Name, Text: c.Text, Msg: err.Error()}}
	}
	p, err := s.plan(a, s.stale)
	if err != nil {
		return nil, err
	}
	report.Check, report.Notices = time.Since(start), p.notices
	return p, nil
}

// directives runs the cell's directives.
func (s *Session) directives(ctx context.Context, req Request, c *cell.Cell) error {
	for _, it := range c.Items {
		if it.Kind != cell.Directive {
			continue
		}
		if s.opts.Directive == nil {
			return diag.List{{Cell: c.Name, Text: c.Text, Offset: it.Start, Msg: "directives cannot run here"}}
		}
		if err := s.opts.Directive(ctx, req.Number, it.In(c.Text)); err != nil {
			if ctx.Err() != nil {
				return interrupted()
			}
			return diag.List{{Cell: c.Name, Text: c.Text, Offset: it.Start, Msg: err.Error()}}
		}
	}
	return nil
}

// Reset forgets all declarations and values, and ends the cells that run.
func (s *Session) Reset(ctx context.Context) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	w, err := s.startWorker(ctx)
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	b, err := build.NewBuilder(s.opts.Base, s.dir)
	if err != nil {
		w.Close()
		return fmt.Errorf("reset: %w", err)
	}
	old := s.worker
	s.sources.restart()
	s.setWorker(w)
	old.Close()
	err = s.builder.Close()
	s.builder, s.libs = b, nil
	clear(s.ran)
	clear(s.versions)
	s.publish(compose.World{}, nil, &compose.Imports{Named: map[string]string{}})
	return err
}

// setWorker makes w the session's worker in the place of another.
func (s *Session) setWorker(w *worker.Worker) {
	s.mu.Lock()
	s.worker = w
	s.mu.Unlock()
	s.sources.forgotten()
	if s.opts.Replaced != nil {
		s.opts.Replaced()
	}
}

func (s *Session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// holds tells whether the names in a cell that ran mean what they meant.
func (s *Session) holds(r *ran) bool {
	for name, d := range r.names {
		if s.live[name] != d || s.inherited.Named[name] != r.plan.Cell.Imports.Named[name] {
			return false
		}
	}
	return slices.Equal(s.inherited.Dot, r.plan.Cell.Imports.Dot)
}

// run runs p's unit. If lib is given, it is loaded first, and what the cell has declared is committed;
// without one the cell runs again, and everything is as it was. Others have their turn while the code runs.
func (s *Session) run(ctx context.Context, req Request, p *plan, lib *build.Library, report *Report) error {
	s.sources.begun(req)
	exec := control.Execute{Unit: p.Unit, Cells: s.sources.tell()}
	if lib != nil {
		exec.Load = []control.Library{library(lib)}
	}
	w := s.worker
	s.turn.Unlock()
	done, panics, err := w.Execute(ctx, req.Number, exec)
	s.turn.Lock()
	report.Load, report.Run = time.Duration(done.Load), time.Duration(done.Run)
	var death *worker.Death
	if errors.As(err, &death) && s.isClosed() {
		return errors.New("the session has ended")
	}
	if errors.As(err, &death) && s.worker != w {
		report.Notices = append(report.Notices, "the worker was replaced while the cell ran; what the cell declares is lost")
		return s.crash(death)
	}
	if errors.As(err, &death) {
		return s.replaceWorker(ctx, death, p, lib, report)
	}
	if err != nil {
		return err
	}
	if done.Status == control.NotLoaded {
		return fmt.Errorf("load: %s", done.Panic.Text)
	}
	if lib != nil {
		s.builder.Commit(lib)
		s.libs = append(s.libs, exec.Load...)
		s.commit(p, done, report)
		p.settled = len(p.unset(done)) == 0
	} else if unset := p.unset(done); len(unset) > 0 {
		report.Notices = append(report.Notices, "not set: "+strings.Join(unset, ", "))
	}
	return s.outcome(done, panics)
}
