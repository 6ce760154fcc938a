package session

import (
	"fmt"
	"go/types"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/diag"
)

// A plan is a unit that has passed the type checker.
type plan struct {
	compose.Plan
	base    base
	imports *compose.Imports // of the cells up to this one
	check   *checked
	broken  map[string]broken // what does not work afterwards
	notices []string
	settled bool // it has run, and everything that it declares is live: it may run again as it is
}

// A broken declaration is one that does not work at present: another cell has changed what it speaks
// of. It comes back when that can be.
type broken struct {
	decl  *compose.Decl
	why   string
	waits bool // for a variable to be set
}

// A planner works out what a cell means among the live declarations.
type planner struct {
	s        *Session
	a        *compose.Analysis
	live     compose.World
	plan     *plan
	packages []string                 // import paths of packages that have changed
	changed  []string                 // names whose meaning is another than before
	deps     map[string]*compose.Decl // recompiled declarations, by name
	retyped  map[string]*compose.Decl // variables whose type has a new name
	broken   map[string]broken        // declarations that do not compile now
	tried    map[string]bool          // broken declarations that the cell may have repaired
}

// maxRounds bounds how often a cell is looked at: each round settles at least one name.
const maxRounds = 50

// plan decides, for each name, whether the cell declares it anew, what depends on it, and which
// versions they get. It changes nothing of the session but version numbers.
//
// Packages are the import paths of packages that have changed since the declarations were compiled.
func (s *Session) plan(a *compose.Analysis, packages []string) (*plan, error) {
	pl := &planner{s: s, a: a, live: s.live, packages: packages, deps: map[string]*compose.Decl{}, retyped: map[string]*compose.Decl{},
		broken: map[string]broken{}, tried: map[string]bool{}}
	pl.plan = &plan{Plan: compose.Plan{Cell: a, World: s.live.Clone(), Result: resultOf(a), Exports: s.exportsName,
		Before: compose.World{}, Local: map[string]string{}, Whole: s.builder.Whole()},
		base: base{s.live, s.broken, s.inherited}, imports: a.Imports}
	if step, r := a.Undefined(func(name string) bool { return s.live[name] != nil }); step != nil {
		return nil, diag.List{pl.inCell(step.Item.Start+r.At, "undefined: "+r.Name+" (the cell defines it further down)")}
	}
	pl.declare()
	for range maxRounds {
		pl.recompile()
		check, problems := s.typeCheck(&pl.plan.Plan)
		if again, err := pl.judge(check, problems); err != nil {
			return nil, err
		} else if again {
			continue
		}
		again, err := pl.variables(check)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		pl.forgetFields(check.facts().Values)
		if again, err := pl.keepLocal(); err != nil {
			return nil, err
		} else if again {
			continue
		}
		pl.plan.check = check
		pl.plan.Result = quiet(pl.plan.Result, a, check)
		pl.report()
		return pl.plan, nil
	}
	return nil, fmt.Errorf("the declarations of %s do not settle", a.Cell.Name)
}

// next gives a name a new version.
func (s *Session) next(name string) int {
	s.versions[name]++
	return s.versions[name]
}

// declare adds the cell's own declarations to the world. One that is live already, in the same words,
// stays as it is.
func (pl *planner) declare() {
	world := pl.plan.World
	for _, d := range pl.a.Decls {
		old := pl.live[d.Name]
		if old != nil && old.Kind == cell.Type && d.Kind == cell.Type {
			d = carryMethods(d, old)
		}
		if old != nil && old.Same(d) && slices.Equal(old.Names, d.Names) && pl.live.Holds(old) {
			continue
		}
		pl.add(d)
	}
	for name, methods := range pl.a.Methods {
		t := pl.live[name]
		if t == nil || t.Kind != cell.Type || slices.ContainsFunc(pl.a.Decls, func(d *compose.Decl) bool { return d.Name == name }) {
			// The type checker says that there is no such type.
			pl.plan.Full = append(pl.plan.Full, methods...)
			continue
		}
		if with := t.WithMethods(methods); !with.Same(t) {
			pl.add(with)
		}
	}
	for _, name := range pl.a.Vars {
		// Its text is made of the type that the checker finds; it stands where the variable is defined.
		d := &compose.Decl{Name: name, Names: []string{name}, Kind: cell.Var, Version: 1, Imports: pl.a.Imports, Origin: pl.origin(name)}
		if old := pl.live[name]; old != nil && old.Kind == cell.Var {
			d.Version = old.Version
		} else {
			d.Version = pl.s.next(name)
			pl.changed = append(pl.changed, name)
		}
		world.Add(d)
	}
	for _, name := range pl.a.Early() {
		if old := pl.live[name]; old != nil {
			pl.plan.Before[name] = old
		}
	}
}

