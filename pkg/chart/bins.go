package chart

import (
	"math"
	"slices"
)

// count returns the middle and the size of each bin, and how many values are not finite.
func count(values []float64, bins int) (middles, counts []float64, bad int) {
	good := make([]float64, 0, len(values))
	for _, v := range values {
		if finite(v) {
			good = append(good, v)
		}
	}
	bad = len(values) - len(good)
	if len(good) == 0 {
		return nil, nil, bad
	}
	slices.Sort(good)
	lo, hi := good[0], good[len(good)-1]
	if bins <= 0 {
		bins = suggestBins(good)
	}
	if lo == hi {
		bins, lo, hi = 1, lo-0.5, hi+0.5
	}
	width := (hi - lo) / float64(bins)
	middles, counts = make([]float64, bins), make([]float64, bins)
	for i := range middles {
		middles[i] = lo + (float64(i)+0.5)*width
	}
	for _, v := range good {
		counts[min(int((v-lo)/width), bins-1)]++
	}
	return middles, counts, bad
}

// suggestBins returns the number of bins for sorted values after Freedman and Diaconis, from 1 to 200.
func suggestBins(sorted []float64) int {
	n := len(sorted)
	spread := sorted[n*3/4] - sorted[n/4]
	span := sorted[n-1] - sorted[0]
	if spread <= 0 {
		return min(50, max(1, int(math.Sqrt(float64(n)))))
	}
	return int(min(200, max(1, math.Ceil(span*math.Cbrt(float64(n))/(2*spread)))))
}
