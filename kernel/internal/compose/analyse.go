package compose

import (
	"go/ast"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/diag"
)

// An Analysis is what a cell declares and does, before it is known what the names in it mean.
type Analysis struct {
	Cell    *cell.Cell
	Imports *Imports
	Decls   []*Decl            // functions, constants, and types with their methods
	Methods map[string][]*Decl // methods of types that the cell does not declare, by the type's name
	Inits   []*Decl            // functions called init: they run once, before the rest
	Starts  []string           // functions whose names begin with init_, as GoNB has them: they run like Inits
	Main    *Decl              // the function main of the cell, which runs at its end; no other cell has it
	Paths   map[string]int     // the paths that the cell itself imports, and where
	Steps   []*Step            // statements and variable declarations, in order
	Vars    []string           // the names of the variables that it defines
	Before  int                // how many steps, all variable declarations, come before the inits
	defined map[string]int     // by name, which step defines a variable
}

// A Step is a statement or a variable declaration of a cell.
type Step struct {
	Item    *cell.Item
	Defines []string // the variables that begin to exist with it, in order of its names; "" for the others
	Refs    []Ref    // relative to the item's start
	Inserts []Insert
}

// Stmt returns the statement itself, without labels, or nil for a variable declaration.
func (s *Step) Stmt() ast.Stmt {
	stmt, _ := s.Item.Node.(ast.Stmt)
	for {
		l, ok := stmt.(*ast.LabeledStmt)
		if !ok {
			return stmt
		}
		stmt = l.Stmt
	}
}

// names returns the names that the step defines or assigns as it would define them, nil for what is no
// name.
func (s *Step) names() []*ast.Ident {
	if spec, ok := s.Item.Node.(*ast.ValueSpec); ok {
		return spec.Names
	}
	n, ok := s.Stmt().(*ast.AssignStmt)
	if !ok || n.Tok != token.DEFINE {
		return nil
	}
	var names []*ast.Ident
	for _, x := range n.Lhs {
		id, _ := x.(*ast.Ident)
		names = append(names, id)
	}
	return names
}

// Analyse finds out what a cell declares and does. Imports of earlier cells hold where the cell has none
// of that name. An error is a diag.List.
func Analyse(c *cell.Cell, inherited *Imports) (*Analysis, error) {
	a := &Analysis{Cell: c, Methods: map[string][]*Decl{}, Paths: map[string]int{}, defined: map[string]int{},
		Imports: &Imports{Named: map[string]string{}}}
	if inherited != nil {
		a.Imports = inherited.Inherit()
	}
	var problems diag.List
	for _, it := range c.Items {
		if it.Kind == cell.Import {
			problems = append(problems, a.addImport(it)...)
		}
	}
	types := map[string]*Decl{}
	var methods []*cell.Item
	for _, it := range c.Items {
		switch it.Kind {
		case cell.Func:
			f := it.Node.(*ast.FuncDecl)
			if f.Recv != nil {
				methods = append(methods, it)
			} else {
				a.addFunc(it, f)
			}
		case cell.Type, cell.Const:
			d := declOf(c, it, a.Imports)
			a.Decls = append(a.Decls, d)
			if it.Kind == cell.Type {
				types[d.Name] = d
			}
		case cell.Var, cell.Stmt:
			a.addStep(it)
		}
	}
	for _, it := range methods {
		a.addMethod(it, types)
	}
	a.callMain()
	problems = append(problems, a.twice()...)
	a.Steps = a.hoist()
	for a.Before < len(a.Steps) && a.Steps[a.Before].Item.Kind == cell.Var {
		a.Before++
	}
	for i, s := range a.Steps {
		for _, n := range s.Defines {
			a.defined[n] = i
		}
	}
	delete(a.defined, "")
	if len(problems) > 0 {
		return nil, problems.Sort()
	}
	return a, nil
}

