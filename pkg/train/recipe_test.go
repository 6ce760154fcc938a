// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/train/schedule"
)

// plain is a classifier without random numbers, trained by plain gradient descent: GoMLX's divides the rate
// by the square root of the step unless told otherwise.
func plain(rate float64) Model {
	return Model{
		Name: "plain", LearningRate: rate, Epochs: 2, Seed: 3,
		Optimizer: optimizer.StochasticGradientDescent().WithDecay(false).Done(),
		Graph: func(scope *model.Scope, x *graph.Node) *graph.Node {
			x = graph.Tanh(layers.Dense(scope.In("hidden"), x, true, 8))
			return layers.Dense(scope.In("out"), x, true, 3)
		},
	}
}

// trained fits m on n blobs in batches.
func trained(t *testing.T, m Model, n, batch int, opts ...Option) *Fitted {
	t.Helper()
	fit, err := Fit(nil, m, newBlobs("blobs", n, batch), newValid(50), append([]Option{NoCheckpoints(), Quiet(), pureGo(t)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return fit
}

// paths are the variables of the test models.
var paths = []string{"/hidden/dense/weights", "/hidden/dense/biases", "/out/dense/weights", "/out/dense/biases"}

// farthest returns the greatest difference between the weights of two models.
func farthest(a, b *Fitted) float64 {
	most := 0.0
	for _, p := range paths {
		x, y := a.MustValues(p), b.MustValues(p)
		for i := range x {
			most = max(most, math.Abs(x[i]-y[i]))
		}
	}
	return most
}

// TestAccumulationIsALargeBatch trains on 600 points in batches of 32, and of 8 with four to a step. The
// last step of an epoch is made of three.
func TestAccumulationIsALargeBatch(t *testing.T) {
	for _, clip := range []float64{0, 0.1} {
		m := plain(0.3)
		m.ClipNorm = clip
		large := trained(t, m, 600, 32)
		m.Accumulate = 4
		small := trained(t, m, 600, 8)
		if large.Step != 38 || small.Step != 38 || small.Epoch != 2 {
			t.Errorf("%d steps, and %d with accumulation", large.Step, small.Step)
		}
		if d := farthest(large, small); d > 2e-6 {
			t.Errorf("clipped to %v, weights differ by %g", clip, d)
		}
		l, s := large.History.Curve("train/loss").Values, small.History.Curve("train/loss").Values
		for i := range l {
			if math.Abs(l[i]-s[i]) > 2e-6 {
				t.Fatalf("losses of step %d are %v and %v", i, l[i], s[i])
			}
		}
	}
}

// TestClipping looks at single steps of gradient descent with a rate of 1: what changes is the gradient.
func TestClipping(t *testing.T) {
	first := func(change func(*Model)) (norm, most float64) {
		m := plain(1)
		m.Steps, m.Epochs = 1, 0
		change(&m)
		var before [][]float64
		sum := 0.0
		fit := trained(t, m, 64, 32, Before(1, func(m *Moment) error {
			for _, p := range paths {
				before = append(before, m.Fitted.MustValues(p))
			}
			return nil
		}))
		for i, p := range paths {
			for j, v := range fit.MustValues(p) {
				d := v - before[i][j]
				sum += d * d
				most = max(most, math.Abs(d))
			}
		}
		return math.Sqrt(sum), most
	}
	norm, most := first(func(*Model) {})
	if n, _ := first(func(m *Model) { m.ClipNorm = norm / 3 }); math.Abs(n-norm/3) > 1e-6 {
		t.Errorf("a gradient of norm %v clipped to %v has norm %v", norm, norm/3, n)
	}
	if n, _ := first(func(m *Model) { m.ClipNorm = 2 * norm }); math.Abs(n-norm) > 1e-6 {
		t.Errorf("a gradient of norm %v within its bound became %v", norm, n)
	}
	if _, v := first(func(m *Model) { m.ClipValue = most / 2 }); math.Abs(v-most/2) > 1e-6 {
		t.Errorf("values up to %v clipped to %v reach %v", most, most/2, v)
	}
}

// TestAverage compares averaged weights with their definition, summed here over the weights of each step.
func TestAverage(t *testing.T) {
	const decay = 0.9
	m := classifier(8)
	m.Average = decay
	var all [][]float64
	fit := trained(t, m, 300, 32, Every(1, func(m *Moment) error {
		all = append(all, m.Fitted.MustValues(paths[0]))
		return nil
	}))
	averaged, err := fit.Averaged()
	if err != nil {
		t.Fatal(err)
	}
	got := averaged.MustValues(paths[0])
	for j := range got {
		sum, weight := 0.0, 0.0
		for i, w := range all {
			p := math.Pow(decay, float64(len(all)-1-i))
			sum, weight = sum+p*w[j], weight+p
		}
		if math.Abs(got[j]-sum/weight) > 1e-5 {
			t.Errorf("weight %d averages to %v, want %v", j, got[j], sum/weight)
		}
	}
	if _, err := trained(t, classifier(4), 64, 32).Averaged(); err == nil || !strings.Contains(err.Error(), "Model.Average") {
		t.Errorf("without averages: %v", err)
	}
}

// TestAverageIsValidated compares validation within Fit with an evaluation of the averaged model.
func TestAverageIsValidated(t *testing.T) {
	m := classifier(8)
	m.Average = 0.99
	fit := trained(t, m, 300, 32, ValidateAverage())
	averaged, err := fit.Averaged()
	if err != nil {
		t.Fatal(err)
	}
	own, err := Evaluate(fit, newValid(50))
	if err != nil {
		t.Fatal(err)
	}
	ev, err := Evaluate(averaged, newValid(50))
	if err != nil {
		t.Fatal(err)
	}
	if got := fit.History.Curve("average/loss").Last(); math.Abs(got-ev.Loss) > 1e-6 || math.Abs(got-own.Loss) < 1e-4 {
		t.Errorf("validated loss of averages %v, evaluated %v, of the weights %v", got, ev.Loss, own.Loss)
	}
	if d := digest(t, fit); d != digest(t, trained(t, m, 300, 32)) {
		t.Error("validating averages changes the training")
	}
}

// TestSchedule sees the rates of a schedule in the store, and that a constant one changes nothing.
func TestSchedule(t *testing.T) {
	m := plain(0.05)
	fixed := trained(t, m, 300, 32)
	m.Schedule = schedule.Constant(0.05)
	same := trained(t, m, 300, 32)
	if d := farthest(fixed, same); d != 0 || fixed.Recipe == same.Recipe {
		t.Errorf("a constant schedule changes weights by %g", d)
	}
	m.Schedule = schedule.Linear(0.1, 0, 20).Warmup(3)
	builds := 0
	network := m.Graph
	m.Graph = func(scope *model.Scope, x *graph.Node) *graph.Node { builds++; return network(scope, x) }
	fit := trained(t, m, 320, 32, Every(1, func(now *Moment) error {
		got := now.Fitted.MustValues("/optimizers/learning_rate")[0]
		if want := m.Schedule.Rate(now.Step - 1); got != float64(float32(want)) {
			t.Errorf("the rate of step %d is %v, want %v", now.Step-1, got, want)
		}
		return nil
	}))
	if builds > 8 {
		t.Errorf("the graph was built %d times in %d steps", builds, fit.Step)
	}
	curve := fit.History.Curve("train/lr")
	for i, s := range curve.Steps {
		if curve.Values[i] != m.Schedule.Rate(s) {
			t.Errorf("logged rate %v at step %d", curve.Values[i], s)
		}
	}
	other := m
	other.Schedule = schedule.Linear(0.1, 0, 21).Warmup(3)
	if f := trained(t, other, 320, 32); f.Recipe == fit.Recipe {
		t.Error("the recipe does not hold the schedule")
	}
}

// TestRecipesResume stops trainings of every kind of recipe at several steps.
func TestRecipesResume(t *testing.T) {
	kinds := map[string]func(*Model){
		"schedule": func(m *Model) { m.Schedule = schedule.Cosine(0.02, 0, 30).Warmup(5) },
		"plateau":  func(m *Model) { m.Schedule = schedule.Constant(0.05).Plateau(0.5, 0, 0.2) },
		"average":  func(m *Model) { m.Average = 0.95 },
		"accumulation and clipping": func(m *Model) {
			m.Accumulate, m.ClipNorm, m.ClipValue, m.Average = 3, 0.5, 0.1, 0.9
			m.Schedule = schedule.OneCycle(0.03, 20)
		},
	}
	for name, change := range kinds {
		m := classifier(8)
		change(&m)
		whole := trained(t, m, 300, 32, ValidateEvery(5))
		want := digest(t, whole)
		for _, stop := range []int{0, 4, 9, 11} {
			dir := t.TempDir()
			ctx, log := stopAt(stop)
			first, err := Fit(log, m, newBlobs("blobs", 300, 32), newValid(50), Context(ctx), Checkpoints(dir), Quiet(), pureGo(t), ValidateEvery(5))
			if err != nil {
				t.Fatal(err)
			}
			second := trained(t, m, 300, 32, Checkpoints(dir), ValidateEvery(5))
			if !first.Interrupted || second.Resumed != first.Step || digest(t, second) != want {
				t.Errorf("%s: stopped at %d, resumed at %d, ended otherwise", name, first.Step, second.Resumed)
			}
			sameHistory(t, second.History, whole.History)
		}
	}
}

// TestPlateauNeedsValidation trains with a plateau and without validation data.
func TestPlateauNeedsValidation(t *testing.T) {
	m := classifier(4)
	m.Schedule = schedule.Constant(0.05).Plateau(0.5, 0, 0.2)
	if _, err := Fit(nil, m, newBlobs("blobs", 64, 32), nil, NoCheckpoints(), Quiet(), pureGo(t)); err == nil || !strings.Contains(err.Error(), "validation") {
		t.Errorf("error %v", err)
	}
	fit := trained(t, m, 300, 32, ValidateEvery(3))
	values := fit.History.Curve("train/lr").Values
	if values[len(values)-1] >= values[0] {
		t.Errorf("the rate never fell: %v", values)
	}
}

// TestLowPrecision computes in bfloat16 with float32 variables. GoMLX's backend in pure Go cannot.
func TestLowPrecision(t *testing.T) {
	m := plain(0.01)
	m.Optimizer, m.Epochs = nil, 4
	single := m
	m.Compute = dtypes.BFloat16
	if _, err := Fit(nil, m, newBlobs("blobs", 64, 32), nil, NoCheckpoints(), Quiet(), pureGo(t)); err == nil || !strings.Contains(err.Error(), "pure Go") {
		t.Errorf("on the backend in pure Go: %v", err)
	}
	if backend.Default().Name == "go" {
		t.Skip("no PJRT plugin here")
	}
	device := On(backend.Default())
	var seen dtypes.DType
	network := m.Graph
	m.Graph = func(scope *model.Scope, x *graph.Node) *graph.Node {
		seen = x.DType()
		return network(scope, x)
	}
	full, half := trained(t, single, 320, 32, device), trained(t, m, 320, 32, device)
	for v := range half.Store.IterVariables() {
		if v.DType() == dtypes.BFloat16 {
			t.Errorf("variable %s is kept in bfloat16", v.Path())
		}
	}
	a, b := full.History.Curve("train/loss").Values, half.History.Curve("train/loss").Values
	if seen != dtypes.BFloat16 || a[0] == b[0] || math.Abs(a[0]-b[0]) > 0.02 {
		t.Errorf("computed in %s, first losses %v and %v", seen, a[0], b[0])
	}
	if acc := half.History.Curve("valid/accuracy").Last(); acc < 0.85 {
		t.Errorf("accuracy %v in bfloat16, %v in float32", acc, full.History.Curve("valid/accuracy").Last())
	}
}

// TestBadRecipes says what is wrong with settings.
func TestBadRecipes(t *testing.T) {
	cases := map[string]func(*Model){
		"optimizer.Adam().WeightDecay": func(m *Model) { m.WeightDecay, m.Optimizer = 0.1, optimizer.Adam().Done() },
		"must not be negative":         func(m *Model) { m.ClipNorm = -1 },
		"below 1":                      func(m *Model) { m.Average = 1 },
		"float type":                   func(m *Model) { m.Compute = dtypes.Int8 },
		"no gradients":                 func(m *Model) { m.ClipNorm, m.Optimizer = 1, lossOnly{} },
		"does not read the variable":   func(m *Model) { m.Schedule, m.Optimizer = schedule.Constant(1), lossOnly{} },
	}
	for want, change := range cases {
		m := classifier(4)
		change(&m)
		_, err := Fit(nil, m, newBlobs("blobs", 64, 32), nil, NoCheckpoints(), Quiet(), pureGo(t))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to say %q", err, want)
		}
	}
}

// lossOnly is an optimizer that takes no gradients and has no rate.
type lossOnly struct{}

func (lossOnly) UpdateGraph(scope *model.Scope, g *graph.Graph, loss *graph.Node) {}
func (lossOnly) Clear(*model.Scope) error                                         { return nil }
