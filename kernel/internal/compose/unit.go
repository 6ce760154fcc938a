package compose

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

// Names that generated code uses. They are letters that nobody types.
const (
	rtName   = "rtʹ"
	showName = "showʹ"
	bodyName = "cellʹ"
)

const (
	rtPath   = "github.com/lathe-go/lathe/kernel/internal/rt"
	showPath = "github.com/lathe-go/lathe/pkg/display"
)

// A Result says what becomes of the value of a cell's last expression.
type Result int

// What becomes of it.
const (
	NoResult Result = iota // the last step is no expression, or one without a value
	Show
	Drop // it is evaluated and not shown, but an error fails the cell
)

// A Plan is everything that decides the source of a unit.
type Plan struct {
	Unit  string
	Cell  *Analysis
	World World   // what names mean in the unit; it has the cell's own variables
	Full  []*Decl // compiled in full, besides the cell's variables
	Keep  []*Decl // declared by name even if nothing mentions them
	Whole bool    // what earlier units have compiled is compiled again, not only named
	// Before has, of the variables that the cell defines, what they mean before their definitions.
	Before World
	// Local are variables whose type has no name outside its package. They live in the cell's code.
	Local  map[string]string // name to why
	Result Result
	// Exports tells whether a package exports a name: it decides what a dot import covers.
	Exports func(path, name string) bool
}

// Facts are what the type checker has found out about a plan's Check sources.
type Facts struct {
	// Used tells which imports of a source are used, by name and path.
	Used func(source, name, path string) bool
	// Values are the offsets, by the text of a cell, of keys in composite literals that are no field names.
	Values map[string]map[int]bool
	// Edits are further changes to the text of cells, in order.
	Edits map[string][]Edit
}

// Check returns the sources by which the unit's types are found and its mistakes: the cell's variables
// are declared with their values, so that their types can be inferred in any order.
func (p *Plan) Check() []*Source {
	w := writer{plan: p, check: true}
	return w.sources()
}

// Final returns the sources to compile.
func (p *Plan) Final(facts Facts) []*Source {
	w := writer{plan: p, facts: facts, aliases: map[string]*Decl{}}
	return append(w.sources(), w.aliasSources()...)
}

// IsRuntime tells whether a name in generated code is that of the runtime package.
func IsRuntime(name string) bool { return name == rtName }

// Guarded returns the edits that guard a call in a go statement whose function's text is fun, followed
// by args: type arguments, if the call leaves them to be inferred. Of the predeclared functions those
// that may panic have a counterpart.
func Guarded(start, end int, builtin, args string) []Edit {
	if builtin != "" {
		return []Edit{{At: start, Del: end - start, Ins: rtName + "." + strings.ToUpper(builtin[:1]) + builtin[1:]}}
	}
	return []Edit{{At: start, Ins: rtName + ".Guarded("}, {At: end, Ins: args + ")"}}
}

// Renewed returns the edits that let a call define a flag again whose name is the argument between start
// and end.
func Renewed(start, end int) []Edit {
	return []Edit{{At: start, Ins: rtName + ".Flag("}, {At: end, Ins: ")"}}
}

// Empty tells whether there is nothing to compile or run.
func (p *Plan) Empty() bool {
	return len(p.Full) == 0 && len(p.Cell.Steps) == 0 && len(p.Cell.Calls()) == 0 && len(p.Cell.Imports.Blank) == 0 &&
		(p.Cell.Cell.Program == nil || p.Cell.Cell.Program.Exec == cell.Span{})
}

// OwnVars returns the names of the variables that the cell defines for the session.
func (p *Plan) OwnVars() []string {
	return slices.DeleteFunc(slices.Clone(p.Cell.Vars), func(n string) bool { return p.Local[n] != "" })
}

// Vars returns the symbols of the session's variables that the unit declares.
func (p *Plan) Vars() []string {
	var list []string
	for _, d := range p.externs(false) {
		if d.Kind == cell.Var {
			list = append(list, d.Symbol(d.Name))
		}
	}
	for _, name := range p.OwnVars() {
		list = append(list, p.World[name].Symbol(name))
	}
	return list
}

// externs returns the declarations that the unit needs and does not compile. The type checker knows what
// a name meant before the cell by another name, the compiler only where it is another symbol.
func (p *Plan) externs(check bool) []*Decl {
	own := map[*Decl]bool{}
	for _, d := range p.Full {
		own[d] = true
	}
	need := map[*Decl]bool{}
	var visit func(refs []Ref, before int)
	add := func(d *Decl) {
		if d != nil && !own[d] && !need[d] {
			need[d] = true
			d.eachNeed(p.Whole, visit)
		}
	}
	visit = func(refs []Ref, before int) {
		for _, r := range refs {
			if before < 0 || r.At < before {
				add(p.World[r.Name])
			}
		}
	}
	for _, name := range p.OwnVars() {
		d := p.World[name]
		own[d] = true
		visit(d.Refs, -1)
	}
	for name := range p.Cell.Names() {
		add(p.World[name])
	}
	for _, d := range p.Full {
		d.eachRef(func(refs []Ref) { visit(refs, -1) })
	}
	for _, d := range p.Keep {
		add(p.World[d.Name])
	}
	for name, d := range p.Before {
		if now := p.World[name]; check || now == nil || now.Symbol(name) != d.Symbol(name) {
			add(d)
		}
	}
	return slices.SortedFunc(maps.Keys(need), func(a, b *Decl) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), a.Version-b.Version)
	})
}

// eachNeed calls f with the references that d has when it is declared, whole or without bodies.
func (d *Decl) eachNeed(whole bool, f func(refs []Ref, before int)) {
	for _, part := range append([]*Decl{d}, d.Methods...) {
		before := -1
		if part.Body >= 0 && !part.Generic && !whole {
			before = part.Body
		}
		f(part.Refs, before)
	}
}
