package compose

import (
	"go/ast"
	"go/token"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

// An Insert is a place at which generated code is added when a text is compiled in full.
type Insert struct {
	At   int
	What What
	Name string // of a local type
}

// What says what is added.
type What int

// What is added.
const (
	CheckBody  What = iota // at the head of a loop or function body: an interrupt ends it
	GuardBody              // at the head of a goroutine's body: its panics do not end the worker
	CheckGoto              // before a goto, which may make a loop
	LocalName              // after the name of a type that is declared within a function
	LocalAlias             // after its declaration
	LocalMore              // after its declaration in a group
)

// text returns what is added. Types within functions get a name of their own in each unit, by its
// suffix: the linker knows types by their names, and would take two of one name for the same. The name
// that users gave becomes an alias.
func (in Insert) text(suffix string) string {
	switch in.What {
	case CheckBody:
		return " " + rtName + ".Check();"
	case GuardBody:
		return " defer " + rtName + ".Guard(); " + rtName + ".Check();"
	case CheckGoto:
		return rtName + ".Check(); "
	case LocalName:
		return suffix
	case LocalMore:
		return "; " + in.Name + " = " + in.Name + suffix
	}
	return "; type " + in.Name + " = " + in.Name + suffix
}

// suffixOf returns what a unit adds to the names of types within functions.
func suffixOf(unit string) string { return versionMark + strings.TrimPrefix(unit, "u") }

// insertsIn finds where an item's text needs additions.
func insertsIn(it *cell.Item) []Insert {
	f := insertFinder{it: it, guarded: map[*ast.FuncLit]bool{}}
	ast.Inspect(it.Node, f.visit)
	return f.list
}

// An insertFinder gathers the inserts of one item.
type insertFinder struct {
	it      *cell.Item
	guarded map[*ast.FuncLit]bool
	list    []Insert
}

func (f *insertFinder) add(pos token.Pos, what What, name string) {
	f.list = append(f.list, Insert{At: f.it.Offset(pos) - f.it.Start, What: what, Name: name})
}

func (f *insertFinder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		if lit, ok := n.Call.Fun.(*ast.FuncLit); ok {
			f.guarded[lit] = true
		}
	case *ast.FuncDecl:
		if n.Body != nil {
			f.add(n.Body.Lbrace+1, CheckBody, "")
		}
	case *ast.FuncLit:
		what := CheckBody
		if f.guarded[n] {
			what = GuardBody
		}
		f.add(n.Body.Lbrace+1, what, "")
	case *ast.ForStmt:
		f.add(n.Body.Lbrace+1, CheckBody, "")
	case *ast.RangeStmt:
		f.add(n.Body.Lbrace+1, CheckBody, "")
	case *ast.BranchStmt:
		if n.Tok == token.GOTO {
			f.add(n.Pos(), CheckGoto, "")
		}
	case *ast.DeclStmt:
		f.localTypes(n)
	}
	return true
}

// localTypes adds the inserts for a type declaration within a function.
func (f *insertFinder) localTypes(n *ast.DeclStmt) {
	d, ok := n.Decl.(*ast.GenDecl)
	if !ok || d.Tok != token.TYPE {
		return
	}
	for _, spec := range d.Specs {
		t := spec.(*ast.TypeSpec)
		if t.Assign.IsValid() || t.Name.Name == "_" {
			continue
		}
		f.add(t.Name.End(), LocalName, t.Name.Name)
		// The alias is not declared yet within the type itself.
		ast.Inspect(t.Type, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Obj != nil && id.Obj.Decl == t {
				f.add(id.End(), LocalName, t.Name.Name)
			}
			return true
		})
		what := LocalAlias
		if d.Lparen.IsValid() {
			what = LocalMore
		}
		f.add(t.End(), what, t.Name.Name)
	}
}

// refsOf returns the names in an item that may be the session's, in order of their places.
func refsOf(it *cell.Item) []Ref {
	embedded, late := map[*ast.Ident]bool{}, map[*ast.Ident]bool{}
	ast.Inspect(it.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			for _, id := range Embedded(n) {
				embedded[id] = true
			}
		case *ast.FuncLit:
			ast.Inspect(n, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					late[id] = true
				}
				return true
			})
		}
		return true
	})
	var refs []Ref
	for _, id := range it.Free {
		refs = append(refs, Ref{Name: id.Name, At: it.Offset(id.Pos()) - it.Start, Embedded: embedded[id], Late: late[id]})
	}
	for _, id := range it.Keys {
		refs = append(refs, Ref{Name: id.Name, At: it.Offset(id.Pos()) - it.Start, Key: true, Late: late[id]})
	}
	return sortRefs(refs)
}

// Embedded returns the names of the types that a struct embeds, but for those of packages: a field has
// the same name.
func Embedded(t *ast.StructType) []*ast.Ident {
	var list []*ast.Ident
	for _, f := range t.Fields.List {
		if len(f.Names) > 0 {
			continue
		}
		if id := baseName(f.Type); id != nil {
			list = append(list, id)
		}
	}
	return list
}

// baseName returns the name in a type like T, *T or T[X], or nil.
func baseName(t ast.Expr) *ast.Ident {
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x
		default:
			return nil
		}
	}
}
