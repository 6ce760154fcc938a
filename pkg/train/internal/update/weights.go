package update

import (
	"fmt"
	"path"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// Average moves the averaged weights towards those that the graph has just computed. After step t they
// are Σ decay^(t−i)·w(i) / Σ decay^(t−i) over the steps i = 1…t: an exponential moving average without the
// bias of its beginning (Kingma & Ba, Adam, 2015, section 3).
func Average(scope *model.Scope, g *graph.Graph, decay float64) {
	steps := counter(scope, path.Join(AverageScope, "steps"), shapes.Make(dtypes.Int64))
	t := graph.AddScalar(steps.NodeValue(g), 1)
	steps.SetNodeValue(t)
	for v := range Trainable(scope, g) {
		if !v.DType().IsFloat() {
			continue
		}
		if v.DType().IsHalfPrecision() {
			panic(fmt.Errorf("weights cannot be averaged in %s, as variable %s is kept; keep it in float32 and set Model.Compute", v.DType(), v.Path()))
		}
		mean := beside(scope, AverageScope, v)
		base := graph.Scalar(g, mean.DType(), decay)
		share := graph.Div(graph.OneMinus(base), graph.OneMinus(graph.Pow(base, graph.ConvertDType(t, mean.DType()))))
		old, now := mean.NodeValue(g), graph.ConvertDType(v.NodeValue(g), mean.DType())
		mean.SetNodeValue(graph.Add(old, graph.Mul(share, graph.Sub(now, old))))
	}
}

// A View is how a model sees its variables in a graph that computes predictions.
type View struct {
	Averaged bool              // it sees the averaged weights
	DType    dtypes.DType      // in which it sees its float32 variables, unless this is InvalidDType
	Own      []*model.Variable // those of the model, without an optimizer's
}

// Plain reports whether the model sees its variables as they are.
func (w View) Plain() bool { return !w.Averaged && w.DType == dtypes.InvalidDType }

// Inputs returns what the model is given: float32 inputs in the type of the view.
func (w View) Inputs(nodes []*graph.Node) []*graph.Node {
	return w.convert(nodes, dtypes.Float32, w.DType)
}

// Outputs returns what the model gives, back in float32.
func (w View) Outputs(nodes []*graph.Node) []*graph.Node {
	return w.convert(nodes, w.DType, dtypes.Float32)
}

func (w View) convert(nodes []*graph.Node, from, to dtypes.DType) []*graph.Node {
	if w.DType == dtypes.InvalidDType {
		return nodes
	}
	list := make([]*graph.Node, len(nodes))
	for i, n := range nodes {
		if n.DType() == from {
			n = graph.ConvertDType(n, to)
		}
		list[i] = n
	}
	return list
}

// Through builds a part of a graph in which the model sees its variables through a view. Afterwards they
// are what they were, so that gradients and updates are those of the variables themselves; a value that
// the model has set itself, such as a moving average of its own, stays set.
//
// GoMLX compares the type of a variable with the one that a layer asks for, so for the time of build a
// variable holds an empty value of the other type. Variables that exist for the first time within build
// are made in the type that the layer asks for; callers build once without a view before.
func (w View) Through(scope *model.Scope, g *graph.Graph, build func()) {
	var undo []func()
	defer func() {
		for _, f := range undo {
			f()
		}
	}()
	for _, v := range w.Own {
		if f := w.show(scope, g, v); f != nil {
			undo = append(undo, f)
		}
	}
	build()
}

// show makes v look as w says and returns what takes that back; nil if there is nothing to do.
func (w View) show(scope *model.Scope, g *graph.Graph, v *model.Variable) (undo func()) {
	average := scope.Store().GetVariable(path.Join(AverageScope, v.Path()))
	lower := w.DType != dtypes.InvalidDType && v.DType() == dtypes.Float32
	if (!w.Averaged || average == nil) && !lower {
		return nil
	}
	own := v.NodeValue(g)
	seen, back := own, func() {}
	if w.Averaged && average != nil {
		seen = graph.ConvertDType(average.NodeValue(g), v.DType())
	}
	if lower {
		back = disguise(v, w.DType)
		seen = graph.ConvertDType(seen, w.DType)
	}
	v.SetNodeValue(seen)
	return func() {
		back()
		if set := v.NodeValue(g); set != seen {
			own = graph.ConvertDType(set, own.DType())
		}
		v.SetNodeValue(own)
	}
}

// disguise gives v a value of another type until back is called.
func disguise(v *model.Variable, dtype dtypes.DType) (back func()) {
	shape := v.Shape()
	var held *tensors.Tensor
	if v.HasValue() {
		held = v.MustValue()
	}
	set := func(t *tensors.Tensor) {
		if err := v.SetValuePreservingOld(t); err != nil {
			panic(err)
		}
	}
	other := shape.Clone()
	other.DType = dtype
	set(tensors.FromShape(other))
	return func() {
		if held != nil {
			set(held)
			return
		}
		set(tensors.FromShape(shape)) // for its shape
		set(nil)
	}
}