func (a *Analysis) addImport(it *cell.Item) diag.List {
	spec := it.Node.(*ast.ImportSpec)
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil || p == "" {
		return diag.List{{Cell: a.Cell.Name, Text: a.Cell.Text, Offset: it.Start, Msg: "an import path is a quoted string"}}
	}
	a.Paths[p] = it.Offset(spec.Path.Pos())
	switch {
	case p == "C":
		a.Imports.Named["C"], a.Imports.C = p, commentBefore(a.Cell.Text[:it.Start])
	case spec.Name == nil:
		a.Imports.Named["\x00"+p] = p // its name is known when the package is looked up
	case spec.Name.Name == ".":
		if !slices.Contains(a.Imports.Dot, p) {
			a.Imports.Dot = append(a.Imports.Dot, p)
		}
	case spec.Name.Name == "_":
		a.Imports.Blank = append(a.Imports.Blank, p)
	default:
		a.Imports.Named[spec.Name.Name] = p
	}
	return nil
}

// commentBefore returns the comment, of one block or of lines, that text ends with. The keyword of an
// import declaration may stand between.
func commentBefore(text string) string {
	text = strings.TrimRight(text, " \t\r\n(")
	text = strings.TrimSuffix(text, "import")
	if blank := strings.TrimRight(text, " \t"); strings.HasSuffix(blank, "\n\n") {
		return "" // as in a Go file, nothing may stand between
	}
	text = strings.TrimRight(text, " \t\r\n")
	if strings.HasSuffix(text, "*/") {
		return text[max(0, strings.LastIndex(text, "/*")):]
	}
	lines := strings.Split(text, "\n")
	from := len(lines)
	for from > 0 && strings.HasPrefix(strings.TrimSpace(lines[from-1]), "//") {
		from--
	}
	return strings.Join(lines[from:], "\n")
}

// NameImports gives the imports without a name of their own the name of their package.
func (a *Analysis) NameImports(nameOf func(path string) (string, bool)) {
	for key, p := range maps.Clone(a.Imports.Named) {
		if key != "\x00"+p {
			continue
		}
		delete(a.Imports.Named, key)
		name, ok := nameOf(p)
		if !ok {
			name = path.Base(p) // the type checker says that there is no such package
		}
		a.Imports.Named[name] = p
	}
}

func (a *Analysis) addFunc(it *cell.Item, f *ast.FuncDecl) {
	d := declOf(a.Cell, it, a.Imports)
	switch name := f.Name.Name; {
	case name == "init":
		a.Inits = append(a.Inits, d)
	case name == "_":
	case name == "main" && cell.Called(f) && a.Main == nil:
		a.Main = d
	default:
		if strings.HasPrefix(name, "init_") && cell.Called(f) {
			a.Starts = append(a.Starts, name)
		}
		a.Decls = append(a.Decls, d)
	}
}

// callMain lets main be a function like others if the cell itself speaks of it: then it is not called by
// itself, and other cells have it.
func (a *Analysis) callMain() {
	if a.Main == nil || !slices.ContainsFunc(a.Cell.Items, a.mentionsMain) {
		return
	}
	a.Decls = append(a.Decls, a.Main)
	a.Main = nil
}

// mentionsMain tells whether an item speaks of the function main, besides declaring it.
func (a *Analysis) mentionsMain(it *cell.Item) bool {
	own, _ := it.Node.(*ast.FuncDecl)
	return slices.ContainsFunc(it.Free, func(id *ast.Ident) bool { return id.Name == "main" && (own == nil || own.Name != id) })
}

// Calls returns the functions that the cell's code calls by itself and that have no name for other cells.
func (a *Analysis) Calls() []*Decl {
	if a.Main == nil {
		return a.Inits
	}
	return append(slices.Clone(a.Inits), a.Main)
}

// program returns what the cell is as a program, or nil. One that declares a main has no arguments if none
// are given.
func (a *Analysis) program() *cell.Program {
	if p := a.Cell.Program; p != nil && (p.Main >= 0 || p.Exec != cell.Span{} || len(p.Args) > 0 || a.Main != nil) {
		return p
	}
	return nil
}

// parseAt returns before which step flags are parsed: after the last one that stands before the %%. It is -1
// if the cell has none.
func (a *Analysis) parseAt() int {
	p := a.Cell.Program
	if p == nil || p.Main < 0 {
		return -1
	}
	at := 0
	for i, s := range a.Steps {
		if s.Item.Start < p.Main {
			at = i + 1
		}
	}
	return at
}

