// Package compose turns the live declarations of a session and one cell into Go source. Every piece
// of it knows where it comes from.
//
// A cell becomes one package: its own declarations and code in full, and of the declarations of
// earlier cells those that it needs, by name only: functions and methods without bodies, variables
// without values. All units have one import path, so the linker binds them to what the earlier units
// defined. A declaration that is given again with another meaning gets a new version, and with it a new
// name in the generated source: what was compiled before keeps its own.
package compose

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

// A Decl is a declaration of the session. It is never changed: another meaning is another Decl.
type Decl struct {
	Name    string // what users call it; the first name of a const declaration
	Names   []string
	Kind    cell.Kind // Func, Type, Const or Var
	Version int       // from 1; part of the name in generated source
	Origin  Origin
	Text    string // without the keyword for types and variables
	Refs    []Ref  // the names in Text that may be the session's, its own among them
	Imports *Imports
	Generic bool
	Params  int      // where a generic type's parameters end in Text
	NameEnd int      // where a function's name ends in Text
	Method  bool     // its name is no name of the session
	Body    int      // where a function's body begins in Text, or -1
	Inserts []Insert // where generated code is added when the text is compiled in full
	// ParamNames are the names of a generic type's parameters.
	ParamNames []string
	Methods    []*Decl // of a type, in the order of their names
	Layout     string  // of a variable: equal for types with the same layout
}

// An Origin is a place in a cell.
type Origin struct {
	Cell   string // "In[3]"
	Text   string // the cell's whole text
	Offset int
}

// A Ref is the place of a name in a text.
type Ref struct {
	Name     string
	At       int
	Key      bool // it may be the name of a field in a composite literal
	Embedded bool // it is a type that a struct embeds, and so the name of a field as well
	Late     bool // it stands in a function literal, or is what a statement defines
}

// Imports are the imports that hold for a cell's text.
type Imports struct {
	Named map[string]string // name to path
	Dot   []string          // paths
	Blank []string          // paths
	C     string            // the comment before import "C", which is C code
}

// Inherit returns what a next cell has of these imports, to be changed: a blank one is its own cell's.
func (i *Imports) Inherit() *Imports {
	return &Imports{Named: maps.Clone(i.Named), Dot: slices.Clone(i.Dot), C: i.C}
}

// World is the declarations that are live, by every name that they declare. Worlds are immutable:
// changes are made to a Clone.
type World map[string]*Decl

// Clone returns a copy to change.
func (w World) Clone() World { return maps.Clone(w) }

// Decls returns every declaration once, in the order of their names.
func (w World) Decls() []*Decl {
	var list []*Decl
	seen := map[*Decl]bool{}
	for _, name := range slices.Sorted(maps.Keys(w)) {
		if d := w[name]; !seen[d] {
			seen[d] = true
			list = append(list, d)
		}
	}
	return list
}

// Add makes d live, under all of its names. Of what had them before, other names stay.
func (w World) Add(d *Decl) {
	for _, name := range d.Names {
		w[name] = d
	}
}

// Replace puts d in the place of old, for the names that are still old's.
func (w World) Replace(old, d *Decl) {
	for _, name := range old.Names {
		if w[name] == old {
			w[name] = d
		}
	}
}

// Remove makes d no longer live.
func (w World) Remove(d *Decl) {
	for _, name := range d.Names {
		if w[name] == d {
			delete(w, name)
		}
	}
}

// Holds tells whether d is live under all of its names.
func (w World) Holds(d *Decl) bool {
	return !slices.ContainsFunc(d.Names, func(n string) bool { return w[n] != d })
}

// versionMark sets a version's number apart from the name. It is a letter, so that the whole is a
// name, but one that nobody types.
const versionMark = "ᵛ"

// Symbol returns the name that generated source has for d's name. A variable's is never exported: of those
// the compiler makes a table that the linker refuses.
func (d *Decl) Symbol(name string) string {
	if d.Kind == cell.Var && token.IsExported(name) {
		name = "vʹ" + name
	}
	if d.Version <= 1 {
		return name
	}
	return fmt.Sprintf("%s%s%d", name, versionMark, d.Version)
}

