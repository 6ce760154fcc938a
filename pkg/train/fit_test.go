// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/train/schedule"
)

// stopAt returns a context and a sink that ends it when the loss of a step arrives.
func stopAt(step int) (context.Context, metric.Sink) {
	ctx, cancel := context.WithCancelCause(context.Background())
	return ctx, metric.SinkFunc(func(s metric.Step, name string, v float64) {
		if name == "train/loss" && s == step {
			cancel(errors.New("test stop"))
		}
	})
}

// pureGo is a device that compiles fast, for what does not depend on the device.
func pureGo(t *testing.T) Option {
	t.Helper()
	d, err := backend.Open(backend.Config("go"))
	if err != nil {
		t.Fatal(err)
	}
	return On(d)
}

func digest(t *testing.T, fit *Fitted) string {
	t.Helper()
	d, err := Digest(fit.Store)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestFitLearns(t *testing.T) {
	dir := t.TempDir()
	var log History
	fit, err := Fit(&log, classifier(16), newBlobs("blobs", 600, 32), newValid(64), Checkpoints(dir), Quiet())
	if err != nil {
		t.Fatal(err)
	}
	if fit.Step != 4*19 || fit.Epoch != 4 || fit.Interrupted || fit.Already || fit.Resumed != 0 {
		t.Errorf("state %+v", fit)
	}
	if n := len(log.Curve("train/loss").Steps); n != fit.Step {
		t.Errorf("%d losses logged, want one for each of %d steps", n, fit.Step)
	}
	acc := fit.History.Curve("valid/accuracy")
	if len(acc.Steps) != 4 || acc.Last() < 0.9 {
		t.Errorf("validation accuracy %v at steps %v, want 4 values ending over 0.9", acc.Values, acc.Steps)
	}
	ev, err := Evaluate(fit, newValid(50))
	if err != nil {
		t.Fatal(err)
	}
	if ev.Accuracy != acc.Last() || math.Abs(ev.Loss-log.Curve("valid/loss").Last()) > 1e-6 {
		t.Errorf("Evaluate in batches of 50 gives %v, validation in batches of 64 gave %v, %v", ev, acc.Last(), log.Curve("valid/loss").Last())
	}
	if !strings.Contains(fit.String(), "trained at step 76") || !strings.Contains(fit.HTML(), "valid/accuracy") {
		t.Errorf("shown as\n%s\n%s", fit, fit.HTML())
	}
}

// TestResumeIsBitIdentical runs in pure Go, which compiles at once. TestTwentyCutsOnTheDefaultDevice and
// TestResumeInNewProcess see the default device.
func TestResumeIsBitIdentical(t *testing.T) {
	resumeIsBitIdentical(t, pureGo(t), 0, 1, 16, 17, 18, 19, 20, 36, 37, 38, 50, 60)
}

// resumeIsBitIdentical stops a training after each of the given steps and lets another call finish it.
// There are 19 steps in an epoch.
func resumeIsBitIdentical(t *testing.T, device Option, stops ...int) {
	whole, err := Fit(nil, classifier(16), newBlobs("blobs", 608, 32), newValid(50), NoCheckpoints(), Quiet(), device)
	if err != nil {
		t.Fatal(err)
	}
	want := digest(t, whole)
	for _, stop := range stops {
		t.Run(fmt.Sprint(stop), func(t *testing.T) {
			dir := t.TempDir()
			ctx, log := stopAt(stop)
			first, err := Fit(log, classifier(16), newBlobs("blobs", 608, 32), newValid(50), Context(ctx), Checkpoints(dir), Quiet(), device)
			if err != nil {
				t.Fatal(err)
			}
			if !first.Interrupted || first.Step >= whole.Step {
				t.Fatalf("not interrupted: step %d", first.Step)
			}
			if _, err := Evaluate(first, newValid(50)); err != nil {
				t.Errorf("an interrupted model cannot be evaluated: %v", err)
			}
			second, err := Fit(nil, classifier(16), newBlobs("blobs", 608, 32), newValid(50), Checkpoints(dir), Quiet(), device)
			if err != nil {
				t.Fatal(err)
			}
			if second.Resumed != first.Step || second.Step != whole.Step || second.Epoch != 4 {
				t.Errorf("resumed at %d, ended at %d (epoch %d); the first part ended at %d", second.Resumed, second.Step, second.Epoch, first.Step)
			}
			if got := digest(t, second); got != want {
				t.Errorf("variables differ after a stop at step %d", first.Step)
			}
			sameHistory(t, second.History, whole.History)
		})
	}
}

func sameHistory(t *testing.T, got, want *History) {
	t.Helper()
	for _, w := range want.Curves {
		g := got.Curve(w.Name)
		if g == nil || len(g.Steps) != len(w.Steps) {
			t.Errorf("curve %s has %v, want %d points", w.Name, g, len(w.Steps))
			continue
		}
		for i := range w.Steps {
			if g.Steps[i] != w.Steps[i] || g.Values[i] != w.Values[i] {
				t.Errorf("curve %s, point %d: (%d, %v), want (%d, %v)", w.Name, i, g.Steps[i], g.Values[i], w.Steps[i], w.Values[i])
				break
			}
		}
	}
}

// TestResumeInNewProcess trains in three processes: one from start to end, one that stops, one that
// goes on.
func TestResumeInNewProcess(t *testing.T) {
	if dir := os.Getenv("TRAIN_TEST_DIR"); dir != "" {
		stop, _ := strconv.Atoi(os.Getenv("TRAIN_TEST_STOP"))
		ctx, log := stopAt(stop)
		fit, err := Fit(log, classifier(16), newBlobs("blobs", 608, 32), nil, Context(ctx), Checkpoints(dir), Quiet())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("digest=%d:%s\n", fit.Step, digest(t, fit))
		return
	}
	train := func(dir string, stop int) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestResumeInNewProcess$")
		cmd.Env = append(os.Environ(), "TRAIN_TEST_DIR="+dir, "TRAIN_TEST_STOP="+strconv.Itoa(stop))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		_, rest, _ := strings.Cut(string(out), "digest=")
		line, _, _ := strings.Cut(rest, "\n")
		return line
	}
	parts := t.TempDir()
	whole, half := train(t.TempDir(), -1), train(parts, 38)
	if half == whole || !strings.HasPrefix(whole, "76:") {
		t.Fatalf("whole %q, half %q", whole, half)
	}
	if got := train(parts, -1); got != whole {
		t.Errorf("resumed in a new process: %s, want %s", got, whole)
	}
}

