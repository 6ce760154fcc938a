package compose

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

// cellFile is the source that holds the cell's own code.
const cellFile = "cell.go"

// A writer writes the files of one unit.
type writer struct {
	plan    *Plan
	check   bool
	facts   Facts
	aliases map[string]*Decl // types that structs embed and that have another name in generated source
}

// sources writes a file for each set of imports: imports hold for files.
func (w *writer) sources() []*Source {
	p := w.plan
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
	for _, d := range p.externs(w.check) {
		extern[d] = true
		add(d)
	}
	for _, d := range p.Full {
		add(d)
	}
	var list []*Source
	for i, imports := range order {
		if imports == p.Cell.Imports {
			continue
		}
		s := &Source{Name: fmt.Sprintf("decl%d.go", i)}
		w.header(s, imports, w.facts.Used)
		for _, d := range groups[imports] {
			w.decl(s, d, extern[d])
		}
		list = append(list, s)
	}
	if !w.check {
		list = append(list, w.variables()...)
	}
	s := &Source{Name: cellFile}
	w.header(s, p.Cell.Imports, w.facts.Used)
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
	for i, name := range w.plan.OwnVars() {
		d := w.plan.World[name]
		s := &Source{Name: fmt.Sprintf("var%d.go", i)}
		w.header(s, d.Imports, func(string, string, string) bool { return true })
		w.decl(s, d, false)
		list = append(list, s)
	}
	return list
}

// aliasSources writes the aliases by which structs embed types that have another name in generated
// source: the field keeps the name that users gave.
func (w *writer) aliasSources() []*Source {
	var list []*Source
	for i, name := range slices.Sorted(maps.Keys(w.aliases)) {
		d := w.aliases[name]
		s := &Source{Name: fmt.Sprintf("alias%d.go", i)}
		params := ""
		if d.Params > 0 {
			params = d.Text[len(d.Name):d.Params]
		}
		w.header(s, d.Imports, func(_, name, _ string) bool { return strings.Contains(params, name+".") })
		s.add("type %s", name)
		if d.Params == 0 {
			s.add(" = %s\n", d.Symbol(name))
			list = append(list, s)
			continue
		}
		from := len(d.Name)
		o := d.Origin
		o.Offset += from
		s.copy(params, o, shift(w.renames(d, d.Refs, from, d.Params), from))
		s.add(" = %s[%s]\n", d.Symbol(name), strings.Join(d.ParamNames, ", "))
		list = append(list, s)
	}
	return list
}

// header writes the package clause and the imports. The check needs all imports, the compiler none
// that is not used.
func (w *writer) header(s *Source, imports *Imports, used func(source, name, path string) bool) {
	main := s.Name == cellFile
	s.add("package main\n\n")
	keep := func(name, path string) bool { return w.check || used(s.Name, name, path) }
	for _, name := range slices.Sorted(maps.Keys(imports.Named)) {
		as, path := w.importName(name), imports.Named[name]
		switch {
		case !keep(as, path):
		case path == "C":
			s.add("%s\nimport \"C\"\n", imports.C)
			s.C = true
		default:
			s.add("import %s %q\n", as, path)
		}
	}
	for i, path := range imports.Dot {
		if name := dotName(i); keep(name, path) {
			s.add("import %s %q\n", name, path)
		}
	}
	s.add("import %s %q\n", rtName, rtPath)
	if main {
		w.cellHeader(s)
	}
	s.add("var _ = %s.Check\n", rtName)
}

// cellHeader adds the imports of the file that holds the cell's own code.
func (w *writer) cellHeader(s *Source) {
	for _, path := range w.plan.Cell.Imports.Blank {
		s.add("import _ %q\n", path)
	}
	s.add("import %s %q\n", showName, showPath)
	s.add("var _ = %s.BundleOf\n", showName)
}

// importName returns the name under which generated source imports a package: another than the cell's if
// a declaration of the session has that.
func (w *writer) importName(name string) string {
	if w.plan.World[name] != nil {
		return name + "ʹp"
	}
	return name
}

// dotName is the name under which generated source imports a package that the cell dot-imports: a
// declaration of the session may have a name that the package exports, and comes first.
func dotName(i int) string { return fmt.Sprintf("dotʹ%d", i) }

// name returns the name that d's name n has in the source.
func (w *writer) name(d *Decl, n string) string {
	if w.check {
		return w.plan.CheckName(d, n)
	}
	return d.Symbol(n)
}

