package dataset

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Scaling is how values are brought to a common size.
type Scaling string

// The ways to scale. Each is fitted to every feature, or for images, whose examples are shaped [height,
// width, channels], to every channel.
const (
	Standard Scaling = "standard" // mean 0 and standard deviation 1
	MinMax   Scaling = "min-max"  // from 0 to 1
	Robust   Scaling = "robust"   // median 0 and distance between the quartiles 1, whatever outliers there are
)

// A Scaler is a scaling fitted to training examples: x becomes (x - Shift) / By. It can be kept as JSON.
type Scaler struct {
	Scaling Scaling
	Shift   []float64 // of each feature, or of each channel
	By      []float64 // 1 for a feature that is constant
	Digest  string    // of the table it was fitted to
}

// FitScaler fits a scaling to a table, whose Part is Train: what the examples of the other parts are like
// must not be known in training. Values that are missing do not count.
func FitScaler(t Table, scaling Scaling) (Scaler, error) {
	if t.Part != Train {
		return Scaler{}, fmt.Errorf("dataset: fit a scaler to %s, whose part is %v: fit it to the training part after Split, or to As(dataset.Train) if all of the examples are for training", t.Name, t.Part)
	}
	if t.Len() == 0 {
		return Scaler{}, fmt.Errorf("dataset: fit a scaler to %s, which is empty", t.Name)
	}
	n := t.Features()
	if len(t.Shape) == 3 {
		n = t.Shape[2]
	}
	s := Scaler{Scaling: scaling, Shift: make([]float64, n), By: make([]float64, n), Digest: t.Digest()}
	values := make([]float64, 0, len(t.X)/n)
	for k := range n {
		values = values[:0]
		for i := k; i < len(t.X); i += n {
			if v := float64(t.X[i]); !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		var err error
		if s.Shift[k], s.By[k], err = scaling.fit(values); err != nil {
			return Scaler{}, fmt.Errorf("dataset: fit a scaler to %s: %w", t.Name, err)
		}
	}
	return s, nil
}

// fit returns the shift and the size of values, which it may reorder.
func (s Scaling) fit(values []float64) (shift, by float64, err error) {
	if len(values) == 0 {
		return 0, 1, nil
	}
	switch s {
	case Standard:
		shift, by = moments(values)
	case MinMax:
		shift, by = slices.Min(values), slices.Max(values)-slices.Min(values)
	case Robust:
		slices.Sort(values)
		shift, by = quantile(values, 0.5), quantile(values, 0.75)-quantile(values, 0.25)
	default:
		return 0, 0, fmt.Errorf("there is no scaling %q", s)
	}
	if by == 0 || math.IsInf(by, 0) || math.IsNaN(by) {
		by = 1
	}
	return shift, by, nil
}

// moments returns the mean and the standard deviation, in two passes, which is exact enough for values
// that lie far from 0.
func moments(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v
	}
	mean /= float64(len(values))
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(values)))
}

// quantile returns the value below which the share p of sorted values lies, between two of them if need be.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Apply returns t scaled. It panics if t has other features than the table of the fit.
func (s Scaler) Apply(t Table) Table {
	return s.each(t, func(v float64, k int) float64 { return (v - s.Shift[k]) / s.By[k] })
}

// Inverse returns t as it was before Apply, but for rounding.
func (s Scaler) Inverse(t Table) Table {
	return s.each(t, func(v float64, k int) float64 { return v*s.By[k] + s.Shift[k] })
}

func (s Scaler) each(t Table, f func(v float64, k int) float64) Table {
	n := len(s.Shift)
	if channels := len(t.Shape) == 3 && t.Shape[2] == n; !channels && t.Features() != n {
		panic(fmt.Sprintf("dataset: scale %s, whose examples are %s, by a scaler of %d features", t.Name, shapeText(t.Shape), n))
	}
	x := make([]float32, len(t.X))
	for i, v := range t.X {
		x[i] = float32(f(float64(v), i%n))
	}
	t.X = x
	return t
}

// String describes the scaler.
func (s Scaler) String() string {
	var parts []string
	for k := range min(4, len(s.Shift)) {
		parts = append(parts, fmt.Sprintf("(x - %.4g) / %.4g", s.Shift[k], s.By[k]))
	}
	if len(s.Shift) > 4 {
		parts = append(parts, "…")
	}
	return fmt.Sprintf("%s scaling of %d features, fitted to %s: %s", s.Scaling, len(s.Shift), s.Digest, strings.Join(parts, ", "))
}

// FillMissing returns t with v where a value is missing (NaN). After standard scaling 0 is the mean of the
// training examples.
func (t Table) FillMissing(v float32) Table {
	t.X = slices.Clone(t.X)
	for i, x := range t.X {
		if x != x {
			t.X[i] = v
		}
	}
	return t
}
