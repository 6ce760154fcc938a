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
	tests := []struct{ value, typ, want string }{
		{"3", "", "3"},
		{"-3", "int", "-3"},
		{"1e-3", "float64", "1e-3"},
		{"0x10", "", "0x10"},
		{"true", "bool", "true"},
		{`"a b"`, "", `"a b"`},
		{`"a b"`, "string", `"a b"`},
		{"adam", "", `"adam"`},
		{"a b", "", `"a b"`},
		{`say "hi"`, "", `"say \"hi\""`},
		{"", "", `""`},
		{"NaN", "", `"NaN"`},
		{"NaN", "float64", "math.NaN()"},
		{"-inf", "float32", "float32(math.Inf(-1))"},
		{"os.Exit(1)", "", `"os.Exit(1)"`},
		{"1.0", "string", `"1.0"`},
		{"-1", "string", `"-1"`},
		{"true", "string", `"true"`},
		{"[1, 2]", "string", `"[1, 2]"`},
		{"[1, 2]", "[]float64", "[]float64{1, 2}"},
		{`["a"]`, "", `[]string{"a"}`},
		{"[a]", "", `"[a]"`},
		{"[1] [2]", "", `"[1] [2]"`},
	}
	for _, tt := range tests {
		if got, err := literal(tt.value, tt.typ); err != nil || got != tt.want {
			t.Errorf("literal(%q, %q) = %s, %v; want %s", tt.value, tt.typ, got, err, tt.want)
		}
	}
}

func TestExpress(t *testing.T) {
	tests := []struct{ json, typ, want string }{
		{`null`, "*int", "nil"},
		{`true`, "", "true"},
		{`true`, "string", `"true"`},
		{`"true"`, "bool", "true"},
		{`"True"`, "bool", `"True"`},
		{`"a\n\"b\"\u0000\u00e9\\"`, "", `"a\n\"b\"\x00é\\"`},
		{`123456789012345678901234567890`, "", "123456789012345678901234567890"},
		{`-5`, "int64", "-5"},
		{`3.0`, "int", "3.0"},
		{`1e-05`, "", "1e-05"},
		{`7`, "string", `"7"`},
		{`{"$float": "nan"}`, "", "math.NaN()"},
		{`{"$float": "-inf"}`, "float32", "float32(math.Inf(-1))"},
		{`{"$float": "inf"}`, "string", `"inf"`},
		{`[]`, "", "[]any{}"},
		{`[1, 2]`, "", "[]int{1, 2}"},
		{`[1, 2.5]`, "", "[]float64{1, 2.5}"},
		{`[1, {"$float": "inf"}]`, "", "[]float64{1, math.Inf(1)}"},
		{`[1, 9223372036854775808]`, "", "[]any{1, uint64(9223372036854775808)}"},
		{`[9223372036854775808]`, "", "[]uint64{9223372036854775808}"},
		{`[1, "a", null, true]`, "", `[]any{1, "a", nil, true}`},
		{`[[1], [], [2.5]]`, "", "[][]float64{{1}, {}, {2.5}}"},
		{`[1, [2]]`, "", "[]any{1, []int{2}}"},
		{`{"b": [1], "a": []}`, "", `map[string][]int{"a": {}, "b": {1}}`},
		{`[{"a": 1}]`, "", `[]map[string]int{{"a": 1}}`},
		{`{"a": {"b": "c"}, "d": 1}`, "", `map[string]any{"a": map[string]string{"b": "c"}, "d": 1}`},
		{`[1, 2]`, "[]float32", "[]float32{1, 2}"},
		{`[1, 2]`, "[2]uint8", "[2]uint8{1, 2}"},
		{`[1, "a"]`, "[]string", `[]string{"1", "a"}`},
		{`[[1], [2]]`, "[][]int8", "[][]int8{{1}, {2}}"},
		{`{"1": [1]}`, "map[int][]float64", "map[int][]float64{1: {1}}"},
		{`{"1": 1}`, "map[string]any", `map[string]any{"1": 1}`},
		{`[[1]]`, "[]any", "[]any{[]int{1}}"},
		{`[1]`, "Widths", "[]int{1}"}, // assignable, as one of the types has no name
	}
	for _, tt := range tests {
		v, err := decode(tt.json)
		if err != nil {
			t.Fatalf("%s: %v", tt.json, err)
		}
		if got, err := express(v, tt.typ); err != nil || got != tt.want {
			t.Errorf("express(%s, %q) = %s, %v; want %s", tt.json, tt.typ, got, err, tt.want)
		}
	}
	v, _ := decode(`[1, 123456789012345678901234567890, "a"]`)
	if got, err := express(v, ""); err == nil || !strings.Contains(err.Error(), "no integer type") {
		t.Errorf("a number that no type holds: %s, %v", got, err)
	}
}