// CheckName returns the name that d's name n has for the type checker: n itself, so that messages speak
// of it, unless something else has taken n.
func (p *Plan) CheckName(d *Decl, n string) string {
	if p.World[n] == d {
		return n
	}
	return fmt.Sprintf("%s%s%d", n, versionMark, d.Version)
}

// renames returns the edits that put the names of generated source in place of those that the text of
// owner has between two offsets.
func (w *writer) renames(owner *Decl, refs []Ref, from, to int) []Edit {
	var edits []Edit
	values := w.facts.Values[owner.Origin.Text]
	for _, r := range refs {
		if r.At < from || r.At >= to || r.Key && !values[owner.Origin.Offset+r.At] {
			continue
		}
		d := w.plan.World[r.Name]
		if !owner.Method && slices.Contains(owner.Names, r.Name) {
			d = owner
		}
		edits = append(edits, w.rename(d, r, owner.Imports)...)
	}
	return edits
}

// rename returns the edit for one reference to d, if it needs one. A name that the imports have is a
// package's; one that is not the session's may be one that a dot import covers.
func (w *writer) rename(d *Decl, r Ref, imports *Imports) []Edit {
	if imports.Named[r.Name] != "" {
		if as := w.importName(r.Name); as != r.Name {
			return []Edit{{At: r.At, Del: len(r.Name), Ins: as}}
		}
		return nil
	}
	if d == nil {
		for i, path := range imports.Dot {
			if w.plan.Exports != nil && w.plan.Exports(path, r.Name) {
				return []Edit{{At: r.At, Ins: dotName(i) + "."}}
			}
		}
		return nil
	}
	n := w.name(d, r.Name)
	if n == r.Name {
		return nil
	}
	if r.Embedded && d.Kind == cell.Type && !w.check {
		w.aliases[r.Name] = d
		return nil
	}
	return []Edit{{At: r.At, Del: len(r.Name), Ins: n}}
}

// extras returns the edits of the checker's facts that fall into a text at a place, and the inserts.
func (w *writer) extras(o Origin, length int, inserts []Insert) []Edit {
	if w.check {
		return nil
	}
	var edits []Edit
	for _, e := range w.facts.Edits[o.Text] {
		if e.At -= o.Offset; e.At >= 0 && e.At <= length {
			edits = append(edits, e)
		}
	}
	for _, in := range inserts {
		if in.At <= length {
			edits = append(edits, Edit{At: in.At, Ins: in.text(suffixOf(w.plan.Unit))})
		}
	}
	return edits
}

// shift moves edits to the coordinates of a text that begins at from, and leaves out those before.
func shift(edits []Edit, from int) []Edit {
	var list []Edit
	for _, e := range edits {
		if e.At -= from; e.At >= 0 {
			list = append(list, e)
		}
	}
	return list
}

// decl writes a declaration without the methods: in full, or as a reference to what an earlier unit has compiled.
func (w *writer) decl(s *Source, d *Decl, extern bool) {
	keyword := map[cell.Kind]string{cell.Type: "type ", cell.Var: "var "}[d.Kind]
	s.line(d.Origin)
	s.add("%s", keyword)
	text := d.Text
	if extern && d.Kind == cell.Func && !d.Generic && d.Body >= 0 && !w.plan.Whole {
		text = strings.TrimRight(text[:d.Body], " \t\r\n")
	}
	renames := w.renames(d, d.Refs, 0, len(text))
	if d.Kind == cell.Var {
		// Its text is made of its type, and is no part of the cell's.
		s.copy(text, Origin{Cell: d.Origin.Cell, Text: d.Origin.Text, Offset: d.Origin.Offset}, renames)
	} else {
		s.copy(text, d.Origin, append(w.extras(d.Origin, len(text), d.Inserts), renames...))
	}
	s.add("\n")
}

// body writes the cell's variables and its code, as one function that the unit registers.
func (w *writer) body(s *Source) {
	p := w.plan
	c := p.Cell.Cell
	for i, d := range p.Cell.Calls() {
		s.line(d.Origin)
		edits := append(w.extras(d.Origin, len(d.Text), d.Inserts), w.renames(&Decl{Origin: d.Origin, Imports: d.Imports}, d.Refs, d.NameEnd, len(d.Text))...)
		s.copy(d.Text, d.Origin, append(edits, Edit{At: d.NameEnd, Ins: fmt.Sprintf("ʹ%d", i)}))
		s.add("\n")
	}
	if w.check {
		for i, step := range p.Cell.Steps {
			w.inferred(s, i, step)
		}
	} else {
		s.add("\nfunc init() { %s.Register(%q, %s) }\n", rtName, p.Unit, bodyName)
	}
	s.add("\nfunc %s() {\n", bodyName)
	w.steps(s)
	s.line(Origin{Cell: c.Name, Text: c.Text, Offset: len(c.Text)})
	s.add("}\n")
}

