// Package cell takes the text of a cell apart: imports, declarations, statements and directives, in
// any order and mixture, each with its place in the text.
package cell

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/diag"
)

// A Kind says what an item of a cell is.
type Kind int

// The kinds of items.
const (
	Import Kind = iota
	Func        // also a method
	Type        // one type of a type declaration
	Const       // a whole const declaration, for iota's sake
	Var         // one specification of a var declaration
	Stmt
	Directive // a line that begins with % or !, or asks with ?
)

// A Span is a range of bytes of a cell's text.
type Span struct{ Start, End int }

// In returns the text of the span.
func (s Span) In(text string) string { return text[s.Start:s.End] }

// An Item is one part of a cell.
type Item struct {
	Span
	Kind Kind
	// Node is the item's syntax: an *ast.FuncDecl, *ast.TypeSpec, *ast.GenDecl (Const), *ast.ValueSpec,
	// *ast.ImportSpec or ast.Stmt; nil for a directive.
	Node ast.Node
	// Free are the identifiers that name something at the top level of a cell, this item's own names
	// among them, or that nothing declares; in order.
	Free []*ast.Ident
	// Keys are the names before a colon in composite literals that may be either a field's name or, in a
	// map or an array, a value: only types tell.
	Keys []*ast.Ident
	base int // what to add to a node's position to get an offset into the cell's text
}

// Offset returns the place of a node's position in the cell's text.
func (it *Item) Offset(pos token.Pos) int { return int(pos) + it.base }

// A Cell is a cell taken apart.
type Cell struct {
	Name  string // as users see it, "In[3]"
	Text  string
	Items []*Item
	// Program is how the cell is run as a program, nil if it is not: of most cells the statements run as they
	// stand.
	Program *Program
}

// Parse takes text apart. The name is used in diagnostics. An error is a diag.List.
func Parse(name, text string) (*Cell, error) {
	c := &Cell{Name: name, Text: text}
	spans, err := split(text)
	if err != nil {
		return nil, diag.List{{Cell: name, Text: text, Offset: err.offset, Msg: err.msg}}
	}
	var problems diag.List
	for _, s := range spans {
		items, err := parseSpan(text, s)
		for _, e := range err {
			offset := min(e.offset, len(text))
			problems = append(problems, diag.Diagnostic{Cell: name, Text: text, Offset: offset, Msg: e.msg})
		}
		c.Items = append(c.Items, items...)
	}
	if len(problems) > 0 {
		return nil, problems.Sort()
	}
	c.findProgram()
	return c, nil
}

// A syntaxError is a problem at an offset into a cell's text.
type syntaxError struct {
	offset int
	msg    string
}

// parseSpan parses one top-level part of a cell. A declaration group gives several items.
func parseSpan(text string, s span) ([]*Item, []syntaxError) {
	if s.kind == Directive {
		if s.late {
			return nil, []syntaxError{{s.Start, ParseLine(s.In(text)).Name + " stands at the start of a cell, which it takes whole"}}
		}
		return []*Item{{Span: s.Span, Kind: Directive}}, nil
	}
	prefix := "package p;"
	suffix := "\n"
	if s.kind == Stmt {
		prefix, suffix = "package p;func _(){", "\n}"
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", prefix+s.In(text)+suffix, 0)
	base := s.Start - len(prefix) - 1 // positions start at 1
	if err != nil {
		return nil, syntaxErrors(err, s.Start-len(prefix), s.End)
	}
	return itemsOf(file, s, base), nil
}

// syntaxErrors moves the parser's first error to the cell's coordinates: those that follow it in the
// same part are most often its echo. The part ends at end; what follows was added.
func syntaxErrors(err error, shift, end int) []syntaxError {
	list, ok := err.(scanner.ErrorList)
	if !ok || len(list) == 0 {
		return []syntaxError{{shift, err.Error()}}
	}
	at, msg := max(0, list[0].Pos.Offset+shift), list[0].Msg
	if at >= end {
		msg = strings.NewReplacer("found '}'", "found the end", "found 'EOF'", "found the end").Replace(msg)
		at = end
	}
	if msg == "expected 1 expression" {
		msg = "a list of expressions is no statement: end the cell with one, or hand them to fmt.Println"
	}
	return []syntaxError{{at, msg}}
}

// itemsOf makes the items of one parsed span.
func itemsOf(file *ast.File, s span, base int) []*Item {
	if s.kind == Stmt {
		return statements(file, s, base)
	}
	var items []*Item
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			items = append(items, itemOf(Func, d, base))
		case *ast.GenDecl:
			items = append(items, specs(d, s, base)...)
		}
	}
	share(items, file)
	return items
}

