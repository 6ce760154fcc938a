// Package update builds what stands between a loss and the variables in the graph of a training step:
// clipped and accumulated gradients, a scheduled learning rate, averaged weights, and variables that the
// model sees in another type. All functions build graphs and panic on errors, as GoMLX's do.
package update

import (
	"fmt"
	"iter"
	"path"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// Scopes under which this package keeps variables: one for each trainable one, under its path.
const (
	AverageScope     = "/average"     // averaged weights
	accumulatorScope = "/accumulated" // sums of gradients
)

// PerStep returns the functions that layers of a graph want to be run on the graph of each update, such as
// constraints on weights.
func PerStep(g *graph.Graph) []func(*graph.Graph) {
	var list []func(*graph.Graph)
	store := model.GetStore(g)
	for p := range store.IterGraphParams(g) {
		f, ok := p.Value.(gomlx.ModelGraphFn)
		if ok && p.Key == gomlx.TrainerPerStepUpdateGraphFnParamKey {
			list = append(list, func(g *graph.Graph) { f(store.Scope(p.Scope), g) })
		}
	}
	return list
}

// Trainable iterates over the trainable variables that a graph uses, in the order in which optimizers take
// their gradients.
func Trainable(scope *model.Scope, g *graph.Graph) iter.Seq[*model.Variable] {
	return func(yield func(*model.Variable) bool) {
		for v := range scope.IterVariables() {
			if v.Trainable && v.InUseByGraph(g) && !yield(v) {
				return
			}
		}
	}
}

// beside returns the variable that belongs to v in another scope, and makes it, of zeros, on the first
// call. Half-precision variables get a partner in single precision, which sums need.
func beside(scope *model.Scope, root string, v *model.Variable) *model.Variable {
	shape := v.Shape().Clone()
	if shape.DType.IsHalfPrecision() {
		shape.DType = dtypes.Float32
	}
	return counter(scope, path.Join(root, v.Path()), shape)
}

// counter returns a variable that begins with zeros and that no optimizer touches.
func counter(scope *model.Scope, at string, shape shapes.Shape) *model.Variable {
	in, name := path.Split(at)
	return scope.Store().Scope(path.Clean(in)).WithInitializer(initializer.Zero).VariableWithShape(name, shape).SetTrainable(false)
}

// Apply has an optimizer apply gradients, which it must be able to take.
func Apply(opt optimizer.Interface, scope *model.Scope, grads []*graph.Node, loss dtypes.DType) {
	o, ok := opt.(gomlx.OptimizeWithGradients)
	if !ok {
		panic(fmt.Errorf("the optimizer %T takes only a loss, no gradients, so they cannot be clipped or accumulated; "+
			"GoMLX's Adam, RMSProp and SGD take them", opt))
	}
	o.UpdateGraphWithGradients(scope, grads, loss)
}

// Clip bounds gradients: first each value to [−value, value], then all together to a Euclidean norm, by
// one factor (Pascanu et al., On the difficulty of training recurrent neural networks, 2013, algorithm 1).
// A bound of zero is none.
func Clip(grads []*graph.Node, value, norm float64) {
	if value > 0 {
		for i, d := range grads {
			grads[i] = graph.ClipScalar(d, -value, value)
		}
	}
	if norm <= 0 || len(grads) == 0 {
		return
	}
	var sum *graph.Node
	for _, d := range grads {
		square := graph.ReduceAllSum(graph.Square(graph.ConvertDType(d, sumType(d))))
		if sum != nil {
			square = graph.Add(sum, graph.ConvertDType(square, sum.DType()))
		}
		sum = square
	}
	length := graph.Sqrt(sum)
	factor := graph.Div(graph.Scalar(sum.Graph(), sum.DType(), norm), graph.MaxScalar(length, norm))
	for i, d := range grads {
		grads[i] = graph.Mul(d, graph.ConvertDType(factor, d.DType()))
	}
}

// sumType is the type in which squares of a node are summed.
func sumType(n *graph.Node) dtypes.DType {
	if n.DType() == dtypes.Float64 {
		return dtypes.Float64
	}
	return dtypes.Float32
}

// SetRate makes the optimizers of a graph use a learning rate, a scalar of any type. The variable from
// which they read it must exist; SetRate reports whether it does.
func SetRate(scope *model.Scope, rate *graph.Node) bool {
	v := scope.Store().GetVariable(path.Join("/", optimizer.Scope, optimizer.ParamLearningRate))
	if v == nil {
		return false
	}
	v.SetNodeValue(graph.ConvertDType(rate, v.DType()))
	return true
}
