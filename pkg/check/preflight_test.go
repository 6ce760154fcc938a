// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package check_test

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/check"
	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/train"
)

// convnet is the network of notebooks/01-digits.ipynb at its first width.
func convnet(scope *model.Scope, x *Node) *Node {
	x = activation.Relu(layers.Convolution(scope.In("conv1"), x).Channels(16).KernelSize(3).PadSame().Done())
	x = activation.Relu(layers.Convolution(scope.In("conv2"), x).Channels(32).KernelSize(3).PadSame().Done())
	x = MaxPool(x).Window(2).Done()
	x = Reshape(x, x.Shape().Dimensions[0], -1)
	x = layers.DropoutStatic(scope.In("drop1"), x, 0.2)
	x = activation.Relu(layers.Dense(scope.In("hidden"), x, true, 64))
	x = layers.DropoutStatic(scope.In("drop2"), x, 0.2)
	return layers.Dense(scope.In("out"), x, true, 10)
}

func TestDigits(t *testing.T) {
	digits, err := dataset.LoadDigits(t.Context())
	if err != nil {
		t.Skipf("no digits here: %v", err)
	}
	half := digits.Scale(1.0 / 16).First(898)
	learn, held := half.First(718), half.Rest(718)
	for seed := range int64(1) {
		m := train.Model{Name: "digits", Graph: convnet, LearningRate: 2e-3, Seed: seed + 1}
		r, err := check.Preflight(m, learn.Batches(64, seed), held.Ordered(180), check.Quiet())
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r); for _, c := range r.Checks { t.Log(c.Name, c.Took) }
		if r.Verdict() != check.Pass {
			t.Error("false alarm")
		}
	}
}
