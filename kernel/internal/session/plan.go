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
	check   *checked
	notices []string
}

// A planner works out what a cell means among the live declarations.
type planner struct {
	s        *Session
	a        *compose.Analysis
	live     compose.World
	plan     *plan
	packages []string                   // import paths of packages that have changed
	changed  []string                   // names whose meaning is another than before
	deps     map[string]*compose.Decl   // recompiled declarations, by name
	retyped  map[string]*compose.Decl   // variables whose type has a new name
	broken   map[string]diag.Diagnostic // declarations that no longer compile
}

// maxRounds bounds how often a cell is looked at: each round settles at least one name.
const maxRounds = 50

// plan decides, for each name, whether the cell declares it anew, what depends on it, and which
// versions they get. It changes nothing of the session but version numbers.
//
// Packages are the import paths of packages that have changed since the declarations were compiled.
func (s *Session) plan(a *compose.Analysis, packages []string) (*plan, error) {
	pl := &planner{s: s, a: a, live: s.live, packages: packages, deps: map[string]*compose.Decl{}, retyped: map[string]*compose.Decl{},
		broken: map[string]diag.Diagnostic{}}
	pl.plan = &plan{Plan: compose.Plan{Cell: a, World: s.live.Clone(), Result: resultOf(a)}}
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
		if old != nil && old.Same(d) && slices.Equal(old.Names, d.Names) {
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
			if old != nil {
				pl.changed = append(pl.changed, name)
			}
		}
		world.Add(d)
	}
}

func (pl *planner) add(d *compose.Decl) {
	c := *d
	for _, name := range c.Names {
		c.Version = max(c.Version, pl.s.next(name))
	}
	for _, name := range c.Names {
		pl.s.versions[name] = c.Version
	}
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

// recompile adds what depends on the changed names, with new versions.
func (pl *planner) recompile() {
	world := pl.plan.World
	for _, d := range pl.live.Dependents(pl.changed, pl.packages) {
		if pl.deps[d.Name] != nil || pl.retyped[d.Name] != nil || world[d.Name] != d {
			continue // done already, broken, or declared by the cell
		}
		c := *d
		if d.Kind == cell.Var {
			// Its storage keeps its name; only the name of its type is another.
			world.Add(&c)
			pl.retyped[d.Name] = &c
			continue
		}
		c.Version = 0
		for _, name := range c.Names {
			c.Version = max(c.Version, pl.s.next(name))
		}
		world.Add(&c)
		pl.plan.Full = append(pl.plan.Full, &c)
		pl.deps[d.Name] = &c
	}
	pl.plan.Keep = nil
	for _, d := range pl.retyped {
		pl.plan.Keep = append(pl.plan.Keep, d)
	}
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
			pl.broken[d.Name] = p.Diagnostic
			pl.drop(d)
			again = true
			continue
		}
		own = append(own, p.Diagnostic)
	}
	if len(own) > 0 {
		return false, own.Sort()
	}
	return again, nil
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
	for _, name := range pl.a.Vars {
		d, problem := check.variable(world[name], name)
		if problem != "" {
			return false, diag.List{pl.at(name, problem)}
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
	return again, nil
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

// report puts what no longer works into words.
func (pl *planner) report() {
	for _, name := range sortedNames(pl.broken) {
		p := pl.broken[name]
		line, _ := p.Position()
		pl.plan.notices = append(pl.plan.notices, fmt.Sprintf("%s no longer works: %s:%d: %s", name, p.Cell, line, p.Msg))
	}
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
