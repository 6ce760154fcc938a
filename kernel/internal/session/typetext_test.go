package session

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/compose"
)

// typeOf returns the type of the variable v of a package that is written as src.
func typeOf(t *testing.T, src string) (types.Type, *types.Package) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x.go", "package cell\n"+src, 0)
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := new(types.Config).Check("cell", fset, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkg.Scope().Lookup("v").Type(), pkg
}

func layoutOf(t *testing.T, src string) string {
	t.Helper()
	typ, pkg := typeOf(t, src)
	return layout(typ, func(p *types.Package) bool { return p == pkg })
}

func TestLayout(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"type t struct{ a int }; var v t", "type t struct{ a int }; func (t) m() {}; var v t", true},
		{"type t struct{ a int }; var v t", "type t struct{ a, b int }; var v t", false},
		{"type t struct{ a int }; var v []*t", "type t struct{ a string }; var v []*t", false},
		{"type t struct{ next *t }; var v t", "type t struct{ next *t }; var v t", true},
		{"type n[T any] struct{ next *n[T]; v T }; var v n[int]", "type n[T any] struct{ next *n[T]; v T }; var v n[string]", false},
		{"type i interface{ m() }; var v i", "type i interface{ m(); o() }; var v i", false},
		{"var v func(int) string", "var v func(int, ...string) string", false},
		{"var v chan int", "var v <-chan int", false},
		{"var v [3]int", "var v [4]int", false},
		{"type t = struct{ a int `x:\"y\"` }; var v t", "type t = struct{ a int }; var v t", false},
		{"type a struct{ b *b }; type b struct{ a *a; n int }; var v a", "type a struct{ b *b }; type b struct{ a *a }; var v a", false},
	} {
		x, y := layoutOf(t, test.a), layoutOf(t, test.b)
		if (x == y) != test.same {
			t.Errorf("layouts of\n%s\n%s\nare %s and %s", test.a, test.b, x, y)
		}
	}
}

func TestUnnameable(t *testing.T) {
	other := types.NewPackage("other/pkg", "pkg")
	hidden := types.NewNamed(types.NewTypeName(0, other, "hidden", nil), types.Typ[types.Int], nil)
	shown := types.NewNamed(types.NewTypeName(0, other, "Shown", nil), types.Typ[types.Int], nil)
	cell := types.NewPackage("cell", "main")
	for _, test := range []struct {
		t    types.Type
		want string
	}{
		{shown, ""},
		{types.NewSlice(shown), ""},
		{hidden, "no name outside its package"},
		{types.NewMap(types.Typ[types.String], types.NewPointer(hidden)), "no name outside its package"},
		{types.NewStruct([]*types.Var{types.NewField(0, other, "f", shown, false)}, nil), "only package other/pkg can name"},
	} {
		n := namer{pkg: cell, imports: &compose.Imports{Named: map[string]string{}}}
		if got := n.unnameable(test.t, nil); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("unnameable(%s) = %q, want %q", test.t, got, test.want)
		}
	}
}

func TestQualifyTellsPackagesOfOneNameApart(t *testing.T) {
	n := namer{imports: &compose.Imports{Named: map[string]string{}}}
	a, b := n.qualify(types.NewPackage("a/rand", "rand")), n.qualify(types.NewPackage("b/rand", "rand"))
	if a == b || n.qualify(types.NewPackage("a/rand", "rand")) != a {
		t.Errorf("two packages rand are called %s and %s", a, b)
	}
}

func TestRefsIn(t *testing.T) {
	var got []string
	for _, r := range refsIn("map[key]struct{ base; n *value; int; time.Time }", 0) {
		name := r.Name
		if r.Embedded {
			name = "embedded " + name
		}
		got = append(got, name)
	}
	if text := strings.Join(got, ", "); text != "key, embedded base, value, time" {
		t.Errorf("refsIn finds %s", text)
	}
}
