package complete

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
)

// A checked is a virtual file with its types, as far as they can be found.
type checked struct {
	*virtual
	fset *token.FileSet
	file *ast.File
	pkg  *types.Package
	info *types.Info
	pos  token.Pos // the cursor
}

// check type-checks the file. Mistakes are no matter: what is typed in half is full of them.
func check(v *virtual, pkgs *packages) *checked {
	c := &checked{virtual: v, fset: pkgs.fset, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Implicits: map[ast.Node]types.Object{}}}
	c.file, _ = parser.ParseFile(c.fset, "cell.go", v.text, parser.SkipObjectResolution|parser.AllErrors)
	conf := types.Config{Importer: pkgs, Error: func(error) {}, DisableUnusedImportCheck: true}
	c.pkg, _ = conf.Check("main", c.fset, []*ast.File{c.file}, c.info)
	c.pos = c.fset.File(c.file.Package).Pos(v.cursor)
	return c
}

// free forgets the file's positions. Files that are checked come and go, and the set would grow.
func (c *checked) free() { c.fset.RemoveFile(c.fset.File(c.file.Package)) }

// selected returns what stands before the dot at the cursor: a type and value, or a package.
func (c *checked) selected() (types.TypeAndValue, *types.Package) {
	var x ast.Expr
	ast.Inspect(c.file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Pos() <= c.pos && c.pos <= s.Sel.End() {
			x = s.X
		}
		return true
	})
	if x != nil {
		if tv, pkg := c.valueOf(x, c.info); pkg != nil || tv.Type != nil && tv.Type != types.Typ[types.Invalid] {
			return tv, pkg
		}
	}
	// The parser may have given up on what surrounds it; the operand alone is enough.
	dot := dotBefore(c.text, wordStart(c.text, c.cursor))
	if dot < 0 {
		return types.TypeAndValue{}, nil
	}
	expr, err := parser.ParseExpr(strings.TrimSpace(operand(c.text, dot)))
	if err != nil {
		return types.TypeAndValue{}, nil
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	if id, ok := expr.(*ast.Ident); ok {
		if p, ok := c.lookup(id.Name).(*types.PkgName); ok {
			return types.TypeAndValue{}, p.Imported()
		}
	}
	_ = types.CheckExpr(c.fset, c.pkg, c.pos, expr, info)
	return c.valueOf(expr, info)
}

func (c *checked) valueOf(x ast.Expr, info *types.Info) (types.TypeAndValue, *types.Package) {
	if id, ok := x.(*ast.Ident); ok {
		if p, ok := info.Uses[id].(*types.PkgName); ok {
			return types.TypeAndValue{}, p.Imported()
		}
	}
	return info.Types[x], nil
}

// scope returns the innermost scope at the cursor.
func (c *checked) scope() *types.Scope {
	if s := c.pkg.Scope().Innermost(c.pos); s != nil {
		return s
	}
	return c.pkg.Scope()
}

// lookup returns what a name means at the cursor, or nil.
func (c *checked) lookup(name string) types.Object {
	for s := c.scope(); s != nil; s = s.Parent() {
		if obj := s.Lookup(name); obj != nil && (!obj.Pos().IsValid() || s == c.pkg.Scope() || s.Parent() == c.pkg.Scope() || obj.Pos() <= c.pos) {
			return obj
		}
	}
	return nil
}

// members returns the fields and methods that can be selected from a value, or the methods of a type.
func (c *checked) members(tv types.TypeAndValue) []types.Object {
	if tv.Type == nil {
		return nil
	}
	var list []types.Object
	seen := map[string]bool{}
	add := func(obj types.Object) {
		if !seen[obj.Name()] && obj.Name() != "_" && (obj.Exported() || obj.Pkg() == c.pkg) {
			seen[obj.Name()] = true
			list = append(list, obj)
		}
	}
	t := tv.Type
	if !tv.IsType() {
		eachField(t, add)
		// What a value has can be addressed most often; only interfaces have no pointers with methods.
		if _, pointer := t.Underlying().(*types.Pointer); !pointer && !types.IsInterface(t) {
			t = types.NewPointer(t)
		}
	}
	set := types.NewMethodSet(t)
	for i := range set.Len() {
		add(set.At(i).Obj())
	}
	return list
}

// eachField calls f with the fields of a struct, or of what a pointer to one points to, those of embedded
// structs last.
func eachField(t types.Type, f func(types.Object)) {
	seen := map[types.Type]bool{}
	for level := []types.Type{t}; len(level) > 0; {
		var next []types.Type
		for _, t := range level {
			if p, ok := t.Underlying().(*types.Pointer); ok {
				t = p.Elem()
			}
			s, ok := t.Underlying().(*types.Struct)
			if !ok || seen[t] {
				continue
			}
			seen[t] = true
			for field := range s.Fields() {
				f(field)
				if field.Embedded() {
					next = append(next, field.Type())
				}
			}
		}
		level = next
	}
}

// keys returns the fields that the composite literal at the cursor may name there.
func (c *checked) keys() []types.Object {
	var lit *ast.CompositeLit
	ast.Inspect(c.file, func(n ast.Node) bool {
		if l, ok := n.(*ast.CompositeLit); ok && l.Lbrace < c.pos && c.pos <= l.Rbrace {
			lit = l
		}
		return true
	})
	if lit == nil {
		return nil
	}
	given := map[string]bool{}
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if kv.Colon < c.pos && c.pos <= kv.End() {
			return nil
		}
		if id, ok := kv.Key.(*ast.Ident); ok {
			given[id.Name] = true
		}
	}
	t := c.info.Types[lit].Type
	if t == nil {
		return nil
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	var list []types.Object
	for field := range s.Fields() {
		if !given[field.Name()] && (field.Exported() || field.Pkg() == c.pkg) {
			list = append(list, field)
		}
	}
	return list
}

// identAt returns the name at the cursor and what it means.
func (c *checked) identAt() (*ast.Ident, types.Object) {
	var found *ast.Ident
	ast.Inspect(c.file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Pos() <= c.pos && c.pos <= id.End() {
			found = id
		}
		return true
	})
	if found == nil {
		return nil, nil
	}
	if obj := c.info.Uses[found]; obj != nil {
		return found, obj
	}
	if obj := c.info.Defs[found]; obj != nil {
		return found, obj
	}
	return found, c.lookup(found.Name)
}

// qualify names packages in types as code does.
func (c *checked) qualify(p *types.Package) string {
	if p == c.pkg {
		return ""
	}
	return p.Name()
}
