package train

import (
	"errors"
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// A Model is what [Fit] trains: a GoMLX graph function, a loss, and the settings of the training.
type Model struct {
	Name string // names the checkpoints and the chart; "model" if empty

	// Graph computes predictions from one batch. For a classifier, the input has shape [batch, …] and
	// the predictions are logits of shape [batch, classes]. Models with several inputs or outputs set
	// Multi instead.
	Graph func(scope *model.Scope, x *graph.Node) *graph.Node

	// Multi is a GoMLX model function of any number of inputs and outputs. Exactly one of Graph and
	// Multi is set.
	Multi gomlx.ModelFn

	// Loss compares labels with predictions; what it returns is averaged over the batch. Nil stands for
	// the cross entropy of logits against integer labels of shape [batch] or [batch, 1].
	Loss gomlx.LossFn

	// Optimizer updates the variables; nil stands for Adam with its usual constants. An optimizer that
	// is given without a learning rate of its own takes the one below.
	Optimizer optimizer.Interface

	LearningRate float64        // 0.001 if zero
	Hyper        map[string]any // GoMLX hyperparameters, by absolute path, for layers that read them

	Epochs int   // passes over the training data
	Steps  int   // optimizer steps in all; if both are set, training ends at what comes first
	Seed   int64 // of initial values and of random numbers within the graph
}

// defaultLearningRate is used by a Model that names none.
const defaultLearningRate = 1e-3

// complete checks m and fills in what it leaves open.
func (m Model) complete() (Model, error) {
	if m.Name == "" {
		m.Name = "model"
	}
	switch {
	case m.Graph == nil && m.Multi == nil:
		return m, errors.New("the model has no graph function; set Graph or Multi")
	case m.Graph != nil && m.Multi != nil:
		return m, errors.New("the model has two graph functions; set Graph or Multi, not both")
	case m.Epochs <= 0 && m.Steps <= 0:
		return m, errors.New("the model does not say how long to train; set Epochs or Steps")
	case m.LearningRate < 0:
		return m, fmt.Errorf("the learning rate is %g; it must be positive", m.LearningRate)
	}
	if m.LearningRate == 0 {
		m.LearningRate = defaultLearningRate
	}
	if m.Loss == nil {
		m.Loss = crossEntropy
	}
	if m.Optimizer == nil {
		m.Optimizer = optimizer.Adam().LearningRate(m.LearningRate).Done()
	}
	return m, nil
}

// predict builds the part of the graph that computes predictions from inputs.
func (m Model) predict(scope *model.Scope, spec any, inputs []*graph.Node) []*graph.Node {
	if m.Multi != nil {
		return m.Multi(scope, spec, inputs)
	}
	if len(inputs) != 1 {
		panic(fmt.Errorf("a batch has %d inputs and Model.Graph takes one; set Model.Multi instead", len(inputs)))
	}
	return []*graph.Node{m.Graph(scope, inputs[0])}
}

// crossEntropy is GoMLX's sparse cross entropy of logits, which also takes labels without the last
// axis of size 1.
func crossEntropy(labels, logits []*graph.Node) *graph.Node {
	if len(labels) == 0 {
		panic(errors.New("the data has no labels, which the default loss needs; set Model.Loss"))
	}
	if labels[0].Rank() == logits[0].Rank()-1 {
		labels = append([]*graph.Node{graph.InsertAxes(labels[0], -1)}, labels[1:]...)
	}
	return loss.SparseCategoricalCrossEntropyLogits(labels, logits)
}
