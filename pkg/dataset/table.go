package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// A Table is labelled examples in memory. Its methods return new tables and leave it as it is; they may
// share memory, so the slices of a table should not be changed.
//
// The labels are Y, or Target where a number is to be predicted.
type Table struct {
	Name       string
	X          []float32 // [examples, features], row by row
	Y          []int32   // [examples], each at least 0 and less than Classes
	Target     []float32 // [examples], in place of Y
	Shape      []int     // of one example, for instance [8, 8, 1]: height, width, channels
	Classes    int
	ClassNames []string // [Classes], or nil
	Columns    []string // [features], the names of features, or nil
	Part       Part     // what the examples are for
	Source     string   // the sha256 of the file that the examples came from
}

// A Part says what examples are for. Split and its kin set it, and what may learn from training examples
// only, such as FitScaler, looks at it.
type Part uint8

// The parts of a data set.
const (
	Whole Part = iota // not divided yet
	Train
	Valid
	Test
)

// String returns the name of the part.
func (p Part) String() string { return [...]string{"whole", "train", "valid", "test"}[p&3] }

// As returns t as another part, for data that come divided: t.As(dataset.Train).
func (t Table) As(p Part) Table {
	t.Part = p
	return t
}

// Len returns the number of examples.
func (t Table) Len() int {
	if t.Target != nil {
		return len(t.Target)
	}
	return len(t.Y)
}

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

// Range returns the least and the greatest value of all features that are numbers and not infinite.
func (t Table) Range() (lo, hi float32) {
	least, most, _ := finiteRange(t.X)
	return float32(least), float32(most)
}

func countNaN(x []float32) int {
	n := 0
	for _, v := range x {
		if v != v {
			n++
		}
	}
	return n
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
	t.X = t.X[from*n : to*n : to*n]
	if t.Target != nil {
		t.Target = t.Target[from:to:to]
	} else {
		t.Y = t.Y[from:to:to]
	}
	return t
}

// Pick returns the examples at the given places, in that order.
func (t Table) Pick(places []int) Table {
	x := make([]float32, 0, len(places)*t.Features())
	for _, i := range places {
		x = append(x, t.Row(i)...)
	}
	t.X = x
	if t.Target != nil {
		t.Target = at(t.Target, places)
	} else {
		t.Y = at(t.Y, places)
	}
	return t
}

// Join returns the examples of several tables, one after the other, under their names with a + between
// them. All have examples of one shape, and classes or targets.
func Join(tables ...Table) (Table, error) {
	if len(tables) == 0 {
		return Table{}, errors.New("dataset: join no tables")
	}
	all := tables[0]
	names := []string{all.Name}
	all.X, all.Y, all.Target = slices.Clone(all.X), slices.Clone(all.Y), slices.Clone(all.Target)
	for _, t := range tables[1:] {
		if !slices.Equal(t.Shape, all.Shape) || (t.Target == nil) != (all.Target == nil) {
			return Table{}, fmt.Errorf("dataset: join %s: its examples are not like those of %s", t.Name, tables[0].Name)
		}
		all.X, all.Y, all.Target = append(all.X, t.X...), append(all.Y, t.Y...), append(all.Target, t.Target...)
		if t.Classes > all.Classes {
			all.Classes, all.ClassNames = t.Classes, t.ClassNames
		}
		if t.Part != all.Part {
			all.Part = max(t.Part, all.Part) // with test examples among them, all are
		}
		if t.Source != all.Source {
			all.Source = ""
		}
		names = append(names, t.Name)
	}
	return all.Named(strings.Join(names, "+")), nil
}

// Digest returns the first 16 digits of the sha256 of the table's content: shape, features and labels.
// The name does not count.
func (t Table) Digest() string {
	h := sha256.New()
	fmt.Fprintln(h, t.Shape, t.Classes, t.Len())
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
	for _, y := range t.Target {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(y))
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
	if odd := countNaN(t.X); odd > 0 {
		fmt.Fprintf(&b, ", %d of them missing", odd)
	}
	if t.Classes > 0 {
		fmt.Fprintf(&b, ", %d classes", t.Classes)
	}
	if t.Target != nil {
		lo, hi, _ := finiteRange(t.Target)
		fmt.Fprintf(&b, ", targets %.4g to %.4g", lo, hi)
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
	if t.Len() == 0 {
		return line, nil
	}
	if len(t.Shape) < 2 {
		return line + t.rowsHTML(), nil
	}
	picture, err := t.Show(12).HTML()
	return line + picture, err
}

// rowsHTML shows the first rows of features, with their labels.
func (t Table) rowsHTML() string {
	v := BatchView{columns: t.Columns[:min(len(t.Columns), shownFeatures)]}
	b := Batches{table: t, classNames: t.ClassNames}
	for i := range min(t.Len(), shownRows) {
		v.rows = append(v.rows, t.Row(i)[:min(t.Features(), shownFeatures)])
		label := make([]float32, 1)
		if t.Target != nil {
			label[0] = t.Target[i]
		} else {
			label[0] = float32(t.Y[i])
		}
		v.labels = append(v.labels, b.labelTexts(label, []int{1})...)
	}
	var page strings.Builder
	v.writeRows(&page)
	return page.String()
}

func shapeText(shape []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", "×")
}
