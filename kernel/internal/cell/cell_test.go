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
		{"carriage returns in a raw string", "s := `a\r\n%b\r\n`\r\nx", []string{"stmt s := `a\r\n%b\r\n`", "stmt x"}},
		{"unicode", "π := 3.14\nπ", []string{"stmt π := 3.14", "stmt π"}},
		{"clauses", "if v := f(); v > 2 {\n}\nfor i := 0; i < 3; i++ {\n}; x := 1", []string{"stmt if v := f(); v > 2 {\n}", "stmt for i := 0; i < 3; i++ {\n}", "stmt x := 1"}},
		{"statements of a program", "var n = 1\n%% --n=3 \"a b\"\nx := 1", []string{"var n = 1", "directive %% --n=3 \"a b\"", "stmt x := 1"}},
		{"prefixed", "// a comment\n//gonb:%%\nx := 1 //gonb:no\n//gonb:!ls \\\n//gonb:-l\nx", []string{"directive //gonb:%%", "stmt x := 1", "directive //gonb:!ls \\\n//gonb:-l", "stmt x"}},
		{"a comment in a statement is no directive", "f(\n//gonb:%%\n)", []string{"stmt f(\n//gonb:%%\n)"}},
		{"continued", "!a \\\n  b \\\n  c\nx", []string{"directive !a \\\n  b \\\n  c", "stmt x"}},
		{"continued to the end", "!a \\", []string{"directive !a \\"}},
		{"a body that is no Go", "// why\n%%bash\nif [ ( `\n%x\n", []string{"directive %%bash\nif [ ( `\n%x\n"}},
		{"questions", "fmt.Println?\n?x\n  y??\nz", []string{"directive fmt.Println?", "directive ?x", "directive y??", "stmt z"}},
		{"no question", "x := 1 // why?\ns := `\ny?\n`", []string{"stmt x := 1", "stmt s := `\ny?\n`"}},
		{"package clause", "// Package p is not used.\npackage p\n\n%%\nx := 1", []string{"directive %%", "stmt x := 1"}},
		{"a comment that ends its line lines below", "x := 1 /* one\n%time\n*/\ny := 2; /* two\n*/ z", []string{"stmt x := 1", "stmt y := 2", "stmt z"}},
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
		{"x := 1\npackage main", "In[1]:2:1: a package clause stands at the start of a cell, where it has no effect; remove it"},
		{"x := 1\n%%bash\nls", "In[1]:2:1: %%bash stands at the start of a cell, which it takes whole"},
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
		{"!echo '(' `", Complete},
		{"!echo \\", Incomplete},
		{"!echo \\\n a", Complete},
		{"%% --n=3\nfor {", Incomplete},
		{"%%bash", Incomplete},
		{"%%bash\necho '('", Incomplete},
		{"%%bash\necho '('\n", Complete},
		{"f?", Complete},
		{"func }{", Invalid},
		{"f(1] {", Invalid},
	} {
		if got, _ := IsComplete(test.text); got != test.want {
			t.Errorf("%q: got %s, want %s", test.text, got, test.want)
		}
	}
}

// FuzzParse: any bytes may come; items never overlap and stand where they say.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"x := 1\nx", "%ls\nfunc f() {}", "type (A int; B A)", "x\n%% -a \"b\nmain()", "//gonb:%exec f\n?x", "%%sh\n(`\n", "!a\\\n%b", "\x00\xff`", "func (", "a;b;;c"} {
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

func TestParseLine(t *testing.T) {
	for text, want := range map[string]Line{
		"%env A b":                  {Name: "%env", Rest: "A b"},
		"% env\tA":                  {Name: "%env", Rest: "A"},
		"%%":                        {Name: "%%"},
		"%% --n=3":                  {Name: "%%", Rest: "--n=3"},
		"//gonb:%main x":            {Name: "%main", Rest: "x"},
		"! ls -l":                   {Name: "!", Rest: "ls -l"},
		"!*pwd":                     {Name: "!*", Rest: "pwd"},
		"!a; \\\r\n//gonb:b \\\n c": {Name: "!", Rest: "a;  b   c"},
		"%%script bc -l\n1 + 1\n\n": {Name: "%%script", Rest: "bc -l", Body: "1 + 1\n\n"},
		"fmt.Println ?":             {Name: "?", Rest: "fmt.Println"},
		"?? x":                      {Name: "??", Rest: "x"},
		"%env?":                     {Name: "?", Rest: "%env"},
	} {
		if got := ParseLine(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"":                         nil,
		"a  b\tc":                  {"a", "b", "c"},
		`--text "hello world" x`:   {"--text", "hello world", "x"},
		`""`:                       {""},
		`a"b c"d "x\"y\n" don't\n`: {"ab cd", "x\"y\n", `don't\n`},
	} {
		if got := Words(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestProgram(t *testing.T) {
	for _, test := range []struct {
		text, exec string
		args       []string
		main       int
		test, none bool
	}{
		{text: "x := 1\n!ls", none: true},
		{text: "%% a \"b c\"\nx := 1", args: []string{"a", "b c"}, main: 10},
		{text: "%args a\n%%\nx := 1", args: []string{"a"}, main: 10},
		{text: "//gonb:%exec f -x=1", exec: "f", args: []string{"-x=1"}, main: -1},
		{text: "func main() {}", main: -1},
		{text: "func main(x int) {}", none: true},
		{text: "%test -v", main: -1, test: true},
	} {
		c, err := Parse("In[1]", test.text)
		if err != nil {
			t.Fatal(err)
		}
		p := c.Program
		if test.none || p == nil {
			if p != nil || !test.none {
				t.Errorf("%q: got %+v", test.text, p)
			}
			continue
		}
		if !slices.Equal(p.Args, test.args) || p.Main != test.main || p.Exec.In(test.text) != test.exec || (p.Test != nil) != test.test {
			t.Errorf("%q: got %+v", test.text, p)
		}
	}
}

// TestSilenced: a semicolon at the end of the code hides its value, whatever stands in directives.
func TestSilenced(t *testing.T) {
	for text, want := range map[string]bool{
		"x;": true, "x": false, "x; // why\n": true, "!echo `\nx;": true, "!a;\nx": false, "%% don't\nx;\n": true,
	} {
		c, err := Parse("In[1]", text)
		if err != nil || c.Silenced() != want {
			t.Errorf("%q: %v (%v)", text, c.Silenced(), err)
		}
	}
}