func (a *Analysis) addMethod(it *cell.Item, types map[string]*Decl) {
	d := declOf(a.Cell, it, a.Imports)
	name := receiver(it.Node.(*ast.FuncDecl))
	if t := types[name]; t != nil {
		d.Generic = t.Generic
		t.Methods = insertMethod(t.Methods, d)
		return
	}
	a.Methods[name] = append(a.Methods[name], d)
}

// insertMethod adds a method to a list in the order of names. The list is not changed.
func insertMethod(list []*Decl, m *Decl) []*Decl {
	at, _ := slices.BinarySearchFunc(list, m.Name, func(d *Decl, name string) int {
		if d.Name <= name {
			return -1
		}
		return 1
	})
	return slices.Insert(slices.Clone(list), at, m)
}

// WithMethods returns a copy of type t with the methods added; those of the same name are replaced.
func (d *Decl) WithMethods(methods []*Decl) *Decl {
	c := *d
	c.Methods = slices.Clone(d.Methods)
	for _, m := range methods {
		c.Methods = slices.DeleteFunc(c.Methods, func(old *Decl) bool { return old.Name == m.Name })
		m.Generic = d.Generic
		c.Methods = insertMethod(c.Methods, m)
	}
	return &c
}

// twice returns a problem for each name that the cell declares more than once. A := may define a variable
// again, as in another cell.
func (a *Analysis) twice() diag.List {
	var list diag.List
	seen := map[string]bool{"main": a.Main != nil}
	declare := func(name, what string, o Origin) {
		if seen[name] {
			list = append(list, diag.Diagnostic{Cell: o.Cell, Text: o.Text, Offset: o.Offset, Msg: what + " is declared twice in this cell"})
		}
		seen[name] = true
	}
	method := func(t string, m *Decl) { declare(t+"."+m.Name, "method "+t+"."+m.Name, m.Origin) }
	for _, d := range a.Decls {
		for _, n := range d.Names {
			declare(n, n, d.Origin)
		}
		for _, m := range d.Methods {
			method(d.Name, m)
		}
	}
	for t, methods := range a.Methods {
		for _, m := range methods {
			method(t, m)
		}
	}
	for _, s := range a.Steps {
		again := s.Item.Kind == cell.Var
		for i, id := range s.names() {
			if id != nil && id.Name != "_" && (again || s.Defines[i] != "") {
				declare(id.Name, id.Name, Origin{a.Cell.Name, a.Cell.Text, s.Item.Offset(id.Pos())})
			}
		}
	}
	return list
}

// addStep adds a statement or a variable declaration.
func (a *Analysis) addStep(it *cell.Item) {
	s := &Step{Item: it, Refs: refsOf(it), Inserts: insertsIn(it)}
	for _, id := range s.names() {
		name := ""
		if id != nil && id.Name != "_" {
			// The parser declares the names of a := in the statement's own scope.
			s.Refs = append(s.Refs, Ref{Name: id.Name, At: it.Offset(id.Pos()) - it.Start, Late: true})
			if _, again := a.defined[id.Name]; !again {
				name = id.Name
				a.Vars = append(a.Vars, name)
				a.defined[name] = len(a.Steps)
			}
		}
		s.Defines = append(s.Defines, name)
	}
	s.Refs = sortRefs(s.Refs)
	a.Steps = append(a.Steps, s)
}

// sortRefs orders references by place. Of two at one place, the one that came later stays.
func sortRefs(refs []Ref) []Ref {
	slices.SortStableFunc(refs, func(x, y Ref) int { return x.At - y.At })
	var list []Ref
	for _, r := range refs {
		if n := len(list); n > 0 && list[n-1].At == r.At {
			list[n-1] = r
			continue
		}
		list = append(list, r)
	}
	return list
}

// hoist moves var declarations before the steps and the init functions that speak of their variables:
// like those of a package, they may come in any order.
func (a *Analysis) hoist() []*Step {
	steps := a.Steps
	at := map[string]int{}
	for i, s := range steps {
		if s.Item.Kind != cell.Var {
			continue
		}
		for _, n := range s.Defines {
			at[n] = i
		}
	}
	delete(at, "")
	var order []*Step
	done := make([]bool, len(steps))
	var place func(i int)
	place = func(i int) {
		if done[i] {
			return
		}
		done[i] = true
		for _, r := range steps[i].Refs {
			if j, ok := at[r.Name]; ok && j > i && !r.Late && !r.Key {
				place(j)
			}
		}
		order = append(order, steps[i])
	}
	starts := slices.DeleteFunc(slices.Clone(a.Decls), func(d *Decl) bool { return !slices.Contains(a.Starts, d.Name) })
	for _, d := range append(starts, a.Inits...) {
		for _, r := range d.Refs {
			if i, ok := at[r.Name]; ok && !r.Key {
				place(i)
			}
		}
	}
	for i := range steps {
		place(i)
	}
	return order
}

