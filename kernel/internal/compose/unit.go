package compose

import (
	"fmt"
	"go/ast"
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
	Unit   string
	Cell   *Analysis
	World  World   // what names mean in the unit; it has the cell's own variables
	Full   []*Decl // compiled in full, besides the cell's variables
	Keep   []*Decl // declared by name even if nothing mentions them
	Result Result
}

// Check returns the sources by which the unit's types are found and its mistakes: the cell's variables
// are declared with their values, so that their types can be inferred in any order.
func (p *Plan) Check() []*Source { return p.sources(true, nil) }

// Final returns the sources to compile. Used tells which imports of a source are used, by name, "." and
// path for dot imports.
func (p *Plan) Final(used func(source, name, path string) bool) []*Source {
	return p.sources(false, used)
}

// IsRuntime tells whether a name in generated code is that of the runtime package.
func IsRuntime(name string) bool { return name == rtName }

// Empty tells whether there is nothing to compile or run.
func (p *Plan) Empty() bool {
	return len(p.Full) == 0 && len(p.Cell.Steps) == 0 && len(p.Cell.Inits) == 0 && len(p.Cell.Imports.Blank) == 0
}

// Vars returns the symbols of the session's variables that the unit declares.
func (p *Plan) Vars() []string {
	var list []string
	for _, d := range p.externs() {
		if d.Kind == cell.Var {
			list = append(list, d.Symbol(d.Name))
		}
	}
	for _, name := range p.Cell.Vars {
		list = append(list, p.World[name].Symbol(name))
	}
	return list
}

// sources writes a file for each set of imports: imports hold for files.
func (p *Plan) sources(check bool, used func(source, name, path string) bool) []*Source {
	groups := map[*Imports][]*Decl{}
	var order []*Imports
	extern := map[*Decl]bool{}
	add := func(d *Decl) {
		// A method may come from another cell than its type.
		for _, part := range append([]*Decl{d}, d.Methods...) {
			if groups[part.Imports] == nil {
				order = append(order, part.Imports)
			}
			groups[part.Imports] = append(groups[part.Imports], part)
			extern[part] = extern[d]
		}
	}
	for _, d := range p.externs() {
		extern[d] = true
		add(d)
	}
	for _, d := range p.Full {
		add(d)
	}
	w := writer{plan: p, check: check, used: used}
	var list []*Source
	for i, imports := range order {
		if imports == p.Cell.Imports {
			continue
		}
		s := &Source{Name: fmt.Sprintf("decl%d.go", i)}
		w.header(s, imports, false)
		for _, d := range groups[imports] {
			w.decl(s, d, extern[d])
		}
		list = append(list, s)
	}
	if !check {
		list = append(list, w.variables()...)
	}
	s := &Source{Name: "cell.go"}
	w.header(s, p.Cell.Imports, true)
	for _, d := range groups[p.Cell.Imports] {
		w.decl(s, d, extern[d])
	}
	w.body(s)
	return append(list, s)
}

// variables writes the declarations of the cell's variables, each in a file of its own: the names of
// the packages in their types are not those of the cell.
func (w *writer) variables() []*Source {
	var list []*Source
	for i, name := range w.plan.Cell.Vars {
		d := w.plan.World[name]
		s := &Source{Name: fmt.Sprintf("var%d.go", i)}
		all := writer{plan: w.plan, used: func(string, string, string) bool { return true }}
		all.header(s, d.Imports, false)
		all.decl(s, d, false)
		list = append(list, s)
	}
	return list
}

// externs returns the live declarations that the unit needs and does not compile.
func (p *Plan) externs() []*Decl {
	own := map[*Decl]bool{}
	for _, d := range p.Full {
		own[d] = true
	}
	for _, name := range p.Cell.Vars {
		own[p.World[name]] = true
	}
	need := map[*Decl]bool{}
	var visit func(refs []Ref, before int)
	visit = func(refs []Ref, before int) {
		for _, r := range refs {
			d := p.World[r.Name]
			if d == nil || own[d] || need[d] || before >= 0 && r.At >= before {
				continue
			}
			need[d] = true
			d.eachNeed(visit)
		}
	}
	for name := range p.Cell.Names() {
		visit([]Ref{{Name: name}}, -1)
	}
	for _, d := range p.Full {
		d.eachRef(func(refs []Ref) { visit(refs, -1) })
	}
	for _, name := range p.Cell.Vars {
		visit(p.World[name].Refs, -1)
	}
	for _, d := range p.Keep {
		visit([]Ref{{Name: d.Name}}, -1)
	}
	return slices.SortedFunc(maps.Keys(need), func(a, b *Decl) int { return strings.Compare(a.Name, b.Name) })
}

