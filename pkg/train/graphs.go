package train

import (
	"fmt"
	"strings"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/train/internal/blame"
	"github.com/lathe-go/lathe/pkg/train/internal/update"
)

// trainGraph builds one optimizer step on a batch, which the learning rate follows if it is scheduled. It
// returns the loss, a scalar. If gradients are accumulated, it only adds those of the batch.
func (e *engine) trainGraph(scope *model.Scope, args []*graph.Node) []*graph.Node {
	g := args[0].Graph()
	scope.Store().SetTraining(g, true)
	batch, rate := args[:len(e.shapes)], args[len(e.shapes):]
	total, _ := e.loss(scope, batch, false)
	if e.model.Accumulate > 1 {
		e.perStep = update.PerStep(g)
		update.Accumulate(scope, total, scope.BuildTrainableVariablesGradientsGraph(total), args[0].Shape().Dimensions[0])
		return []*graph.Node{total}
	}
	e.setRate(scope, rate)
	if e.model.ClipValue > 0 || e.model.ClipNorm > 0 {
		e.applyGradients(scope, total, scope.BuildTrainableVariablesGradientsGraph(total))
	} else {
		e.model.Optimizer.UpdateGraph(scope, g, total)
	}
	gomlx.ExecPerStepUpdateGraphFn(g)
	e.averageWeights(scope, g)
	return []*graph.Node{total}
}

// applyGraph builds the optimizer step on accumulated gradients. It returns their loss.
func (e *engine) applyGraph(scope *model.Scope, g *graph.Graph, rate []*graph.Node) []*graph.Node {
	e.setRate(scope, rate)
	total, grads := update.Take(scope, g)
	e.applyGradients(scope, total, grads)
	for _, f := range e.perStep {
		f(g)
	}
	e.averageWeights(scope, g)
	return []*graph.Node{total}
}

// applyGradients has the optimizer apply gradients, clipped.
func (e *engine) applyGradients(scope *model.Scope, loss *graph.Node, grads []*graph.Node) {
	update.Clip(grads, e.model.ClipValue, e.model.ClipNorm)
	update.Apply(e.model.Optimizer, scope, grads, loss.DType())
}

// averageWeights keeps the averaged weights, if the model asks for them.
func (e *engine) averageWeights(scope *model.Scope, g *graph.Graph) {
	if e.model.Average > 0 {
		update.Average(scope, g, e.model.Average)
	}
}

// setRate makes the optimizer use a scheduled learning rate. It cannot before the optimizer has made its
// variables, see discover.
func (e *engine) setRate(scope *model.Scope, rate []*graph.Node) {
	if len(rate) > 0 && !update.SetRate(scope, rate[0]) {
		panic(fmt.Errorf("the optimizer %T does not read the variable /%s/%s, so a Schedule cannot set its rate",
			e.model.Optimizer, optimizer.Scope, optimizer.ParamLearningRate))
	}
}

// loss builds predictions for a batch and their loss, a scalar.
func (e *engine) loss(scope *model.Scope, batch []*graph.Node, averaged bool) (total *graph.Node, predictions []*graph.Node) {
	inputs, labels := batch[:e.inputs], batch[e.inputs:]
	g := batch[0].Graph()
	view := update.View{Averaged: averaged, DType: e.model.Compute, Own: e.own}
	predict := func(inputs []*graph.Node) {
		blame.Guard("the model function", scope, g, func() { predictions = e.model.predict(scope, e.spec, inputs) })
	}
	if view.Plain() || len(e.own) == 0 {
		predict(inputs)
	} else {
		view.Through(scope, g, func() { predict(view.Inputs(inputs)) })
		predictions = view.Outputs(predictions)
	}
	in := fmt.Sprintf("the loss of labels %s and predictions %s", shapesIn(labels), shapesIn(predictions))
	blame.Guard(in, scope, g, func() { gomlx.AddMainLoss(e.model.Loss(labels, predictions)) })
	return gomlx.TotalLoss(g), predictions
}

// evalGraph builds the evaluation of one batch. It returns the loss, a scalar, and the predicted class
// of each example, shape [batch], if the model is a classifier of the labels.
func (e *engine) evalGraph(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	return e.evaluation(scope, batch, false)
}

// averageGraph is evalGraph with averaged weights.
func (e *engine) averageGraph(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	return e.evaluation(scope, batch, true)
}

func (e *engine) evaluation(scope *model.Scope, batch []*graph.Node, averaged bool) []*graph.Node {
	scope.Store().SetTraining(batch[0].Graph(), false)
	total, predictions := e.loss(scope, batch, averaged)
	out := []*graph.Node{total}
	if classifies(batch[e.inputs:], predictions) {
		out = append(out, graph.ArgMax(predictions[0], -1))
	}
	return out
}

// classifies reports whether predictions are scores of classes, one row for each integer label.
func classifies(labels, predictions []*graph.Node) bool {
	if len(labels) == 0 || len(predictions) == 0 || !labels[0].DType().IsInt() {
		return false
	}
	l, p := labels[0].Shape(), predictions[0].Shape()
	return p.Rank() == 2 && p.Dimensions[1] > 1 && l.Size() == p.Dimensions[0]
}

// describe builds the graph of a training step without compiling it, and returns it as text. The variables
// that it uses are then in the store, without values.
func (e *engine) describe() (text string, err error) {
	defer e.guard(e.shapes, &err)
	text = e.text(e.arguments(), func(scope *model.Scope, g *graph.Graph, args []*graph.Node) { e.trainGraph(scope, args) })
	if e.model.Accumulate > 1 {
		var rate []shapes.Shape
		if e.scheduled() {
			rate = append(rate, rateShape)
		}
		text += e.text(rate, func(scope *model.Scope, g *graph.Graph, args []*graph.Node) { e.applyGraph(scope, g, args) })
	}
	return text, nil
}

// text builds a graph of arguments of the given shapes and writes it.
func (e *engine) text(args []shapes.Shape, build func(*model.Scope, *graph.Graph, []*graph.Node)) string {
	g := graph.NewGraph(e.backend, "recipe")
	defer g.Finalize()
	model.SetStore(g, e.store)
	var nodes []*graph.Node
	for i, s := range args {
		nodes = append(nodes, graph.Parameter(g, fmt.Sprintf("batch_%d", i), s))
	}
	build(e.store.RootScope(), g, nodes)
	return g.String()
}

// discover builds the graph of a plain step once, to see which variables the model has, and to let the
// optimizer make its own.
func (e *engine) discover() {
	e.text(e.shapes, func(scope *model.Scope, g *graph.Graph, args []*graph.Node) {
		scope.Store().SetTraining(g, true)
		total, _ := e.loss(scope, args, false)
		var own []*model.Variable
		for v := range scope.IterVariables() {
			if v.DType().IsFloat() && v.InUseByGraph(g) {
				own = append(own, v)
			}
		}
		e.model.Optimizer.UpdateGraph(scope, g, total)
		e.own = own
	})
}

// shapesIn writes the shapes of nodes.
func shapesIn(nodes []*graph.Node) string {
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = n.Shape().String()
	}
	return strings.Join(parts, ", ")
}