// Undefined returns a reference to a variable that the cell defines only later, with its step, or nil.
// Function literals run later and may speak of such. Names that are known before the cell are no
// matter.
func (a *Analysis) Undefined(known func(name string) bool) (*Step, Ref) {
	for i, s := range a.Steps {
		for _, r := range s.Refs {
			if a.early(i, r) && !r.Late && !known(r.Name) {
				return s, r
			}
		}
	}
	return nil, Ref{}
}

// Early returns the variables that the cell defines and that it mentions before.
func (a *Analysis) Early() []string {
	seen := map[string]bool{}
	for i, s := range a.Steps {
		for _, r := range s.Refs {
			if a.early(i, r) {
				seen[r.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// early tells whether a reference in a step means what its name meant before the cell: it stands before
// the definition, or in the values of the definition itself.
func (a *Analysis) early(step int, r Ref) bool {
	i, ok := a.defined[r.Name]
	return ok && !r.Key && (step < i || step == i && !r.Late)
}

// Declares returns every name that the cell declares.
func (a *Analysis) Declares() map[string]bool {
	names := map[string]bool{}
	for _, d := range a.Decls {
		for _, n := range d.Names {
			names[n] = true
		}
	}
	for _, n := range a.Vars {
		names[n] = true
	}
	return names
}

// Names returns every name that the cell's text mentions and does not declare within.
func (a *Analysis) Names() map[string]bool {
	names := map[string]bool{}
	add := func(refs []Ref) {
		for _, r := range refs {
			names[r.Name] = true
		}
	}
	for _, s := range a.Steps {
		add(s.Refs)
	}
	for _, d := range slices.Concat(a.Decls, a.Calls()) {
		d.eachRef(add)
	}
	if p := a.Cell.Program; p != nil {
		names[p.Exec.In(a.Cell.Text)] = true
	}
	delete(names, "")
	for _, list := range a.Methods {
		for _, d := range list {
			add(d.Refs)
		}
	}
	return names
}

// eachRef calls f with the references of d and of its methods.
func (d *Decl) eachRef(f func([]Ref)) {
	f(d.Refs)
	for _, m := range d.Methods {
		f(m.Refs)
	}
}

// Selectors returns, for each name that a dot follows somewhere in the cell, what follows it: if the
// name is a package's, what the package must export.
func (a *Analysis) Selectors() map[string][]string {
	sel := map[string][]string{}
	for _, it := range a.Cell.Items {
		if it.Node == nil || it.Kind == cell.Import {
			continue
		}
		free := map[*ast.Ident]bool{}
		for _, id := range it.Free {
			free[id] = true
		}
		ast.Inspect(it.Node, func(n ast.Node) bool {
			if x, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := x.X.(*ast.Ident); ok && free[id] && !slices.Contains(sel[id.Name], x.Sel.Name) {
					sel[id.Name] = append(sel[id.Name], x.Sel.Name)
				}
			}
			return true
		})
	}
	return sel
}

// Packages returns the import paths of the packages that the cell may use: those that its text names,
// and those that the live declarations name which it uses.
func (w World) Packages(a *Analysis) []string {
	var list []string
	add := func(path string) {
		if path != "" && !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	seen := map[string]bool{}
	var visit func(name string, imports *Imports)
	visit = func(name string, imports *Imports) {
		add(imports.Named[name])
		d := w[name]
		if d == nil || seen[name] {
			return
		}
		seen[name] = true
		for _, part := range append([]*Decl{d}, d.Methods...) {
			for _, r := range part.Refs {
				visit(r.Name, part.Imports)
			}
			for _, path := range part.Imports.Dot {
				add(path)
			}
		}
	}
	for name := range a.Names() {
		visit(name, a.Imports)
	}
	for _, path := range a.Imports.Dot {
		add(path)
	}
	return list
}