// eachNeed calls f with the references that d has when it is declared without bodies.
func (d *Decl) eachNeed(f func(refs []Ref, before int)) {
	for _, part := range append([]*Decl{d}, d.Methods...) {
		before := -1
		if part.Body >= 0 && !part.Generic {
			before = part.Body
		}
		f(part.Refs, before)
	}
}

// A writer writes the files of one unit.
type writer struct {
	plan  *Plan
	check bool
	used  func(source, name, path string) bool
}

// header writes the package clause and the imports. The check needs all imports, the compiler none
// that is not used.
func (w *writer) header(s *Source, imports *Imports, main bool) {
	s.add("package main\n\n")
	keep := func(name, path string) bool { return w.check || w.used(s.Name, name, path) }
	for _, name := range slices.Sorted(maps.Keys(imports.Named)) {
		if path := imports.Named[name]; keep(name, path) {
			s.add("import %s %q\n", name, path)
		}
	}
	for _, path := range imports.Dot {
		if keep(".", path) {
			s.add("import . %q\n", path)
		}
	}
	if main {
		for _, path := range imports.Blank {
			s.add("import _ %q\n", path)
		}
		s.add("import %s %q\n", rtName, rtPath)
		s.add("import %s %q\n", showName, showPath)
		s.add("var _ = %s.BundleOf\n", showName)
		return
	}
	s.add("import %s %q\nvar _ = %s.Check\n", rtName, rtPath, rtName)
}

// decl writes a declaration without the methods: in full, or as a reference to what an earlier unit has compiled.
func (w *writer) decl(s *Source, d *Decl, extern bool) {
	keyword := map[cell.Kind]string{cell.Type: "type ", cell.Var: "var "}[d.Kind]
	s.line(d.Origin)
	s.add("%s", keyword)
	text := d.Text
	if extern && d.Kind == cell.Func && !d.Generic && d.Body >= 0 {
		text = strings.TrimRight(text[:d.Body], " \t\r\n")
	}
	edits := renames(d.Refs, w.plan.World, d.Imports, len(text))
	if !w.check {
		edits = append(edits, checkEdits(d.Checks)...)
	}
	s.copy(text, d.Origin, edits)
	s.add("\n")
}

// body writes the cell's variables and its code, as one function that the unit registers.
func (w *writer) body(s *Source) {
	p := w.plan
	c := p.Cell.Cell
	for i, d := range p.Cell.Inits {
		s.line(d.Origin)
		edits := append(renames(d.Refs, p.World, d.Imports, len(d.Text)), edit{strings.Index(d.Text, "init"), len("init"), fmt.Sprintf("initʹ%d", i)})
		if !w.check {
			edits = append(edits, checkEdits(d.Checks)...)
		}
		s.copy(d.Text, d.Origin, edits)
		s.add("\n")
	}
	if w.check {
		for _, step := range p.Cell.Steps {
			w.inferred(s, step)
		}
	} else {
		s.add("\nfunc init() { %s.Register(%q, %s) }\n", rtName, p.Unit, bodyName)
	}
	s.add("\nfunc %s() {\n", bodyName)
	for i := range p.Cell.Inits {
		s.add("initʹ%d()\n", i)
	}
	for i, step := range p.Cell.Steps {
		w.step(s, step, i == len(p.Cell.Steps)-1)
		if !w.check && slices.ContainsFunc(step.Defines, func(n string) bool { return n != "" }) {
			s.add("; %s.Mark(%d)", rtName, i+1)
		}
	}
	s.line(Origin{Cell: c.Name, Text: c.Text, Offset: len(c.Text)})
	s.add("}\n")
}

