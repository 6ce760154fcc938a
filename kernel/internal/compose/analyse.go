package compose

import (
	"go/ast"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"

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
	Paths   map[string]int     // the paths that the cell itself imports, and where
	Steps   []*Step            // statements and variable declarations, in order
	// Types are the names of types that the cell declares, with where; Vars those of its variables.
	Vars []string
}

// A Step is a statement or a variable declaration of a cell.
type Step struct {
	Item    *cell.Item
	Defines []string // the variables that begin to exist with it, in order of its names; "" for the others
	Refs    []Ref    // relative to the item's start
	Checks  []Check
}

// Analyse finds out what a cell declares and does. Imports of earlier cells hold where the cell has none
// of that name. An error is a diag.List.
func Analyse(c *cell.Cell, inherited *Imports, live World) (*Analysis, error) {
	a := &Analysis{Cell: c, Methods: map[string][]*Decl{}, Paths: map[string]int{}, Imports: &Imports{Named: map[string]string{}}}
	if inherited != nil {
		a.Imports = &Imports{Named: maps.Clone(inherited.Named), Dot: slices.Clone(inherited.Dot)}
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
			a.addStep(it, live)
		}
	}
	for _, it := range methods {
		a.addMethod(it, types)
	}
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
	switch f.Name.Name {
	case "init":
		a.Inits = append(a.Inits, d)
	case "_":
	default:
		a.Decls = append(a.Decls, d)
	}
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
		if d.Name < name {
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

// addStep adds a statement or a variable declaration. A statement that defines a variable of which its
// own right side speaks changes the variable that is there.
func (a *Analysis) addStep(it *cell.Item, live World) {
	s := &Step{Item: it, Checks: checksIn(it, it.Start)}
	for _, id := range it.Free {
		s.Refs = append(s.Refs, Ref{id.Name, it.Offset(id.Pos()) - it.Start})
	}
	var names []*ast.Ident
	var values []ast.Expr
	switch n := it.Node.(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			values = n.Rhs
			for _, x := range n.Lhs {
				id, _ := x.(*ast.Ident)
				names = append(names, id)
			}
			// The parser declares the names in the statement's own scope.
			s.Refs = addRefs(s.Refs, it, names)
		}
	case *ast.ValueSpec:
		names = n.Names
	}
	for _, id := range names {
		name := ""
		if id != nil && id.Name != "_" && !slices.Contains(a.Vars, id.Name) && !a.speaksOf(it, values, id.Name, live) {
			name = id.Name
			a.Vars = append(a.Vars, name)
		}
		s.Defines = append(s.Defines, name)
	}
	a.Steps = append(a.Steps, s)
}

// addRefs adds the names that a statement defines to its references.
func addRefs(refs []Ref, it *cell.Item, names []*ast.Ident) []Ref {
	for _, id := range names {
		if id != nil && id.Name != "_" {
			refs = append(refs, Ref{id.Name, it.Offset(id.Pos()) - it.Start})
		}
	}
	slices.SortFunc(refs, func(x, y Ref) int { return x.At - y.At })
	return slices.Compact(refs)
}

// speaksOf tells whether values mention the live variable called name, outside of function literals:
// those run later and may speak of what is being defined.
func (a *Analysis) speaksOf(it *cell.Item, values []ast.Expr, name string, live World) bool {
	if d := live[name]; d == nil || d.Kind != cell.Var {
		return false
	}
	found := false
	for _, v := range values {
		ast.Inspect(v, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.Ident:
				found = found || n.Name == name && slices.Contains(it.Free, n)
			}
			return !found
		})
	}
	return found
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
	for _, d := range slices.Concat(a.Decls, a.Inits) {
		d.eachRef(add)
	}
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
		ast.Inspect(it.Node, func(n ast.Node) bool {
			if x, ok := n.(*ast.SelectorExpr); ok {
				if id, ok := x.X.(*ast.Ident); ok && slices.Contains(it.Free, id) && !slices.Contains(sel[id.Name], x.Sel.Name) {
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
