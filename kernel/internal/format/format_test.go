package format

import (
	"errors"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/diag"
)

var layouts = []struct{ name, text, want string }{
	{"nothing", "", ""},
	{"blank lines", "\n\n  \n", ""},
	{"a statement", "x:=1", "x := 1"},
	{"blank lines around it", "\n\n\tx:=1  \n\n", "x := 1"},
	{"blank lines within", "a:=1\n\n\n\nb:=2", "a := 1\n\nb := 2"},
	{"comments in a column", "a := 1 // one\nlonger := 2 // two", "a := 1      // one\nlonger := 2 // two"},
	{"a block", "for i:=range 3{\nfmt.Println(i)\n}", "for i := range 3 {\n\tfmt.Println(i)\n}"},
	{"declarations and statements", "x:=1\nfunc  f( ) {\nreturn\n}\ny:=2", "x := 1\nfunc f() {\n\treturn\n}\ny := 2"},
	{"on one line", "x:=1; func f() {}; y:=2 // y", "x := 1\nfunc f() {}\ny := 2 // y"},
	{"a comment goes with what it is on", "x:=1 // x\n\n// f is\nfunc f( ) {}", "x := 1 // x\n\n// f is\nfunc f() {}"},
	{"a block comment at the end of a line", "x:=1; /* of\n   f */\nfunc f( ) {}", "x := 1 /* of\n   f */\nfunc f() {}"},
	{"a type and its method", "type T struct{A int\nLonger string}\nfunc(t T)M(){}", "type T struct {\n\tA      int\n\tLonger string\n}\n\nfunc (t T) M() {}"},
	{"imports", "import(\n\"os\"\n \"fmt\")\nfmt.Println( os.Args )", "import (\n\t\"os\"\n\t\"fmt\"\n)\nfmt.Println(os.Args)"},
	{"variables among statements", "x:=1\nvar  y=2\nconst z=3\nf( )", "x := 1\nvar y = 2\nconst z = 3\nf()"},
	{"a raw string", "s:=`\n  %x\n!y\n`\n  f( s )", "s := `\n  %x\n!y\n`\nf(s)"},
	{"a call of a function literal", "func() {\nf( )\n}()", "func() {\n\tf()\n}()"},
	{"a label", "L:\nfor {\nbreak L\n}", "L:\nfor {\n\tbreak L\n}"},
	{"a semicolon that hides a value", "x  +  1; // quiet", "x + 1; // quiet"},
	{"other semicolons", "x:=1;\ny:=2", "x := 1\ny := 2"},
	{"semicolons that end nothing", ";;x:=1;;\n;func f( ) {};;\n;var y=2", "x := 1\nfunc f() {}\n\nvar y = 2"},
	{"a label of nothing", "L:;\nfor {}\nM:; func f() {}", "L:\n;\nfor {\n}\nM:;\nfunc f() {}"},
	{"numbers", "x:=0XFF", "x := 0xFF"},
	{"directives", "%timings\nx:=1\n\n  !ls   -l  \ny:=2", "%timings\nx := 1\n\n  !ls   -l  \ny := 2"},
	{"the dialect", "import \"fmt\"\n%%\nfmt.Println( 1 )", "import \"fmt\"\n%%\nfmt.Println(1)"},
	{"the dialect in comments", "//gonb:%%\nf( )\n  //gonb:!ls\ng( ) //gonb:no", "//gonb:%%\nf()\n  //gonb:!ls\ng() //gonb:no"},
	{"another program's", "%%bash\nx:=1  ;  if\n\n\n", "%%bash\nx:=1  ;  if\n\n\n"},
	{"a package clause", "// Package p is.\npackage  p;x:=1", "// Package p is.\npackage  p\nx := 1"},
	{"continued", "!a \\\n   b\nx:=1", "!a \\\n   b\nx := 1"},
	{"questions", "fmt.Println?\n  ?x\nx:=1", "fmt.Println?\n  ?x\nx := 1"},
	{"C", "/*\n#include <math.h>\n  static int  f() {return 1;}\n*/\nimport \"C\"\nx:=C.f( )", "/*\n#include <math.h>\n  static int  f() {return 1;}\n*/\nimport \"C\"\nx := C.f()"},
	{"C in lines", "//#include <math.h>\n// static int f() {return 1;}\nimport \"C\"", "//#include <math.h>\n// static int f() {return 1;}\nimport \"C\""},
	{"only a comment", "  // nothing", "// nothing"},
	{"carriage returns", "x:=1\r\ny:=2\r\n", "x := 1\ny := 2"},
	{"unicode", "début:=\"𝕏\" ; f( début )", "début := \"𝕏\"\nf(début)"},
}

