package update

import (
	"path"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Accumulate adds the gradients of a batch of n examples, and its loss, to the sums of the batches before
// it, each weighted by n: what [Take] then gives is the loss and the gradients of one batch that holds
// them all.
func Accumulate(scope *model.Scope, loss *graph.Node, grads []*graph.Node, n int) {
	g := loss.Graph()
	i := 0
	for v := range Trainable(scope, g) {
		sum := beside(scope, accumulatorScope, v)
		part := graph.MulScalar(graph.ConvertDType(grads[i], sum.DType()), n)
		sum.SetNodeValue(graph.Add(sum.NodeValue(g), part))
		i++
	}
	losses, examples := totals(scope, loss.Shape())
	losses.SetNodeValue(graph.Add(losses.NodeValue(g), graph.MulScalar(loss, n)))
	examples.SetNodeValue(graph.AddScalar(examples.NodeValue(g), n))
}

// totals returns the variables that sum losses and count examples.
func totals(scope *model.Scope, shape shapes.Shape) (losses, examples *model.Variable) {
	return counter(scope, path.Join(accumulatorScope, "loss"), shape), counter(scope, path.Join(accumulatorScope, "examples"), shape)
}

// Take returns the mean loss and the mean gradients of what was accumulated, in a graph of its own, and
// sets the sums back to zero.
func Take(scope *model.Scope, g *graph.Graph) (loss *graph.Node, grads []*graph.Node) {
	store := scope.Store()
	take := func(v *model.Variable) *graph.Node {
		sum := v.NodeValue(g)
		v.SetNodeValue(graph.ZerosLike(sum))
		return sum
	}
	examples := take(store.GetVariable(path.Join(accumulatorScope, "examples")))
	for v := range scope.IterVariables() {
		sum := store.GetVariable(path.Join(accumulatorScope, v.Path()))
		if !v.Trainable || sum == nil {
			continue
		}
		v.NodeValue(g) // optimizers look for the variables that a graph uses
		mean := graph.Div(take(sum), graph.ConvertDType(examples, sum.DType()))
		grads = append(grads, graph.ConvertDType(mean, v.DType()))
	}
	return graph.Div(take(store.GetVariable(path.Join(accumulatorScope, "loss"))), examples), grads
}
