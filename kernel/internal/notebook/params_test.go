package notebook

import (
	"strings"
	"testing"
)

func TestParseParam(t *testing.T) {
	if p, err := ParseParam("lr=1e-3=x"); err != nil || p != (Param{"lr", "1e-3=x"}) {
		t.Errorf("got %v, %v", p, err)
	}
	for _, bad := range []string{"", "lr", "=3", "a b=3", "3=a"} {
		if _, err := ParseParam(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestLiteral(t *testing.T) {
	tests := []struct {
		value string
		text  bool
		want  string
	}{
		{"3", false, "3"},
		{"-3", false, "-3"},
		{"1e-3", false, "1e-3"},
		{"0x10", false, "0x10"},
		{"true", false, "true"},
		{`"a b"`, false, `"a b"`},
		{`"a b"`, true, `"a b"`},
		{"adam", false, `"adam"`},
		{"a b", false, `"a b"`},
		{`say "hi"`, false, `"say \"hi\""`},
		{"", false, `""`},
		{"NaN", false, `"NaN"`},
		{"os.Exit(1)", false, `"os.Exit(1)"`},
		{"1.0", true, `"1.0"`},
		{"-1", true, `"-1"`},
		{"true", true, `"true"`},
	}
	for _, tt := range tests {
		if got := literal(tt.value, tt.text); got != tt.want {
			t.Errorf("literal(%q, %v) = %s, want %s", tt.value, tt.text, got, tt.want)
		}
	}
}

func TestInject(t *testing.T) {
	source := strings.Join([]string{
		"%timeout 10",
		"// How long to train.",
		"epochs := 20",
		"lr, name := 1e-3, f(func() { inner := 1; _ = inner })",
		`var opt = "adam"`,
		"var (",
		"	seed int64 = 1",
		"	widths = []int{1, 2}",
		")",
		"const folds = 5",
		"func f(g func()) string { hidden := 1; _ = hidden; return \"\" }",
		"epochs++",
	}, "\n")
	tests := []struct{ params, want, err string }{
		{params: "epochs=3 lr=0.1", want: "// Set for this run.\nepochs = 3\nlr = 0.1"},
		{params: "opt=1", want: "// Set for this run.\nopt = \"1\""},
		{params: "seed=-4 name=x", want: "// Set for this run.\nseed = -4\nname = \"x\""},
		{params: "epoch=3", err: `the notebook has no parameter "epoch"; it has epochs, lr, name, opt, seed, widths`},
		{params: "inner=3", err: `no parameter "inner"`},
		{params: "hidden=3", err: `no parameter "hidden"`},
		{params: "folds=3", err: `"folds" is a constant`},
	}
	for _, tt := range tests {
		t.Run(tt.params, func(t *testing.T) {
			nb := &Notebook{Minor: 5, Cells: []*Cell{
				{ID: "injected-parameters", Type: Markdown},
				{ID: "p", Type: Code, Source: source, Metadata: map[string]any{"tags": []any{"parameters"}}},
				{ID: "rest", Type: Code, Source: "epochs"},
			}}
			var params []Param
			for _, s := range strings.Fields(tt.params) {
				p, err := ParseParam(s)
				if err != nil {
					t.Fatal(err)
				}
				params = append(params, p)
			}
			for range 2 { // the second time replaces the first
				err := nb.Inject(params)
				if tt.err != "" {
					if err == nil || !strings.Contains(err.Error(), tt.err) || len(nb.Cells) != 3 {
						t.Fatalf("error %v with %d cells, want %q and 3", err, len(nb.Cells), tt.err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			c := nb.Cells[2]
			if len(nb.Cells) != 4 || c.Source != tt.want || !c.HasTag("injected-parameters") || c.ID != "injected-parameters-2" {
				t.Errorf("%d cells, the third is %+v; want source %q", len(nb.Cells), c, tt.want)
			}
		})
	}
}

func TestInjectWithoutParametersCell(t *testing.T) {
	nb := &Notebook{Cells: []*Cell{{Type: Code, Source: "a := 1"}}}
	if err := nb.Inject([]Param{{"a", "2"}}); err == nil || !strings.Contains(err.Error(), "tagged") {
		t.Errorf("error %v, want one that tells of the tag", err)
	}
	if err := nb.Inject(nil); err != nil {
		t.Errorf("no parameters: %v", err)
	}
}

func FuzzDeclared(f *testing.F) {
	f.Add("a := 1\nvar (b = \"x\"; c int)\nconst d = ]")
	f.Add("var (")
	f.Add("var")
	f.Fuzz(func(t *testing.T, source string) {
		for _, v := range declared(source) {
			if v.name == "" {
				t.Errorf("a name of %q is empty", source)
			}
		}
	})
}
