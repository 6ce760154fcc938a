package chart

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// What thinning must keep, for series of every shape.
func TestThinKeepsWhatTells(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 200 {
		n := 1 + rng.IntN(5000)
		xs, ys := make([]float64, n), make([]float64, n)
		for i := range n {
			xs[i], ys[i] = float64(i), rng.NormFloat64()
			switch {
			case trial%3 == 1 && rng.IntN(50) == 0:
				ys[i] = math.NaN()
			case trial%3 == 2 && i > n/2:
				ys[i] = math.Inf(1)
			}
		}
		limit := 16 + rng.IntN(300)
		for name, f := range map[string]func(xs, ys []float64, limit int) ([]float64, []float64){"thin": thin, "thinByX": thinByX} {
			gx, gy := f(xs, ys, limit)
			checkThinned(t, name, [2][]float64{xs, ys}, [2][]float64{gx, gy}, limit)
		}
	}
}

func checkThinned(t *testing.T, name string, from, to [2][]float64, limit int) {
	t.Helper()
	xs, ys, gx, gy := from[0], from[1], to[0], to[1]
	n := len(xs)
	if len(gx) != len(gy) || len(gx) > max(limit, 2) {
		t.Fatalf("%s: %d points, limit %d", name, len(gx), limit)
	}
	if gx[0] != xs[0] || gx[len(gx)-1] != xs[n-1] || !slices.IsSorted(gx) {
		t.Fatalf("%s: ends or order lost", name)
	}
	for i, x := range gx {
		if y := ys[int(x)]; y != gy[i] && !(math.IsNaN(y) && math.IsNaN(gy[i])) {
			t.Fatalf("%s: a point was made up at %g", name, x)
		}
	}
	low, high := extremes(ys)
	glow, ghigh := extremes(gy)
	if (low < 0) != (glow < 0) || low >= 0 && (ys[low] != gy[glow] || ys[high] != gy[ghigh]) {
		t.Fatalf("%s: extremes lost", name)
	}
	bad := func(y float64) bool { return !finite(y) }
	if slices.ContainsFunc(ys, bad) != slices.ContainsFunc(gy, bad) {
		t.Fatalf("%s: gaps lost", name)
	}
}

// Points that arrive over time stay evenly dense over x, however often they are thinned.
func TestTrackStaysEven(t *testing.T) {
	const limit, n = 400, 100_000
	tr := &track{}
	for i := range n {
		tr.add(float64(i), math.Sin(float64(i)), limit)
	}
	if len(tr.xs) >= 2*limit || tr.total != n {
		t.Fatalf("%d points kept of %d", len(tr.xs), tr.total)
	}
	early, late := 0, 0
	for _, x := range tr.xs {
		if x < n/4 {
			early++
		} else if x < n/2 {
			late++
		}
	}
	if early < late/2 || late < early/2 {
		t.Errorf("%d points in the first quarter, %d in the second", early, late)
	}
}

func BenchmarkThinMillion(b *testing.B) {
	xs, ys := make([]float64, 1_000_000), make([]float64, 1_000_000)
	for i := range xs {
		xs[i], ys[i] = float64(i), math.Sin(float64(i))
	}
	for b.Loop() {
		thin(xs, ys, DefaultPoints)
	}
}
