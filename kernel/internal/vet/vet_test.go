package vet

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
)

// load type-checks the body of a file.
func load(t testing.TB, text string) Code {
	t.Helper()
	c := Code{Fset: token.NewFileSet(), Info: NewInfo()}
	f, err := parser.ParseFile(c.Fset, "cell.go", "package main\n"+text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	c.Files = []*ast.File{f}
	conf := types.Config{Importer: importer.ForCompiler(c.Fset, "gc", nil)}
	if c.Types, err = conf.Check("cell", c.Fset, c.Files, c.Info); err != nil {
		t.Fatal(err)
	}
	return c
}

// lines returns what is found, "2: message", with the line.
func (c Code) lines() string {
	var b strings.Builder
	for _, f := range Check(c) {
		b.WriteString(c.Fset.Position(f.Pos).String() + ": " + f.Msg + "\n")
	}
	return b.String()
}

const mistakes = `import ("context"; "errors"; "fmt"; "reflect"; "sync"; "time")
func format() { fmt.Printf("%d", "a") }
func wrapped(f string, a ...any) { fmt.Printf(f, a...) }
func wrap() { wrapped("%d", "a") }
type lock struct { mu sync.Mutex }
func copies(l lock) {}
func leaks() { ctx, cancel := context.WithCancel(context.Background()); _ = ctx; if false { cancel() } }
func unused() { fmt.Sprint("a") }
type tags struct { A int ` + "`json:a`" + ` }
func layout() { time.Now().Format("2006-02-01") }
func early() { defer fmt.Println(time.Since(time.Now())) }
func same(x int) bool { x = x; return x == 1 || x == 1 }
func as() { errors.As(nil, nil) }
func deep(a, b error) bool { return reflect.DeepEqual(a, b) }
func group() { var wg sync.WaitGroup; go func() { wg.Add(1) }() }
`

func TestMistakes(t *testing.T) {
	found := load(t, mistakes).lines()
	for _, want := range []string{
		"cell.go:3:29: fmt.Printf format %d has arg \"a\" of wrong type string",
		"cell.go:5:24: cell.wrapped format %d has arg \"a\" of wrong type string",
		"cell.go:7:15: copies passes lock by value", "cell.go:8:16: the cancel function", "cell.go:9:17: result of fmt.Sprint call not used",
		"cell.go:10:", "cell.go:11:36: 2006-02-01 should be 2006-01-02",
		"call to time.Since is not deferred", "self-assignment of x", "redundant or", "second argument to errors.As",
		"avoid using reflect.DeepEqual with errors", "WaitGroup.Add called from inside new goroutine",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("nothing says %q:\n%s", want, found)
		}
	}
}

// What a notebook is made for is no mistake.
func TestHabits(t *testing.T) {
	found := load(t, `import ("fmt"; "image"; "os")
func habits() {
	p := image.Point{1, 2}
	if p := p.Add(p); p.X > 0 { fmt.Println(p) }
	unread := 1
	unread = 2
	_ = unread
	data, _ := os.ReadFile("x")
	s := "text"
	fmt.Println(s, string(data), len(s))
	for i := range 3 { go func() { fmt.Println(i) }() }
	return
	fmt.Println("below")
}
`).lines()
	if found != "" {
		t.Errorf("found:\n%s", found)
	}
}

// An analyzer that panics, or that needs one that does, finds nothing and harms nobody.
func TestBrokenAnalyzer(t *testing.T) {
	broken := &analysis.Analyzer{Name: "broken", Run: func(*analysis.Pass) (any, error) { panic("broken") }}
	builds := &analysis.Analyzer{Name: "builds", Requires: []*analysis.Analyzer{broken}, Run: func(*analysis.Pass) (any, error) {
		t.Error("it runs without what it needs")
		return nil, nil
	}}
	r := &run{code: load(t, ""), results: map[*analysis.Analyzer]any{}}
	for range 2 {
		if err := r.need(builds); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("the error is %v", err)
		}
	}
}

// Without types, as where a cell did not compile, there is nothing to be found, and no crash.
func TestNoTypes(t *testing.T) {
	c := load(t, mistakes)
	c.Info = NewInfo()
	Check(c)
}

func BenchmarkCheck(b *testing.B) {
	for _, cell := range []struct{ name, text string }{{"trivial", "var x = 17\n"}, {"mistakes", mistakes}} {
		c := load(b, cell.text)
		b.Run(cell.name, func(b *testing.B) {
			for b.Loop() {
				Check(c)
			}
		})
	}
}
