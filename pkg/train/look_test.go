// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"math"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

func TestLook(t *testing.T) {
	fit, err := Fit(nil, classifier(5), newBlobs("blobs", 64, 32), nil, NoCheckpoints(), Quiet(), pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	list := fit.Variables(false)
	if len(list) != 4 || list[0].Path != "/hidden/dense/weights" || list[0].Shape != "(Float32)[2, 5]" {
		t.Errorf("variables %+v", list)
	}
	if all := fit.Variables(true); len(all) <= len(list) {
		t.Errorf("with the optimizer's there are %d", len(all))
	}
	if s := list.String(); !strings.Contains(s, "/out/dense/biases") || !strings.Contains(s, "Std") {
		t.Errorf("table:\n%s", s)
	}
	if _, err := fit.Values("/nothing"); err == nil || !strings.Contains(err.Error(), "/hidden/dense/weights") {
		t.Errorf("error %v", err)
	}
	if v := fit.MustValues("/hidden/dense/weights"); len(v) != 10 {
		t.Errorf("%d values", len(v))
	}
	fit.Close()
	if n := len(fit.History.Curve("train/loss").Values); n != fit.Step {
		t.Errorf("after Close %d losses are left of %d", n, fit.Step)
	}
}

func TestMeasure(t *testing.T) {
	var s VariableStats
	s.measure([]float64{1, 0, math.NaN(), 3, math.Inf(1), 0})
	want := VariableStats{Mean: 1, Std: math.Sqrt(1.5), Min: 0, Max: 3, Zeros: 0.5, NonFinite: 2}
	if s != want {
		t.Errorf("measured %+v, want %+v", s, want)
	}
}

// sink counts the frames that come to a page.
type sink map[frame.Kind]int

func (s sink) Send(f frame.Frame) error {
	s[f.Kind]++
	return nil
}

// TestShown trains as in a notebook: a bar and a chart appear and are brought up to date.
func TestShown(t *testing.T) {
	page := sink{}
	frame.Attach(page)
	defer frame.Attach(nil)
	fit, err := Fit(nil, classifier(5), newBlobs("blobs", 640, 32), newValid(50), NoCheckpoints(), pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	if page[frame.Display] != 2 || page[frame.Update] < 2 {
		t.Errorf("frames by kind %v, want a bar and a chart, each updated", page)
	}
	if c := fit.Chart(); c.Err() != nil || !strings.Contains(c.String(), "valid/loss") {
		t.Errorf("chart %s (%v)", c, c.Err())
	}
}