func TestCell(t *testing.T) {
	for _, tt := range layouts {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Cell(tt.text)
			if err != nil || got != tt.want {
				t.Errorf("%q gives\n%q, want\n%q (%v)", tt.text, got, tt.want, err)
			}
			same(t, tt.text)
		})
	}
}

func TestNoGo(t *testing.T) {
	for _, tt := range []struct {
		text         string
		line, column int
	}{{"x := 1\ny := )", 2, 6}, {"if x {", 1, 7}, {"%list\nfunc (", 2, 7}, {"x := 1 /* no end", 1, 8}, {"x := 1\n%%bash\nls", 2, 1}} {
		_, err := Cell(tt.text)
		var list diag.List
		if !errors.As(err, &list) {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if line, column := list[0].Position(); line != tt.line || column != tt.column {
			t.Errorf("%q: %v", tt.text, list)
		}
	}
}

// meaning returns what must not change: the items, without what is between tokens, and what gofmt may leave
// out or write otherwise.
func meaning(t *testing.T, text string) []string {
	t.Helper()
	c, err := cell.Parse("", text)
	if err != nil {
		return nil
	}
	list := []string{} // nil is a text that is no Go
	for _, it := range c.Items {
		list = append(list, string(rune('0'+it.Kind))+" "+words(it.In(text), it.Kind))
	}
	if n := len(c.Items); c.Silenced() && n > 0 && c.Items[n-1].Kind != cell.Directive {
		list = append(list, "silenced")
	}
	return list
}

func words(text string, kind cell.Kind) string {
	if kind == cell.Directive {
		return text
	}
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(text)), []byte(text), nil, 0)
	var b strings.Builder
	for {
		switch _, tok, lit := s.Scan(); tok {
		case token.EOF:
			return b.String()
		case token.LPAREN, token.RPAREN, token.COMMA, token.SEMICOLON:
		case token.INT, token.FLOAT, token.IMAG:
			b.WriteString(" " + strings.TrimLeft(strings.ToLower(lit), "0o"))
		default:
			b.WriteString(" " + tok.String() + lit)
		}
	}
}

// same checks that laying out a text keeps its meaning, and that what is laid out stays as it is.
func same(t *testing.T, text string) {
	t.Helper()
	want := meaning(t, text)
	out, err := Cell(text)
	if err != nil && (strings.Contains(err.Error(), "comment not terminated") || strings.Contains(err.Error(), "illegal ")) {
		return // a comment belongs to no part of a cell, and so cell.Parse does not mind
	}
	if want == nil {
		if err == nil {
			t.Errorf("%q is no Go, and gives %q", text, out)
		}
		return
	}
	if err != nil {
		t.Errorf("%q: %v", text, err)
		return
	}
	got := meaning(t, out)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q\nbecomes\n%q\n%q\nwant\n%q", text, out, got, want)
	}
	if again, err := Cell(out); err != nil || again != out {
		t.Errorf("%q\nbecomes\n%q\nand then\n%q (%v)", text, out, again, err)
	}
}

// scenarioCells returns the cells of all scenarios.
func scenarioCells(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios (%v)", err)
	}
	var list []string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range txtar.Parse(data).Files {
			if strings.HasPrefix(f.Name, "cell") {
				list = append(list, string(f.Data))
			}
		}
	}
	return list
}

func TestScenarios(t *testing.T) {
	list := scenarioCells(t)
	for _, text := range list {
		same(t, text)
	}
	if len(list) < 100 {
		t.Errorf("only %d cells were found", len(list))
	}
}

// FuzzCell: no text changes its meaning, and none is laid out in two ways.
func FuzzCell(f *testing.F) {
	for _, tt := range layouts {
		f.Add(tt.text)
	}
	for _, text := range scenarioCells(f) {
		f.Add(text)
	}
	f.Fuzz(same)
}
