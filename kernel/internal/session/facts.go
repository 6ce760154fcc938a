package session

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/compose"
)

// facts returns what the compiler's sources need to know.
func (c *checked) facts() compose.Facts {
	if c.found != nil {
		return *c.found
	}
	c.found = &compose.Facts{Used: c.used, Values: map[string]map[int]bool{}, Edits: map[string][]compose.Edit{}}
	for i, f := range c.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				c.values(i, n)
			case *ast.GoStmt:
				c.goStmt(i, n)
			case *ast.CallExpr:
				c.starts(i, n)
			}
			return true
		})
	}
	return *c.found
}

// place returns where in the cells' texts a node of a source stands.
func (c *checked) place(source int, n ast.Node) (text string, start, end int, ok bool) {
	file := c.fset.File(n.Pos())
	from, ok1 := c.sources[source].Copied(file.Offset(n.Pos()))
	to, ok2 := c.sources[source].Copied(file.Offset(n.End()) - 1)
	return from.Text, from.Offset, to.Offset + 1, ok1 && ok2 && from.Text == to.Text
}

// values notes the keys of a literal that are names and no fields.
func (c *checked) values(source int, lit *ast.CompositeLit) {
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		id, ok := kv.Key.(*ast.Ident)
		if !ok || c.info.Uses[id] == nil {
			continue
		}
		if v, ok := c.info.Uses[id].(*types.Var); ok && v.IsField() {
			continue
		}
		if text, at, _, ok := c.place(source, id); ok {
			if c.found.Values[text] == nil {
				c.found.Values[text] = map[int]bool{}
			}
			c.found.Values[text][at] = true
		}
	}
}

// goStmt guards a goroutine whose function is no literal.
func (c *checked) goStmt(source int, n *ast.GoStmt) {
	fun := n.Call.Fun
	if _, ok := fun.(*ast.FuncLit); ok {
		return
	}
	builtin, args := "", ""
	switch f := ast.Unparen(fun).(type) {
	case *ast.Ident:
		if b, ok := c.info.Uses[f].(*types.Builtin); ok {
			builtin = b.Name()
			if !slices.Contains([]string{"close", "delete", "panic"}, builtin) {
				return // it cannot panic
			}
		}
		args = c.typeArgs(f)
	case *ast.SelectorExpr:
		args = c.typeArgs(f.Sel)
	case *ast.IndexExpr:
		args = c.moreArgs(f.X, 1)
	case *ast.IndexListExpr:
		args = c.moreArgs(f.X, len(f.Indices))
	}
	if args == "?" {
		return
	}
	c.guard(source, fun, builtin, args)
}

// guard adds the edits that guard a function's value. A text may be checked twice: the value of a variable
// is.
func (c *checked) guard(source int, fun ast.Expr, builtin, args string) {
	text, start, end, ok := c.place(source, fun)
	if ok && !slices.ContainsFunc(c.found.Edits[text], func(e compose.Edit) bool { return e.At == start }) {
		c.found.Edits[text] = append(c.found.Edits[text], compose.Guarded(start, end, builtin, args)...)
	}
}

// moreArgs returns "?" if fewer than all type arguments of a function are given.
func (c *checked) moreArgs(fun ast.Expr, given int) string {
	id, _ := fun.(*ast.Ident)
	if sel, ok := fun.(*ast.SelectorExpr); ok {
		id = sel.Sel
	}
	if inst, ok := c.info.Instances[id]; ok && inst.TypeArgs.Len() > given {
		return "?"
	}
	return ""
}

// typeArgs returns the type arguments that the checker has inferred for a generic function, in
// brackets; "?" if they cannot be written down.
func (c *checked) typeArgs(id *ast.Ident) string {
	inst, ok := c.info.Instances[id]
	if !ok || inst.TypeArgs.Len() == 0 {
		return ""
	}
	var list []string
	for t := range inst.TypeArgs.Types() {
		if _, ok := t.(*types.Basic); !ok {
			return "?"
		}
		list = append(list, t.String())
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// starters are the functions that call a function that they are given on a goroutine of its own, and
// which argument it is.
var starters = map[string]int{
	"(*sync.WaitGroup).Go":                      0,
	"(*golang.org/x/sync/errgroup.Group).Go":    0,
	"(*golang.org/x/sync/errgroup.Group).TryGo": 0,
	"time.AfterFunc":                            1,
	"context.AfterFunc":                         1,
	"(*testing.T).Run":                          1,
	"(*testing.B).Run":                          1,
	"(*testing.B).RunParallel":                  0,
	"(*testing.F).Fuzz":                         0,
	"(*testing.common).Cleanup":                 0,
}

// starts guards a function that is handed to another that starts a goroutine for it.
func (c *checked) starts(source int, call *ast.CallExpr) {
	var id *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.SelectorExpr:
		id = f.Sel
	case *ast.Ident:
		id = f
	}
	f, ok := c.info.Uses[id].(*types.Func)
	if !ok {
		return
	}
	if f.Pkg() != nil && f.Pkg().Path() == "flag" && f.Signature().Recv() == nil {
		c.flag(source, f, call)
	}
	arg, ok := starters[f.FullName()]
	if !ok || arg >= len(call.Args) {
		return
	}
	if _, ok := c.info.Types[call.Args[arg]].Type.(*types.Signature); !ok {
		return
	}
	c.guard(source, call.Args[arg], "", "")
}

// flag lets a call define a flag of the command line that another execution has defined. Its name is the
// argument that package flag calls so.
func (c *checked) flag(source int, f *types.Func, call *ast.CallExpr) {
	if slices.Contains([]string{"Lookup", "NewFlagSet", "Set"}, f.Name()) {
		return
	}
	params := f.Signature().Params()
	for i := range min(2, params.Len(), len(call.Args)) {
		if params.At(i).Name() != "name" {
			continue
		}
		text, start, end, ok := c.place(source, call.Args[i])
		if ok && !slices.ContainsFunc(c.found.Edits[text], func(e compose.Edit) bool { return e.At == start }) {
			c.found.Edits[text] = append(c.found.Edits[text], compose.Renewed(start, end)...)
		}
	}
}
