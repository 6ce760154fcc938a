package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"strings"
)

// A Table is labelled examples in memory. Its methods return new tables and leave it as it is; they may
// share memory, so the slices of a table should not be changed.
type Table struct {
	Name    string
	X       []float32 // [examples, features], row by row
	Y       []int32   // [examples], each at least 0 and less than Classes
	Shape   []int     // of one example, for instance [8, 8, 1]: height, width, channels
	Classes int
	Source  string // the sha256 of the file that the examples came from
}

// Len returns the number of examples.
func (t Table) Len() int { return len(t.Y) }

// Features returns the number of values of one example.
func (t Table) Features() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Row returns the values of example i. The slice is a part of the table.
func (t Table) Row(i int) []float32 {
	n := t.Features()
	return t.X[i*n : (i+1)*n : (i+1)*n]
}

// Counts returns how many examples each class has.
func (t Table) Counts() []int {
	counts := make([]int, t.Classes)
	for _, y := range t.Y {
		counts[y]++
	}
	return counts
}

// Range returns the least and the greatest value of all features.
func (t Table) Range() (lo, hi float32) {
	if len(t.X) == 0 {
		return 0, 0
	}
	lo, hi = t.X[0], t.X[0]
	for _, x := range t.X {
		lo, hi = min(lo, x), max(hi, x)
	}
	return lo, hi
}

// Named returns t under another name.
func (t Table) Named(name string) Table {
	t.Name = name
	return t
}

// Scale returns t with every feature multiplied by factor.
func (t Table) Scale(factor float32) Table {
	x := make([]float32, len(t.X))
	for i, v := range t.X {
		x[i] = v * factor
	}
	t.X = x
	return t
}

// First returns the first n examples, or all if there are fewer.
func (t Table) First(n int) Table { return t.slice(0, n) }

// Rest returns what First(n) leaves.
func (t Table) Rest(n int) Table { return t.slice(n, t.Len()) }

func (t Table) slice(from, to int) Table {
	from = max(0, min(from, t.Len()))
	to = max(from, min(to, t.Len()))
	n := t.Features()
	t.X, t.Y = t.X[from*n:to*n:to*n], t.Y[from:to:to]
	return t
}

// Pick returns the examples at the given places, in that order.
func (t Table) Pick(places []int) Table {
	x := make([]float32, 0, len(places)*t.Features())
	y := make([]int32, 0, len(places))
	for _, i := range places {
		x = append(x, t.Row(i)...)
		y = append(y, t.Y[i])
	}
	t.X, t.Y = x, y
	return t
}

// Split shuffles the examples with seed and divides them in three, in the proportions given, for
// training, validation and test: Split(1, 70, 15, 15). The same seed gives the same parts on every
// machine. The parts' names are the table's with /train, /valid and /test.
func (t Table) Split(seed int64, train, valid, test int) (Table, Table, Table) {
	if train < 0 || valid < 0 || test < 0 || train+valid+test == 0 {
		panic(fmt.Sprintf("dataset: Split of %s in the proportions %d, %d, %d", t.Name, train, valid, test))
	}
	order := random("split", seed, 0).Perm(t.Len())
	total := train + valid + test
	a := t.Len() * train / total
	b := t.Len() * (train + valid) / total
	return t.Pick(order[:a]).Named(t.Name + "/train"), t.Pick(order[a:b]).Named(t.Name + "/valid"),
		t.Pick(order[b:]).Named(t.Name + "/test")
}

// random returns the random numbers of a purpose: all of them differ between purposes, seeds and rounds,
// which are condensed, because a generator's streams from neighbouring seeds are alike.
func random(purpose string, seed int64, round int) *rand.Rand {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", purpose, seed, round))
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum[:8]), binary.LittleEndian.Uint64(sum[8:16])))
}

// Digest returns the first 16 digits of the sha256 of the table's content: shape, features and labels.
// The name does not count.
func (t Table) Digest() string {
	h := sha256.New()
	fmt.Fprintln(h, t.Shape, t.Classes, len(t.Y))
	buf := make([]byte, 0, 1<<16)
	flush := func(least int) {
		if len(buf) >= least {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	for _, x := range t.X {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
		flush(1<<16 - 4)
	}
	for _, y := range t.Y {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(y))
		flush(1<<16 - 4)
	}
	flush(0)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// String says what is in the table.
func (t Table) String() string {
	var b strings.Builder
	lo, hi := t.Range()
	fmt.Fprintf(&b, "%s: %d examples of %s, values %g to %g", t.Name, t.Len(), shapeText(t.Shape), lo, hi)
	if t.Classes > 0 {
		fmt.Fprintf(&b, ", %d classes", t.Classes)
	}
	if t.Classes > 0 && t.Classes <= 20 {
		fmt.Fprintf(&b, " of %s", strings.Trim(fmt.Sprint(t.Counts()), "[]"))
	}
	if t.Source != "" {
		fmt.Fprintf(&b, ", from sha256 %.16s…", t.Source)
	}
	return b.String()
}

// HTML shows the first examples below what String says, for a page.
func (t Table) HTML() (string, error) {
	line := `<div>` + html.EscapeString(t.String()) + `</div>`
	if t.Len() == 0 || len(t.Shape) < 2 {
		return line, nil
	}
	picture, err := t.Show(12).HTML()
	return line + picture, err
}

func shapeText(shape []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", "×")
}
