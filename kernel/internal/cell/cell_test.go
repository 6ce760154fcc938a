package cell

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

var kindNames = []string{"import", "func", "type", "const", "var", "stmt", "directive"}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string // kind and text of each item
	}{
		{"empty", "", nil},
		{"comment only", "// nothing\n/* at all */", nil},
		{"mixture", "x := 1\nfunc f() int { return x }\ny := f(); y++", []string{"stmt x := 1", "func func f() int { return x }", "stmt y := f()", "stmt y++"}},
		{"method", "func (t T) M(a int) {}", []string{"func func (t T) M(a int) {}"}},
		{"literal called", "func() { println(1) }()", []string{"stmt func() { println(1) }()"}},
		{"literal with parameters", "func(x int) int { return x }(3)", []string{"stmt func(x int) int { return x }(3)"}},
		{"groups", "type (\n\tA int\n\tB struct{ a A }\n)\nvar (\n\tx = 1\n\ty int\n)\nconst (\n\tc = iota\n\td\n)",
			[]string{"type A int", "type B struct{ a A }", "var x = 1", "var y int", "const const (\n\tc = iota\n\td\n)"}},
		{"imports", "import \"fmt\"\nimport (\n\t. \"math\"\n\tr \"math/rand\"\n)", []string{"import \"fmt\"", "import . \"math\"", "import r \"math/rand\""}},
		{"label", "L:\n\tfor {\n\t\tbreak L\n\t}", []string{"stmt L:\n\tfor {\n\t\tbreak L\n\t}"}},
		{"directives", "%time\nx := 1\n!ls 'a\nx", []string{"directive %time", "stmt x := 1", "directive !ls 'a", "stmt x"}},
		{"no directive in a raw string", "s := `\n%time\n!ls\n`", []string{"stmt s := `\n%time\n!ls\n`"}},
		{"not is no directive in an expression", "if a &&\n\t!b {\n}", []string{"stmt if a &&\n\t!b {\n}"}},
		{"carriage returns", "x := 1\r\ny := 2\r\n", []string{"stmt x := 1", "stmt y := 2"}},
		{"unicode", "π := 3.14\nπ", []string{"stmt π := 3.14", "stmt π"}},
		{"clauses", "if v := f(); v > 2 {\n}\nfor i := 0; i < 3; i++ {\n}; x := 1", []string{"stmt if v := f(); v > 2 {\n}", "stmt for i := 0; i < 3; i++ {\n}", "stmt x := 1"}},
		{"chain over lines", "a.\n\tB().\n\tC()", []string{"stmt a.\n\tB().\n\tC()"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse("In[1]", test.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, it := range c.Items {
				got = append(got, kindNames[it.Kind]+" "+it.In(test.text))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestParseErrorsStandInTheCell(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"x := 1\nfunc func", "In[1]:2:6: expected '(', found 'func'"},
		{"package main", "In[1]:1:1: a cell has no package clause; remove it"},
		{"x := )", "In[1]:1:6: unexpected ): nothing is open here"},
	} {
		_, err := Parse("In[1]", test.text)
		if got := fmt.Sprint(err); got != test.want {
			t.Errorf("%q: got %s, want %s", test.text, got, test.want)
		}
	}
}

func TestFreeIdentifiers(t *testing.T) {
	c, err := Parse("In[1]", "func f(a T) U { b := g(a); return b.c }")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, id := range c.Items[0].Free {
		names = append(names, id.Name)
		if at := c.Items[0].Offset(id.Pos()); c.Text[at:at+len(id.Name)] != id.Name {
			t.Errorf("%s is said to stand at %d", id.Name, at)
		}
	}
	if want := []string{"f", "T", "U", "g"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestIsComplete(t *testing.T) {
	for _, test := range []struct {
		text string
		want Completeness
	}{
		{"x := 1", Complete},
		{"", Complete},
		{"for {", Incomplete},
		{"f(1,", Incomplete},
		{"x := `a", Incomplete},
		{"/* a", Incomplete},
		{"x := 1 +", Incomplete},
		{"func func", Invalid},
		{"x := )", Invalid},
		{"}", Invalid},
	} {
		if got, _ := IsComplete(test.text); got != test.want {
			t.Errorf("%q: got %s, want %s", test.text, got, test.want)
		}
	}
}

// FuzzParse: any bytes may come; items never overlap and stand where they say.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"x := 1\nx", "%ls\nfunc f() {}", "type (A int; B A)", "\x00\xff`", "func (", "a;b;;c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("In[1]", text)
		if err != nil {
			return
		}
		last := 0
		for _, it := range c.Items {
			if it.Start < last || it.End < it.Start || it.End > len(text) {
				t.Fatalf("item %v after offset %d of %q", it.Span, last, text)
			}
			last = it.Start
		}
	})
}
