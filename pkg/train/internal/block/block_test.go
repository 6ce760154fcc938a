package block

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
)

// size and features are those of the batches of these tests.
const (
	size     = 8
	features = 12
)

func like() []shapes.Shape {
	return []shapes.Shape{shapes.Make(dtypes.Float32, size, features), shapes.Make(dtypes.Float32, size, 1)}
}

// batch returns the i-th batch.
func batch(i int) []*tensors.Tensor {
	rng := rand.New(rand.NewPCG(7, uint64(i)))
	x, y := make([]float32, size*features), make([]float32, size)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
		y[i/features] += x[i]
	}
	return []*tensors.Tensor{
		tensors.FromFlatDataAndDimensions(x, size, features), tensors.FromFlatDataAndDimensions(y, size, 1)}
}

// network trains a small network with dropout, whose random state is a variable too.
func network(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	g := batch[0].Graph()
	scope.Store().SetTraining(g, true)
	h := graph.Tanh(layers.Dense(scope.In("hidden"), batch[0], true, 16))
	h = layers.DropoutStatic(scope.In("drop"), h, 0.3)
	out := layers.Dense(scope.In("out"), h, true, 1)
	l := graph.ReduceAllMean(loss.MeanSquaredError(batch[1:], []*graph.Node{out}))
	optimizer.Adam().LearningRate(0.01).Done().UpdateGraph(scope, g, l)
	return []*graph.Node{l, graph.ReduceAllMax(graph.Abs(out))}
}

// train makes steps in calls of the given sizes, and returns the results and all variables.
func train(t *testing.T, b compute.Backend, step Step, most int, calls ...int) (results [][]float64, variables []byte) {
	t.Helper()
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(3); err != nil {
		t.Fatal(err)
	}
	store.SetParam(model.ParamInitialSeed, int64(3))
	r, err := New(b, store, step, like(), most)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Most() != most {
		t.Fatalf("%d steps in a call, not %d: %v", r.Most(), most, r.refused)
	}
	next := 0
	for _, n := range calls {
		var batches [][]*tensors.Tensor
		for range n {
			batches = append(batches, batch(next))
			next++
		}
		out, err := r.Run(batches)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range out {
			v, err := Values(o, n)
			if err != nil {
				t.Fatal(err)
			}
			if len(results) <= i {
				results = append(results, nil)
			}
			results[i] = append(results[i], v...)
		}
	}
	var all bytes.Buffer
	for v := range store.IterVariables() {
		fmt.Fprintln(&all, v.Path(), v.Shape())
		value, err := v.Value()
		if err != nil {
			t.Fatal(err)
		}
		if err := value.ConstBytes(func(b []byte) { all.Write(b) }); err != nil {
			t.Fatal(err)
		}
	}
	return results, all.Bytes()
}

func TestDivisionAmongCallsChangesNoBit(t *testing.T) {
	const steps, most = 40, 16
	device := backend.Default()
	if device.Platform != "cpu" {
		t.Skip("the device is", device.Platform, "and not XLA's CPU")
	}
	b := device.Backend
	want, wantVars := train(t, b, network, most, 16, 16, 8)
	if got := len(want[0]); got != steps {
		t.Fatalf("%d losses of %d steps", got, steps)
	}
	if !(want[0][steps-1] < want[0][0]) {
		t.Errorf("the loss went from %g to %g; it should have fallen", want[0][0], want[0][steps-1])
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2 {
		var calls []int
		for left := steps; left > 0; {
			n := 1 + rng.IntN(min(most, left))
			calls, left = append(calls, n), left-n
		}
		got, gotVars := train(t, b, network, most, calls...)
		if !slices.EqualFunc(got, want, slices.Equal) || !bytes.Equal(gotVars, wantVars) {
			t.Errorf("calls of %v steps give other numbers than calls of 16, 16 and 8", calls)
		}
	}
}

func TestLoopComputesWhatStepsCompute(t *testing.T) {
	b := backend.Default().Backend
	one, _ := train(t, b, network, 1, slices.Repeat([]int{1}, 30)...)
	many, _ := train(t, b, network, 10, 10, 10, 10)
	for i := range one {
		for step := range one[i] {
			if a, b := one[i][step], many[i][step]; math.Abs(a-b) > 1e-3*math.Abs(a) {
				t.Errorf("result %d of step %d: %g by itself, %g in a loop", i, step, a, b)
			}
		}
	}
}

// looping is a model that has a loop of its own.
func looping(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	g := batch[0].Graph()
	shape := func(g *graph.Graph) []*graph.Node {
		return []*graph.Node{graph.Parameter(g, "i", shapes.Make(dtypes.Int32))}
	}
	cond := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		return []*graph.Node{graph.LessThan(shape(g)[0], number(g, 3))}
	})
	body := graph.NewClosure(g, func(g *graph.Graph) []*graph.Node {
		return []*graph.Node{graph.Add(shape(g)[0], number(g, 1))}
	})
	n := graph.ConvertDType(graph.While(cond, body, number(g, 0))[0], dtypes.Float32)
	return append(network(scope, batch), n)
}

func TestModelWithLoopsOfItsOwn(t *testing.T) {
	store := model.NewStore()
	if err := store.SetRNGStateFromSeed(3); err != nil {
		t.Fatal(err)
	}
	r, err := New(backend.Default().Backend, store, looping, like(), 16)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out, err := r.Run([][]*tensors.Tensor{batch(0)})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := Values(out[2], 1); err != nil || v[0] != 3 {
		t.Errorf("the model's loop gives %v, %v; want 3", v, err)
	}
}

func TestConvolutionsStayOutOfLoops(t *testing.T) {
	convolution := func(scope *model.Scope, batch []*graph.Node) []*graph.Node {
		x := graph.Reshape(batch[0], size, features, 1)
		x = layers.Convolution(scope.In("conv"), x).Channels(2).KernelSize(3).PadSame().Done()
		return []*graph.Node{graph.ReduceAllMean(x)}
	}
	r, err := New(backend.Default().Backend, model.NewStore(), convolution, like(), 16)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Most() != 1 {
		t.Errorf("%d steps in a call of a model that XLA slows down in loops, want 1", r.Most())
	}
}

func TestBadStepIsAnError(t *testing.T) {
	vector := func(_ *model.Scope, batch []*graph.Node) []*graph.Node { return batch[:1] }
	if _, err := New(backend.Default().Backend, model.NewStore(), vector, like(), 4); err == nil {
		t.Error("a step that returns no scalar is accepted")
	}
}

func TestCapacity(t *testing.T) {
	image := []shapes.Shape{shapes.Make(dtypes.Float32, 128, 28, 28, 1), shapes.Make(dtypes.Int32, 128, 1)}
	for _, c := range []struct {
		name string
		work float64
		like []shapes.Shape
		want int
	}{
		{"a large model", 4e9, image, 1},
		{"a small model", 1.6e8, image, 6},
		{"large batches", 1, image, 41},
		{"nothing", 0, nil, enoughBytes},
	} {
		if got := capacity(c.work, c.like); got != c.want {
			t.Errorf("%s: %d steps in a call, want %d", c.name, got, c.want)
		}
	}
}
