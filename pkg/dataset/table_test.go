package dataset

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/display"
)

// toy returns n examples of 2×2×1 whose first feature is their number and whose label is its last digit.
func toy(n int) Table {
	t := Table{Name: "toy", Shape: []int{2, 2, 1}, Classes: 10}
	for i := range n {
		t.X = append(t.X, float32(i), 0, 1, 2)
		t.Y = append(t.Y, int32(i%10))
	}
	return t
}

// numbers returns the numbers of the examples in a table made by toy.
func numbers(t Table) []int {
	var out []int
	for i := range t.Len() {
		out = append(out, int(t.Row(i)[0]))
	}
	return out
}

func TestSplitDividesAndRepeats(t *testing.T) {
	all := toy(101)
	a, b, c := all.Split(7, 70, 15, 15)
	if a.Len() != 70 || b.Len() != 15 || c.Len() != 16 || a.Name != "toy/train" || c.Name != "toy/test" {
		t.Errorf("%d %d %d, %s, %s", a.Len(), b.Len(), c.Len(), a.Name, c.Name)
	}
	together := slices.Concat(numbers(a), numbers(b), numbers(c))
	for i, n := range together {
		if together[i]%10 != int(slices.Concat(a.Y, b.Y, c.Y)[i]) {
			t.Errorf("example %d has another's label", n)
		}
	}
	again, _, _ := all.Split(7, 70, 15, 15)
	other, _, _ := all.Split(8, 70, 15, 15)
	if !slices.Equal(numbers(a), numbers(again)) || slices.Equal(numbers(a), numbers(other)) {
		t.Error("the seed does not decide the split")
	}
	if got := numbers(a)[:5]; !slices.Equal(got, []int{73, 72, 98, 40, 96}) {
		t.Errorf("the split of seed 7 begins with %v: it has changed", got)
	}
	slices.Sort(together)
	for i, n := range together {
		if i != n {
			t.Fatalf("example %d is not in exactly one part", i)
		}
	}
}

func TestFirstAndRest(t *testing.T) {
	all := toy(5)
	for _, c := range []struct{ n, first int }{{0, 0}, {2, 2}, {5, 5}, {9, 5}, {-1, 0}} {
		first, rest := all.First(c.n), all.Rest(c.n)
		if got := slices.Concat(numbers(first), numbers(rest)); first.Len() != c.first || !slices.Equal(got, []int{0, 1, 2, 3, 4}) {
			t.Errorf("First(%d) has %d, together %v", c.n, first.Len(), got)
		}
	}
}

