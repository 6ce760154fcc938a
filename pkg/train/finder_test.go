// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

// TestFindRateLeavesNothing searches from a trained model whose data stands in the middle of a pass. Every
// variable, the random state and the position of the data stay what they were.
func TestFindRateLeavesNothing(t *testing.T) {
	data := newBlobs("blobs", 608, 32)
	fit, err := Fit(nil, classifier(8), data, nil, NoCheckpoints(), Quiet(), pureGo(t), Every(25, func(m *Moment) error { m.Stop("here"); return nil }))
	if err != nil {
		t.Fatal(err)
	}
	before, err := checkpoint.Variables(fit.Store)
	if err != nil {
		t.Fatal(err)
	}
	position, err := data.State()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := fit.FindRate(data, RateRange{}, Quiet())
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Rates) < 20 || !strings.Contains(s.Chart().String(), "smoothed") {
			t.Errorf("%d rates: %s", len(s.Rates), s)
		}
	}
	after, err := checkpoint.Variables(fit.Store)
	if err != nil {
		t.Fatal(err)
	}
	if err := compareVariables(before, after); err != nil {
		t.Error(err)
	}
	random := slices.ContainsFunc(before, func(v checkpoint.Variable) bool { return strings.Contains(v.Path, "rngState") })
	if now, err := data.State(); err != nil || !slices.Equal(now, position) || !random {
		t.Errorf("data at %x, was at %x (%v); random state compared: %v", now, position, err, random)
	}
}

// TestFindRateSuggests searches on a problem of which good rates are known: plain gradient descent on a
// smooth loss diverges beyond some rate, and much lower ones do nothing.
func TestFindRateSuggests(t *testing.T) {
	s, err := FindRate(plain(0), newBlobs("blobs", 608, 32), RateRange{From: 1e-5, To: 1000, Steps: 120}, Quiet(), pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", s)
	if !(s.Steepest > 0.01 && s.Steepest < 30 && s.Valley > 1e-3 && s.Valley < 10) {
		t.Errorf("%s", s)
	}
	m := plain(s.Valley)
	if acc := trained(t, m, 608, 32).History.Curve("valid/accuracy").Last(); acc < 0.8 {
		t.Errorf("two epochs at %v reach accuracy %v", s.Valley, acc)
	}
	m.Accumulate = 2
	if again, err := FindRate(m, newBlobs("blobs", 608, 16), RateRange{From: 1e-5, To: 1000, Steps: 120}, Quiet(), pureGo(t)); err != nil || len(again.Rates) < 60 {
		t.Errorf("with accumulation: %v, %v", again, err)
	}
}

// TestFindRateIsSafe meets losses that are no numbers, flat ones, stops and bad ranges.
func TestFindRateIsSafe(t *testing.T) {
	data := newBlobs("blobs", 64, 32)
	with := func(loss func(l *graph.Node) *graph.Node) Model {
		m := plain(0)
		m.Loss = func(labels, predictions []*graph.Node) *graph.Node { return loss(crossEntropy(labels, predictions)) }
		return m
	}
	root := with(func(l *graph.Node) *graph.Node { return graph.Sqrt(graph.AddScalar(graph.Neg(l), 3)) })
	if s, err := FindRate(root, data, RateRange{To: 1e6}, Quiet(), pureGo(t)); err != nil || !s.Diverged {
		t.Errorf("a loss that becomes NaN: %v, %v", s, err)
	} else if slices.ContainsFunc(s.Smooth, math.IsNaN) {
		t.Error("the curve holds NaN")
	}
	flat := with(func(l *graph.Node) *graph.Node { return graph.OnePlus(graph.MulScalar(l, 0)) })
	if s, err := FindRate(flat, data, RateRange{}, Quiet(), pureGo(t)); err != nil || !math.IsNaN(s.Valley) || !strings.Contains(s.String(), "never fell") {
		t.Errorf("a flat loss: %v, %v", s, err)
	}
	bad := with(func(l *graph.Node) *graph.Node { return graph.Log(graph.Neg(l)) })
	if _, err := FindRate(bad, data, RateRange{}, Quiet(), pureGo(t)); err == nil || !strings.Contains(err.Error(), "not finite") {
		t.Errorf("a loss that is NaN from the start: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := FindRate(plain(0), data, RateRange{}, Quiet(), pureGo(t), Context(ctx)); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("stopped: %v", err)
	}
	if _, err := FindRate(plain(0), data, RateRange{From: 1, To: 0.1}, Quiet(), pureGo(t)); err == nil || !strings.Contains(err.Error(), "below To") {
		t.Errorf("a bad range: %v", err)
	}
}

func TestLongestFall(t *testing.T) {
	for _, c := range []struct {
		values      []float64
		first, last int
	}{
		{[]float64{5, 6, 4, 7, 3, 2, 8}, 0, 5}, {[]float64{1, 2, 3}, 0, 0}, {[]float64{9, 1, 8, 7, 6}, 0, 4},
	} {
		if first, last := longestFall(c.values); first != c.first || last != c.last {
			t.Errorf("%v: from %d to %d, want %d to %d", c.values, first, last, c.first, c.last)
		}
	}
}
