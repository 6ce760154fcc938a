package train

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/train/internal/block"
)

// engine holds the compiled graphs of one model over one store. It takes the place of gomlx's Trainer,
// whose step also maintains metrics on the device and brings them to the host each time; an engine's
// step returns the loss alone, still on the device.
type engine struct {
	model   Model
	backend compute.Backend
	store   *model.Store
	inputs  int // how many tensors of a batch are inputs; the rest are labels
	spec    any
	train   *block.Runner
	eval    *model.Exec
	args    []any
	parts   [][]*tensors.Tensor
}

// newStore returns an empty store with the seed and the hyperparameters of m.
func newStore(m Model) (*model.Store, error) {
	store := model.NewStore()
	store.SetParams(m.Hyper)
	store.SetParam(optimizer.ParamLearningRate, m.LearningRate)
	store.SetParam(model.ParamInitialSeed, m.Seed) // an int64: any other type silently becomes seed 0
	if err := store.SetRNGStateFromSeed(m.Seed); err != nil {
		return nil, fmt.Errorf("set seed %d: %w", m.Seed, err)
	}
	return store, nil
}

// newEngine prepares to run m on batches like the given one. Nothing is compiled yet.
func newEngine(m Model, d *backend.Device, store *model.Store, like gomlx.Batch) (e *engine, err error) {
	e = &engine{model: m, backend: d.Backend, store: store, inputs: len(like.Inputs), spec: like.Spec}
	defer e.guard(like, &err)
	most := 1
	if d.Platform == "cpu" { // where it was measured: pure Go has no call to save, and no GPU was at hand
		most = maxBlock
	}
	if e.train, err = block.New(d.Backend, store, e.trainGraph, shapesOf(like), most); err != nil {
		return nil, err
	}
	e.eval, err = model.NewExec(d.Backend, store, e.evalGraph)
	return e, err
}

// maxBlock is how many steps one call of the device makes at most.
const maxBlock = 64

// trainGraph builds one optimizer step. It returns the loss, a scalar.
func (e *engine) trainGraph(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	inputs, labels := batch[:e.inputs], batch[e.inputs:]
	g := batch[0].Graph()
	scope.Store().SetTraining(g, true)
	predictions := e.model.predict(scope, e.spec, inputs)
	gomlx.AddMainLoss(e.model.Loss(labels, predictions))
	total := gomlx.TotalLoss(g)
	e.model.Optimizer.UpdateGraph(scope, g, total)
	gomlx.ExecPerStepUpdateGraphFn(g)
	return []*graph.Node{total}
}

// evalGraph builds the evaluation of one batch. It returns the loss, a scalar, and the predicted class
// of each example, shape [batch], if the model is a classifier of the labels.
func (e *engine) evalGraph(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	inputs, labels := batch[:e.inputs], batch[e.inputs:]
	g := batch[0].Graph()
	scope.Store().SetTraining(g, false)
	predictions := e.model.predict(scope, e.spec, inputs)
	gomlx.AddMainLoss(e.model.Loss(labels, predictions))
	out := []*graph.Node{gomlx.TotalLoss(g)}
	if classifies(labels, predictions) {
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

// describe builds the graph of a training step for batches like the given one without compiling it, and
// returns it as text. The variables that it uses are then in the store, without values.
func (e *engine) describe(like gomlx.Batch) (text string, err error) {
	defer e.guard(like, &err)
	g := graph.NewGraph(e.backend, "recipe")
	defer g.Finalize()
	model.SetStore(g, e.store)
	var nodes []*graph.Node
	for i, s := range shapesOf(like) {
		nodes = append(nodes, graph.Parameter(g, fmt.Sprintf("batch_%d", i), s))
	}
	e.trainGraph(e.store.RootScope(), nodes)
	return g.String(), nil
}

// recipe initializes the variables from the seed and returns what identifies the training: the graph of
// a step with all its constants, the initial value of every variable, and the data. Whatever changes the
// numbers that training computes is in one of the three; how long it lasts is not, so that a training
// can be prolonged.
func (e *engine) recipe(like gomlx.Batch, data gomlx.Dataset) (string, error) {
	text, err := e.describe(like)
	if err != nil {
		return "", err
	}
	if err := e.store.InitializeVariables(e.backend, nil); err != nil {
		return "", fmt.Errorf("initialize variables: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "recipe 1\nbackend %s\ndata %s\ngraph %s\n", e.backend.Name(), identify(data), text)
	if err := writeVariables(h, e.store); err != nil {
		return "", err
	}
	io.WriteString(h, "end\n")
	return hex.EncodeToString(h.Sum(nil)), nil
}

// steps runs an optimizer step on each batch, all of one shape and not more than e.train.Most. It consumes
// the batches and returns the losses on the device, see block.Values.
func (e *engine) steps(batches []gomlx.Batch) (losses *tensors.Tensor, err error) {
	defer e.guard(batches[0], &err)
	e.parts = e.parts[:0]
	for _, b := range batches {
		e.parts = append(e.parts, slices.Concat(b.Inputs, b.Labels))
	}
	out, err := e.train.Run(e.parts)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// evaluate runs the evaluation graph on a batch, which it leaves intact. Classes is nil unless the
// model is a classifier.
func (e *engine) evaluate(batch gomlx.Batch) (loss float64, classes []int32, err error) {
	defer e.guard(batch, &err)
	e.args = e.args[:0]
	for _, t := range slices.Concat(batch.Inputs, batch.Labels) {
		e.args = append(e.args, t)
	}
	out, err := e.eval.Call(e.args...)
	if err != nil {
		return 0, nil, err
	}
	if loss, err = scalar(out[0]); err != nil {
		return 0, nil, err
	}
	if len(out) > 1 {
		err = out[1].ConstFlatData(func(flat any) { classes = slices.Clone(flat.([]int32)) })
	}
	for _, t := range out {
		err = firstError(err, t.FinalizeAll())
	}
	return loss, classes, err
}

// guard is deferred around what builds graphs: it turns a panic into an error and says what shapes the
// batch had, since a wrong shape is the usual cause.
func (e *engine) guard(batch gomlx.Batch, err *error) {
	p := recover()
	if p == nil && *err == nil {
		return
	}
	cause := *err
	if p != nil {
		var isErr bool
		if cause, isErr = p.(error); !isErr {
			cause = fmt.Errorf("%v", p)
		}
		if fault, ok := p.(runtime.Error); ok {
			cause = fmt.Errorf("the model panicked: %w", fault)
		}
	}
	*err = fmt.Errorf("model %q on a batch of %s: %w", e.model.Name, shapesText(batch), cause)
}

// scalar brings a scalar of any number type to the host.
func scalar(t *tensors.Tensor) (v float64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("read a loss of shape %s: %v", t.Shape(), p)
		}
	}()
	return shapes.ConvertTo[float64](t.Value()), nil
}

// firstError returns the first of errs that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
