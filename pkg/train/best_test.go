// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/metric"
)

// TestBestIsChosenByName picks from curves with ties and values that are not finite.
func TestBestIsChosenByName(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	cases := []struct {
		name   string
		values []float64
		least  float64
		want   int
	}{
		{"valid/loss", []float64{3, 1, 2, 1}, 0, 1},
		{"valid/accuracy", []float64{0.3, 0.9, 0.2, 0.9}, 0, 1},
		{"valid/loss", []float64{nan, -inf, 2, nan, 1.5, inf}, 0, 4},
		{"valid/loss", []float64{3, 2.95, 2.8, 2.75}, 0.1, 2},
		{"something", []float64{3, 1}, 0, 1},
		{"valid/loss", []float64{nan}, 0, -1},
		{"valid/loss", nil, 0, -1},
	}
	for _, c := range cases {
		var h History
		for i, v := range c.values {
			h.Log(10*i, c.name, v)
		}
		if got := h.Curve(c.name).best(c.least); got != c.want {
			t.Errorf("%s %v: best at %d, want %d", c.name, c.values, got, c.want)
		}
		step, value, ok := h.Best(c.name)
		if ok != (c.want >= 0) || ok && c.least == 0 && (step != 10*c.want || value != c.values[c.want]) {
			t.Errorf("%s %v: best %v at %d (%v)", c.name, c.values, value, step, ok)
		}
	}
}

// TestStopEarly ends a training whose loss grows on validation data with wrong labels, goes back to its best
// moment, and goes on when it is given more patience.
func TestStopEarly(t *testing.T) {
	dir := t.TempDir()
	m := classifier(16)
	m.Epochs, m.LearningRate = 40, 0.05
	wrong := newValid(50)
	for i := range wrong.y {
		wrong.y[i] = (wrong.y[i] + int32(i%2)) % 3
	}
	fit := func(patience int, more ...Option) *Fitted {
		t.Helper()
		opts := append(more, StopEarly("valid/loss", patience, 0), Quiet(), pureGo(t))
		f, err := Fit(nil, m, newBlobs("blobs", 320, 32), wrong, append(opts, Checkpoints(dir))...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first := fit(3)
	step, value, ok := first.History.Best("valid/loss")
	if !ok || first.Step != step+30 || first.Epoch >= 40 || !strings.Contains(first.Stopped, "valid/loss") {
		t.Fatalf("best at step %d, stopped at %d: %s", step, first.Step, first)
	}
	best, err := first.Best()
	if err != nil {
		t.Fatal(err)
	}
	ev, err := Evaluate(best, wrong)
	if err != nil {
		t.Fatal(err)
	}
	if best.Step != step || ev.Loss != value || best.History.Curve("valid/loss").Last() != value {
		t.Errorf("the best model of step %d has loss %v, want that of step %d, %v", best.Step, ev.Loss, step, value)
	}
	saved := first.Saved()
	if saved[len(saved)-1] != first.Step || saved[0] != step {
		t.Errorf("saved at %v", saved)
	}
	if at, err := first.At(first.Step); err != nil || digest(t, at) != digest(t, first) {
		t.Errorf("the newest checkpoint is another model (%v)", err)
	}
	if _, err := first.At(1); err == nil || !strings.Contains(err.Error(), "there are [") {
		t.Errorf("a step that was not saved: %v", err)
	}
	if again := fit(3); !again.Already || again.Step != first.Step || again.Stopped == "" {
		t.Errorf("again: %s", again)
	}
	if longer := fit(5); longer.Resumed != first.Step || longer.Step != step+50 {
		t.Errorf("with more patience: %s", longer)
	}
	if _, err := fit(3, Fresh()).Best(); err != nil {
		t.Error(err)
	}
}

func TestBestIsRefused(t *testing.T) {
	cases := map[string]struct {
		opt   Option
		valid *blobs
	}{
		"give Fit validation data":     {KeepBest("valid/loss"), nil},
		"there are train/loss, valid/": {KeepBest("valid/f1"), newValid(50)},
	}
	for want, c := range cases {
		var err error
		if c.valid == nil {
			_, err = Fit(nil, classifier(4), newBlobs("blobs", 64, 32), nil, Checkpoints(t.TempDir()), Quiet(), pureGo(t), c.opt)
		} else {
			_, err = Fit(nil, classifier(4), newBlobs("blobs", 64, 32), c.valid, Checkpoints(t.TempDir()), Quiet(), pureGo(t), c.opt)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
	if _, err := trained(t, classifier(4), 64, 32).Best(); err == nil || !strings.Contains(err.Error(), "KeepBest") {
		t.Errorf("error %v", err)
	}
}

// TestMomentLogs has a callback measure something of its own, by which the best checkpoint is kept.
func TestMomentLogs(t *testing.T) {
	run := new(fakeRun)
	fit, err := Fit(run, classifier(4), newBlobs("blobs", 320, 32), newValid(50), Checkpoints(t.TempDir()), Quiet(), pureGo(t),
		KeepBest("my/score"), OnValidation(func(m *Moment) error { m.Log("my/score", -math.Abs(float64(m.Step-20))); return nil }))
	if err != nil {
		t.Fatal(err)
	}
	if best, err := fit.Best(); err != nil || best.Step != 20 || run.Curve("my/score") == nil {
		t.Errorf("best %v (%v), logged %v", best, err, run.Curve("my/score"))
	}
}

// TestNaNInWeights plants a NaN in a weight that no loss shows. No checkpoint holds it.
func TestNaNInWeights(t *testing.T) {
	m := classifier(4)
	m.Graph = func(s *model.Scope, x *graph.Node) *graph.Node {
		s.VariableWithValue("idle", []float32{1, 2}).NodeValue(x.Graph())
		return classifier(4).Graph(s, x)
	}
	dir := t.TempDir()
	plant := Every(12, func(m *Moment) error {
		return m.Fitted.Store.GetVariable("/idle").SetValue(tensors.FromValue([]float32{1, float32(math.NaN())}))
	})
	fit, err := Fit(nil, m, newBlobs("blobs", 320, 32), nil, Checkpoints(dir), CheckpointEvery(time.Nanosecond), Quiet(), pureGo(t), plant)
	if err != nil {
		t.Fatal(err)
	}
	if !fit.Diverged || fit.Step >= 12 || !strings.Contains(fit.String(), "/idle") {
		t.Errorf("%s", fit)
	}
}

// identified is a run with a name.
type identified struct {
	*fakeRun
	id metric.RunID
}

func (r identified) ID() metric.RunID { return r.id }

// TestAlreadyNamesTheRun trains in one run and asks for the same in another.
func TestAlreadyNamesTheRun(t *testing.T) {
	dir := t.TempDir()
	fit := func(id metric.RunID) (*Fitted, *fakeRun) {
		t.Helper()
		run := identified{new(fakeRun), id}
		f, err := Fit(run, classifier(4), newBlobs("blobs", 64, 32), nil, Checkpoints(dir), Quiet(), pureGo(t))
		if err != nil {
			t.Fatal(err)
		}
		return f, run.fakeRun
	}
	if first, run := fit("run-12"); first.Run != "run-12" || run.facts["trained by"] != "" {
		t.Errorf("trained in run %q, facts %v", first.Run, run.facts)
	}
	again, run := fit("run-13")
	if !again.Already || again.Run != "run-12" || !strings.Contains(again.String(), "already trained in run run-12") || run.facts["trained by"] != "run-12" {
		t.Errorf("%s\nfacts %v", again, run.facts)
	}
}