func (pl *planner) add(d *compose.Decl) {
	c := *d
	pl.version(&c)
	pl.plan.World.Add(&c)
	pl.plan.Full = append(pl.plan.Full, &c)
	pl.changed = append(pl.changed, c.Names...)
}

// carryMethods gives a type that is declared again the methods that other cells have given it.
func carryMethods(d, old *compose.Decl) *compose.Decl {
	var carried []*compose.Decl
	for _, m := range old.Methods {
		own := m.Origin.Cell == old.Origin.Cell
		given := slices.ContainsFunc(d.Methods, func(x *compose.Decl) bool { return x.Name == m.Name })
		if !own && !given {
			c := *m
			carried = append(carried, &c)
		}
	}
	return d.WithMethods(carried)
}

// recompile adds what depends on the changed names, with new versions, and tries what was broken and
// speaks of them.
func (pl *planner) recompile() {
	world := pl.plan.World
	for again := true; again; again = pl.retry() {
		for _, d := range pl.live.Dependents(pl.changed, pl.packages) {
			if pl.deps[d.Name] != nil || pl.retyped[d.Name] != nil || !slices.ContainsFunc(d.Names, func(n string) bool { return world[n] == d }) {
				continue // done already, broken, or declared by the cell
			}
			c := *d
			if d.Kind == cell.Var {
				// Its storage keeps its name; only the name of its type is another.
				world.Replace(d, &c)
				pl.retyped[d.Name] = &c
				continue
			}
			pl.version(&c)
			world.Replace(d, &c)
			pl.plan.Full = append(pl.plan.Full, &c)
			pl.deps[d.Name] = &c
		}
	}
	pl.plan.Keep = nil
	for _, d := range pl.retyped {
		pl.plan.Keep = append(pl.plan.Keep, d)
	}
}

// version gives d the next version of its names.
func (pl *planner) version(d *compose.Decl) {
	d.Version = 0
	for _, name := range d.Names {
		d.Version = max(d.Version, pl.s.next(name))
	}
	for _, name := range d.Names {
		pl.s.versions[name] = d.Version
	}
}

// retry adds the broken declarations that speak of a changed name. It tells whether there were any.
func (pl *planner) retry() bool {
	changed := map[string]bool{}
	for _, n := range pl.changed {
		changed[n] = true
	}
	found := false
	for _, name := range sortedNames(pl.s.broken) {
		b := pl.s.broken[name]
		if pl.tried[name] || !b.decl.Uses(changed) || slices.ContainsFunc(b.decl.Names, func(n string) bool { return pl.plan.World[n] != nil }) {
			continue
		}
		c := *b.decl
		pl.version(&c)
		pl.plan.World.Add(&c)
		pl.plan.Full = append(pl.plan.Full, &c)
		pl.deps[name], pl.tried[name], found = &c, true, true
		pl.changed = append(pl.changed, c.Names...)
	}
	return found
}