func TestDeclared(t *testing.T) {
	source := strings.Join([]string{
		"%timeout 10",
		"// How often",
		"// all data is seen.",
		"epochs := 20",
		"lr, opt := 1e-3, \"adam\" // of the optimizer",
		"var seed, other int64 = -1, f()",
		"var name string",
		"var (",
		"	// Widths of the layers.",
		"	widths = []int{1, 2}",
		"",
		"	mix = map[string][]float64{",
		"		\"a\": {1}, // not this",
		"	} /* weights */",
		")",
		"a, b := f()",
		"half := float32(0.5); on := !true",
		"p := &T{}",
		"const folds = 5",
	}, "\n")
	got := Declared(source)
	want := []Parameter{
		{Name: "epochs", Type: "int", Default: "20", Help: "How often all data is seen."},
		{Name: "lr", Type: "float64", Default: "1e-3", Help: "of the optimizer"},
		{Name: "opt", Type: "string", Default: `"adam"`, Help: "of the optimizer"},
		{Name: "seed", Type: "int64", Default: "-1"},
		{Name: "other", Type: "int64", Default: "f()"},
		{Name: "name", Type: "string"},
		{Name: "widths", Type: "[]int", Default: "[]int{1, 2}", Help: "Widths of the layers."},
		{Name: "mix", Type: "map[string][]float64", Default: "map[string][]float64{\n\t\t\"a\": {1}, // not this\n\t}", Help: "weights"},
		{Name: "a"},
		{Name: "b"},
		{Name: "half", Type: "float32", Default: "float32(0.5)"},
		{Name: "on", Default: "!true"},
		{Name: "p", Default: "&T{}"},
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("parameter %d of\n%+v; want\n%+v", i, got, want)
		}
	}
}

func TestSettings(t *testing.T) {
	const cell = "epochs := 20\nvar rates []float32\nconst folds = 5"
	set := func(name, value string) []Setting {
		v, err := decode(value)
		if err != nil {
			t.Fatal(err)
		}
		return []Setting{{name, v}}
	}
	tests := []struct {
		source   string
		known    bool
		settings []Setting
		want     string
	}{
		{cell, true, append(set("rates", "[1, 0.5]"), set("epochs", "3")...), "// A\n// b\nrates = []float32{1, 0.5}\nepochs = 3\n"},
		{cell, true, set("folds", "3"), `"folds" is a constant`},
		{cell, true, set("epoch", "3"), `no parameter "epoch"; it has epochs, rates`},
		{"", false, set("epoch", "3"), "// A\n// b\nepoch = 3\n"},
		{"", false, set("learning-rate", "3"), `"learning-rate" is not named as a variable`},
		{"", false, set("x", "[[], 99999999999999999999]"), `parameter "x": no integer type`},
	}
	for _, tt := range tests {
		got, err := Settings(tt.source, tt.known, tt.settings, "A\nb")
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%v gives %q, want %q", tt.settings, got, tt.want)
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
	f.Add("var a")
	f.Add("var a, b T = {1, 2 // c\na, b := []int{1}, /* d")
	f.Fuzz(func(t *testing.T, source string) {
		for _, v := range declared(source) {
			if v.Name == "" {
				t.Errorf("a name of %q is empty", source)
			}
		}
	})
}
