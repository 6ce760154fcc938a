package session

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/diag"
	"github.com/lathe-go/lathe/kernel/internal/vet"
)

// checked is what the type checker found out about a unit.
type checked struct {
	pkg     *types.Package
	info    *types.Info
	fset    *token.FileSet
	sources []*compose.Source
	files   []*ast.File
	uses    map[[3]string]bool        // source, name, path of the imports that are used
	found   *compose.Facts            // made when asked for
	changes func(*types.Package) bool // whether a package may be compiled again
}

// A problem is something that the type checker has against a unit.
type problem struct {
	diag.Diagnostic
	noValue bool // the last expression has no value to show
}

// typeCheck checks a unit's sources.
func (s *Session) typeCheck(p *compose.Plan) (*checked, []problem) {
	c := &checked{sources: p.Check(), fset: s.fset, uses: map[[3]string]bool{}, info: vet.NewInfo()}
	var errs []types.Error
	for _, src := range c.sources {
		file, err := parser.ParseFile(s.fset, src.Name, src.Text(), parser.SkipObjectResolution)
		if err != nil {
			return c, []problem{{Diagnostic: diag.Diagnostic{Cell: p.Cell.Cell.Name, Text: p.Cell.Cell.Text, Msg: err.Error()}}}
		}
		c.files = append(c.files, file)
	}
	conf := types.Config{
		Importer:                 s.imports,
		DisableUnusedImportCheck: true,
		// What stands for C's names is found when the unit is compiled: C is not asked for it before.
		FakeImportC: true,
		Error: func(err error) {
			var e types.Error
			if errors.As(err, &e) {
				errs = append(errs, e)
			}
		},
	}
	c.changes = func(p *types.Package) bool { return p != nil && (p == c.pkg || s.builder.Reloadable(p.Path())) }
	c.pkg, _ = conf.Check(build.PackagePath, s.fset, c.files, c.info)
	c.findUses()
	return c, c.problems(s.fset, p, errs)
}

// problems moves the checker's errors to the cells' coordinates.
func (c *checked) problems(fset *token.FileSet, p *compose.Plan, errs []types.Error) []problem {
	var list []problem
	for _, e := range errs {
		// A variable may speak of itself through a function: its value is assigned when its turn comes.
		if strings.HasPrefix(e.Msg, "initialization cycle") {
			continue
		}
		if more, ok := strings.CutPrefix(e.Msg, "\t"); ok && len(list) > 0 {
			list[len(list)-1].Msg += "; " + more
			continue
		}
		msg := compose.Plain(e.Msg)
		pr := problem{noValue: strings.Contains(msg, "(no value) used as value")}
		pr.Diagnostic = diag.Diagnostic{Cell: p.Cell.Cell.Name, Text: p.Cell.Cell.Text, Msg: msg}
		file := fset.File(e.Pos)
		for i, f := range c.files {
			if fset.File(f.Package) != file {
				continue
			}
			if o, ok := c.sources[i].Origin(file.Offset(e.Pos)); ok {
				pr.Cell, pr.Text, pr.Offset = o.Cell, o.Text, o.Offset
			}
		}
		list = append(list, pr)
	}
	return list
}

// findUses notes which imports each source uses.
func (c *checked) findUses() {
	for i, f := range c.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if obj, ok := c.info.Uses[id].(*types.PkgName); ok {
					c.uses[[3]string{c.sources[i].Name, obj.Name(), build.UnversionedPath(obj.Imported().Path())}] = true
				}
			}
			return true
		})
	}
}

func (c *checked) used(source, name, path string) bool { return c.uses[[3]string{source, name, path}] }

// variable returns the declaration of a variable by the type that the checker found, or says why
// there can be none.
func (c *checked) variable(d *compose.Decl, name string) (*compose.Decl, string) {
	obj := c.pkg.Scope().Lookup(name)
	if obj == nil {
		return nil, "no type was found for " + name
	}
	t := obj.Type()
	if t == types.Typ[types.Invalid] {
		return nil, "its type is one of C's; convert it to a Go type, as in int(…)"
	}
	n := namer{pkg: c.pkg, imports: &compose.Imports{Named: map[string]string{}}}
	text := compose.Plain(types.TypeString(t, n.qualify))
	if why := n.unnameable(t, nil); why != "" {
		return nil, why
	}
	v := &compose.Decl{Name: name, Names: []string{name}, Kind: cell.Var, Version: d.Version, Body: -1,
		Text: name + " " + text, Imports: n.imports, Layout: layout(t, c.changes)}
	v.Refs = append([]compose.Ref{{Name: name}}, refsIn(text, len(name)+1)...)
	v.Origin = d.Origin
	return v, ""
}