// Plain removes version marks from text that generated code has made: names of functions in a stack.
func Plain(text string) string {
	for {
		at := strings.Index(text, versionMark)
		if at < 0 {
			return text
		}
		end := at + len(versionMark)
		for end < len(text) && '0' <= text[end] && text[end] <= '9' {
			end++
		}
		text = text[:at] + text[end:]
	}
}

// Summary describes d in a line: its text as far as the first brace.
func (d *Decl) Summary() string {
	text := d.Text
	if d.Body >= 0 {
		text = text[:d.Body]
	}
	keyword := map[cell.Kind]string{cell.Type: "type ", cell.Var: "var "}[d.Kind]
	line, rest, more := strings.Cut(keyword+strings.TrimSpace(text), "\n")
	if more && strings.TrimSpace(rest) != "" {
		line += " …"
	}
	if d.Origin.Cell != "" {
		line += "  // " + d.Origin.Cell
	}
	return line
}

// Uses tells whether d's text, or that of a method, mentions one of the names, besides those that it
// declares itself, or a name of one of the packages.
func (d *Decl) Uses(names map[string]bool, packages ...string) bool {
	for _, part := range append([]*Decl{d}, d.Methods...) {
		for _, r := range part.Refs {
			path := part.Imports.Named[r.Name]
			if path == "" && names[r.Name] && !slices.Contains(d.Names, r.Name) || slices.Contains(packages, path) {
				return true
			}
		}
	}
	return false
}

// Same tells whether two declarations are the same in words, their imports included.
func (d *Decl) Same(other *Decl) bool {
	if d.Kind != other.Kind || d.Text != other.Text || len(d.Methods) != len(other.Methods) || !sameImports(d, other) {
		return false
	}
	for i, m := range d.Methods {
		if !m.Same(other.Methods[i]) {
			return false
		}
	}
	return true
}

// sameImports tells whether the names that d mentions are imported from the same places in both.
func sameImports(d, other *Decl) bool {
	for _, r := range d.Refs {
		if d.Imports.Named[r.Name] != other.Imports.Named[r.Name] {
			return false
		}
	}
	return slices.Equal(d.Imports.Dot, other.Imports.Dot)
}

// Dependents returns the live declarations whose meaning changes with the named ones: those that
// mention them or the packages, and so on.
func (w World) Dependents(names, packages []string) []*Decl {
	changed := map[string]bool{}
	for _, n := range names {
		changed[n] = true
	}
	found := map[*Decl]bool{}
	for again := true; again; {
		again = false
		for _, d := range w {
			if found[d] || !d.Uses(changed, packages...) {
				continue
			}
			found[d], again = true, true
			for _, n := range d.Names {
				changed[n] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b *Decl) int { return strings.Compare(a.Name, b.Name) })
}

// declOf makes the declaration of an item of a cell.
func declOf(c *cell.Cell, it *cell.Item, imports *Imports) *Decl {
	d := &Decl{Kind: it.Kind, Version: 1, Text: it.In(c.Text), Imports: imports, Body: -1,
		Origin: Origin{Cell: c.Name, Text: c.Text, Offset: it.Start}}
	switch n := it.Node.(type) {
	case *ast.FuncDecl:
		d.Names = []string{n.Name.Name}
		d.Generic = n.Type.TypeParams != nil
		d.Method = n.Recv != nil
		d.NameEnd = it.Offset(n.Name.End()) - it.Start
		if n.Body != nil {
			d.Body = it.Offset(n.Body.Pos()) - it.Start
		}
	case *ast.TypeSpec:
		d.Names = []string{n.Name.Name}
		if n.TypeParams != nil {
			d.Generic, d.Params = true, it.Offset(n.TypeParams.End())-it.Start
			for _, f := range n.TypeParams.List {
				for _, id := range f.Names {
					d.ParamNames = append(d.ParamNames, id.Name)
				}
			}
		}
	case *ast.GenDecl:
		for _, spec := range n.Specs {
			for _, id := range spec.(*ast.ValueSpec).Names {
				if id.Name != "_" {
					d.Names = append(d.Names, id.Name)
				}
			}
		}
	}
	if len(d.Names) > 0 {
		d.Name = d.Names[0]
	}
	d.Refs, d.Inserts = refsOf(it), insertsIn(it)
	return d
}

// receiver returns the name of the type that a method belongs to, or "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	if id := baseName(f.Recv.List[0].Type); id != nil {
		return id.Name
	}
	return ""
}
