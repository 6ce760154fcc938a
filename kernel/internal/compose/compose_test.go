package compose

import (
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

// analyse takes a cell apart that must be right.
func analyse(t testing.TB, text string) *Analysis {
	t.Helper()
	c, err := cell.Parse("In[1]", text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Analyse(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// planOf makes a plan for a cell in which every declaration is its own.
func planOf(a *Analysis) *Plan {
	p := &Plan{Unit: "u1", Cell: a, World: World{}, Before: World{}, Local: map[string]string{}}
	for _, d := range a.Decls {
		p.World.Add(d)
		p.Full = append(p.Full, d)
	}
	for _, n := range a.Vars {
		p.World.Add(&Decl{Name: n, Names: []string{n}, Kind: cell.Var, Version: 1, Imports: a.Imports, Text: n + " int", Body: -1})
	}
	return p
}

// joined returns the text of all sources.
func joined(list []*Source) string {
	var b strings.Builder
	for _, s := range list {
		b.Write(s.Text())
	}
	return b.String()
}

func usesAll(string, string, string) bool { return true }

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"f":                    "f",
		"main.Tᵛ2":             "main.T",
		"map[aᵛ12]*bᵛ3 and cᵛ": "map[a]*b and c",
		"größeᵛ7.func1":        "größe.func1",
	} {
		if got := Plain(in); got != want {
			t.Errorf("Plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSourceOrigin(t *testing.T) {
	const text = "alpha beta gamma"
	s := &Source{Name: "x.go"}
	s.add("package p\n")
	s.copy(text[6:], Origin{Cell: "In[1]", Text: text, Offset: 6}, []Edit{{At: 0, Del: 4, Ins: "betaᵛ2"}, {At: 5, Ins: "*"}})
	got := string(s.Text())
	if got != "package p\nbetaᵛ2 *gamma" {
		t.Fatalf("text is %q", got)
	}
	for _, test := range []struct {
		piece  string
		want   int
		copied bool
	}{{"betaᵛ2", 6, true}, {"*gamma", 11, false}, {"gamma", 11, true}, {"mma", 13, true}} {
		at := strings.Index(got, test.piece)
		if o, ok := s.Origin(at); !ok || o.Offset != test.want {
			t.Errorf("Origin of %q = %d, %v, want %d", test.piece, o.Offset, ok, test.want)
		}
		if o, ok := s.Copied(at); ok != test.copied || ok && o.Offset != test.want {
			t.Errorf("Copied of %q = %d, %v, want %v", test.piece, o.Offset, ok, test.copied)
		}
	}
	if _, ok := s.Origin(0); ok {
		t.Error("the package clause has an origin")
	}
}

func TestDependents(t *testing.T) {
	w := World{}
	for _, d := range analyse(t, "func a() { b() }\nfunc b() { c() }\nfunc c() { c() }\nfunc lone() {}\n"+
		"type t struct{}\nfunc (t) m() { a() }\nfunc x(b int) int { return b }").Decls {
		w.Add(d)
	}
	for _, test := range []struct{ changed, want string }{
		{"c", "a b t"}, {"a", "t"}, {"lone", ""}, {"t", ""}, {"b", "a t"},
	} {
		var names []string
		for _, d := range w.Dependents([]string{test.changed}, nil) {
			names = append(names, d.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("Dependents(%s) = %q, want %q", test.changed, got, test.want)
		}
	}
}

func TestAnalyseOrdersVariables(t *testing.T) {
	for _, test := range []struct{ text, early, undefined string }{
		{"x := 1\ny := x", "", ""},
		{"println(x)\nx := 1", "x", "x"},
		{"var a = b\nvar b = 1", "", ""},
		{"f := func() int { return f() }", "", ""},
		{"x := x + 1", "x", "x"},
		{"g := func() { println(x) }\nx := 1", "x", ""},
		{"s := T{x: 1}\nx := 2", "", ""},
	} {
		a := analyse(t, test.text)
		if got := strings.Join(a.Early(), " "); got != test.early {
			t.Errorf("%q: Early is %q, want %q", test.text, got, test.early)
		}
		if _, r := a.Undefined(func(string) bool { return false }); r.Name != test.undefined {
			t.Errorf("%q: Undefined is %q, want %q", test.text, r.Name, test.undefined)
		}
	}
}

func TestAnalyseRefusesTwice(t *testing.T) {
	for _, text := range []string{"func f() {}\nfunc f() {}", "var x int\nvar x int", "type t int\nfunc (t) m() {}\nfunc (t) m() {}", "func x() {}\nx := 1"} {
		c, err := cell.Parse("In[1]", text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Analyse(c, nil); err == nil || !strings.Contains(err.Error(), "declared twice") {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestFinalNames(t *testing.T) {
	p := planOf(analyse(t, "type base struct{}\ntype d struct{ base }\nv := d{base: base{}}\nM{v: 1, w: 2}\nOut := 1"))
	p.World["base"].Version, p.World["v"].Version = 2, 3
	text := p.Cell.Cell.Text
	got := joined(p.Final(Facts{Used: usesAll, Values: map[string]map[int]bool{text: {strings.Index(text, "v: 1"): true}}}))
	for _, want := range []string{"type baseᵛ2 struct{}", "struct{ base }", "type base = baseᵛ2", "vᵛ3 = d{base: baseᵛ2{}}", "M{vᵛ3: 1, w: 2}", "vʹOut = 1"} {
		if !strings.Contains(got, want) {
			t.Errorf("the source lacks %q:\n%s", want, got)
		}
	}
}

func TestInserts(t *testing.T) {
	p := planOf(analyse(t, "for { goto end }\nend:\n{ type l struct{ p *l }; go func() {}() }"))
	got := joined(p.Final(Facts{Used: usesAll}))
	for _, want := range []string{"for { rtʹ.Check(); rtʹ.Check(); goto end }", "type lᵛ1 struct{ p *lᵛ1 }; type l = lᵛ1", "defer rtʹ.Guard()"} {
		if !strings.Contains(got, want) {
			t.Errorf("the source lacks %q:\n%s", want, got)
		}
	}
}

func TestWorldKeepsTheRestOfAGroup(t *testing.T) {
	w := World{}
	group := analyse(t, "const (\n\ta = iota\n\tb\n)").Decls[0]
	w.Add(group)
	w.Add(&Decl{Name: "a", Names: []string{"a"}, Kind: cell.Var, Version: 2})
	if w["b"] != group || w.Holds(group) || len(w.Decls()) != 2 {
		t.Errorf("b is %v, Holds %v, %d declarations", w["b"], w.Holds(group), len(w.Decls()))
	}
}

// FuzzSources composes any cell: what is copied is the cell's text, in its own place, and what Go can
// parse in a cell it can parse in the sources.
func FuzzSources(f *testing.F) {
	for _, s := range []string{
		"x := 1\nx", "a, b := f(), 2;", "var (\n\ta, b = 1, 2\n\tc int\n)", "func f() { for { } }\ngo f()", "l: x := 1\nif x > 0 { goto l }",
		"type t struct{ u; *w }\nfunc (t) m() {}", "import . \"math\"\nSqrt(2)", "func init() { x = 1 }\nvar x int", "{ type l []l; var v l; _ = v }",
		"type ( a int; b = a )\nconst ( c = iota; d )", "π := `\r\n%x`\r\n", "M{x: y, z: T{x: 1}}", "var _ I = T{}", "defer func() {}()",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := cell.Parse("In[1]", text)
		if err != nil || strings.ContainsAny(text, "\x00\r") || slices.ContainsFunc(c.Items, func(it *cell.Item) bool { return it.Kind == cell.Directive }) {
			return
		}
		a, err := Analyse(c, nil)
		if err != nil {
			return
		}
		p := planOf(a)
		a.NameImports(func(string) (string, bool) { return "p", true })
		for _, s := range slices.Concat(p.Check(), p.Final(Facts{Used: usesAll})) {
			if _, err := parser.ParseFile(token.NewFileSet(), s.Name, s.Text(), parser.SkipObjectResolution); err != nil {
				t.Errorf("%s of %q does not parse: %v\n%s", s.Name, text, err, s.Text())
			}
			if strings.HasPrefix(s.Name, "var") {
				continue // made of types
			}
			if s.Name != cellFile || exportedVar(a) {
				continue // names that are replaced stand in the place of the cell's
			}
			for at, b := range s.Text() {
				o, ok := s.Copied(at)
				if ok && b != '=' && (o.Offset >= len(text) || text[o.Offset] != b) { // := becomes =
					t.Fatalf("byte %d of %s is %q, its origin at %d in %q is another", at, s.Name, b, o.Offset, text)
				}
			}
		}
	})
}

// exportedVar tells whether a variable has another name in generated source than in the cell.
func exportedVar(a *Analysis) bool { return slices.ContainsFunc(a.Vars, token.IsExported) }
