package check

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes/bfloat16"
	"github.com/gomlx/gomlx/core/tensors"
)

// floats copies the numbers of a tensor of any real type, row by row.
func floats(t *tensors.Tensor) (list []float64, err error) {
	e := t.ConstFlatData(func(flat any) { list = toFloats(flat) })
	if e == nil && list == nil && t.Size() > 0 {
		e = fmt.Errorf("values of shape %s are not numbers that can be listed", t.Shape())
	}
	return list, e
}

func toFloats(flat any) []float64 {
	switch flat := flat.(type) {
	case []float32:
		return convert(flat)
	case []float64:
		return convert(flat)
	case []int8:
		return convert(flat)
	case []uint8:
		return convert(flat)
	case []int16:
		return convert(flat)
	case []uint16:
		return convert(flat)
	case []int32:
		return convert(flat)
	case []uint32:
		return convert(flat)
	case []int64:
		return convert(flat)
	case []uint64:
		return convert(flat)
	case []bfloat16.BFloat16:
		list := make([]float64, len(flat))
		for i, v := range flat {
			list[i] = float64(v.Float32())
		}
		return list
	case []bool:
		list := make([]float64, len(flat))
		for i, v := range flat {
			if v {
				list[i] = 1
			}
		}
		return list
	}
	return nil
}

func convert[T float32 | float64 | int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](flat []T) []float64 {
	list := make([]float64, len(flat))
	for i, v := range flat {
		list[i] = float64(v)
	}
	return list
}

// Normal quantiles: of a two-sided interval of 95 %, and of one of 99.9 %, which five checks over many
// seeds may use without a false alarm.
const (
	z95  = 1.959963984540054
	z999 = 3.290526731491926
)

// wilson returns the interval of a share of which right of n were counted (E. B. Wilson, "Probable
// Inference, the Law of Succession, and Statistical Inference", 1927), at a quantile z of the normal
// distribution. Without a count it is NaN.
func wilson(right, n int, z float64) (low, high float64) {
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	p, m := float64(right)/float64(n), float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, centre-half), min(1, centre+half)
}

// studentT returns the quantile of Student's distribution that stands where z does in the normal one
// (M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions", 26.7.5; 0.2 % off at 5 degrees of freedom).
func studentT(z float64, degrees int) float64 {
	n := float64(max(degrees, 1))
	z3, z5, z7 := math.Pow(z, 3), math.Pow(z, 5), math.Pow(z, 7)
	return z + (z3+z)/(4*n) + (5*z5+16*z3+3*z)/(96*n*n) + (3*z7+19*z5+17*z3-15*z)/(384*n*n*n)
}

// An estimate is a mean and the half width of its interval.
type estimate struct{ mean, half float64 }

func (e estimate) low() float64 { return e.mean - e.half }

// estimateOf returns the mean of values and the half width of its interval by Student's distribution, for
// the quantile z. The values are taken to be independent.
func estimateOf(values []float64, z float64) estimate {
	n := float64(len(values))
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	if len(values) < 2 {
		return estimate{mean, math.Inf(1)}
	}
	return estimate{mean, studentT(z, len(values)-1) * math.Sqrt(squares/(n-1)/n)}
}

// less returns the differences a[i]-b[i].
func less(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// median returns the middle of values, or NaN without any.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
