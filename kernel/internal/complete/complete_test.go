package complete

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/session"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// history is the session in which the tests complete.
var history = []string{
	"type Point struct {\n\tX, Y float64\n\tlabel string\n}\nfunc (p Point) Norm() float64 { return p.X*p.X + p.Y*p.Y }\nfunc (p *Point) Scale(by float64) { p.X *= by; p.Y *= by }",
	"p := Point{X: 1, Y: 2}\npoints := []Point{p}\nvar byName = map[string]*Point{\"a\": &p}",
	"import tw \"text/tabwriter\"\nvar table tw.Writer\nvar début = time.Now()",
	"// Twice doubles.\nfunc Twice(n int) int { return 2 * n }\nconst limit = 3",
	"type Stack[T any] struct{ items []T }\nfunc (s *Stack[T]) Push(v T) { s.items = append(s.items, v) }\nfunc (s *Stack[T]) Top() T { return s.items[len(s.items)-1] }\nstack := &Stack[Point]{}\nstack.Push(p)",
	"func Map[T, U any](list []T, f func(T) U) []U { var out []U; for _, v := range list { out = append(out, f(v)) }; return out }",
}

// newSession runs the history.
func newSession(t testing.TB) *session.Session {
	t.Helper()
	base, err := build.Current()
	if err != nil {
		base, err = build.Ensure(t.Context(), func(string, int, int) {})
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := session.New(t.Context(), session.Options{Base: base, Dir: t.TempDir(), Output: func(frame.Frame) {}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for i, text := range history {
		if _, err := s.Execute(t.Context(), session.Request{Number: uint64(i + 1), Name: "In[" + string(rune('1'+i)) + "]", Text: text}); err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
	}
	return s
}

// at cuts a cell at the mark of its cursor.
func at(t testing.TB, marked string) (code string, cursor int) {
	before, after, ok := strings.Cut(marked, "‸")
	if !ok {
		t.Fatalf("%q has no cursor", marked)
	}
	return before + after, utf8.RuneCountInString(before)
}

// completions are cells with a cursor, some of what must be offered and, behind a !, what must not. What
// begins with a ^ comes first.
var completions = []struct{ name, cell, want string }{
	{"package member", "fmt.Pr‸", "^Print Printf Println !Errorf"},
	{"member, nothing typed", "fmt.‸", "Println Errorf Stringer"},
	{"no import", "strings.ToU‸", "^ToUpper ToUpperSpecial"},
	{"Lathe's own package", "display.‸", "Show"},
	{"import of this cell", "import s \"sort\"\ns.Sl‸", "^Slice SliceStable"},
	{"import of an earlier cell", "tw.New‸", "^NewWriter"},
	{"variable of a package's type", "table.In‸", "^Init"},
	{"session names", "poi‸", "^points Point"},
	{"session function", "Tw‸", "^Twice"},
	{"constant", "lim‸", "^limit"},
	{"fields and methods", "p.‸", "X Y label Norm Scale"},
	{"in an argument", "fmt.Println(p.‸", "X Norm"},
	{"in an argument, closed", "fmt.Println(p.‸)\nx := 1", "X Norm"},
	{"index", "points[0].N‸", "^Norm"},
	{"map", "byName[\"a\"].S‸", "^Scale"},
	{"range header", "for i := range p.‸", "X"},
	{"range header, members", "for _, q := range points.‸", "!X"},
	{"range variable", "for _, q := range points {\n\tq.‸\n}", "X Norm"},
	{"range variable, no brace", "for _, q := range points {\n\tq.‸", "X Norm"},
	{"if header", "if p.‸", "X"},
	{"another line follows", "p.‸\ny := 2\nfmt.Println(y)", "X Norm"},
	{"method chain", "strings.NewReader(\"a\").Re‸", "^Read ReadAt"},
	{"local variable", "alpha := 1\nfmt.Println(alp‸", "^alpha"},
	{"local variable's type", "q := Point{}\nq.‸", "X Norm"},
	{"broken cell before", "y := )\nz := p\nz.‸", "X Norm"},
	{"function of the cell", "func half(n int) int { return n / 2 }\nhal‸", "^half"},
	{"within a function", "func f(q Point) {\n\tq.‸\n}", "X Norm"},
	{"within a function, open", "func f(q Point) {\n\tif q.X > 1 {\n\t\tq.‸", "X Norm"},
	{"function sees the cell's variables", "w := Point{}\nfunc g() {\n\tw.‸\n}", "X Norm"},
	{"type of the cell", "type T struct{ Alpha, Beta int }\nvar v T\nv.A‸", "^Alpha"},
	{"method of the cell for a live type", "func (p Point) Angle() float64 { return 0 }\np.A‸", "^Angle"},
	{"generic field", "stack.items[0].N‸", "^Norm"},
	{"generic method", "stack.T‸", "^Top"},
	{"generic result", "stack.Top().S‸", "^Scale"},
	{"inferred result", "Map(points, func(q Point) string { return \"\" })[0:].‸", "!X"},
	{"function literal", "Map(points, func(q Point) float64 { return q.‸ })", "X Norm"},
	{"keys of a literal", "Point{‸}", "X Y label"},
	{"keys, one given", "Point{X: 1, ‸}", "Y !X"},
	{"type in a conversion", "float‸", "^float32 float64"},
	{"keyword", "retu‸", "^return"},
	{"name of a package", "tabw‸", "^tabwriter"},
	{"code points", "s := \"žluťoučký 𝕏\"; déb‸", "^début"},
	{"code points, members", "_ = \"𝕏𝕏\"; début.Uni‸", "^Unix UnixMicro"},
	{"middle of a name", "fmt.Pr‸ntln(1)", "^Print Println"},
	{"directive", "%res‸", "^%reset"},
	{"layout", "%fm‸", "^%fmt"},
	{"directive with a body", "%%wr‸", "^%%writefile"},
	{"behind the statements' mark", "p := 1\n%% --n=3\nos.Getp‸", "Getpid"},
	{"behind a prefixed directive", "//gonb:%%\nos.Getp‸", "Getpid"},
	{"body of a directive", "%%bash\np.‸", "!X"},
	{"dialect", "import \"fmt\"\n%%\nfmt.Pr‸", "^Print"},
	{"directive before code", "%ti‸\np.X", "^%timings"},
	{"no directive", "b := p.X > 1 &&\n!p.‸", "X Norm"},
	{"import path", "import \"text/tab‸", "^text/tabwriter"},
	{"comment", "// p.‸", "!X"},
	{"string", "\"p.‸\"", "!X"},
	{"package or variable", "p := strings.Builder{}\np.Wr‸", "Write WriteString"},
	{"empty cell", "‸", "p points Twice"},
	{"between statements", "a1 := 1\n‸\nb1 := 2", "a1 p"},
	{"two packages of a name", "rand.IntN‸", "^IntN"},
	{"select with spaces", "x := p . N‸", "Norm"},
	{"assign", "p.X = p.‸", "X Y"},
	{"unbalanced", "fmt.Println((p.‸", "X Norm"},
	{"composite with brace open", "q := []Point{{X: p.‸", "X Y"},
	{"switch", "switch p.‸", "X"},
	{"go", "go func() { p.‸ }()", "X Norm"},
}

// checkMatches compares a reply with what a test wants.
func checkMatches(t *testing.T, reply wire.CompleteReply, want string) {
	t.Helper()
	for _, w := range strings.Fields(want) {
		if no, ok := strings.CutPrefix(w, "!"); ok {
			if slices.Contains(reply.Matches, no) {
				t.Errorf("%s is offered", no)
			}
			continue
		}
		name, first := strings.CutPrefix(w, "^")
		if first && (len(reply.Matches) == 0 || reply.Matches[0] != name) || !slices.Contains(reply.Matches, name) {
			t.Errorf("%s is missing, or not where it should be: %.12q", w, reply.Matches)
		}
	}
}

func TestComplete(t *testing.T) {
	c := New()
	s := newSession(t)
	c.Update(s.View())
	for _, tt := range completions {
		t.Run(tt.name, func(t *testing.T) {
			code, cursor := at(t, tt.cell)
			reply, err := c.Complete(t.Context(), code, cursor)
			if err != nil {
				t.Fatal(err)
			}
			checkMatches(t, reply, tt.want)
			if runes := []rune(code); reply.CursorStart > reply.CursorEnd || reply.CursorEnd != cursor || reply.CursorEnd > len(runes) {
				t.Errorf("replaces %d to %d with the cursor at %d", reply.CursorStart, reply.CursorEnd, cursor)
			}
		})
	}
}

// No cell, however cut, may bring the kernel down.
func TestCompleteAnywhere(t *testing.T) {
	c := New()
	c.Update(newSession(t).View())
	text := strings.Join(history[:2], "\n") + "\n%list\nfor i, q := range points { fmt.Println(i, q.X, Map(points, func(p Point) string { return \"é\" })) }"
	runes := []rune(text)
	for i := 0; i <= len(runes); i += 3 {
		for _, code := range []string{text, string(runes[:i]), string(runes[i:])} {
			if _, err := c.Complete(t.Context(), code, min(i, utf8.RuneCountInString(code))); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Inspect(t.Context(), code, min(i, utf8.RuneCountInString(code)), 1); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestCompletionKinds(t *testing.T) {
	c := New()
	c.Update(newSession(t).View())
	for _, tt := range []struct{ cell, text, kind, signature string }{
		{"Twi‸", "Twice", "function", "(n int) int"},
		{"p.‸", "X", "property", ""},
		{"p.‸", "Scale", "method", "(by float64)"},
		{"Poi‸", "Point", "type", ""},
		{"poi‸", "points", "instance", ""},
		{"f‸", "for", "keyword", ""},
		{"str‸", "strings", "module", ""},
		{"stack.‸", "Push", "method", "(v Point)"},
		{"strings.‸", "ToUpper", "function", "(s string) string"},
	} {
		code, cursor := at(t, tt.cell)
		reply, err := c.Complete(context.Background(), code, cursor)
		if err != nil {
			t.Fatal(err)
		}
		kinds := reply.Metadata[wire.CompletionTypesKey].([]wire.CompletionType)
		i := slices.IndexFunc(kinds, func(k wire.CompletionType) bool { return k.Text == tt.text })
		if i < 0 {
			t.Errorf("%s: no %s", tt.cell, tt.text)
		} else if kinds[i].Type != tt.kind || kinds[i].Signature != tt.signature {
			t.Errorf("%s: %s is %q with %q, want %q with %q", tt.cell, tt.text, kinds[i].Type, kinds[i].Signature, tt.kind, tt.signature)
		}
	}
}

func TestInspect(t *testing.T) {
	c := New()
	c.Update(newSession(t).View())
	for _, tt := range []struct {
		cell   string
		detail int
		want   []string
	}{
		{"Twi‸ce(3)", 0, []string{"func Twice(n int) int", "Twice doubles.", "In[4]"}},
		{"Twice(‸3)", 1, []string{"func Twice(n int) int", "return 2 * n"}},
		{"p‸", 0, []string{"var p Point", "In[2]"}},
		{"p.Norm‸()", 1, []string{"Norm() float64", "p.Y*p.Y"}},
		{"fmt.Println‸(1)", 0, []string{"func fmt.Println(a ...any)", "formats using the default formats"}},
		{"fmt.Println(‸", 1, []string{"func fmt.Println(a ...any)", "Fprintln(os.Stdout"}},
		{"http.Client‸{}", 1, []string{"type http.Client struct", "CheckRedirect"}},
		{"f‸mt.Println", 0, []string{"package fmt"}},
		{"append‸", 0, []string{"append", "appends elements to the end of a slice"}},
		{"var x err‸or", 1, []string{"error", "The error built-in interface", "Error() string"}},
		{"ni‸l", 0, []string{"nil", "zero value"}},
		{"Poi‸nt{}", 1, []string{"type Point struct", "label string", "In[1]"}},
		{"stack.Push‸", 1, []string{"Push(v Point)", "s.items = append(s.items, v)", "In[5]"}},
		{"Map‸", 1, []string{"func Map[T, U any]", "out = append(out, f(v))"}},
		{"lim‸it", 1, []string{"const limit", "3"}},
		{"points[0].X‸", 0, []string{"X float64"}},
		{"http.DefaultClient.Time‸out", 1, []string{"Timeout time.Duration", "Timeout specifies a time limit"}},
		{"math.Pi‸", 1, []string{"const math.Pi", "3.14159"}},
		{"strings.NewReplacer(\"a\", \"b\").Rep‸lace(\"\")", 1, []string{"Replace(s string) string", "with all replacements performed", "func (r *Replacer) Replace"}},
		{"%res‸et", 0, []string{"forget all declarations"}},
		{"//gonb:%e‸nv A=b", 0, []string{"%env NAME=VALUE"}},
		{"%%bash\n\n‸echo", 0, []string{"run the rest of the cell in bash"}},
		{"display.Show‸", 0, []string{"display.Show", "Show"}},
	} {
		code, cursor := at(t, tt.cell)
		reply, err := c.Inspect(t.Context(), code, cursor, tt.detail)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := reply.Data["text/plain"].(string)
		for _, w := range tt.want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in %q", tt.cell, w, text)
			}
		}
	}
	if reply, _ := c.Inspect(t.Context(), "nothing", 3, 0); reply.Found {
		t.Errorf("an unknown name is described: %v", reply.Data)
	}
}

// JupyterLab shows what inspection says beside a completion: it asks with the cursor behind the end of the text.
func TestInspectACompletion(t *testing.T) {
	c := New()
	c.Update(newSession(t).View())
	for _, code := range []string{"fmt.Println", "x := foo(fmt.Println", "if x {\n\tfmt.Println"} {
		reply, err := c.Inspect(t.Context(), code, len(code)+2, 0)
		if text, _ := reply.Data["text/plain"].(string); err != nil || !strings.Contains(text, "formats using the default formats") {
			t.Errorf("%q: %q, %v", code, text, err)
		}
	}
}

func TestLatency(t *testing.T) {
	c := New()
	c.Update(newSession(t).View())
	var times []time.Duration
	for i := range 51 {
		code, cursor := at(t, completions[i].cell)
		start := time.Now()
		if _, err := c.Complete(t.Context(), code, cursor); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(start))
	}
	first, warm := times[0], times[1:]
	slices.Sort(warm)
	t.Logf("first %v; p50 %v, p95 %v", first, warm[25], warm[47])
}