// refsIn finds the names in a type's text that may be the session's.
func refsIn(text string, shift int) []compose.Ref {
	expr, err := parser.ParseExpr(text)
	if err != nil {
		return nil
	}
	var refs []compose.Ref
	fields, embedded := map[*ast.Ident]bool{}, map[*ast.Ident]bool{}
	ast.Inspect(expr, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			// The package counts: it may be compiled again.
			if id, ok := n.X.(*ast.Ident); ok {
				refs = append(refs, compose.Ref{Name: id.Name, At: int(id.Pos()) - 1 + shift})
			}
			return false
		case *ast.StructType:
			for _, id := range compose.Embedded(n) {
				embedded[id] = true
			}
		case *ast.Field:
			for _, id := range n.Names {
				fields[id] = true
			}
		case *ast.Ident:
			if !fields[n] && !universe(n.Name) {
				refs = append(refs, compose.Ref{Name: n.Name, At: int(n.Pos()) - 1 + shift, Embedded: embedded[n]})
			}
		}
		return true
	})
	return refs
}

// resultOf says what to do with the last step's value, as far as syntax tells.
func resultOf(a *compose.Analysis) compose.Result {
	if len(a.Steps) == 0 {
		return compose.NoResult
	}
	step := a.Steps[len(a.Steps)-1]
	if _, ok := step.Stmt().(*ast.ExprStmt); !ok {
		return compose.NoResult
	}
	if a.Cell.Silenced() || step.Item != a.Cell.Items[len(a.Cell.Items)-1] {
		return compose.Drop
	}
	return compose.Show
}

// displayHandle is the type of what display.Show returns: what it stands for has been shown.
const displayHandle = "github.com/lathe-go/lathe/pkg/display.Handle"

// quiet keeps values from being shown that nobody asked for: of calls that are made for what they do,
// like fmt.Println, and of those that return an error alone.
func quiet(r compose.Result, a *compose.Analysis, c *checked) compose.Result {
	if r != compose.Show {
		return r
	}
	call, ok := ast.Unparen(a.Steps[len(a.Steps)-1].Stmt().(*ast.ExprStmt).X).(*ast.CallExpr)
	if !ok {
		return r
	}
	name := ""
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.SelectorExpr:
		name = f.Sel.Name
	case *ast.Ident:
		name = f.Name
	}
	t := c.resultType()
	if p, ok := t.(*types.Pointer); ok && types.TypeString(p.Elem(), nil) == displayHandle {
		return compose.Drop
	}
	if types.Identical(t, types.Universe.Lookup("error").Type()) {
		return compose.Drop
	}
	tuple, ok := t.(*types.Tuple)
	if !ok || tuple.Len() != 2 || !types.Identical(tuple.At(1).Type(), types.Universe.Lookup("error").Type()) {
		return r
	}
	if b, ok := tuple.At(0).Type().(*types.Basic); ok && b.Kind() == types.Int {
		for _, prefix := range []string{"Print", "Fprint", "Write"} {
			if strings.HasPrefix(name, prefix) {
				return compose.Drop
			}
		}
	}
	return r
}

// resultType returns the type of the expression that the unit shows.
func (c *checked) resultType() types.Type {
	var found types.Type
	ast.Inspect(c.files[len(c.files)-1], func(n ast.Node) bool {
		outer, ok := n.(*ast.CallExpr)
		if !ok || len(outer.Args) != 1 {
			return true
		}
		if inner, ok := outer.Fun.(*ast.CallExpr); ok {
			if f, ok := inner.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Result" {
				if id, ok := f.X.(*ast.Ident); ok && compose.IsRuntime(id.Name) {
					found = c.info.Types[outer.Args[0]].Type
				}
			}
		}
		return true
	})
	return found
}