// steps writes the cell's code. After each step it is checked whether the cell was interrupted, since one
// that was left behind, blocked, may come back later.
func (w *writer) steps(s *Source) {
	c := w.plan.Cell
	if p := c.program(); p != nil {
		s.add("\n%s.Args(%s)\n", rtName, quoted(p.Args))
	}
	parse := c.parseAt()
	for i := range len(c.Steps) + 1 {
		if i == c.Before {
			w.starts(s)
		}
		if i == parse {
			s.add("\n%s.ParseFlags()\n", rtName)
		}
		if i == len(c.Steps) {
			w.mains(s)
			return
		}
		w.step(s, i, i == len(c.Steps)-1)
		if w.check {
			continue
		}
		if slices.ContainsFunc(c.Steps[i].Defines, func(n string) bool { return n != "" }) {
			s.add("; %s.Mark(%d)", rtName, i+1)
		}
		s.add("; %s.Check()", rtName)
	}
}

// starts calls the functions that run before the rest.
func (w *writer) starts(s *Source) {
	for k := range w.plan.Cell.Inits {
		s.add("\ninitʹ%d()\n", k)
	}
	for _, name := range w.plan.Cell.Starts {
		s.add("\n%s()\n", w.symbol(name))
	}
}

// mains calls the functions that run after the rest: the cell's main, and the one that %exec names.
func (w *writer) mains(s *Source) {
	c := w.plan.Cell
	if c.Main != nil {
		s.add("\nmainʹ%d()\n", len(c.Inits))
	}
	if p := c.Cell.Program; p != nil && p.Exec != (cell.Span{}) {
		s.add("\n%s.ParseFlags()\n", rtName)
		name, o := p.Exec.In(c.Cell.Text), w.origin(p.Exec.Start)
		s.line(o)
		s.copy(name, o, w.rename(w.plan.World[name], Ref{Name: name}, c.Imports))
		s.add("()\n")
	}
}

// quoted returns words as Go strings.
func quoted(words []string) string {
	var list []string
	for _, word := range words {
		list = append(list, strconv.Quote(word))
	}
	return strings.Join(list, ", ")
}

// inferred declares the variables of a step with their values, for the type checker.
func (w *writer) inferred(s *Source, i int, step *Step) {
	if !slices.ContainsFunc(step.Defines, func(n string) bool { return n != "" }) {
		return
	}
	var names []string
	for _, n := range step.Defines {
		if n == "" {
			n = "_"
		}
		names = append(names, n)
	}
	it := step.Item
	// What follows the names: a type, values or both.
	var rest int
	sep := " "
	if spec, ok := it.Node.(*ast.ValueSpec); ok {
		rest = it.Offset(spec.Names[len(spec.Names)-1].End())
	} else {
		rest, sep = it.Offset(step.Stmt().(*ast.AssignStmt).Rhs[0].Pos()), " = "
	}
	s.line(w.origin(rest))
	s.add("var %s%s", strings.Join(names, ", "), sep)
	w.part(s, i, rest, it.End)
	s.add("\n")
}

func (w *writer) origin(offset int) Origin {
	c := w.plan.Cell.Cell
	return Origin{Cell: c.Name, Text: c.Text, Offset: offset}
}

// part copies a part of step i, with names replaced and, for the compiler, additions. What is in more
// replaces the edits at its places.
func (w *writer) part(s *Source, i, from, to int, more ...Edit) {
	step := w.plan.Cell.Steps[i]
	start := step.Item.Start
	edits := w.extras(w.origin(start), to-start, step.Inserts)
	values := w.facts.Values[w.plan.Cell.Cell.Text]
	for _, r := range step.Refs {
		if r.At >= to-start || r.Key && !values[start+r.At] {
			continue
		}
		d := w.plan.World[r.Name]
		if old := w.plan.Before[r.Name]; old != nil && w.plan.Cell.early(i, r) {
			d = old
		}
		edits = append(edits, w.rename(d, r, w.plan.Cell.Imports)...)
	}
	for _, m := range more {
		m.At -= start
		edits = slices.DeleteFunc(edits, func(e Edit) bool { return e.At == m.At })
		edits = append(edits, m)
	}
	s.copy(w.plan.Cell.Cell.Text[from:to], w.origin(from), shift(edits, from-start))
}

