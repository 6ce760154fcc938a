package dataset

import (
	"errors"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Frame is columns of numbers and texts, as a file has them, before they become a Table.
//
//	people, err := dataset.ReadFrame("people", file, dataset.CSV{})
//	table, err := people.Without("id").Table("income")     // classes
//	table, err = people.Without("id").Regression("age")    // numbers to predict
type Frame struct {
	Name    string
	Columns []Column // all of one length
	Source  string   // the sha256 of the file that the columns came from
}

// A Column is values with a name: Numbers, or Texts.
type Column struct {
	Name    string
	Numbers []float64 // NaN is missing
	Texts   []string  // "" is missing
	Levels  []string  // the texts that there can be, in their order; nil for those that occur
}

// Len returns the number of values.
func (c Column) Len() int {
	if c.Texts != nil {
		return len(c.Texts)
	}
	return len(c.Numbers)
}

// Missing returns how many values there are not.
func (c Column) Missing() int {
	n := 0
	for _, v := range c.Numbers {
		if math.IsNaN(v) {
			n++
		}
	}
	for _, v := range c.Texts {
		if v == "" {
			n++
		}
	}
	return n
}

// levels returns Levels, or the texts that occur, sorted.
func (c Column) levels() []string {
	if c.Levels != nil {
		return c.Levels
	}
	seen := map[string]bool{}
	var levels []string
	for _, v := range c.Texts {
		if v != "" && !seen[v] {
			seen[v] = true
			levels = append(levels, v)
		}
	}
	slices.Sort(levels)
	return levels
}

// String describes the column in a few words.
func (c Column) String() string {
	missing := ""
	if n := c.Missing(); n > 0 {
		missing = fmt.Sprintf(", %d missing", n)
	}
	if c.Texts != nil {
		levels := c.levels()
		names := strings.Join(levels[:min(4, len(levels))], ", ")
		if len(levels) > 4 {
			names += ", …"
		}
		return fmt.Sprintf("%s: %d texts (%s)%s", c.Name, len(levels), names, missing)
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range c.Numbers {
		if !math.IsNaN(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	if lo > hi {
		return fmt.Sprintf("%s: no numbers%s", c.Name, missing)
	}
	return fmt.Sprintf("%s: %.6g to %.6g%s", c.Name, lo, hi, missing)
}

// Len returns the number of rows.
func (f Frame) Len() int {
	if len(f.Columns) == 0 {
		return 0
	}
	return f.Columns[0].Len()
}

// Column returns the column of a name.
func (f Frame) Column(name string) (Column, error) {
	for _, c := range f.Columns {
		if c.Name == name {
			return c, nil
		}
	}
	names := make([]string, len(f.Columns))
	for i, c := range f.Columns {
		names[i] = c.Name
	}
	return Column{}, fmt.Errorf("dataset: %s has no column %q; it has %s", f.Name, name, strings.Join(names, ", "))
}

// Without returns f without some columns, such as those that are no features. Names that are not there
// do not matter.
func (f Frame) Without(names ...string) Frame {
	f.Columns = slices.DeleteFunc(slices.Clone(f.Columns), func(c Column) bool { return slices.Contains(names, c.Name) })
	return f
}

// Pick returns the rows at the given places, in that order.
func (f Frame) Pick(places []int) Frame {
	f.Columns = slices.Clone(f.Columns)
	for i, c := range f.Columns {
		if c.Texts != nil {
			c.Levels = c.levels() // a part has the levels of the whole
			c.Texts = at(c.Texts, places)
		} else {
			c.Numbers = at(c.Numbers, places)
		}
		f.Columns[i] = c
	}
	return f
}

// Complete returns the rows without a missing value.
func (f Frame) Complete() Frame {
	var places []int
	for i := range f.Len() {
		if !slices.ContainsFunc(f.Columns, func(c Column) bool { return c.missing(i) }) {
			places = append(places, i)
		}
	}
	return f.Pick(places)
}

func (c Column) missing(i int) bool {
	if c.Texts != nil {
		return c.Texts[i] == ""
	}
	return math.IsNaN(c.Numbers[i])
}

// Table makes examples of the rows, with the column called label as classes: see Encoding.
func (f Frame) Table(label string) (Table, error) {
	e, err := f.Encoding(label)
	if err != nil {
		return Table{}, err
	}
	return e.Table(f)
}

// Regression makes examples of the rows, with the column called target as the number to predict.
func (f Frame) Regression(target string) (Table, error) {
	c, err := f.Column(target)
	if err != nil {
		return Table{}, err
	}
	if c.Texts != nil {
		return Table{}, fmt.Errorf("dataset: %s: the target %s is texts, not numbers", f.Name, target)
	}
	e := Encoding{Label: target, Columns: f.features(target)}
	return e.Table(f)
}

// An Encoding is how rows become examples: a column of numbers becomes one feature, and a column of texts
// one for each of its levels, which is 1 where the text is that level and 0 elsewhere; where a text is
// missing or none of the levels, all are 0. Missing numbers stay NaN, for Table.FillMissing. An encoding
// that was made of training rows can be used for others. It can be kept as JSON.
type Encoding struct {
	Label   string
	Classes []string // nil if the label is a number to predict
	Columns []Level
}

// A Level is a column of a frame with its levels, which are nil for numbers.
type Level struct {
	Name   string
	Levels []string
}

// Encoding returns how the rows of f become examples with classes: those of a column of texts in the order
// of its levels; those of a column of numbers as they are if they are whole and from 0 to 999, and else
// numbered in the order of their size.
func (f Frame) Encoding(label string) (Encoding, error) {
	c, err := f.Column(label)
	if err != nil {
		return Encoding{}, err
	}
	if c.Missing() > 0 {
		return Encoding{}, fmt.Errorf("dataset: %s: %d rows have no %s; Complete leaves out such rows", f.Name, c.Missing(), label)
	}
	e := Encoding{Label: label, Columns: f.features(label), Classes: c.levels()}
	if c.Texts == nil {
		e.Classes = numberClasses(c.Numbers)
	}
	return e, nil
}

// numberClasses names the classes of a column of numbers.
func numberClasses(numbers []float64) []string {
	top, whole := 0.0, true
	for _, v := range numbers {
		whole = whole && v == math.Trunc(v) && v >= 0 && v < maxClass
		top = max(top, v)
	}
	if !whole {
		numbers = slices.Compact(slices.Sorted(slices.Values(numbers)))
	} else {
		n := int(top) + 1
		numbers = make([]float64, n)
		for i := range numbers {
			numbers[i] = float64(i)
		}
	}
	names := make([]string, len(numbers))
	for i, v := range numbers {
		names[i] = numberText(v)
	}
	return names
}

func numberText(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func (f Frame) features(label string) []Level {
	var columns []Level
	for _, c := range f.Columns {
		if c.Name == label {
			continue
		}
		l := Level{Name: c.Name}
		if c.Texts != nil {
			l.Levels = append([]string{}, c.levels()...)
		}
		columns = append(columns, l)
	}
	return columns
}

// Table makes examples of the rows of f.
func (e Encoding) Table(f Frame) (Table, error) {
	t := Table{Name: f.Name, Source: f.Source, Classes: len(e.Classes), ClassNames: e.Classes}
	for _, l := range e.Columns {
		if l.Levels == nil {
			t.Columns = append(t.Columns, l.Name)
		}
		for _, level := range l.Levels {
			t.Columns = append(t.Columns, l.Name+"="+level)
		}
	}
	if len(t.Columns) == 0 {
		return Table{}, fmt.Errorf("dataset: %s: there is no column besides %s", f.Name, e.Label)
	}
	t.Shape = []int{len(t.Columns)}
	if err := e.labels(f, &t); err != nil {
		return Table{}, err
	}
	t.X = make([]float32, f.Len()*len(t.Columns))
	start := 0
	for _, l := range e.Columns {
		c, err := f.Column(l.Name)
		if err != nil {
			return Table{}, err
		}
		if (c.Texts == nil) != (l.Levels == nil) {
			return Table{}, fmt.Errorf("dataset: %s: the column %s is texts in one place and numbers in another", f.Name, l.Name)
		}
		l.encode(c, t.X[start:], len(t.Columns))
		start += max(1, len(l.Levels))
		if l.Levels != nil && len(l.Levels) == 0 {
			start-- // a column in which nothing is
		}
	}
	return t, nil
}

// encode writes a column to every stride-th value of x, or the columns of its levels.
func (l Level) encode(c Column, x []float32, stride int) {
	if l.Levels == nil {
		for i, v := range c.Numbers {
			x[i*stride] = float32(v)
		}
		return
	}
	place := map[string]int{}
	for k, level := range l.Levels {
		place[level] = k
	}
	for i, v := range c.Texts {
		if k, ok := place[v]; ok {
			x[i*stride+k] = 1
		}
	}
}

// labels fills in the labels or the targets.
func (e Encoding) labels(f Frame, t *Table) error {
	c, err := f.Column(e.Label)
	if err != nil {
		return err
	}
	if e.Classes == nil {
		t.Target = make([]float32, c.Len())
		for i, v := range c.Numbers {
			if t.Target[i] = float32(v); v != v {
				return fmt.Errorf("dataset: %s: row %d has no %s; Complete leaves out such rows", f.Name, i+1, e.Label)
			}
		}
		return nil
	}
	place := map[string]int{}
	for k, class := range e.Classes {
		place[class] = k
	}
	t.Y = make([]int32, c.Len())
	for i := range t.Y {
		text := ""
		if c.Texts != nil {
			text = c.Texts[i]
		} else {
			text = numberText(c.Numbers[i])
		}
		k, ok := place[text]
		if !ok {
			return fmt.Errorf("dataset: %s: row %d has the %s %q, which is none of the %d classes", f.Name, i+1, e.Label, text, len(e.Classes))
		}
		t.Y[i] = int32(k)
	}
	return nil
}

// String describes the columns, one a line.
func (f Frame) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d rows of %d columns", f.Name, f.Len(), len(f.Columns))
	for _, c := range f.Columns {
		b.WriteString("\n  " + c.String())
	}
	return b.String()
}

// shownRows is how many rows HTML shows.
const shownRows = 8

// HTML shows the first rows below what each column is.
func (f Frame) HTML() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `<div>%s: %d rows of %d columns</div><div style="overflow-x:auto"><table><tr>`, html.EscapeString(f.Name), f.Len(), len(f.Columns))
	for _, c := range f.Columns {
		about := strings.TrimPrefix(c.String(), c.Name+": ")
		fmt.Fprintf(&b, `<th style="vertical-align:top">%s<div style="font-weight:normal;font-size:85%%;opacity:.7;max-width:12em">%s</div></th>`, html.EscapeString(c.Name), html.EscapeString(about))
	}
	b.WriteString("</tr>")
	for i := range min(shownRows, f.Len()) {
		b.WriteString("<tr>")
		for _, c := range f.Columns {
			text := "–"
			switch {
			case c.missing(i):
			case c.Texts != nil:
				text = c.Texts[i]
			default:
				text = numberText(c.Numbers[i])
			}
			fmt.Fprintf(&b, "<td>%s</td>", html.EscapeString(text))
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table></div>")
	return b.String(), nil
}

// Check returns an error if the columns are not of one length, or two have one name.
func (f Frame) Check() error {
	seen := map[string]bool{}
	for _, c := range f.Columns {
		if c.Len() != f.Len() {
			return fmt.Errorf("dataset: %s: column %s has %d values, others have %d", f.Name, c.Name, c.Len(), f.Len())
		}
		if seen[c.Name] {
			return errors.New("dataset: " + f.Name + ": two columns are called " + c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}
