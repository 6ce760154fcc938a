// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package layer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/layer"
)

func TestMaxPoolIsThatOfGoMLX(t *testing.T) {
	b := backend.Default().Backend
	for _, c := range []struct {
		dims []int
		n    int
	}{
		{[]int{3, 8, 6, 2}, 2}, {[]int{2, 7, 9, 3}, 2}, {[]int{2, 7, 9, 1}, 3}, {[]int{4, 10, 5}, 5}, {[]int{1, 4, 4, 4, 2}, 2}, {[]int{2, 3, 3, 1}, 1},
	} {
		t.Run(fmt.Sprint(c.dims, c.n), func(t *testing.T) {
			x := random(c.dims)
			got := values(t, b, x, func(x *graph.Node) *graph.Node { return layer.MaxPool(x, c.n) })
			want := values(t, b, x, func(x *graph.Node) *graph.Node { return graph.MaxPool(x).Window(c.n).Done() })
			if !slices.Equal(got, want) {
				t.Errorf("values and gradients are %v, want %v", got, want)
			}
		})
	}
}

// random returns a tensor of different values.
func random(dims []int) *tensors.Tensor {
	n := 1
	for _, d := range dims {
		n *= d
	}
	list := make([]float32, n)
	for i, p := range rand.New(rand.NewPCG(1, uint64(n))).Perm(n) {
		list[i] = float32(p)
	}
	return tensors.FromFlatDataAndDimensions(list, dims...)
}

// values returns what pool makes of x, and the gradient of the sum of its squares.
func values(t *testing.T, b compute.Backend, x *tensors.Tensor, pool func(*graph.Node) *graph.Node) []float32 {
	t.Helper()
	exec, err := graph.NewExec(b, func(x *graph.Node) (*graph.Node, *graph.Node) {
		y := pool(x)
		return y, graph.Gradient(graph.ReduceAllSum(graph.Square(y)), x)[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	defer exec.Finalize()
	out, err := exec.Call(x)
	if err != nil {
		t.Fatal(err)
	}
	var all []float32
	for _, o := range out {
		all = append(all, tensors.MustCopyFlatData[float32](o)...)
	}
	return all
}

func TestMaxPoolSaysWhatDoesNotFit(t *testing.T) {
	b := backend.Default().Backend
	for _, dims := range [][]int{{4, 4}, {2, 1, 4, 1}} {
		exec := graph.MustNewExec(b, func(x *graph.Node) *graph.Node { return layer.MaxPool(x, 2) })
		if _, err := exec.Call(random(dims)); err == nil {
			t.Errorf("shape %v is accepted", dims)
		}
		exec.Finalize()
	}
}

func ExampleMaxPool() {
	exec := graph.MustNewExec(backend.Default().Backend, func(x *graph.Node) *graph.Node { return layer.MaxPool(x, 2) })
	defer exec.Finalize()
	x := [][][][]float32{{{{1}, {2}, {0}, {0}}, {{3}, {4}, {0}, {9}}}} // one image of 2 by 4, one channel
	fmt.Println(exec.MustCall(x)[0].Value())
	// Output: [[[[4] [9]]]]
}