// step writes a statement, or the assignment that a variable declaration amounts to.
func (w *writer) step(s *Source, i int, last bool) {
	step := w.plan.Cell.Steps[i]
	it := step.Item
	s.line(w.origin(it.Start))
	if spec, ok := it.Node.(*ast.ValueSpec); ok {
		w.assign(s, i, spec)
		return
	}
	switch n := step.Stmt().(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			w.define(s, i, n)
			return
		}
	case *ast.ExprStmt:
		if last && w.plan.Result != NoResult {
			w.result(s, i, it.Offset(n.Pos()))
			return
		}
	}
	w.part(s, i, it.Start, it.End)
}

// define writes a := as an assignment to the variables that the unit declares. Where it defines some
// that only the cell's code holds, it stays, and the others are assigned after it.
func (w *writer) define(s *Source, i int, n *ast.AssignStmt) {
	step := w.plan.Cell.Steps[i]
	it := step.Item
	if !w.definesLocal(step) {
		w.part(s, i, it.Start, it.End, Edit{At: it.Offset(n.TokPos), Del: len(":="), Ins: "="})
		return
	}
	var edits []Edit
	after := ""
	for k, id := range step.names() {
		switch {
		case id == nil || id.Name == "_":
		case step.Defines[k] != "" && w.plan.Local[id.Name] != "":
			after += "; _ = " + id.Name
		case w.plan.Local[id.Name] == "":
			tmp := fmt.Sprintf("tmpʹ%d", k)
			edits = append(edits, Edit{At: it.Offset(id.Pos()), Del: len(id.Name), Ins: tmp})
			after += "; " + w.symbol(id.Name) + " = " + tmp
		}
	}
	w.part(s, i, it.Start, it.End, edits...)
	s.add("%s", after)
}

// symbol returns the name of a session's variable in the source.
func (w *writer) symbol(name string) string {
	if d := w.plan.World[name]; d != nil {
		return w.name(d, name)
	}
	return name
}

// definesLocal tells whether a step, for the compiler, defines a variable that only the cell's code holds.
func (w *writer) definesLocal(step *Step) bool {
	return !w.check && slices.ContainsFunc(step.Defines, func(n string) bool { return w.plan.Local[n] != "" })
}

// result writes the last expression so that its value is shown, or only looked at for an error. What
// precedes it are labels.
func (w *writer) result(s *Source, i, from int) {
	it := w.plan.Cell.Steps[i].Item
	s.add("%s", w.plan.Cell.Cell.Text[it.Start:from])
	if w.plan.Result == Drop {
		s.add("%s.Fail(", rtName)
	} else {
		s.add("%s.Result(%s.BundleOf)(", rtName, showName)
	}
	w.part(s, i, from, it.End)
	s.add(")")
}

// assign writes what a variable declaration does when its turn comes: it gives the variables their
// values, or makes them zero.
func (w *writer) assign(s *Source, i int, n *ast.ValueSpec) {
	step := w.plan.Cell.Steps[i]
	it := step.Item
	if !slices.ContainsFunc(step.Defines, func(name string) bool { return name != "" }) {
		// Only blank names: an assertion like `var _ I = T{}`.
		s.add("var ")
		w.part(s, i, it.Start, it.End)
		return
	}
	namesEnd := it.Offset(n.Names[len(n.Names)-1].End())
	if w.definesLocal(step) {
		w.assignLocal(s, i, n)
		return
	}
	w.part(s, i, it.Start, namesEnd)
	s.add(" = ")
	if len(n.Values) > 0 {
		w.part(s, i, it.Offset(n.Values[0].Pos()), it.End)
		return
	}
	for k := range n.Names {
		if k > 0 {
			s.add(", ")
		}
		s.add("*new(")
		w.part(s, i, it.Offset(n.Type.Pos()), it.Offset(n.Type.End()))
		s.add(")")
	}
}

// assignLocal is assign for a declaration of which the cell's code alone holds some variables.
func (w *writer) assignLocal(s *Source, i int, n *ast.ValueSpec) {
	step := w.plan.Cell.Steps[i]
	var names []string
	after := ""
	for k, id := range n.Names {
		name := id.Name
		switch {
		case name == "_":
		case w.plan.Local[name] != "":
			after += "; _ = " + name
		default:
			name = fmt.Sprintf("tmpʹ%d", k)
			after += "; " + w.symbol(id.Name) + " = " + name
		}
		names = append(names, name)
	}
	s.add("%s := ", strings.Join(names, ", "))
	w.part(s, i, step.Item.Offset(n.Values[0].Pos()), step.Item.End)
	s.add("%s", after)
}
