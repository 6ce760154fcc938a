package session

import (
	"maps"
	"slices"

	"github.com/lathe-go/lathe/kernel/internal/compose"
)

// A base is the state that a cell was planned on.
type base struct {
	live    compose.World
	broken  map[string]broken
	imports *compose.Imports
}

// rebase makes a plan one on the session's present state: cells that ended while its code ran have
// changed that. Where both have changed a name, the plan's meaning counts, as it is the later one.
func (s *Session) rebase(p *plan) {
	now := base{s.live, s.broken, s.inherited}
	p.World = merge(p.base.live, p.World, now.live)
	p.broken = merge(p.base.broken, p.broken, now.broken)
	if was := p.base.imports; was != now.imports {
		p.imports = &compose.Imports{
			Named: merge(was.Named, p.imports.Named, now.imports.Named),
			Dot:   union(now.imports.Dot, p.imports.Dot),
			C:     p.imports.C,
		}
		if p.imports.C == was.C {
			p.imports.C = now.imports.C
		}
	}
	p.base = now
}

// merge returns now with what distinguishes mine from before. It is mine itself where nothing else has changed.
func merge[M ~map[string]V, V any](before, mine, now M) M {
	if same(before, now) {
		return mine
	}
	merged := maps.Clone(now)
	if merged == nil {
		merged = M{}
	}
	for name, v := range mine {
		if old, ok := before[name]; !ok || any(old) != any(v) {
			merged[name] = v
		}
	}
	for name := range before {
		if _, ok := mine[name]; !ok {
			delete(merged, name)
		}
	}
	return merged
}

// same tells whether two maps have the same entries.
func same[M ~map[string]V, V any](a, b M) bool {
	return maps.EqualFunc(a, b, func(x, y V) bool { return any(x) == any(y) })
}

// union returns a and what b has besides, in order.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}
