package lines

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func text(edits []Edit) string {
	var b strings.Builder
	for _, e := range edits {
		fmt.Fprintf(&b, "%c%s|", e.Sign, e.Line)
	}
	return b.String()
}

func TestCompare(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""},
		{"x", "", "-x|"},
		{"", "x", "+x|"},
		{"a b c", "a b c", " a| b| c|"},
		{"a b c", "a x c", " a|-b|+x| c|"},
		{"a b c d", "b d e", "-a| b|-c| d|+e|"},
		{"a a", "a a a", " a| a|+a|"},
	} {
		d := Compare(strings.Fields(c.a), strings.Fields(c.b))
		if got := text(d.Edits); got != c.want {
			t.Errorf("%q and %q: %s, want %s", c.a, c.b, got, c.want)
		}
	}
}

// TestEditsAreBothTexts holds for random texts: without additions the edits are the first, without removals the second.
func TestEditsAreBothTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() []string {
		out := make([]string, r.IntN(12))
		for i := range out {
			out[i] = string(rune('a' + r.IntN(4)))
		}
		return out
	}
	for range 500 {
		a, b := random(), random()
		d := Compare(a, b)
		var first, second []string
		for _, e := range d.Edits {
			if e.Sign != '+' {
				first = append(first, e.Line)
			}
			if e.Sign != '-' {
				second = append(second, e.Line)
			}
		}
		if !slices.Equal(first, a) || !slices.Equal(second, b) || d.Same+len(d.A) != len(a) || d.Same+len(d.B) != len(b) {
			t.Fatalf("%q and %q: %s", a, b, text(d.Edits))
		}
	}
}

func TestLongTexts(t *testing.T) {
	a := slices.Repeat([]string{"a"}, 100_000)
	b := slices.Concat(a[:10], slices.Repeat([]string{"b"}, 50_000), a[:10])
	if d := Compare(a, b); d.Same != 20 || len(d.A) != 99_980 || len(d.B) != 50_000 {
		t.Errorf("%d the same, %d and %d not", d.Same, len(d.A), len(d.B))
	}
}

func TestShort(t *testing.T) {
	d := Compare(Split("1\n2\n3\n4\n5\n6\n"), Split("1\n2\nx\n4\n5\n6"))
	if got := text(d.Short(1)); got != " …| 2|-3|+x| 4| …|" {
		t.Error(got)
	}
}
