package chart

import "slices"

// thin returns at most limit of the points (xs[i], ys[i]) in their order. It cuts the series into equal
// stretches of points and keeps from each one its lowest and its highest and, if it has points that
// cannot be drawn, the first and the last of those; and the first and the last point of all.
// limit is at least 16.
func thin(xs, ys []float64, limit int) ([]float64, []float64) {
	n := len(ys)
	if n <= limit {
		return xs, ys
	}
	stretches := (limit - 2) / 4
	kept := make([]int, 0, limit)
	kept = append(kept, 0)
	for k := range stretches {
		lo, hi := k*n/stretches, (k+1)*n/stretches
		kept = appendTelling(kept, ys, lo, hi)
	}
	kept = append(kept, n-1)
	slices.Sort(kept)
	kept = slices.Compact(kept)
	return pick(xs, kept), pick(ys, kept)
}

// appendTelling appends the indices of the points of ys[lo:hi] that tell what is in it.
func appendTelling(kept []int, ys []float64, lo, hi int) []int {
	low, high, firstBad, lastBad := -1, -1, -1, -1
	for i := lo; i < hi; i++ {
		y := ys[i]
		if !finite(y) {
			if firstBad < 0 {
				firstBad = i
			}
			lastBad = i
			continue
		}
		if low < 0 || y < ys[low] {
			low = i
		}
		if high < 0 || y > ys[high] {
			high = i
		}
	}
	for _, i := range []int{low, high, firstBad, lastBad} {
		if i >= 0 {
			kept = append(kept, i)
		}
	}
	return kept
}

func pick(values []float64, at []int) []float64 {
	out := make([]float64, len(at))
	for i, j := range at {
		out[i] = values[j]
	}
	return out
}

// thinByX is thin with stretches of equal width on the x axis, for points that arrive over time: what
// was thinned before is not thinned further than what is new. Where x does not rise it is thin.
func thinByX(xs, ys []float64, limit int) ([]float64, []float64) {
	n := len(xs)
	stretches := (limit - 2) / 4
	width := (xs[n-1] - xs[0]) / float64(stretches)
	if !slices.IsSorted(xs) || !(width > 0) || !finite(width) {
		xs, ys = thin(xs, ys, limit)
		return slices.Clone(xs), slices.Clone(ys)
	}
	kept := make([]int, 0, limit)
	kept = append(kept, 0)
	for lo, k := 0, 0; lo < n; k++ {
		end := xs[0] + float64(k+1)*width
		hi := lo
		for hi < n && (xs[hi] < end || k == stretches-1) {
			hi++
		}
		kept = appendTelling(kept, ys, lo, hi)
		lo = hi
	}
	kept = append(kept, n-1)
	slices.Sort(kept)
	kept = slices.Compact(kept)
	return pick(xs, kept), pick(ys, kept)
}
