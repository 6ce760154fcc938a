package train

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/loss"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/train/schedule"
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

	LearningRate float64           // 0.001 if zero
	Schedule     schedule.Schedule // changes the learning rate over the steps, in place of LearningRate

	WeightDecay float64 // of the default optimizer, which it makes AdamW; others have settings of their own
	ClipValue   float64 // bounds each value of a gradient; 0 is no bound
	ClipNorm    float64 // bounds the Euclidean norm of all gradients together; 0 is no bound

	// Accumulate makes each optimizer step from this many batches: the same step as on one batch that
	// holds them all. At the end of an epoch a step is made of the batches that are left.
	Accumulate int

	// Average keeps an exponential moving average of the weights with this decay per step, such as 0.999;
	// 0 keeps none. See [Fitted.Averaged] and [ValidateAverage].
	Average float64

	// Compute is the type in which the model computes while its float32 variables, gradients, optimizer
	// and loss stay what they are: dtypes.BFloat16, say. Float inputs arrive in that type. Layers that are
	// given a type must be given that of their input, or Compute itself. Zero leaves all as it is.
	Compute dtypes.DType

	Hyper map[string]any // GoMLX hyperparameters, by absolute path, for layers that read them

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
	case m.WeightDecay != 0 && m.Optimizer != nil:
		return m, errors.New("WeightDecay is for the default optimizer; set it on the Optimizer, as with optimizer.Adam().WeightDecay(0.01)")
	case min(m.WeightDecay, m.ClipValue, m.ClipNorm) < 0 || m.Accumulate < 0:
		return m, errors.New("WeightDecay, ClipValue, ClipNorm and Accumulate must not be negative")
	case m.Average < 0 || m.Average >= 1:
		return m, fmt.Errorf("the decay of averaged weights is %g; it must be from 0 to below 1, such as 0.999", m.Average)
	case m.Compute != dtypes.InvalidDType && !m.Compute.IsFloat():
		return m, fmt.Errorf("the model cannot compute in %s; set Compute to a float type such as dtypes.BFloat16", m.Compute)
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
		m.Optimizer = optimizer.Adam().LearningRate(m.LearningRate).WeightDecay(m.WeightDecay).Done()
	}
	return m, nil
}

// decays reports whether m's optimizer divides a scheduled rate by the square root of the step: GoMLX's
// gradient descent does so unless it is told not to, and keeps to itself what it was told.
func (m Model) decays() bool {
	sgd, ok := m.Optimizer.(*optimizer.SGDConfig)
	if !ok || m.Schedule.IsZero() {
		return false
	}
	decay := reflect.ValueOf(sgd).Elem().FieldByName("useDecay")
	return decay.Kind() == reflect.Bool && decay.Bool()
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
