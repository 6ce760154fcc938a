// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package check_test

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/check"
	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/train"
)

// A planting is a model and its data, which a test spoils in one place.
type planting struct {
	model        train.Model
	learn, valid dataset.Table
}

const side, kinds = 5, 5

// stamps are pictures of five patterns under noise.
func stamps(seed uint64, n int) dataset.Table {
	patterns, r := rand.New(rand.NewPCG(7, 7)), rand.New(rand.NewPCG(seed, 1))
	pattern := make([]float32, kinds*side*side)
	for i := range pattern {
		pattern[i] = patterns.Float32()
	}
	t := dataset.Table{Name: "stamps", Shape: []int{side, side, 1}, Classes: kinds}
	for range n {
		y := r.IntN(kinds)
		t.Y = append(t.Y, int32(y))
		for p := range side * side {
			t.X = append(t.X, pattern[y*side*side+p]+float32(r.NormFloat64())*0.25)
		}
	}
	return t
}

// TestMain makes pure Go the default device: it has no compiler, which takes most of the time of small models.
func TestMain(m *testing.M) {
	os.Setenv("GOMLX_BACKEND", "go")
	os.Exit(m.Run())
}

// xla is the device that users have.
func xla(t testing.TB) *backend.Device {
	t.Setenv("GOMLX_BACKEND", "")
	d, err := backend.Open(backend.Strict())
	if err != nil {
		t.Skipf("no XLA here: %v", err)
	}
	return d
}

func flat(x *Node) *Node { return Reshape(x, x.Shape().Dimensions[0], -1) }

// perceptron is a good model of stamps.
func perceptron(scope *model.Scope, x *Node) *Node {
	x = activation.Relu(layers.Dense(scope.In("hidden"), flat(x), true, 32))
	return layers.Dense(scope.In("out"), x, true, kinds)
}

func sound(seed int64) planting {
	return planting{
		model: train.Model{Name: "stamps", Graph: perceptron, LearningRate: 5e-3, Seed: seed},
		learn: stamps(uint64(seed)*2, 600), valid: stamps(uint64(seed)*2+1, 300),
	}
}

