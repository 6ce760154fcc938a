package chart

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
)

// floats returns a slice or array of numbers as float64. A float32 becomes the number that it is
// written as, so that 0.1 does not turn into 0.10000000149.
func floats(numbers any) ([]float64, error) {
	if s, ok := numbers.([]float64); ok {
		return append([]float64(nil), s...), nil
	}
	v := reflect.ValueOf(numbers)
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return nil, fmt.Errorf("are a %T, not a slice of numbers", numbers)
	}
	out := make([]float64, v.Len())
	for i := range out {
		e := v.Index(i)
		if e.Kind() == reflect.Interface {
			e = e.Elem()
		}
		x, ok := float(e)
		if !ok {
			return nil, fmt.Errorf("are a %T, not a slice of numbers", numbers)
		}
		out[i] = x
	}
	return out, nil
}

// columns reads xs, which may be nil, and ys of the same length.
func columns(xs any, ys ...any) (x []float64, cols [][]float64, err error) {
	for _, ys := range ys {
		y, err := floats(ys)
		if err != nil {
			return nil, nil, fmt.Errorf("ys %w", err)
		}
		cols = append(cols, y)
	}
	n := len(cols[0])
	if xs == nil {
		x = make([]float64, n)
		for i := range x {
			x[i] = float64(i)
		}
	} else if x, err = floats(xs); err != nil {
		return nil, nil, fmt.Errorf("xs %w", err)
	}
	for _, y := range cols {
		if len(x) != len(y) {
			return nil, nil, fmt.Errorf("%d xs and %d ys", len(x), len(y))
		}
	}
	return x, cols, nil
}

func float(v reflect.Value) (float64, bool) {
	switch {
	case v.Kind() == reflect.Float32:
		return widen(float32(v.Float())), true
	case v.CanFloat():
		return v.Float(), true
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	}
	return 0, false
}

func widen(x float32) float64 {
	wide, err := strconv.ParseFloat(strconv.FormatFloat(float64(x), 'g', -1, 32), 64)
	if err != nil {
		return float64(x) // never: the text was just written
	}
	return wide
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// drawable tells whether x has a place on axis a.
func (a axis) drawable(x float64) bool { return finite(x) && (!a.log || x > 0) }

// points is the data of a series on its way to the page: pairs, with null where there is nothing to draw.
type points struct {
	xs, ys []float64
	x, y   axis
	turned bool // y comes first
}

// MarshalJSON writes the pairs without going through an interface for each number.
func (p points) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 24*len(p.xs)+2)
	out = append(out, '[')
	for i, x := range p.xs {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '[')
		if p.turned {
			out = appendNumber(out, p.ys[i], p.y)
			out = append(out, ',')
			out = appendNumber(out, x, p.x)
		} else {
			out = appendNumber(out, x, p.x)
			out = append(out, ',')
			out = appendNumber(out, p.ys[i], p.y)
		}
		out = append(out, ']')
	}
	return append(out, ']'), nil
}

func appendNumber(out []byte, x float64, a axis) []byte {
	if !a.drawable(x) {
		return append(out, "null"...)
	}
	if abs := math.Abs(x); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(out, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(out, x, 'f', -1, 64)
}

// A hole is a run of neighbouring points of a series that cannot be drawn.
type hole struct {
	from, to float64 // xs of its ends
	n        int
	what     string // NaN, +Inf, -Inf, "≤ 0", or several of them
}

// holes finds the runs of points whose y has no place on the axis. A point without a place for its x is
// part of the run if it stands in one.
func (s series) holes(y axis) []hole {
	var out []hole
	open := false
	for i, v := range s.ys {
		if y.drawable(v) {
			open = false
			continue
		}
		what := nameOf(v)
		if !open {
			out = append(out, hole{from: s.xs[i], to: s.xs[i], n: 1, what: what})
			open = true
			continue
		}
		h := &out[len(out)-1]
		h.to, h.n = s.xs[i], h.n+1
		if h.what != what {
			h.what = "not finite"
		}
	}
	return out
}

func nameOf(x float64) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "+Inf"
	case math.IsInf(x, -1):
		return "-Inf"
	}
	return "≤ 0"
}

// place writes where a hole is.
func (h hole) place() string {
	if h.n == 1 {
		return brief(h.from)
	}
	return brief(h.from) + "–" + brief(h.to)
}

func brief(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