func TestDigestFollowsTheContent(t *testing.T) {
	a := toy(5000) // more than one buffer
	if a.Digest() != a.Named("other").Digest() {
		t.Error("the name counts")
	}
	seen := map[string]string{a.Digest(): "itself"}
	label := toy(5000)
	label.Y[4999]++
	flat := toy(5000)
	flat.Shape = []int{4}
	for name, other := range map[string]Table{"scaled": a.Scale(2), "shorter": a.First(4999), "label": label, "shape": flat} {
		if was := seen[other.Digest()]; was != "" {
			t.Errorf("%s has the digest of %s", name, was)
		}
		seen[other.Digest()] = name
	}
}

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		text    string
		label   int
		y       []int32
		x       []float32
		classes int
	}{
		{"a,b,kind\n1,2,rose\n3,4,iris\n5,NaN,rose\n", -1, []int32{1, 0, 1}, []float32{1, 2, 3, 4, 5, float32(math.NaN())}, 2},
		{"2,1.5\n0,-1e3\n", 0, []int32{2, 0}, []float32{1.5, -1000}, 3},
		{"1,1990\n2,2001\n", 1, []int32{0, 1}, []float32{1, 2}, 2},
	} {
		got, err := ReadCSV("x", strings.NewReader(c.text), c.label)
		if err != nil || !slices.Equal(got.Y, c.y) || fmt.Sprint(got.X) != fmt.Sprint(c.x) || got.Classes != c.classes {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
	for _, text := range []string{"", "a,b\n", "1,2\n3\n", "1,x\n2,3\n4,5,6\n", "x1,1\ny,2\n"} {
		if got, err := ReadCSV("x", strings.NewReader(text), 1); err == nil && text != "x1,1\ny,2\n" {
			t.Errorf("%q is read: %+v", text, got)
		}
	}
	if _, err := ReadCSV("x", strings.NewReader("1,2\n"), 2); err == nil {
		t.Error("a column that is not there is taken")
	}
	if _, err := ReadCSV("x", strings.NewReader("1,2\nx,2\n"), 1); err == nil || !strings.Contains(err.Error(), "row 2, column 1") {
		t.Errorf("a word among numbers: %v", err)
	}
}

func TestShowDrawsWhatTheNetworkSees(t *testing.T) {
	table := toy(3)
	table.Y[2] = 42
	table.X[9] = float32(math.NaN())
	p := table.Show(24)
	file, err := p.PNG()
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	grey := func(x, y int) uint32 { v, _, _, _ := img.At(x, y).RGBA(); return v >> 8 }
	// The second example, 60 pixels to the right: 1 0 / 1 2 between 0 and 2, each 28 pixels wide.
	for _, c := range []struct {
		x, y int
		want uint32
	}{{62 + 3, 5, 128}, {62 + 54, 5, 0}, {62 + 3, 54, 128}, {62 + 54, 54, 255}, {122 + 54, 5, 0}} {
		if got := grey(c.x, c.y); got != c.want {
			t.Errorf("pixel %d,%d is %d, want %d", c.x, c.y, got, c.want)
		}
	}
	if text := p.String(); text != "toy: 3 of 3 examples of 2×2×1, black 0 to white 2, 1 values not finite" {
		t.Errorf("caption: %s", text)
	}
	page, err := p.HTML()
	if err != nil || !strings.Contains(page, "data:image/png;base64,") || strings.Contains(page, "http") {
		t.Errorf("page %.200s, error %v", page, err)
	}
	if _, err := toy(0).Show(3).PNG(); err != nil {
		t.Errorf("no examples: %v", err)
	}
}

func TestValuesShowOnThePage(t *testing.T) {
	flat := toy(3).Named("<flat>")
	flat.Shape = []int{4}
	for _, c := range []struct {
		value      any
		text, page string
	}{
		{toy(30), "toy: 30 examples of 2×2×1, values 0 to 29, 10 classes of 3 3 3 3 3 3 3 3 3 3", "toy: 12 of 30 examples"},
		{flat, "<flat>: 3 examples of 4, values 0 to 2, 10 classes of 1 1 1 0 0 0 0 0 0 0", "&lt;flat&gt;: 3"},
		{toy(30).Show(5), "toy: 5 of 30 examples of 2×2×1, black 0 to white 4", "<img"},
		{toy(30).Batches(4, 7), "toy: 7 batches of 4, shuffled with seed 7; epoch 0, 0 given", ""},
	} {
		b := display.BundleOf(c.value)
		page, _ := b.Data["text/html"].(string)
		if b.Data["text/plain"] != c.text || !strings.Contains(page, c.page) {
			t.Errorf("%T shows as\n%s\nand as %.200s", c.value, b.Data["text/plain"], page)
		}
	}
}

func TestDigitsAreThePublishedOnes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	digits, err := LoadDigits(ctx)
	if err != nil {
		t.Skip("the digits are neither cached nor to be had: ", err)
	}
	want := []int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}
	if lo, hi := digits.Range(); digits.Len() != 1797 || !slices.Equal(digits.Counts(), want) || lo != 0 || hi != 16 {
		t.Errorf("%d examples, counts %v, range %v to %v", digits.Len(), digits.Counts(), lo, hi)
	}
	if got := digits.Row(0)[:8]; !slices.Equal(got, []float32{0, 0, 5, 13, 9, 1, 0, 0}) || digits.Y[0] != 0 || digits.Y[1796] != 8 {
		t.Errorf("the first row begins with %v, labels %d and %d", got, digits.Y[0], digits.Y[1796])
	}
	if right := nearest(digits.First(898), digits.Rest(898)); right < 859 || right > 869 {
		// 96.11 % is what one nearest neighbour reaches on the second half.
		t.Errorf("the nearest neighbour is right for %d of 899, want about 864", right)
	}
}

// nearest counts the examples of test whose nearest neighbour in known has their label.
func nearest(known, test Table) int {
	right := 0
	for i := range test.Len() {
		best, label := float32(math.Inf(1)), int32(-1)
		for k := range known.Len() {
			d := float32(0)
			other := known.Row(k)
			for j, v := range test.Row(i) {
				d += (v - other[j]) * (v - other[j])
			}
			if d < best {
				best, label = d, known.Y[k]
			}
		}
		if label == test.Y[i] {
			right++
		}
	}
	return right
}
