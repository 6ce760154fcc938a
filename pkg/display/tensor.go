package display

import (
	"fmt"
	"math"
	"reflect"
	"strings"
)

// A flatArray is a tensor, known by its methods: this package does not depend on the framework that
// makes it.
type flatArray interface {
	ConstFlatData(access func(flat any)) error
	Size() int
}

// How much of a tensor is shown: the ends of its last axis, and the first and last rows.
const (
	tensorColumns = 12
	tensorRows    = 8
)

// tensorOf returns the tensor that v is or, for a variable of a model, holds; and what to call it.
func tensorOf(v any) (array flatArray, title string, ok bool) {
	if a, ok := v.(flatArray); ok {
		return a, "tensor", true
	}
	r := reflect.ValueOf(v)
	path, _, _ := callString(r, "Path")
	value := method(r, "Value")
	if path == "" || !value.IsValid() || value.Type().NumIn() != 0 || value.Type().NumOut() != 2 {
		return nil, "", false
	}
	out := value.Call(nil)
	if err, _ := out[1].Interface().(error); err != nil || isNil(out[0]) {
		return nil, "", false
	}
	a, ok := out[0].Interface().(flatArray)
	return a, "variable " + path, ok
}

// callString calls a method that takes nothing and returns one value, and formats the value.
func callString(r reflect.Value, name string) (text string, value reflect.Value, ok bool) {
	m := method(r, name)
	if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 {
		return "", reflect.Value{}, false
	}
	value = m.Call(nil)[0]
	return fmt.Sprint(value.Interface()), value, true
}

// tensorBundle shows a tensor: its shape and type, statistics, and a part of its values as a table. It
// gives up on a value that it cannot read.
func tensorBundle(data map[string]any, v any) (plain string, ok bool) {
	defer func() {
		if recover() != nil {
			plain, ok = "", false
		}
	}()
	a, title, ok := tensorOf(v)
	if !ok {
		return "", false
	}
	shape, s, ok := callString(reflect.ValueOf(a), "Shape")
	if !ok {
		return "", false
	}
	var values []float64
	if err := a.ConstFlatData(func(flat any) { values = floats(flat) }); err != nil || len(values) != a.Size() {
		return "", false
	}
	g := tensorGrid(values, lastAxis(s))
	g.caption = fmt.Sprintf("%s %s  %s", title, shape, moments(values))
	data[mimeHTML] = g.html()
	return g.text(), true
}

// lastAxis returns the size of the last axis of a shape, 1 for a scalar.
func lastAxis(shape reflect.Value) int {
	dims := reflect.Indirect(shape).FieldByName("Dimensions")
	if !dims.IsValid() || dims.Kind() != reflect.Slice || dims.Len() == 0 {
		return 1
	}
	return max(1, int(dims.Index(dims.Len()-1).Int()))
}

// floats converts a slice of numbers or booleans; nil for anything else.
func floats(flat any) []float64 {
	v := reflect.ValueOf(flat)
	if v.Kind() != reflect.Slice {
		return nil
	}
	list := make([]float64, v.Len())
	for i := range list {
		x := v.Index(i)
		switch {
		case x.CanInt():
			list[i] = float64(x.Int())
		case x.CanUint():
			// Half-precision types are numbers of bits with a method that decodes them.
			if h, ok := x.Interface().(interface{ Float32() float32 }); ok {
				list[i] = float64(h.Float32())
			} else {
				list[i] = float64(x.Uint())
			}
		case x.CanFloat():
			list[i] = x.Float()
		case x.Kind() == reflect.Bool:
			if x.Bool() {
				list[i] = 1
			}
		default:
			return nil
		}
	}
	return list
}

// moments describes values in a line: least, greatest, mean, standard deviation (of all, not of a
// sample), and how many are zero or not finite. Those that are not finite do not count for the others.
func moments(values []float64) string {
	n, zeros, odd := 0, 0, 0
	least, greatest, mean, m2 := math.Inf(1), math.Inf(-1), 0.0, 0.0
	for _, x := range values {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			odd++
			continue
		}
		if x == 0 {
			zeros++
		}
		n++
		least, greatest = min(least, x), max(greatest, x)
		d := x - mean
		mean += d / float64(n) // Welford's recurrence
		m2 += d * (x - mean)
	}
	var parts []string
	if n > 0 {
		parts = append(parts, fmt.Sprintf("min %.4g  max %.4g  mean %.4g  std %.4g", least, greatest, mean, math.Sqrt(m2/float64(n))))
	}
	if zeros > 0 {
		parts = append(parts, fmt.Sprintf("zeros %d", zeros))
	}
	if odd > 0 {
		parts = append(parts, fmt.Sprintf("not finite %d", odd))
	}
	return strings.Join(parts, "  ")
}

// tensorGrid lays values out in rows as long as the last axis, without the middle of what is too large.
func tensorGrid(values []float64, width int) *grid {
	rows := len(values) / width
	g := &grid{}
	columns := ends(width, tensorColumns)
	for _, c := range columns {
		g.head = append(g.head, indexName(c))
	}
	for _, r := range ends(rows, tensorRows) {
		line := make([]entry, len(columns))
		for i, c := range columns {
			line[i] = entry{text: "…"}
			if r >= 0 && c >= 0 {
				line[i] = entry{text: fmt.Sprintf("%.4g", values[r*width+c]), number: true}
			}
		}
		g.rows = append(g.rows, line)
	}
	return g
}

// ends returns the indices from 0 to n-1, with one -1 for those in the middle if they are more than most.
func ends(n, most int) []int {
	var list []int
	for i := range n {
		switch {
		case n <= most || i < most/2 || i >= n-most/2:
			list = append(list, i)
		case i == most/2:
			list = append(list, -1)
		}
	}
	return list
}

func indexName(i int) string {
	if i < 0 {
		return "…"
	}
	return fmt.Sprint(i)
}