// judge looks at what the type checker says. What it says of the cell's own text fails the cell; what it
// says of an earlier declaration means that this one no longer works.
func (pl *planner) judge(check *checked, problems []problem) (again bool, err error) {
	var own diag.List
	for _, p := range problems {
		if p.noValue && pl.plan.Result != compose.NoResult {
			pl.plan.Result = compose.NoResult
			return true, nil
		}
		if d := pl.ownerOf(p); d != nil {
			line, _ := p.Position()
			pl.broken[d.Name] = broken{decl: d, why: fmt.Sprintf("%s:%d: %s", p.Cell, line, p.Msg)}
			pl.drop(d)
			again = true
			continue
		}
		p.Msg = pl.explain(p.Msg)
		own = append(own, p.Diagnostic)
	}
	if len(own) > 0 {
		return false, own.Sort()
	}
	return again, nil
}

// explain adds to a message that a name is undefined why it is.
func (pl *planner) explain(msg string) string {
	name, ok := strings.CutPrefix(msg, "undefined: ")
	if !ok {
		return msg
	}
	b, ok := pl.broken[name]
	if !ok {
		b, ok = pl.s.broken[name]
	}
	switch {
	case !ok:
		return msg
	case b.waits:
		return msg + " (it waits for " + b.why + ")"
	}
	return msg + " (it no longer works: " + b.why + ")"
}

// ownerOf returns the recompiled declaration, or the variable with a new type, that a problem is in.
func (pl *planner) ownerOf(p problem) *compose.Decl {
	for _, list := range []map[string]*compose.Decl{pl.deps, pl.retyped} {
		for _, d := range list {
			for _, part := range append([]*compose.Decl{d}, d.Methods...) {
				from := part.Origin.Offset
				if p.Cell == part.Origin.Cell && from <= p.Offset && p.Offset <= from+len(part.Text) {
					return d
				}
			}
		}
	}
	return nil
}

// drop takes a declaration out of the world.
func (pl *planner) drop(d *compose.Decl) {
	pl.plan.World.Remove(d)
	pl.plan.Full = slices.DeleteFunc(pl.plan.Full, func(x *compose.Decl) bool { return x == d })
	delete(pl.deps, d.Name)
	delete(pl.retyped, d.Name)
	pl.changed = append(pl.changed, d.Names...)
}

// variables gives the cell's variables the types that the checker found. A variable that had another
// type before is a new one: what depends on it must be compiled again.
func (pl *planner) variables(check *checked) (again bool, err error) {
	world := pl.plan.World
	for _, name := range pl.plan.OwnVars() {
		d, problem := check.variable(world[name], name)
		if problem != "" {
			pl.plan.Local[name] = problem
			delete(world, name)
			if pl.live[name] != nil {
				pl.changed, again = append(pl.changed, name), true
			}
			continue
		}
		old := pl.live[name]
		if old == nil || old.Kind != cell.Var || slices.Contains(pl.changed, name) {
			world[name] = d
			continue
		}
		switch {
		case d.Text == old.Text && d.Layout == old.Layout && pl.sameRefs(d):
			world[name] = old
		case d.Layout == old.Layout && d.Text == old.Text:
			world[name] = d // the same storage under a type with a new name
		default:
			d.Version = pl.s.next(name)
			world[name] = d
			pl.changed = append(pl.changed, name)
			again = true
		}
	}
	for name, d := range pl.retyped {
		now, problem := check.variable(d, name)
		if problem == "" && now.Layout == d.Layout {
			now.Version, now.Text, now.Refs, now.Imports = d.Version, d.Text, d.Refs, d.Imports
			world[name] = now
			pl.retyped[name] = now
			continue
		}
		pl.plan.notices = append(pl.plan.notices, fmt.Sprintf("%s was dropped: the layout of its type %s has changed", name, typeText(d)))
		pl.drop(d)
		again = true
	}
	return again, pl.before(check)
}

// before checks that the variables that the cell speaks of before it redefines them still have the
// layout that their values have.
func (pl *planner) before(check *checked) error {
	for _, name := range sortedNames(pl.plan.Before) {
		old := pl.plan.Before[name]
		if old.Kind != cell.Var {
			continue
		}
		obj := check.pkg.Scope().Lookup(pl.plan.CheckName(old, name))
		if obj != nil && layout(obj.Type(), check.changes) != old.Layout {
			return diag.List{pl.at(name, fmt.Sprintf("%s has lost its value, since the layout of its type %s has changed: define it without speaking of the old one", name, typeText(old)))}
		}
	}
	return nil
}

