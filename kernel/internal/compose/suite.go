package compose

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

// TestPath is the package that runs tests. It is in the base library; cells do not see it.
const TestPath = "github.com/lathe-go/lathe/kernel/internal/rt/gotest"

// TestImports are the names under which the code of TestSource imports what it needs.
var TestImports = []string{"gotestʹ", "testingʹ"}

// TestSource returns the code of a cell that runs tests with flags of `go test`: those with one of the names
// if any of them is a test, else all that are declared. Without flags, tests are verbose, and benchmarks run.
func TestSource(decls []*Decl, names, args []string) string {
	t := suiteOf(decls, func(name string) bool { return slices.Contains(names, name) })
	if t.empty() {
		t = suiteOf(decls, func(string) bool { return true })
	}
	if len(args) == 0 {
		args = []string{"-v"}
		if len(t.benchmarks) > 0 {
			args = append(args, "-bench=.")
		}
	}
	return t.source(args)
}

// A suite is the functions that `go test` would run.
type suite struct {
	tests, benchmarks, fuzz []string
	examples                []*doc.Example
}

func (t *suite) empty() bool {
	return len(t.tests)+len(t.benchmarks)+len(t.fuzz)+len(t.examples) == 0
}

// suiteOf gathers the tests among declarations whose names are wanted, in the order of the cells and as they
// stand there.
func suiteOf(decls []*Decl, want func(name string) bool) *suite {
	t := &suite{}
	slices.SortStableFunc(decls, func(a, b *Decl) int {
		x, y := a.Origin, b.Origin
		return cmp.Or(len(x.Cell)-len(y.Cell), strings.Compare(x.Cell, y.Cell), x.Offset-y.Offset)
	})
	for _, d := range decls {
		if d.Kind == cell.Func && want(d.Name) {
			t.add(d)
		}
	}
	return t
}

// add adds a function if it is a test.
func (t *suite) add(d *Decl) {
	file, err := parser.ParseFile(token.NewFileSet(), "cell_test.go", "package p\n"+d.Text, parser.ParseComments)
	if err != nil || len(file.Decls) != 1 {
		return
	}
	f, ok := file.Decls[0].(*ast.FuncDecl)
	if !ok || f.Type.TypeParams != nil || f.Type.Results.NumFields() > 0 {
		return
	}
	switch param := paramOf(f); {
	case isTest(d.Name, "Test") && param == "T":
		t.tests = append(t.tests, d.Name)
	case isTest(d.Name, "Benchmark") && param == "B":
		t.benchmarks = append(t.benchmarks, d.Name)
	case isTest(d.Name, "Fuzz") && param == "F":
		t.fuzz = append(t.fuzz, d.Name)
	case cell.Called(f):
		t.examples = append(t.examples, doc.Examples(file)...)
	}
}

// isTest tells whether a name is a prefix and what does not begin with a small letter, as `go test` wants it.
func isTest(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || rest[0] < 'a' || rest[0] > 'z')
}

// paramOf returns N for a function with one parameter of type *testing.N, whatever the package is called.
func paramOf(f *ast.FuncDecl) string {
	if f.Type.Params.NumFields() != 1 {
		return ""
	}
	if p, ok := f.Type.Params.List[0].Type.(*ast.StarExpr); ok {
		if sel, ok := p.X.(*ast.SelectorExpr); ok {
			return sel.Sel.Name
		}
		if id, ok := p.X.(*ast.Ident); ok {
			return id.Name
		}
	}
	return ""
}

// source returns the code that runs the suite.
func (t *suite) source(args []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("import gotestʹ %q", TestPath)
	line("import testingʹ %q", "testing")
	line("gotestʹ.Run(%#v, gotestʹ.Suite{", args)
	list := func(field, kind string, names []string) {
		line("%s: []testingʹ.%s{", field, kind)
		for _, n := range names {
			line("{%q, %s},", n, n)
		}
		line("},")
	}
	list("Tests", "InternalTest", t.tests)
	list("Benchmarks", "InternalBenchmark", t.benchmarks)
	list("Fuzz", "InternalFuzzTarget", t.fuzz)
	line("Examples: []testingʹ.InternalExample{")
	for _, e := range t.examples {
		if e.Output == "" && !e.EmptyOutput {
			continue // it is compiled only
		}
		line("{%q, Example%s, %s, %v},", "Example"+e.Name, e.Name, strconv.Quote(e.Output), e.Unordered)
	}
	line("},\n})")
	return b.String()
}