func (p planting) fly(t *testing.T, opts ...check.Option) *check.Report {
	t.Helper()
	r, err := check.Preflight(p.model, p.learn.Batches(32, 1), p.valid.Ordered(64), append(opts, check.Quiet())...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// convnet is the network of notebooks/01-digits.ipynb at its first width.
func convnet(scope *model.Scope, x *Node) *Node {
	x = activation.Relu(layers.Convolution(scope.In("conv1"), x).Channels(16).KernelSize(3).PadSame().Done())
	x = activation.Relu(layers.Convolution(scope.In("conv2"), x).Channels(32).KernelSize(3).PadSame().Done())
	x = flat(MaxPool(x).Window(2).Done())
	x = layers.DropoutStatic(scope.In("drop1"), x, 0.2)
	x = activation.Relu(layers.Dense(scope.In("hidden"), x, true, 64))
	x = layers.DropoutStatic(scope.In("drop2"), x, 0.2)
	return layers.Dense(scope.In("out"), x, true, 10)
}

// TestSoundModel holds that a good model gives no alarm, whatever the seed.
func TestSoundModel(t *testing.T) {
	for seed := range int64(5) {
		if r := sound(seed + 1).fly(t); r.Verdict() != check.Pass || r.Err() != nil {
			t.Errorf("seed %d: a false alarm\n%s", seed+1, r)
		}
	}
}

// TestDigits is the same for the network of the first notebook, on its data.
func TestDigits(t *testing.T) {
	digits, err := dataset.LoadDigits(t.Context())
	if err != nil {
		t.Skipf("no digits here: %v", err)
	}
	half := digits.Scale(1.0 / 16).First(898)
	p := planting{train.Model{Name: "digits", LearningRate: 2e-3, Seed: 1, Graph: convnet}, half.First(718), half.Rest(718)}
	r := p.fly(t, check.On(xla(t)), check.Steps(40), check.Only(check.DataSane, check.BatchShown, check.InitialLossOK,
		check.OwnExample, check.LossFalls, check.EveryLayer)) // the others take a compilation each
	if r.Verdict() != check.Pass {
		t.Errorf("a false alarm\n%s", r)
	}
	t.Log(r.Took)
}

// bugs are what people really get wrong, and the check that must not pass.
var bugs = []struct {
	name  string
	plant func(*planting)
	check string
}{
	{"a reshape that mixes examples", func(p *planting) {
		p.model.Graph = func(scope *model.Scope, x *Node) *Node {
			n := x.Shape().Dimensions[0]
			return perceptron(scope, Reshape(Transpose(Reshape(x, n, side*side), 0, 1), n, side, side, 1))
		}
	}, check.OwnExample},
	{"a mean over the batch", func(p *planting) {
		p.model.Graph = func(scope *model.Scope, x *Node) *Node {
			return perceptron(scope, Sub(x, ReduceAndKeep(x, ReduceMean, 0)))
		}
	}, check.OwnExample},
	{"inputs that do not reach the output", func(p *planting) {
		p.model.Graph = func(scope *model.Scope, x *Node) *Node { return perceptron(scope, ZerosLike(x)) }
	}, check.OwnExample},
	{"labels that count from 1", func(p *planting) { relabel(p, func(y int32) int32 { return y + 1 }) }, check.DataSane},
	{"labels of the example before", func(p *planting) {
		for _, t := range []*dataset.Table{&p.learn, &p.valid} {
			t.Y = append(slices.Clone(t.Y[1:]), t.Y[0])
		}
	}, check.InputsMatter},
	{"inputs that are not scaled", func(p *planting) { p.learn, p.valid = p.learn.Scale(255), p.valid.Scale(255) }, check.InitialLossOK},
	{"initial values that are too large", func(p *planting) {
		p.model.Graph = func(scope *model.Scope, x *Node) *Node { return MulScalar(perceptron(scope, x), 30) }
	}, check.InitialLossOK},
	{"a layer without a gradient", func(p *planting) {
		p.model.Graph = func(scope *model.Scope, x *Node) *Node {
			x = StopGradient(activation.Relu(layers.Dense(scope.In("hidden"), flat(x), true, 32)))
			return layers.Dense(scope.In("out"), x, true, kinds)
		}
	}, check.EveryLayer},
	{"numbers from outside the graph", func(p *planting) {
		p.model.Graph = func(scope *model.Scope, x *Node) *Node { return MulScalar(perceptron(scope, x), 1+rand.Float64()/100) }
	}, check.SameSeed},
	{"the wrong sign of the loss", func(p *planting) {
		p.model.Loss = func(labels, predictions []*Node) *Node {
			return Neg(loss.SparseCategoricalCrossEntropyLogits(labels, predictions))
		}
	}, check.TinyBatch},
	{"a loss that does not look at labels", func(p *planting) {
		p.model.Loss = func(_, predictions []*Node) *Node { return Neg(ReduceMax(LogSoftmax(predictions[0]), -1)) }
	}, check.ShuffledLabels},
	{"the label among the inputs", func(p *planting) {
		for _, t := range []*dataset.Table{&p.learn, &p.valid} {
			for i, y := range t.Y {
				t.X[i*side*side+3] = float32(y) / kinds
			}
		}
	}, check.DataSane},
	{"examples in both parts", func(p *planting) { p.valid = p.learn.First(100) }, check.DataSane},
	{"values that are not numbers", func(p *planting) { p.learn.X[77] = float32(math.NaN()) }, check.DataSane},
	{"a step that is far too small", func(p *planting) { p.model.LearningRate = 1e-9 }, check.LossFalls},
	{"a step that is far too large", func(p *planting) {
		p.model.Optimizer = optimizer.StochasticGradientDescent().WithLearningRate(1e4).WithDecay(false).Done()
	}, check.LossFalls},
	{"a last layer that is one too wide", func(p *planting) {
		p.model.Graph = func(scope *model.Scope, x *Node) *Node {
			x = activation.Relu(layers.Dense(scope.In("hidden"), flat(x), true, 32))
			return layers.Dense(scope.In("out"), x, true, kinds+1)
		}
		relabel(p, func(y int32) int32 { return y + 1 })
	}, check.DataSane},
}

func relabel(p *planting, f func(int32) int32) {
	for _, t := range []*dataset.Table{&p.learn, &p.valid} {
		t.Y = slices.Clone(t.Y)
		for i, y := range t.Y {
			t.Y[i] = f(y)
		}
	}
}

// TestPlantedBugs holds that each bug is found by the check that is made for it.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range bugs {
		t.Run(bug.name, func(t *testing.T) {
			p := sound(1)
			bug.plant(&p)
			r := p.fly(t, check.Steps(60), check.Tiny(4, 300))
			if c := r.Check(bug.check); c.Verdict == check.Pass || c.Verdict == check.Skip || c.Advice == "" {
				t.Errorf("not found by %q\n%s", bug.check, r)
			}
		})
	}
}

// A series gives sequences of numbers, and labels that follow from them: half the sum of all up to each moment.
type series struct {
	seed uint64
	from int // the batch that comes next, which an iteration counts up
}

const length = 6

func (s *series) Name() string { return "series" }

func (s *series) Iter() iter.Seq2[gomlx.Batch, error] {
	return func(yield func(gomlx.Batch, error) bool) {
		for i := range 20 {
			r := rand.New(rand.NewPCG(s.seed, uint64(i)))
			x, y := make([]float32, 16*length), make([]float32, 16*length)
			sum := float32(0)
			for k := range x {
				x[k] = float32(r.NormFloat64())
				if k%length == 0 {
					sum = 0
				}
				sum += x[k]
				y[k] = sum / 2
			}
			s.from++
			if !yield(gomlx.Batch{
				Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, 16, length, 1)},
				Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, 16, length, 1)},
			}, nil) {
				return
			}
		}
	}
}