// itemOf makes an item of a whole declaration, without the comment that may follow it.
func itemOf(kind Kind, n ast.Node, base int) *Item {
	it := &Item{Kind: kind, Node: n, base: base}
	it.Span = Span{it.Offset(n.Pos()), it.Offset(n.End())}
	return it
}

// specs makes an item of each specification of a declaration; a const declaration stays whole.
func specs(d *ast.GenDecl, s span, base int) []*Item {
	if d.Tok == token.CONST {
		return []*Item{itemOf(Const, d, base)}
	}
	kind := map[token.Token]Kind{token.IMPORT: Import, token.TYPE: Type, token.VAR: Var}[d.Tok]
	var items []*Item
	for _, spec := range d.Specs {
		it := &Item{Kind: kind, Node: spec, base: base}
		it.Span = Span{it.Offset(spec.Pos()), it.Offset(spec.End())}
		items = append(items, it)
	}
	return items
}

// statements makes an item of each statement. A list of statements on one line is one span.
func statements(file *ast.File, s span, base int) []*Item {
	var items []*Item
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		for _, stmt := range f.Body.List {
			if _, empty := stmt.(*ast.EmptyStmt); empty {
				continue
			}
			it := &Item{Kind: Stmt, Node: stmt, base: base}
			// A label without a statement ends at the brace that was added.
			it.Span = Span{it.Offset(stmt.Pos()), min(it.Offset(stmt.End()), s.End)}
			items = append(items, it)
		}
	}
	share(items, file)
	return items
}

// share gives each item the identifiers in it that are not declared within it: those that nothing in
// the span declares, and those that name a declaration of the span.
func share(items []*Item, file *ast.File) {
	free := map[*ast.Ident]bool{}
	for _, id := range file.Unresolved {
		free[id] = true
	}
	for _, it := range items {
		key := map[*ast.Ident]bool{}
		ast.Inspect(it.Node, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				listed := isList(n.Type)
				for _, id := range keys(n, file.Scope) {
					key[id], free[id] = !listed, listed
				}
			case *ast.Ident:
				switch {
				case key[n]:
					it.Keys = append(it.Keys, n)
				case free[n] || ofSpan(n, file.Scope):
					it.Free = append(it.Free, n)
				}
			}
			return true
		})
		slices.SortFunc(it.Free, func(a, b *ast.Ident) int { return int(a.Pos() - b.Pos()) })
	}
}

// ofSpan tells whether an identifier names a declaration of its own span. The parser's scopes are
// deprecated in favour of the type checker's, which need types; these are about names alone.
//
//lint:ignore SA1019 there is nothing else that works without types
func ofSpan(id *ast.Ident, scope *ast.Scope) bool {
	return id.Obj != nil && id.Name != "_" && scope.Objects[id.Name] == id.Obj
}

// isList tells whether a composite literal's type is written out as a map or an array, whose keys are
// values.
func isList(t ast.Expr) bool {
	switch t.(type) {
	case *ast.MapType, *ast.ArrayType:
		return true
	}
	return false
}

// keys returns the keys of a literal that are names, but for those that are declared around it.
//
//lint:ignore SA1019 as for ofSpan
func keys(lit *ast.CompositeLit, scope *ast.Scope) []*ast.Ident {
	if _, ok := lit.Type.(*ast.StructType); ok {
		return nil
	}
	var list []*ast.Ident
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && (id.Obj == nil || ofSpan(id, scope)) {
				list = append(list, id)
			}
		}
	}
	return list
}

// Silenced tells whether the cell's text ends with a semicolon, which hides the value of its last
// expression.
func (c *Cell) Silenced() bool {
	code, _ := withoutDirectives(c.Text)
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", -1, len(code)), []byte(code), nil, 0)
	silenced := false
	for {
		_, tok, lit := s.Scan()
		switch {
		case tok == token.EOF:
			return silenced
		case tok == token.SEMICOLON:
			silenced = silenced || lit == ";"
		default:
			silenced = false
		}
	}
}

// trimmed returns the span of s without white space at its ends.
func trimmed(text string, s Span) Span {
	in := s.In(text)
	left := len(in) - len(strings.TrimLeft(in, " \t\r\n"))
	return Span{s.Start + left, s.Start + max(left, len(strings.TrimRight(in, " \t\r\n")))}
}
