// Package layer holds parts of models that compute what GoMLX's own do, in a form that is faster on the
// devices at hand.
package layer

import (
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// MaxPool returns the largest value in each window of n by n, or n along each axis between the first and
// the last, of x: [batch, spatial..., channels]. Windows do not overlap, and what does not fill one at an
// end is left out, so each spatial axis becomes n times shorter, rounded down.
//
// It gives the values of graph.MaxPool(x).Window(n).Done(). Its gradient goes to the largest element of
// each window, and where several are equally large to each of them; GoMLX's goes to one. XLA computes that
// one on CPUs by a loop over windows, which can take longer than all the rest of a small convolutional
// network.
func MaxPool(x *graph.Node, n int) *graph.Node {
	dims := x.Shape().Dimensions
	if len(dims) < 3 || n < 1 {
		panic(fmt.Errorf("layer.MaxPool of windows of %d over shape %s: x must be [batch, spatial..., channels] and the window at least 1", n, x.Shape()))
	}
	last := len(dims) - 1
	cut := make([]graph.SliceAxisSpec, len(dims))
	split := dims[:1:1]
	var reduce []int
	for axis, d := range dims {
		cut[axis] = graph.AxisRange()
		if axis == 0 || axis == last {
			continue
		}
		if d < n {
			panic(fmt.Errorf("layer.MaxPool: a window of %d does not fit into axis %d of shape %s", n, axis, x.Shape()))
		}
		cut[axis] = graph.AxisRange(0, d-d%n)
		split = append(split, d/n, n)
		reduce = append(reduce, len(split)-1)
	}
	if slices.ContainsFunc(dims[1:last], func(d int) bool { return d%n != 0 }) {
		x = graph.Slice(x, cut...)
	}
	return graph.ReduceMax(graph.Reshape(x, append(split, dims[last])...), reduce...)
}