// keepLocal says which variables only this cell has, and refuses those that its functions speak of: they
// would have to be the session's. Functions of earlier cells no longer work then.
func (pl *planner) keepLocal() (again bool, err error) {
	var notices []string
	for _, name := range sortedNames(pl.plan.Local) {
		why := pl.plan.Local[name]
		for _, d := range slices.Concat(pl.plan.Full, pl.a.Calls()) {
			switch {
			case !d.Uses(map[string]bool{name: true}):
			case pl.deps[d.Name] == d:
				pl.broken[d.Name] = broken{decl: d, why: name + " ends with the cell that defines it: " + why}
				pl.drop(d)
				again = true
			default:
				return false, diag.List{pl.at(name, fmt.Sprintf("%s cannot be kept for %s: %s; give it a type that has a name, such as an interface", name, d.Name, why))}
			}
		}
		notices = append(notices, fmt.Sprintf("%s ends with this cell: %s", name, why))
	}
	if !again {
		pl.plan.notices = append(pl.plan.notices, notices...)
	}
	return again, nil
}

// forgetFields takes the names that have turned out to be fields out of the references of what is
// compiled.
func (pl *planner) forgetFields(values map[string]map[int]bool) {
	for _, d := range pl.plan.Full {
		for _, part := range append([]*compose.Decl{d}, d.Methods...) {
			here := values[part.Origin.Text]
			part.Refs = slices.DeleteFunc(slices.Clone(part.Refs), func(r compose.Ref) bool { return r.Key && !here[part.Origin.Offset+r.At] })
		}
	}
}

// sameRefs tells whether the names in d's type mean what they meant before the cell.
func (pl *planner) sameRefs(d *compose.Decl) bool {
	for _, r := range d.Refs {
		if r.Name != d.Name && pl.plan.World[r.Name] != pl.live[r.Name] {
			return false
		}
	}
	return true
}

// inCell returns a diagnostic at a place of the cell.
func (pl *planner) inCell(offset int, msg string) diag.Diagnostic {
	return diag.Diagnostic{Cell: pl.a.Cell.Name, Text: pl.a.Cell.Text, Offset: offset, Msg: msg}
}

// at returns a diagnostic at the place where the cell defines a variable.
func (pl *planner) at(name, msg string) diag.Diagnostic {
	o := pl.origin(name)
	return diag.Diagnostic{Cell: o.Cell, Text: o.Text, Offset: o.Offset, Msg: msg}
}

// origin returns the place where the cell defines a variable.
func (pl *planner) origin(name string) compose.Origin {
	o := compose.Origin{Cell: pl.a.Cell.Name, Text: pl.a.Cell.Text}
	for _, s := range pl.a.Steps {
		if slices.Contains(s.Defines, name) {
			o.Offset = s.Item.Start
		}
	}
	return o
}

// report notes what no longer works, and puts what does again into words.
func (pl *planner) report() {
	all := cloned(pl.s.broken)
	for name, b := range all {
		if slices.ContainsFunc(b.decl.Names, func(n string) bool { return pl.plan.World[n] != nil }) {
			delete(all, name)
			if pl.tried[name] && !b.waits {
				pl.plan.notices = append(pl.plan.notices, name+" works again")
			}
		}
	}
	for _, name := range sortedNames(pl.broken) {
		b := pl.broken[name]
		if b.decl.Kind != cell.Var {
			all[name] = b
			continue
		}
		pl.plan.notices = append(pl.plan.notices, fmt.Sprintf("%s was dropped: %s", name, b.why))
	}
	pl.plan.broken = all
	slices.Sort(pl.plan.notices)
}

func sortedNames[V any](m map[string]V) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// typeText returns the type in a variable's text, "x T".
func typeText(d *compose.Decl) string {
	_, t, _ := strings.Cut(d.Text, " ")
	return t
}

// universe tells whether a name is predeclared.
func universe(name string) bool { return types.Universe.Lookup(name) != nil }
