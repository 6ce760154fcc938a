package main

import (
	"iter"
	"math"
	"math/rand/v2"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/layers/attention"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"

	"github.com/lathe-go/lathe/pkg/layer"
)

// A workload is a model with its data.
type workload struct {
	name    string
	step    gomlx.ModelFn
	loss    gomlx.LossFn
	every   int // steps between two looks at the clock: some milliseconds
	batches func() []gomlx.Batch
}

// The sizes of the GPT, which are those of nanoGPT's small configuration for CPUs.
const (
	vocabulary = 65
	context    = 64
	width      = 128
	depth      = 4
	heads      = 4
)

// workloads returns the four models by name. Their twins stand in frameworks.py.
func workloads() map[string]workload {
	crossEntropy := loss.SparseCategoricalCrossEntropyLogits
	return map[string]workload{
		"mlp":    {"mlp", mlp, crossEntropy, 20, images(784)},
		"cnn":    {"cnn", cnn(gomlxPool), crossEntropy, 1, images(28, 28, 1)},
		"cnn2":   {"cnn2", cnn(layer.MaxPool), crossEntropy, 1, images(28, 28, 1)},
		"gpt":    {"gpt", gpt, crossEntropy, 1, text},
		"logreg": {"logreg", logreg, loss.BinaryCrossentropyLogits, 1024, points},
	}
}

// mlp is 784-256-256-10. x: [batch, 784].
func mlp(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
	x := activation.Relu(layers.Dense(scope.In("h1"), in[0], true, 256))
	x = activation.Relu(layers.Dense(scope.In("h2"), x, true, 256))
	return []*graph.Node{layers.Dense(scope.In("out"), x, true, 10)}
}

// logreg is a logistic regression. x: [batch, 64].
func logreg(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
	return []*graph.Node{layers.Dense(scope.In("out"), in[0], true, 1)}
}

// cnn has two convolutions of 3x3, each with a pooling of 2x2, and two dense layers. x: [batch, 28, 28, 1].
func cnn(pool func(x *graph.Node, n int) *graph.Node) gomlx.ModelFn {
	return func(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
		x := in[0]
		for i, channels := range []int{32, 64} {
			x = layers.Convolution(scope.In("conv%d", i), x).Channels(channels).KernelSize(3).PadSame().Done()
			x = pool(activation.Relu(x), 2)
		}
		x = graph.Reshape(x, x.Shape().Dimensions[0], -1)
		x = activation.Relu(layers.Dense(scope.In("dense"), x, true, 128))
		return []*graph.Node{layers.Dense(scope.In("out"), x, true, 10)}
	}
}

// gomlxPool is the pooling that people find first.
func gomlxPool(x *graph.Node, n int) *graph.Node { return graph.MaxPool(x).Window(n).Done() }

// gpt is a transformer of characters without dropout and biases, its head tied to the embedding.
// tokens: [batch, context].
func gpt(scope *model.Scope, _ any, in []*graph.Node) []*graph.Node {
	g, batch := in[0].Graph(), in[0].Shape().Dimensions[0]
	scope = scope.WithInitializer(initializer.RandomNormalFn(scope, 0.02))
	tokens := scope.In("tokens").VariableWithShape("embeddings", shapes.Make(dtypes.Float32, vocabulary, width)).NodeValue(g)
	places := scope.In("places").VariableWithShape("embeddings", shapes.Make(dtypes.Float32, context, width)).NodeValue(g)
	x := graph.Add(graph.Gather(tokens, graph.InsertAxes(in[0], -1)), graph.InsertAxes(places, 0))
	for i := range depth {
		x = block(scope.In("layer_%d", i), x, batch)
	}
	return []*graph.Node{graph.Einsum("btd,vd->btv", normal(scope.In("norm"), x), tokens)}
}

