package session

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/rt/control"
	"github.com/lathe-go/lathe/kernel/internal/worker"
)

// unset returns the variables of a cell whose statements did not run.
func (p *plan) unset(done control.Done) []string {
	var names []string
	for i, step := range p.Cell.Steps {
		for _, name := range step.Defines {
			if name != "" && i >= done.Marks && p.Local[name] == "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// commit makes live what the cell has declared. Of a cell that did not run to its end, the variables
// whose statements did are live; the others stay what they were.
func (s *Session) commit(p *plan, done control.Done, report *Report) {
	s.rebase(p)
	live, broken := p.World, p.broken
	if unset := p.unset(done); len(unset) > 0 && len(p.Cell.Steps) > 0 {
		live, broken = live.Clone(), cloned(broken)
		if len(p.Cell.Steps) > 1 {
			report.Notices = append(report.Notices, notSet(unset, s.live))
		}
		s.keepOld(unset, live, broken)
	}
	for _, name := range sortedNames(broken) {
		if _, known := s.broken[name]; !known && !broken[name].waits {
			report.Notices = append(report.Notices, fmt.Sprintf("%s no longer works: %s", name, broken[name].why))
		}
	}
	s.publish(live, broken, p.imports)
	s.stale = nil
}

// publish makes declarations and imports the session's.
func (s *Session) publish(live compose.World, broken map[string]broken, imports *compose.Imports) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live, s.broken, s.inherited = live, broken, imports
}

// notSet tells which variables were not set, and which of them keep what they were.
func notSet(unset []string, before compose.World) string {
	var none, old []string
	for _, name := range unset {
		if before[name] != nil {
			old = append(old, name)
		} else {
			none = append(none, name)
		}
	}
	var parts []string
	if len(none) > 0 {
		parts = append(parts, "not set: "+strings.Join(none, ", "))
	}
	if len(old) > 0 {
		parts = append(parts, "unchanged: "+strings.Join(old, ", "))
	}
	return strings.Join(parts, "; ")
}

// keepOld gives the variables that were not set their old meaning in live. What was compiled for the new
// one gets its old meaning too, or waits.
func (s *Session) keepOld(unset []string, live compose.World, broken map[string]broken) {
	var changed []string
	for _, name := range unset {
		old, now := s.live[name], live[name]
		if old == nil {
			delete(live, name)
			changed = append(changed, name)
			continue
		}
		live[name] = old
		if now == nil || old.Version != now.Version || old.Kind != now.Kind {
			changed = append(changed, name)
		}
	}
	deps := live.Dependents(changed, nil)
	mine := map[string]bool{}
	for _, d := range deps {
		mine[d.Name] = true
	}
	for _, d := range deps {
		if old := s.live[d.Name]; old != nil && old.Text == d.Text && s.stillMeans(old, live, mine) {
			live.Replace(d, old)
			continue
		}
		wait(d, changed, live, broken)
	}
	for _, name := range s.unharmed(live, broken) {
		live.Add(s.live[name])
		delete(broken, name)
	}
}

// unharmed returns the broken declarations that were live and mean in live, with each other, what they
// meant.
func (s *Session) unharmed(live compose.World, broken map[string]broken) []string {
	set := map[string]bool{}
	for name, b := range broken {
		if old := s.live[name]; old != nil && old.Text == b.decl.Text && live[name] == nil {
			set[name] = true
		}
	}
	for again := true; again; {
		again = false
		for name := range set {
			if !s.stillMeans(s.live[name], live, set) {
				delete(set, name)
				again = true
			}
		}
	}
	return sortedNames(set)
}

// stillMeans tells whether what d speaks of means in live what it means now, but for some names.
func (s *Session) stillMeans(d *compose.Decl, live compose.World, but map[string]bool) bool {
	same := true
	for _, part := range append([]*compose.Decl{d}, d.Methods...) {
		for _, r := range part.Refs {
			same = same && (but[r.Name] || slices.Contains(d.Names, r.Name) || live[r.Name] == s.live[r.Name])
		}
	}
	return same
}

// wait takes d out of live until one of the variables that it speaks of is set.
func wait(d *compose.Decl, names []string, live compose.World, broken map[string]broken) {
	live.Remove(d)
	why := "what it uses"
	for _, n := range names {
		if d.Uses(map[string]bool{n: true}) {
			why = n
		}
	}
	broken[d.Name] = brokenDecl(d, why)
}

func brokenDecl(d *compose.Decl, why string) broken { return broken{decl: d, why: why, waits: true} }

// cloned returns a copy to change.
func cloned(m map[string]broken) map[string]broken {
	c := map[string]broken{}
	maps.Copy(c, m)
	return c
}

// replaceWorker starts a new worker after the old one has died, gives it the declarations, those of the
// cell at fault among them, and says what was lost: the values of all variables.
func (s *Session) replaceWorker(ctx context.Context, death *worker.Death, p *plan, lib *build.Library, report *Report) error {
	crash := s.crash(death)
	clear(s.ran)
	// An interrupted cell must not keep the new worker from starting.
	ctx = context.WithoutCancel(ctx)
	libs, live, broken, imports := s.libs, s.live, s.broken, s.inherited
	if lib != nil {
		s.rebase(p)
		s.libs = append(slices.Clone(libs), library(lib))
		live, broken, imports = p.World, p.broken, p.imports
	}
	err := s.restore(ctx)
	if err != nil && lib != nil {
		// The library itself may be at fault.
		s.libs, live, broken, imports = libs, s.live, s.broken, s.inherited
		err = s.restore(ctx)
	} else if lib != nil {
		s.builder.Commit(lib)
	}
	if err != nil {
		return errors.Join(crash, err)
	}
	lost := variables(s.live)
	notice := "the worker was replaced; declarations are restored"
	if len(lost) > 0 {
		notice += "; the values of these variables are lost: " + strings.Join(lost, ", ")
	}
	report.Notices = append(report.Notices, notice)
	live, broken, waiting := withoutVariables(live, broken)
	if len(waiting) > 0 {
		report.Notices = append(report.Notices, "until these variables are set again, what uses them waits: "+strings.Join(waiting, ", "))
	}
	s.publish(live, broken, imports)
	return crash
}

// restore starts a worker and loads the session's libraries into it.
func (s *Session) restore(ctx context.Context) error {
	w, err := s.startWorker(ctx)
	if err != nil {
		return err
	}
	s.setWorker(w)
	if len(s.libs) == 0 {
		return nil
	}
	if err := s.order(ctx, control.Execute{Load: s.libs}); err != nil {
		w.Close()
		return fmt.Errorf("restore the declarations: %w", err)
	}
	return nil
}

// variables returns the names of the live variables, in order.
func variables(live compose.World) []string {
	var names []string
	for _, d := range live.Decls() {
		if d.Kind == cell.Var {
			names = append(names, d.Name)
		}
	}
	slices.Sort(names)
	return names
}

// withoutVariables takes all variables out of live. What speaks of them waits.
func withoutVariables(live compose.World, old map[string]broken) (compose.World, map[string]broken, []string) {
	live = live.Clone()
	now := cloned(old)
	names := variables(live)
	for _, n := range names {
		delete(live, n)
	}
	var waiting []string
	for _, d := range live.Dependents(names, nil) {
		wait(d, names, live, now)
		waiting = append(waiting, d.Name)
	}
	return live, now, waiting
}
