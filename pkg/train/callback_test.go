// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCallbacks trains two epochs of 19 steps and lets every kind of callback say when it was called.
func TestCallbacks(t *testing.T) {
	m := classifier(8)
	m.Epochs = 2
	got := map[string][]int{}
	saw := func(name string, check func(*Moment) bool) func(*Moment) error {
		return func(m *Moment) error {
			if !check(m) || m.Step != m.Fitted.Step || m.Epoch != m.Fitted.Epoch {
				t.Errorf("%s: unexpected moment %+v", name, m)
			}
			got[name] = append(got[name], m.Step)
			return nil
		}
	}
	measured := func(m *Moment) bool {
		curve := m.Fitted.History.Curve("train/loss")
		return !math.IsNaN(m.Loss) && m.Loss == curve.Last() && len(curve.Steps) == m.Step && m.Batch.Inputs == nil
	}
	weights := func(m *Moment) []float64 { return m.Fitted.MustValues("/out/dense/weights") }
	_, err := Fit(nil, m, newBlobs("blobs", 608, 32), newValid(50), NoCheckpoints(), Quiet(), pureGo(t),
		Every(10, saw("every", measured)),
		EveryEpoch(saw("epoch", measured)),
		OnValidation(saw("valid", func(m *Moment) bool { return m.Valid != nil && m.Valid.N == 150 })),
		Before(7, func(m *Moment) error {
			x, err := numbers(m.Batch.Inputs[0])
			if err != nil || len(x) != 64 || !math.IsNaN(m.Loss) {
				t.Errorf("before: batch of %d numbers (%v), loss %v", len(x), err, m.Loss)
			}
			step, old := m.Step, weights(m)
			m.After(func(m *Moment) error {
				if m.Step != step+1 || !measured(m) || slices.Equal(weights(m), old) {
					t.Errorf("after: step %d of %d", m.Step, step)
				}
				got["after"] = append(got["after"], m.Step)
				return nil
			})
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]int{
		"every": {10, 20, 30}, "epoch": {19, 38}, "valid": {19, 38}, "after": {1, 8, 15, 22, 29, 36},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("called at %v, want %v", got, want)
	}
}

// TestCallbackStops stops by a callback; the training then goes on to the same end as one without a stop.
func TestCallbackStops(t *testing.T) {
	fit := func(opts ...Option) *Fitted {
		t.Helper()
		f, err := Fit(nil, classifier(8), newBlobs("blobs", 608, 32), newValid(50), append(opts, Quiet(), pureGo(t))...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	dir := t.TempDir()
	stopped := fit(Checkpoints(dir), Every(25, func(m *Moment) error { m.Stop("seen enough"); return nil }))
	if stopped.Step != 25 || stopped.Stopped != "seen enough" || stopped.Interrupted || !strings.Contains(stopped.String(), "seen enough") {
		t.Errorf("%s", stopped)
	}
	on, whole := fit(Checkpoints(dir)), fit(NoCheckpoints())
	if on.Resumed != 25 || digest(t, on) != digest(t, whole) {
		t.Errorf("going on: %s", on)
	}
}

// TestCallbackFails has each kind of callback return an error, and panic.
func TestCallbackFails(t *testing.T) {
	wrong := errors.New("this went wrong")
	returns := func(*Moment) error { return wrong }
	panics := func(*Moment) error { panic(wrong) }
	cases := map[string]struct {
		option Option
		saved  bool // the state is saved, since the step is whole
	}{
		"train.Every at step 3":         {Every(3, returns), true},
		"train.Every at step 4":         {Every(4, panics), true},
		"train.EveryEpoch at step 19":   {EveryEpoch(panics), true},
		"train.Before at step 0":        {Before(2, panics), false},
		"Moment.After at step 1":        {Before(2, func(m *Moment) error { m.After(returns); return nil }), true},
		"train.OnValidation at step 19": {OnValidation(returns), true},
	}
	for want, c := range cases {
		dir := t.TempDir()
		run := new(fakeRun)
		_, err := Fit(run, classifier(4), newBlobs("blobs", 608, 32), newValid(50), Checkpoints(dir), Quiet(), pureGo(t), c.option)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "this went wrong") {
			t.Errorf("%s: error %v", want, err)
		}
		if len(run.ends) != 1 || run.ends[0] == nil {
			t.Errorf("%s: the run was told %v", want, run.ends)
		}
		after, err := Fit(nil, classifier(4), newBlobs("blobs", 608, 32), nil, Checkpoints(dir), Quiet(), pureGo(t))
		if err != nil || (after.Resumed > 0) != c.saved {
			t.Errorf("%s: resumed at %d (%v)", want, after.Resumed, err)
		}
	}
}

// counter counts calls and can be kept in a checkpoint.
type counter struct{ n int }

func (c *counter) State() ([]byte, error) { return []byte(strconv.Itoa(c.n)), nil }

func (c *counter) Restore(state []byte) (err error) {
	c.n = 0
	if state != nil {
		c.n, err = strconv.Atoi(string(state))
	}
	return err
}

// TestRememberedState counts steps across a stop.
func TestRememberedState(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ start, stop, want int }{{7, 25, 25}, {99, -1, 76}, {5, -1, 76}} {
		steps := &counter{c.start}
		_, err := Fit(nil, classifier(4), newBlobs("blobs", 608, 32), nil, Checkpoints(dir), Quiet(), pureGo(t),
			Remember("steps", steps), Every(1, func(m *Moment) error {
				if steps.n++; m.Step == c.stop {
					m.Stop("enough")
				}
				return nil
			}))
		if err != nil || steps.n != c.want {
			t.Errorf("%d steps counted, want %d (%v)", steps.n, c.want, err)
		}
	}
}

// TestTogether makes one option of two, of which one logs what it sees and the other one sees the end.
func TestTogether(t *testing.T) {
	m := classifier(8)
	m.Epochs, m.Steps = 0, 5
	log := &History{}
	ends := 0
	fit, err := Fit(log, m, newBlobs("blobs", 608, 32), nil, NoCheckpoints(), Quiet(), pureGo(t), Together(
		Every(2, func(m *Moment) error {
			m.Log("seen", float64(m.Step))
			return nil
		}),
		AtEnd(func(m *Moment) error {
			if ends++; m.Step != 5 {
				t.Errorf("the end is at step %d", m.Step)
			}
			return errors.New("too late")
		})))
	if err != nil {
		t.Fatal(err)
	}
	if c := log.Curve("seen"); c == nil || !slices.Equal(c.Values, []float64{2, 4}) || len(fit.History.Curve("seen").Values) != 2 {
		t.Errorf("logged %+v", c)
	}
	if ends != 1 || len(fit.Notes) != 1 || !strings.Contains(fit.Notes[0], "train.AtEnd at step 5: too late") {
		t.Errorf("%d ends, notes %q", ends, fit.Notes)
	}
}

// TestInitial holds that initial values are those from which Fit begins.
func TestInitial(t *testing.T) {
	m, data := classifier(8), newBlobs("blobs", 608, 32)
	initial, err := Initial(m, data, pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	var began []float64
	m.Steps = 1
	_, err = Fit(nil, m, data, nil, NoCheckpoints(), Quiet(), pureGo(t), Before(1, func(m *Moment) error {
		began = m.Fitted.MustValues("/out/dense/weights")
		return nil
	}))
	if err != nil || !slices.Equal(began, initial.MustValues("/out/dense/weights")) || initial.Step != 0 {
		t.Errorf("%v: began with %v", err, began)
	}
	if ev, err := Evaluate(initial, newValid(50)); err != nil || ev.N != 150 {
		t.Errorf("evaluated %v, %v", ev, err)
	}
}