// running is a causal model: what it says at a moment depends on sums up to that moment.
func running(scope *model.Scope, x *Node) *Node {
	h := Tanh(layers.Dense(scope.In("hidden"), Concatenate([]*Node{x, CumSum(x, 1)}, -1), true, 16))
	return MulScalar(layers.Dense(scope.In("out"), h, true, 1), 0.3)
}

// TestNumbersOverTime tries a model of sequences whose answers are numbers.
func TestNumbersOverTime(t *testing.T) {
	m := train.Model{Name: "series", Graph: running, Loss: loss.MeanSquaredError, LearningRate: 0.02, Seed: 1}
	opts := []check.Option{check.Quiet(), check.Causal(1), check.Steps(200), check.Tiny(2, 2000)}
	data := &series{seed: 1}
	r, err := check.Preflight(m, data, nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict() != check.Pass || len(r.Notes) != 2 {
		t.Errorf("a false alarm, or notes that are not of a position that is lost and of examples held out\n%s", r)
	}
	if c := r.Check(check.OwnExample); !strings.Contains(c.Measured, "6 moments") {
		t.Errorf("time was not looked at: %+v", c)
	}
	m.Graph = func(scope *model.Scope, x *Node) *Node {
		return Add(running(scope, x), ReduceAndKeep(x, ReduceMean, 1))
	}
	r, err = check.Preflight(m, data, nil, append(opts, check.Only(check.OwnExample))...)
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Check(check.OwnExample); c.Verdict != check.Fail || !strings.Contains(c.Measured, "at time 0 changes with the input at time 1") {
		t.Errorf("a look into the future is not found:\n%s", r)
	}
}

// TestLeavesAlone holds that a preflight changes neither the position of data nor the model.
func TestLeavesAlone(t *testing.T) {
	p := sound(3)
	data := p.learn.Batches(32, 9)
	for range data.Iter() { // somewhere in the second epoch
		if state, _ := data.State(); strings.Contains(string(state), `"next":5`) {
			break
		}
	}
	before, err := data.State()
	if err != nil {
		t.Fatal(err)
	}
	r, err := check.Preflight(p.model, data, nil, check.Quiet(), check.Only(check.DataSane, check.LossFalls))
	if err != nil || len(r.Checks) != 2 {
		t.Fatalf("%v, %v", r, err)
	}
	after, err := data.State()
	if err != nil || string(after) != string(before) {
		t.Errorf("the position was %s and is %s (%v)", before, after, err)
	}
	if p.model.Steps != 0 || p.model.Optimizer != nil {
		t.Errorf("the model was changed: %+v", p.model)
	}
}

// TestInterrupted holds that an interrupt leaves what was found.
func TestInterrupted(t *testing.T) {
	p := sound(1)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	p.model.Graph = func(scope *model.Scope, x *Node) *Node {
		if calls++; calls == 8 {
			cancel() // within one of the short trainings
		}
		return perceptron(scope, x)
	}
	r := p.fly(t, check.Context(ctx))
	if !r.Interrupted || len(r.Checks) != 10 || r.Checks[0].Verdict != check.Pass || r.Checks[9].Verdict != check.Skip {
		t.Errorf("interrupted: %v\n%s", r.Interrupted, r)
	}
}

// TestErrors holds what is said when nothing can be checked.
func TestErrors(t *testing.T) {
	p := sound(1)
	p.model.Graph = func(scope *model.Scope, x *Node) *Node {
		return Add(x, Zeros(x.Graph(), shapes.Make(dtypes.Float32, 2)))
	}
	_, err := check.Preflight(p.model, p.learn.Batches(32, 1), nil, check.Quiet())
	if err == nil || !strings.Contains(err.Error(), `model "stamps" on a batch of inputs (Float32)[32, 5, 5, 1]`) {
		t.Errorf("error %v", err)
	}
}

// TestReportShown holds what a report looks like.
func TestReportShown(t *testing.T) {
	p := sound(1)
	p.model.Name = "<b>"
	p.model.LearningRate = 1e-9
	r := p.fly(t)
	html, text := r.HTML(), r.String()
	if strings.Contains(html, "<b>:") || strings.Count(html, "<tr>") != 11 || strings.Count(html, "<svg") < 5 || !strings.Contains(html, "data:image/png") {
		t.Errorf("HTML:\n%s", html)
	}
	for _, want := range []string{"Preflight of <b>: ", "fail  learns a tiny batch", "to do: see the sign of the loss"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "learns a tiny batch") {
		t.Errorf("error %v", err)
	}
}
