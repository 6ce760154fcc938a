package check

import (
	"fmt"
	"math"
)

const (
	probed    = 6    // examples, or moments, that are changed one at a time
	moments   = 12   // places in time that are looked at
	untouched = 1e-5 // a change smaller than this, beside the answers, is rounding
)

// checkDependence changes one example at a time and sees which answers change: its own must, no other may.
func (f *flight) checkDependence() (Check, error) {
	n := min(probed, f.learn.n-1)
	if n < 2 {
		return Check{}, cannot("three examples are needed, and there are %d", f.learn.n)
	}
	m, err := f.influence(n)
	if err != nil {
		return Check{}, err
	}
	c := Check{Verdict: Pass, Expected: "each answer changes with its own example and with no other", Measured: fmt.Sprintf("%d examples were changed one at a time", n)}
	elsewhere := func(row, col int) bool { return row != col }
	c.picture = squares(m, elsewhere)
	for i, row := range m {
		for j, v := range row {
			switch {
			case math.IsNaN(v):
				c.Verdict, c.Measured, c.Advice = Fail, "answers are NaN or infinite", adviceNaN
				return c, nil
			case i != j && v > 0 && c.Verdict == Pass:
				c.Verdict, c.Measured = Fail, fmt.Sprintf("the answer for example %d changes with example %d of its batch", i, j)
				c.Advice = "see reshapes and transpositions before the first layer: the first axis must stay that of examples; and normalisation over the batch outside of training"
			}
		}
	}
	for i := range m {
		if m[i][i] == 0 && c.Verdict == Pass {
			c.Verdict, c.Measured = Fail, fmt.Sprintf("the answer for example %d does not change with its input", i)
			c.Advice = "see whether the input reaches the output: a layer that is not used, or units that are dead from the start"
		}
	}
	if f.causal > 0 && c.Verdict == Pass {
		return f.checkCausal(c)
	}
	return c, nil
}

// influence returns how much the answer for example i (row) changes with the input of example j (column),
// beside the size of all answers.
func (f *flight) influence(n int) ([][]float64, error) {
	exec, err := newPredictor(f.initial, f.learn.spec, nil)
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	base := make([]int, n)
	for i := range base {
		base[i] = i
	}
	before, err := predictWith(exec, f.learn.pick(base))
	if err != nil {
		return nil, err
	}
	if before.shape.Rank() == 0 || before.shape.Dimensions[0]%n != 0 {
		return nil, cannot("the predictions have shape %s, whose first axis is not that of examples", before.shape)
	}
	size := scale(before.values)
	m := newMatrix(n, n)
	for j := range n {
		changed := append([]int{}, base...)
		changed[j] = f.unlike(j, n)
		after, err := predictWith(exec, f.learn.pick(changed))
		if err != nil {
			return nil, err
		}
		for i, d := range changes(before.values, after.values, n, size) {
			m[i][j] = d
		}
	}
	return m, nil
}

// unlike returns the place of an example beyond the first n whose inputs are not those of example j.
func (f *flight) unlike(j, n int) int {
	for k := n; k < f.learn.n; k++ {
		if !sameInputs(f.learn, j, f.learn, k) {
			return k
		}
	}
	return n
}

func newMatrix(rows, cols int) [][]float64 {
	m := make([][]float64, rows)
	for i := range m {
		m[i] = make([]float64, cols)
	}
	return m
}

// scale is the root mean square of values.
func scale(values []float64) float64 {
	squares := 0.0
	for _, v := range values {
		squares += v * v
	}
	return math.Sqrt(squares / float64(max(len(values), 1)))
}

// changes returns the largest difference between a and b in each of n equal parts, beside size; what is
// rounding is 0.
func changes(a, b []float64, n int, size float64) []float64 {
	out := make([]float64, n)
	width := len(a) / n
	for i := range n * width {
		d := math.Abs(a[i]-b[i]) / max(size, math.SmallestNonzeroFloat64)
		if a[i] == b[i] {
			d = 0
		}
		if d > untouched || math.IsNaN(d) {
			if k := i / width; !(d <= out[k]) {
				out[k] = d
			}
		}
	}
	return out
}

// checkCausal changes an example from a moment on, and sees that answers before it stay.
func (f *flight) checkCausal(c Check) (Check, error) {
	in := f.learn.cols[0].shape
	if in.Rank() < f.causal {
		return c, fmt.Errorf("an example has shape %s and so no axis of time %d", in, f.causal)
	}
	length := in.Dimensions[f.causal-1]
	exec, err := newPredictor(f.initial, f.learn.spec, nil)
	if err != nil {
		return c, err
	}
	defer exec.Finalize()
	before, err := predictWith(exec, f.learn.pick([]int{0}))
	if err != nil {
		return c, err
	}
	out := before.shape
	if out.Rank() <= f.causal || out.Dimensions[f.causal] != length {
		return c, cannot("the predictions have shape %s, whose axis %d is not as long as that of the input, %d", out, f.causal, length)
	}
	m, at := newMatrix(length, length), 0
	stride := max(1, length/moments)
	size := scale(before.values)
	for t := 1; t < length; t += stride {
		after, err := predictWith(exec, f.changedFrom(t, length))
		if err != nil {
			return c, err
		}
		for s, d := range alongTime(before, after, f.causal, size) {
			m[s][t] = d
			if s < t && d > 0 && c.Verdict == Pass {
				c.Verdict, at = Fail, s
				c.Measured = fmt.Sprintf("the prediction at time %d changes with the input at time %d or later", at, t)
				c.Advice = "mask what is later, in attention, convolutions and normalisation over time"
			}
		}
	}
	if c.Verdict == Pass {
		c.Measured += fmt.Sprintf(", and no prediction along %d moments changes with what comes later", length)
	}
	c.Expected += ", nor with later moments"
	c.picture += " " + squares(m, func(s, t int) bool { return s < t })
	return c, nil
}

// changedFrom returns the first example with its first input replaced from a moment on.
func (f *flight) changedFrom(t, length int) rows {
	r := f.learn.pick([]int{0})
	other := f.learn.cols[0].row(f.unlike(0, 1))
	c := &r.cols[0]
	outer := 1
	for _, d := range c.shape.Dimensions[:f.causal-1] {
		outer *= d
	}
	block := len(c.data) / outer
	step := block / length
	for o := range outer {
		copy(c.data[o*block+t*step:(o+1)*block], other[o*block+t*step:(o+1)*block])
	}
	return r
}

// alongTime returns the largest difference between two predictions at each moment, beside size.
func alongTime(a, b output, axis int, size float64) []float64 {
	length := a.shape.Dimensions[axis]
	inner := 1
	for _, d := range a.shape.Dimensions[axis+1:] {
		inner *= d
	}
	out := make([]float64, length)
	for i := range a.values {
		d := changes(a.values[i:i+1], b.values[i:i+1], 1, size)[0]
		if t := i / inner % length; !(d <= out[t]) {
			out[t] = d
		}
	}
	return out
}