// block is one layer of gpt. x: [batch, context, width].
func block(scope *model.Scope, x *graph.Node, batch int) *graph.Node {
	back := scope.WithInitializer(initializer.RandomNormalFn(scope, 0.02/math.Sqrt(2*depth)))
	qkv := layers.Dense(scope.In("qkv"), normal(scope.In("norm1"), x), false, 3*width)
	part := func(k int) *graph.Node {
		p := graph.Slice(qkv, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(k*width, (k+1)*width))
		return graph.Reshape(p, batch, context, heads, width/heads)
	}
	seen, _ := attention.Core(part(0), part(1), part(2), attention.LayoutBSHD, attention.CoreOptions{UseCausalMask: true})
	x = graph.Add(x, layers.Dense(back.In("proj"), graph.Reshape(seen, batch, context, width), false, width))
	h := activation.Gelu(layers.Dense(scope.In("wide"), normal(scope.In("norm2"), x), false, 4*width))
	return graph.Add(x, layers.Dense(back.In("narrow"), h, false, width))
}

func normal(scope *model.Scope, x *graph.Node) *graph.Node {
	return norm.LayerNorm(scope, x, -1).Epsilon(1e-5).LearnedOffset(false).Done()
}

// images returns 64 batches of 128 pictures of ten classes: a noisy prototype each.
func images(shape ...int) func() []gomlx.Batch {
	return func() []gomlx.Batch {
		rng := rand.New(rand.NewPCG(1, 1))
		prototypes := normals(rng, 10*784)
		return list(64, func() gomlx.Batch {
			x, y := normals(rng, 128*784), make([]int32, 128)
			for i := range y {
				y[i] = int32(rng.IntN(10))
				for j := range 784 {
					x[i*784+j] = x[i*784+j]/2 + prototypes[int(y[i])*784+j]
				}
			}
			return batch(tensors.FromFlatDataAndDimensions(x, append([]int{128}, shape...)...),
				tensors.FromFlatDataAndDimensions(y, 128, 1))
		})
	}
}

// text returns 64 batches of 12 texts, each character of which is the one before it plus a small number.
func text() []gomlx.Batch {
	rng := rand.New(rand.NewPCG(2, 2))
	return list(64, func() gomlx.Batch {
		x, y := make([]int32, 12*context), make([]int32, 12*context)
		at := int32(0)
		for i := range x {
			x[i] = at
			at = (at + 1 + int32(rng.IntN(3))) % vocabulary
			y[i] = at
		}
		return batch(tensors.FromFlatDataAndDimensions(x, 12, context), tensors.FromFlatDataAndDimensions(y, 12, context, 1))
	})
}

// points returns 256 batches of 32 points on two sides of a plane.
func points() []gomlx.Batch {
	rng := rand.New(rand.NewPCG(3, 3))
	return list(256, func() gomlx.Batch {
		x, y := normals(rng, 32*64), make([]float32, 32)
		for i := range y {
			if x[i*64]+x[i*64+1] > 0 {
				y[i] = 1
			}
		}
		return batch(tensors.FromFlatDataAndDimensions(x, 32, 64), tensors.FromFlatDataAndDimensions(y, 32, 1))
	})
}

func normals(rng *rand.Rand, n int) []float32 {
	list := make([]float32, n)
	for i := range list {
		list[i] = float32(rng.NormFloat64())
	}
	return list
}

func batch(x, y *tensors.Tensor) gomlx.Batch {
	return gomlx.Batch{Inputs: []*tensors.Tensor{x}, Labels: []*tensors.Tensor{y}}
}

func list(n int, next func() gomlx.Batch) []gomlx.Batch {
	var all []gomlx.Batch
	for range n {
		all = append(all, next())
	}
	return all
}

// Name makes a gate a data set.
func (g *gate) Name() string { return "speed" }

// Iter gives copies of the batches without end, as a data set in memory does.
func (g *gate) Iter() iter.Seq2[gomlx.Batch, error] {
	return func(yield func(gomlx.Batch, error) bool) {
		for i := 0; ; i++ {
			from := g.data[i%len(g.data)]
			x, err := from.Inputs[0].LocalClone()
			if err != nil {
				yield(gomlx.Batch{}, err)
				return
			}
			y, err := from.Labels[0].LocalClone()
			if !yield(batch(x, y), err) {
				return
			}
		}
	}
}
