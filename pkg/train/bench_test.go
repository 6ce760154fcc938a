// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train_test

import (
	"iter"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/train"
)

// convnet is the network of notebooks/01-digits.ipynb at its first width.
func convnet(width int) func(*model.Scope, *Node) *Node {
	return func(scope *model.Scope, x *Node) *Node {
		x = activation.Relu(layers.Convolution(scope.In("conv1"), x).Channels(width).KernelSize(3).PadSame().Done())
		x = activation.Relu(layers.Convolution(scope.In("conv2"), x).Channels(2 * width).KernelSize(3).PadSame().Done())
		x = MaxPool(x).Window(2).Done()
		x = Reshape(x, x.Shape().Dimensions[0], -1)
		x = layers.DropoutStatic(scope.In("drop1"), x, 0.2)
		x = activation.Relu(layers.Dense(scope.In("dense"), x, true, 64))
		x = layers.DropoutStatic(scope.In("drop2"), x, 0.2)
		return layers.Dense(scope.In("out"), x, true, 10)
	}
}

// BenchmarkDigits trains the notebook's model on the digits: b.N steps in one call of Fit.
func BenchmarkDigits(b *testing.B) {
	digits, err := dataset.LoadDigits(b.Context())
	if err != nil {
		b.Skipf("no digits here: %v", err)
	}
	half := digits.Scale(1.0 / 16).First(898)
	fit(b, train.Model{Name: "digits", Graph: convnet(16), LearningRate: 2e-3, Seed: 1}, half.Batches(64, 1))
}

// fit trains b.N steps and reports the rate after the first one, which compiles.
func fit(b *testing.B, m train.Model, data gomlx.Dataset) {
	m.Steps = b.N
	f, err := train.Fit(nil, m, data, nil, train.NoCheckpoints(), train.Quiet())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(f.Rate, "steps/s")
}

// perceptron is 784-256-256-10.
func perceptron(scope *model.Scope, x *Node) *Node {
	x = activation.Relu(layers.Dense(scope.In("h1"), x, true, 256))
	x = activation.Relu(layers.Dense(scope.In("h2"), x, true, 256))
	return layers.Dense(scope.In("out"), x, true, 10)
}

// noise gives batches of 128 random images of 784 pixels, made beforehand, as fresh host tensors.
type noise struct {
	x [][]float32
	y [][]int32
}

func newNoise() noise {
	r := rand.New(rand.NewPCG(1, 1))
	var n noise
	for range 16 {
		x, y := make([]float32, 128*784), make([]int32, 128)
		for i := range x {
			x[i] = r.Float32()
		}
		for i := range y {
			y[i] = r.Int32N(10)
		}
		n.x, n.y = append(n.x, x), append(n.y, y)
	}
	return n
}

func (n noise) Name() string { return "noise" }

func (n noise) batch(i int) gomlx.Batch {
	return gomlx.Batch{
		Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(n.x[i%16], 128, 784)},
		Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(n.y[i%16], 128, 1)},
	}
}

func (n noise) Iter() iter.Seq2[gomlx.Batch, error] {
	return func(yield func(gomlx.Batch, error) bool) {
		for i := 0; yield(n.batch(i), nil); i++ {
		}
	}
}

// BenchmarkLoop compares Fit with gomlx's own loop and with the bare execution of a step on batches that
// are on the device already: what is lost around the computation. The model is 784-256-256-10, the
// batch 128, the optimizer Adam.
func BenchmarkLoop(b *testing.B) {
	b.Run("fit", func(b *testing.B) {
		fit(b, train.Model{Graph: perceptron, Seed: 1}, newNoise())
	})
	b.Run("gomlx", benchmarkGomlxLoop)
	b.Run("bare", benchmarkBareStep)
}

func benchmarkGomlxLoop(b *testing.B) {
	data, store := newNoise(), model.NewStore()
	trainer := gomlx.NewTrainer(backend.Default().Backend, store, perceptron, loss.SparseCategoricalCrossEntropyLogits,
		optimizer.Adam().LearningRate(1e-3).Done(), nil, nil)
	loop := gomlx.NewLoop(trainer)
	if _, err := loop.RunSteps(data, 1); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	if _, err := loop.RunSteps(data, b.N); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}

func benchmarkBareStep(b *testing.B) {
	data, store, device := newNoise(), model.NewStore(), backend.Default().Backend
	opt := optimizer.Adam().LearningRate(1e-3).Done()
	exec := model.MustNewExec(device, store, func(scope *model.Scope, x, y *Node) *Node {
		store.SetTraining(x.Graph(), true)
		l := ReduceAllMean(loss.SparseCategoricalCrossEntropyLogits([]*Node{y}, []*Node{perceptron(scope, x)}))
		opt.UpdateGraph(scope, x.Graph(), l)
		return l
	})
	var batches []gomlx.Batch
	for i := range 16 {
		batch := data.batch(i)
		batch.Inputs[0].MustMaterializeOnDevice(device, false, 0)
		batch.Labels[0].MustMaterializeOnDevice(device, false, 0)
		batches = append(batches, batch)
	}
	step := func(i int) { exec.MustCall(batches[i%16].Inputs[0], batches[i%16].Labels[0])[0].MustFinalizeAll() }
	step(0)
	b.ResetTimer()
	for i := range b.N {
		step(i)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}
