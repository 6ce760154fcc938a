// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train

import (
	"iter"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
)

// doubles is a data set of float64 examples in batches, always the same.
type doubles struct{ examples, batch int }

func (d doubles) Name() string { return "doubles" }
func (d doubles) Len() int     { return d.examples / d.batch }

func (d doubles) Iter() iter.Seq2[gomlx.Batch, error] {
	return func(yield func(gomlx.Batch, error) bool) {
		r := rand.New(rand.NewPCG(5, 6))
		for range d.Len() {
			var x []float64
			var y []int32
			for range d.batch {
				x = append(x, r.NormFloat64(), r.NormFloat64(), r.NormFloat64())
				y = append(y, r.Int32N(4))
			}
			batch := gomlx.Batch{
				Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(x, d.batch, 3)},
				Labels: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(y, d.batch, 1)},
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}

// TestGradients compares what one step of gradient descent with a rate of 1 subtracts from each weight with
// the central difference of the evaluated loss, all in float64: the whole way from the loss to the update,
// plain and of accumulated batches, on both backends.
func TestGradients(t *testing.T) {
	m := Model{
		Name: "gradient", Steps: 1, Seed: 2, LearningRate: 1,
		Optimizer: optimizer.StochasticGradientDescent().WithDecay(false).Done(),
		Graph: func(scope *model.Scope, x *graph.Node) *graph.Node {
			x = graph.Tanh(layers.Dense(scope.In("hidden"), x, true, 5))
			x = graph.Mul(x, graph.Sigmoid(layers.Dense(scope.In("gate"), x, true, 5)))
			return layers.Dense(scope.In("out"), x, true, 4)
		},
	}
	for _, c := range []struct {
		device Option
		parts  int
	}{{pureGo(t), 1}, {pureGo(t), 4}, {On(backend.Default()), 4}} { // XLA compiles slowly
		m.Accumulate = c.parts
		worst, weights := worstGradient(t, m, doubles{16, 16 / c.parts}, c.device)
		if worst > 1e-7 || weights != 3*5+5+5*5+5+5*4+4 {
			t.Errorf("on %s, %d batches to a step: %d gradients differ by up to %g from differences of the loss",
				gather([]Option{c.device}).device.Name, c.parts, weights, worst)
		}
	}
}

// worstGradient returns the greatest difference over all weights, and their number.
func worstGradient(t *testing.T, m Model, data gomlx.Dataset, device Option) (worst float64, weights int) {
	t.Helper()
	before := map[string][]float64{}
	fit, err := Fit(nil, m, data, nil, NoCheckpoints(), Quiet(), device, Before(1, func(now *Moment) error {
		for _, v := range now.Fitted.Variables(false) {
			before[v.Path] = now.Fitted.MustValues(v.Path)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer fit.Close()
	after := map[string][]float64{}
	for path := range before {
		after[path] = fit.MustValues(path)
	}
	set := func(path string, values []float64) {
		v := fit.Store.GetVariable(path)
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(append([]float64(nil), values...), v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
	for path, values := range before {
		set(path, values)
	}
	lossWith := func(path string, i int, change float64) float64 {
		values := append([]float64(nil), before[path]...)
		values[i] += change
		set(path, values)
		return MustEvaluate(fit, data).Loss
	}
	const h = 1e-5
	for path, values := range before {
		for i := range values {
			difference := (lossWith(path, i, h) - lossWith(path, i, -h)) / (2 * h)
			worst = max(worst, math.Abs(values[i]-after[path][i]-difference))
			weights++
		}
		set(path, values)
	}
	return worst, weights
}