func TestRecipeDecides(t *testing.T) {
	dir := t.TempDir()
	fit := func(m Model, opts ...Option) *Fitted {
		t.Helper()
		f, err := Fit(nil, m, newBlobs("blobs", 120, 32), nil, append(opts, Checkpoints(dir), Quiet(), pureGo(t))...)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	m := classifier(8)
	first := fit(m)
	log := new(fakeRun)
	again, err := Fit(log, m, newBlobs("blobs", 120, 32), nil, Checkpoints(dir), Quiet(), pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	if !again.Already || again.Step != first.Step || digest(t, again) != digest(t, first) {
		t.Errorf("again: %s", again)
	}
	sameHistory(t, &log.History, first.History)
	if !slices.Equal(log.ends, []error{nil}) || log.facts["recipe"] != first.Recipe || len(log.files) != 1 {
		t.Errorf("the run was told %+v", log)
	}
	if f := fit(m, Fresh()); f.Already || f.Resumed != 0 || digest(t, f) != digest(t, first) {
		t.Errorf("fresh: %s", f)
	}

	longer := m
	longer.Epochs = 6
	if f := fit(longer); f.Resumed != first.Step || f.Epoch != 6 {
		t.Errorf("prolonged: %s", f)
	}
	if f := fit(m); f.Already || f.Resumed != 0 || digest(t, f) != digest(t, first) {
		t.Errorf("shortened: %s", f)
	}

	changes := map[string]func(*Model){
		"seed":      func(m *Model) { m.Seed++ },
		"rate":      func(m *Model) { m.LearningRate *= 2 },
		"decay":     func(m *Model) { m.WeightDecay = 0.01 },
		"clip":      func(m *Model) { m.ClipNorm = 1 },
		"bound":     func(m *Model) { m.ClipValue = 1 },
		"sums":      func(m *Model) { m.Accumulate = 2 },
		"more sums": func(m *Model) { m.Accumulate = 3 },
		"average":   func(m *Model) { m.Average = 0.9 },
		"schedule":  func(m *Model) { m.Schedule = schedule.Constant(m.LearningRate) },
		"width":     func(m *Model) { m.Graph = classifier(9).Graph },
		"code": func(m *Model) {
			graphOf := m.Graph
			m.Graph = func(s *model.Scope, x *graph.Node) *graph.Node { return graphOf(s, graph.MulScalar(x, 2)) }
		},
		"optimizer": func(m *Model) { m.Optimizer = optimizer.StochasticGradientDescent().Done() },
	}
	recipes := map[string]bool{first.Recipe: true}
	for name, change := range changes {
		other := m
		change(&other)
		f := fit(other)
		if recipes[f.Recipe] || f.Already || f.Resumed != 0 {
			t.Errorf("a change of %s is not seen: %s", name, f)
		}
		recipes[f.Recipe] = true
	}
}

func TestStopBeforeFirstStep(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("pressed stop")
	cancel(cause)
	fit, err := Fit(nil, classifier(4), newBlobs("blobs", 60, 32), nil, Context(ctx), NoCheckpoints(), Quiet(), pureGo(t))
	if err != nil {
		t.Fatalf("one step was made, so there is something to use: %v", err)
	}
	if !fit.Interrupted || fit.Step != 1 {
		t.Errorf("%s", fit)
	}
}

func TestDivergence(t *testing.T) {
	m := classifier(8)
	m.Graph = func(s *model.Scope, x *graph.Node) *graph.Node {
		// The logarithm of a weight that shrinks below zero is NaN after some steps.
		w := s.VariableWithValue("w", float32(0.05)).NodeValue(x.Graph())
		bias := graph.Log(w)
		return graph.Add(classifier(8).Graph(s, x), graph.Concatenate([]*graph.Node{
			graph.BroadcastToDims(bias, x.Shape().Dimensions[0], 1),
			graph.Zeros(x.Graph(), graph.BroadcastToDims(bias, x.Shape().Dimensions[0], 2).Shape()),
		}, -1))
	}
	m.Optimizer = optimizer.StochasticGradientDescent().WithLearningRate(0.2).Done()
	data := newBlobs("ones", 300, 32)
	for i := range data.y {
		data.y[i] = 1 // the bias of class 0 can only fall
	}
	_, err := Fit(nil, m, data, nil, NoCheckpoints(), Quiet(), pureGo(t))
	if err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Fatalf("without a checkpoint: %v", err)
	}
	fit, err := Fit(nil, m, data, nil, Checkpoints(t.TempDir()), CheckpointEvery(time.Nanosecond), Quiet(), pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	if !fit.Diverged || fit.Step == 0 || len(fit.Notes) == 0 {
		t.Fatalf("%s", fit)
	}
	if v := fit.Store.GetVariable("/w").MustValue().Value().(float32); math.IsNaN(float64(v)) {
		t.Error("the variables are those of a bad step")
	}
	if _, err := Evaluate(fit, data); err != nil {
		t.Error(err)
	}
}

func TestNoData(t *testing.T) {
	_, err := Fit(nil, classifier(4), newBlobs("nothing", 0, 32), nil, NoCheckpoints(), Quiet(), pureGo(t))
	if !errors.Is(err, errNoBatches) || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("error %v", err)
	}
}

func TestDataWithoutPosition(t *testing.T) {
	dir := t.TempDir()
	data := newBlobs("blobs", 600, 32)
	ctx, log := stopAt(25)
	first, err := Fit(log, classifier(4), noPosition{data}, nil, Context(ctx), Checkpoints(dir), Quiet(), pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Fit(nil, classifier(4), noPosition{newBlobs("blobs", 600, 32)}, nil, Checkpoints(dir), Quiet(), pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	if second.Resumed != first.Step || second.Step != 76 || len(second.Notes) == 0 {
		t.Errorf("%s", second)
	}
}

// fakeRun is a run of a worklog that remembers what it is told.
type fakeRun struct {
	History
	facts map[string]string
	data  []string
	files []string
	ends  []error
}

func (r *fakeRun) Data(name, digest string) { r.data = append(r.data, name+"="+digest) }
func (r *fakeRun) File(path string)         { r.files = append(r.files, path) }
func (r *fakeRun) End(err error)            { r.ends = append(r.ends, err) }

func (r *fakeRun) Fact(name, value string) {
	if r.facts == nil {
		r.facts = map[string]string{}
	}
	r.facts[name] = value
}

func (r *fakeRun) Points(name string) ([]metric.Point, error) {
	var list []metric.Point
	if c := r.Curve(name); c != nil {
		for i, s := range c.Steps {
			list = append(list, metric.Point{Name: name, Step: s, Value: c.Values[i]})
		}
	}
	return list, nil
}

func (r *fakeRun) Resume(step metric.Step) {
	for _, c := range r.Curves {
		n := 0
		for n < len(c.Steps) && c.Steps[n] < step {
			n++
		}
		c.Steps, c.Values = c.Steps[:n], c.Values[:n]
	}
}

// TestRunHasNoGapsOrDuplicates stops a training whose last losses came after its checkpoint, and goes on
// in the same run and in a new one.
func TestRunHasNoGapsOrDuplicates(t *testing.T) {
	dir := t.TempDir()
	same := new(fakeRun)
	ctx, cancel := context.WithCancelCause(context.Background())
	log := metric.Tee(same, metric.SinkFunc(func(s metric.Step, name string, v float64) {
		if s == 30 {
			cancel(nil)
		}
	}))
	train := func(log metric.Sink, opts ...Option) *Fitted {
		t.Helper()
		opts = append(opts, Checkpoints(dir), Quiet(), pureGo(t))
		fit, err := Fit(log, classifier(8), newBlobs("blobs", 608, 32), newValid(50), opts...)
		if err != nil {
			t.Fatal(err)
		}
		return fit
	}
	first := train(log, Context(ctx))
	if !first.Interrupted {
		t.Fatal("not interrupted")
	}
	same.Log(first.Step, "train/loss", 99) // a step whose checkpoint was lost
	other := new(fakeRun)
	whole := train(other)
	sameHistory(t, &other.History, whole.History)
	again := train(same)
	if !again.Already {
		t.Fatal("trained again")
	}
	sameHistory(t, &same.History, whole.History)
	if len(other.ends) != 1 || other.ends[0] != nil {
		t.Errorf("ends %v", other.ends)
	}
	stopped := new(fakeRun)
	done, stop := context.WithCancel(context.Background())
	stop()
	fit := train(stopped, Context(done), Fresh())
	if !fit.Interrupted || len(stopped.ends) != 1 || !errors.Is(stopped.ends[0], context.Canceled) {
		t.Errorf("an interrupted run was told %v", stopped.ends)
	}
}

// panicking is a data set that panics at its third batch.
type panicking struct{ *blobs }

func (p panicking) Iter() iter.Seq2[gomlx.Batch, error] {
	return func(yield func(gomlx.Batch, error) bool) {
		n := 0
		for batch, err := range p.blobs.Iter() {
			if n++; n == 3 {
				panic("no third batch")
			}
			if !yield(batch, err) {
				return
			}
		}
	}
}

func TestPanicOfData(t *testing.T) {
	run := new(fakeRun)
	_, err := Fit(run, classifier(4), panicking{newBlobs("blobs", 600, 32)}, nil, NoCheckpoints(), Quiet(), pureGo(t))
	if err == nil || !strings.Contains(err.Error(), "no third batch") {
		t.Errorf("error %v", err)
	}
	if len(run.ends) != 1 || run.ends[0] == nil {
		t.Errorf("the run was told %v", run.ends)
	}
}

// TestCheckpointsThatCannotBeWritten has a file where the folder should be.
func TestCheckpointsThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	fit, err := Fit(nil, classifier(4), newBlobs("blobs", 64, 32), nil, Checkpoints(file), CheckpointEvery(time.Nanosecond), Quiet(), pureGo(t))
	if err != nil {
		t.Fatal(err)
	}
	if fit.Epoch != 4 || len(fit.Notes) != 1 || !strings.Contains(fit.Notes[0], "could not be written") {
		t.Errorf("%s", fit)
	}
}

// restless is a data set that says that it saves its position and does not.
type restless struct{ *blobs }

func (r restless) Restore([]byte) error { return r.blobs.Restore(nil) }

// A lengthless data set does not tell how many batches a pass has.
type lengthless struct{ data *blobs }

func (l lengthless) Name() string                        { return l.data.Name() }
func (l lengthless) Iter() iter.Seq2[gomlx.Batch, error] { return l.data.Iter() }
func (l lengthless) State() ([]byte, error)              { return l.data.State() }
func (l lengthless) Restore(state []byte) error          { return l.data.Restore(state) }

func TestPassOfUnknownLength(t *testing.T) {
	m := classifier(16)
	m.Epochs = 3
	want, err := Fit(nil, m, newBlobs("blobs", 608, 32), nil, NoCheckpoints(), Quiet())
	if err != nil {
		t.Fatal(err)
	}
	dir, seen := t.TempDir(), []int{}
	options := []Option{Checkpoints(dir), Quiet(), Every(19, func(m *Moment) error { seen = append(seen, m.Step); return nil }),
		EveryEpoch(func(m *Moment) error {
			if m.Step == 38 {
				m.Stop("to go on")
			}
			return nil
		})}
	data := lengthless{newBlobs("blobs", 608, 32)}
	first, err := Fit(nil, m, data, nil, options...)
	if err != nil || first.Step != 38 || first.Epoch != 2 {
		t.Fatalf("the first part ended at step %d, epoch %d: %v", first.Step, first.Epoch, err)
	}
	got, err := Fit(nil, m, data, nil, options[:3]...)
	if err != nil || got.Resumed != 38 || got.Step != want.Step || digest(t, got) != digest(t, want) {
		t.Errorf("resumed at %d, ended at %d of %d with other variables: %v", got.Resumed, got.Step, want.Step, err)
	}
	if !slices.Equal(seen, []int{19, 38, 57}) {
		t.Errorf("called after steps %v, want 19, 38 and 57", seen)
	}
}
