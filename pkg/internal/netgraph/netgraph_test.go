// The race detector makes the PJRT plugin free memory twice; so nothing that uses it is tested under it.

//go:build !race

package netgraph

import (
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/layers/norm"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/train"
)

// network has layers of many kinds: one with several results, some with activations of more than one
// operation, a way around a layer, and variables that are not trainable.
func network(scope *model.Scope, x *Node) *Node {
	x = layers.Convolution(scope.In("conv"), x).Channels(6).KernelSize(3).PadSame().Done()
	x = activation.Swish(norm.BatchNorm(scope.In("bn"), x, -1).Done())
	x = Reshape(x, x.Shape().Dimensions[0], -1)
	h := activation.Gelu(layers.Dense(scope.In("first"), x, true, 12))
	h = layers.DropoutStatic(scope.In("drop"), h, 0.3)
	h = Add(h, activation.Relu(layers.Dense(scope.In("second"), h, true, 12)))
	h = norm.LayerNorm(scope.In("ln"), h, -1).Done()
	return layers.Dense(scope.In("out"), h, true, 5)
}

// TestLayers builds the network, without compiling it, and finds its layers.
func TestLayers(t *testing.T) {
	d, err := backend.Open(backend.Strict())
	if err != nil {
		t.Skipf("no XLA here: %v", err) // pure Go cannot build batch normalisation
	}
	g, store := NewGraph(d.Backend, "network"), model.NewStore()
	defer g.Finalize()
	model.SetStore(g, store)
	store.SetTraining(g, true)
	x := Parameter(g, "x", shapes.Make(dtypes.Float32, 4, 8, 8, 2))
	found := Layers(g, store, Predict(train.Model{Graph: network}, store.RootScope(), nil, []*Node{x}))
	want := []struct {
		name  string
		vars  int
		shape []int
		act   NodeType
	}{
		{"conv/conv", 2, []int{4, 8, 8, 6}, NodeTypeAdd},
		{"bn/batch_normalization", 2, []int{4, 8, 8, 6}, NodeTypeMul},
		{"first/dense", 2, []int{4, 12}, 0},
		{"second/dense", 2, []int{4, 12}, NodeTypeMax},
		{"ln/layer_normalization", 2, []int{4, 12}, NodeTypeAdd},
		{"out/dense", 2, []int{4, 5}, NodeTypeAdd},
	}
	if len(found) != len(want) {
		t.Fatalf("%d layers, want %d", len(found), len(want))
	}
	for i, w := range want {
		l := found[i]
		if l.Name != w.name || len(l.Vars) != w.vars || l.Out == nil || l.Act == nil {
			t.Errorf("layer %d: %+v, want %s", i, l, w.name)
			continue
		}
		if l.Act.Shape().CheckDims(w.shape...) != nil || w.act != 0 && l.Act.Type() != w.act {
			t.Errorf("%s gives %s, want %v of shape %v", l.Name, l.Act, w.act, w.shape)
		}
	}
	if found[2].Act == found[2].Out {
		t.Error("the activation of first was not found")
	}
}
