package cell

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// statementsOf returns the texts of the statements of a function's body, as go/parser sees them: of a
// declaration, those of its specifications. It returns nil for what is no body.
func statementsOf(body string) []string {
	const prefix = "package p;func _(){"
	src := prefix + body + "\n}"
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
	if err != nil || len(file.Decls) != 1 {
		return nil
	}
	f, ok := file.Decls[0].(*ast.FuncDecl)
	if !ok || f.Body == nil || int(f.Body.Rbrace) != len(src) {
		return nil
	}
	list := []string{}
	for _, s := range f.Body.List {
		switch s := s.(type) {
		case *ast.EmptyStmt:
		case *ast.DeclStmt:
			list = append(list, specsOf(src, s.Decl.(*ast.GenDecl))...)
		default:
			end := min(int(s.End())-1, len(prefix)+len(body)) // a label at the end reaches to the brace
			list = append(list, strings.TrimSpace(src[s.Pos()-1:end]))
		}
	}
	return list
}

// specsOf returns what this package makes of a declaration: constants as a whole, the others one by one.
func specsOf(src string, d *ast.GenDecl) []string {
	if d.Tok == token.CONST {
		return []string{src[d.Pos()-1 : d.End()-1]}
	}
	var list []string
	for _, spec := range d.Specs {
		list = append(list, src[spec.Pos()-1:spec.End()-1])
	}
	return list
}

// sameMeaning tells whether a body that is Go is taken apart into the same statements, in order.
func sameMeaning(t *testing.T, body string) {
	t.Helper()
	want := statementsOf(body)
	// A statement that begins with ! is none that Go accepts, and in a cell it is a command.
	if want == nil || slices.ContainsFunc(want, func(s string) bool { return strings.HasPrefix(s, "!") }) {
		return
	}
	c, err := Parse("In[1]", body)
	if err != nil {
		t.Errorf("%v in what is Go:\n%s", err, body)
		return
	}
	var got []string
	for _, it := range c.Items {
		got = append(got, it.In(body))
	}
	// What closes a label without a statement belongs to either.
	bare := func(s string) string { return strings.TrimRight(s, "; \t\r\n") }
	if !slices.EqualFunc(got, want, func(a, b string) bool { return bare(a) == bare(b) }) {
		t.Errorf("%q\ngives\n%q\nwant\n%q", body, got, want)
	}
}

// TestBodiesOfTheStandardLibrary takes the body of every function of some packages for a cell.
func TestBodiesOfTheStandardLibrary(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, dir := range []string{"strconv", "sort", "fmt", "text/template", "net/http", "go/types", "encoding/json"} {
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src", filepath.FromSlash(dir), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no sources of %s (%v)", dir, err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, "", src, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
					n++
					sameMeaning(t, string(src[f.Body.Lbrace:f.Body.Rbrace-1]))
				}
			}
		}
	}
	if n < 3000 {
		t.Errorf("only %d functions were found", n)
	}
}

// FuzzMeaning: what is Go keeps its meaning.
func FuzzMeaning(f *testing.F) {
	for _, s := range []string{
		"x := 1\nif y := x; y > 0 {\n\treturn\n}", "for i := 0; i < 3; i++ {\n}; a()", "L:\nfor {\n\tbreak L\n}",
		"var (\n\ta = 1\n\tb int\n)\nfunc() {}()", "s := `\n%x\n!y`\n_ = s", "switch x := y.(type) {\ncase int:\n}", "a;;b", "{\n}",
	} {
		f.Add(s)
	}
	f.Fuzz(sameMeaning)
}