// inferred declares the variables of a step with their values, for the type checker.
func (w *writer) inferred(s *Source, step *Step) {
	if !slices.ContainsFunc(step.Defines, func(n string) bool { return n != "" }) {
		return
	}
	var names []string
	for _, n := range step.Defines {
		if n == "" {
			names = append(names, "_")
		} else {
			names = append(names, w.plan.World[n].Symbol(n))
		}
	}
	it := step.Item
	// What follows the names: a type, values or both.
	var rest int
	sep := " "
	switch n := it.Node.(type) {
	case *ast.AssignStmt:
		rest, sep = it.Offset(n.Rhs[0].Pos()), " = "
	case *ast.ValueSpec:
		rest = it.Offset(n.Names[len(n.Names)-1].End())
	}
	s.line(w.origin(rest))
	s.add("var %s%s", strings.Join(names, ", "), sep)
	w.part(s, step, rest, it.End)
	s.add("\n")
}

func (w *writer) origin(offset int) Origin {
	c := w.plan.Cell.Cell
	return Origin{Cell: c.Name, Text: c.Text, Offset: offset}
}

// part copies a part of a step, with names replaced and, for the compiler, checks added.
func (w *writer) part(s *Source, step *Step, from, to int, more ...edit) {
	shift := from - step.Item.Start
	var edits []edit
	for _, e := range renames(step.Refs, w.plan.World, w.plan.Cell.Imports, to-step.Item.Start) {
		if e.at -= shift; e.at >= 0 {
			edits = append(edits, e)
		}
	}
	if !w.check {
		for _, e := range checkEdits(step.Checks) {
			if e.at -= shift; e.at >= 0 && e.at <= to-from {
				edits = append(edits, e)
			}
		}
	}
	for _, e := range more {
		e.at -= from
		edits = append(edits, e)
	}
	s.copy(w.plan.Cell.Cell.Text[from:to], w.origin(from), edits)
}

// step writes a statement, or the assignment that a variable declaration amounts to.
func (w *writer) step(s *Source, step *Step, last bool) {
	it := step.Item
	s.line(w.origin(it.Start))
	switch n := it.Node.(type) {
	case *ast.ValueSpec:
		w.assign(s, step, n)
	case *ast.AssignStmt:
		if len(step.Defines) == 0 {
			w.part(s, step, it.Start, it.End)
			return
		}
		w.part(s, step, it.Start, it.End, edit{it.Offset(n.TokPos), len(":="), "="})
	case *ast.ExprStmt:
		if last && w.plan.Result != NoResult {
			w.result(s, step)
			return
		}
		w.part(s, step, it.Start, it.End)
	default:
		w.part(s, step, it.Start, it.End)
	}
}

// result writes the last expression so that its value is shown, or only looked at for an error.
func (w *writer) result(s *Source, step *Step) {
	if w.plan.Result == Drop {
		s.add("%s.Fail(", rtName)
	} else {
		s.add("%s.Result(%s.BundleOf)(", rtName, showName)
	}
	w.part(s, step, step.Item.Start, step.Item.End)
	s.add(")")
}

// assign writes what a variable declaration does when its turn comes: it gives the variables their
// values, or makes them zero.
func (w *writer) assign(s *Source, step *Step, n *ast.ValueSpec) {
	it := step.Item
	if !slices.ContainsFunc(step.Defines, func(name string) bool { return name != "" }) {
		// Only blank names: an assertion like `var _ I = T{}`.
		s.add("var ")
		w.part(s, step, it.Start, it.End)
		return
	}
	namesEnd := it.Offset(n.Names[len(n.Names)-1].End())
	w.part(s, step, it.Start, namesEnd)
	s.add(" = ")
	if len(n.Values) > 0 {
		w.part(s, step, it.Offset(n.Values[0].Pos()), it.End)
		return
	}
	for i := range n.Names {
		if i > 0 {
			s.add(", ")
		}
		s.add("*new(")
		w.part(s, step, it.Offset(n.Type.Pos()), it.Offset(n.Type.End()))
		s.add(")")
	}
}
