package train

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/train/internal/blame"
	"github.com/lathe-go/lathe/pkg/train/internal/block"
	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

// engine holds the compiled graphs of one model over one store. It takes the place of gomlx's Trainer,
// whose step also maintains metrics on the device and brings them to the host each time; an engine's
// step returns the loss alone, still on the device.
type engine struct {
	model   Model
	backend compute.Backend
	store   *model.Store
	device  *backend.Device
	spec    any
	shapes  []shapes.Shape // of a batch
	inputs  int            // how many tensors of a batch are inputs; the rest are labels
	train   *block.Runner
	apply   *model.Exec // makes a step of accumulated gradients
	eval    *model.Exec
	average *model.Exec          // eval with averaged weights
	own     []*model.Variable    // those of the model, without an optimizer's
	perStep []func(*graph.Graph) // what layers want to be done with each step, if gradients are accumulated
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
	e = &engine{model: m, device: d, backend: d.Backend, shapes: shapesOf(like), inputs: len(like.Inputs), spec: like.Spec}
	return e, e.over(store)
}

// over makes e run on the variables of a store.
func (e *engine) over(store *model.Store) (err error) {
	defer e.guard(e.shapes, &err)
	e.store = store
	if e.views() {
		e.discover()
	}
	most := 1
	if e.device.Platform == "cpu" { // where it was measured: pure Go has no call to save, and no GPU was at hand
		most = maxBlock
	}
	if e.train, err = block.New(e.backend, store, e.trainGraph, e.arguments(), most); err != nil {
		return err
	}
	build := func(f func(*model.Scope, []*graph.Node) []*graph.Node) (x *model.Exec) {
		if err == nil {
			x, err = model.NewExec(e.backend, store, f)
		}
		return x
	}
	e.eval, e.average = build(e.evalGraph), build(e.averageGraph)
	if err == nil {
		e.apply, err = model.NewExec(e.backend, store, e.applyGraph)
	}
	return err
}

// close gives back the compiled graphs.
func (e *engine) close() {
	e.train.Close()
	for _, x := range []*model.Exec{e.apply, e.eval, e.average} {
		x.Finalize()
	}
}

// scheduled reports whether the learning rate of each step is an argument.
func (e *engine) scheduled() bool { return !e.model.Schedule.IsZero() }

// views reports whether graphs need to know the variables of the model before they are built.
func (e *engine) views() bool {
	return e.scheduled() || e.model.Compute != dtypes.InvalidDType || e.model.Average > 0
}

// arguments lists the shapes of what the graph of a step takes: a batch and, if it is scheduled, the
// learning rate.
func (e *engine) arguments() []shapes.Shape {
	if e.scheduled() && e.model.Accumulate <= 1 {
		return append(slices.Clone(e.shapes), rateShape)
	}
	return e.shapes
}

// rateShape is the shape of a learning rate.
var rateShape = shapes.Make(dtypes.Float64)

// maxBlock is how many steps one call of the device makes at most.
const maxBlock = 64

// recipe initializes the variables from the seed and returns what identifies the training: the graph of
// a step with all its constants, the initial value of every variable, and the data. Whatever changes the
// numbers that training computes is in one of the three; how long it lasts is not, so that a training
// can be prolonged.
func (e *engine) recipe(data gomlx.Dataset) (string, error) {
	text, err := e.describe()
	if err != nil {
		return "", err
	}
	if err := e.store.InitializeVariables(e.backend, nil); err != nil {
		return "", fmt.Errorf("initialize variables: %w", err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "recipe 1\nbackend %s\ndata %s\ngraph %s\n", e.backend.Name(), identify(data), text)
	if e.scheduled() { // the graph only has a place for the rate
		fmt.Fprintf(h, "schedule %s\n", e.model.Schedule.Digest())
	}
	if e.model.Accumulate > 1 {
		fmt.Fprintf(h, "accumulate %d\n", e.model.Accumulate)
	}
	if err := checkpoint.Write(h, e.store); err != nil {
		return "", err
	}
	io.WriteString(h, "end\n")
	return hex.EncodeToString(h.Sum(nil)), nil
}

// steps runs an optimizer step on each batch, all of one shape and not more than e.train.Most. It consumes
// the batches and returns the losses on the device, see block.Values. The rates are those of a schedule.
func (e *engine) steps(batches []gomlx.Batch, rates []float64) (losses *tensors.Tensor, err error) {
	defer e.guard(shapesOf(batches[0]), &err)
	e.parts = e.parts[:0]
	for i, b := range batches {
		args := slices.Concat(b.Inputs, b.Labels)
		if len(args) < len(e.arguments()) {
			args = append(args, tensors.FromValue(rates[i]))
		}
		e.parts = append(e.parts, args)
	}
	out, err := e.train.Run(e.parts)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// update makes the optimizer step on accumulated gradients and returns their loss on the device.
func (e *engine) update(rate float64) (loss *tensors.Tensor, err error) {
	defer e.guard(nil, &err)
	e.args = e.args[:0]
	if e.scheduled() {
		e.args = append(e.args, rate)
	}
	out, err := e.apply.Call(e.args...)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// evaluate runs an evaluation graph on a batch, which it leaves intact. Classes is nil unless the
// model is a classifier.
func (e *engine) evaluate(x *model.Exec, batch gomlx.Batch) (loss float64, classes []int32, err error) {
	defer e.guard(shapesOf(batch), &err)
	e.args = e.args[:0]
	for _, t := range slices.Concat(batch.Inputs, batch.Labels) {
		e.args = append(e.args, t)
	}
	out, err := x.Call(e.args...)
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
func (e *engine) guard(batch []shapes.Shape, err *error) {
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
	}
	var fault *blame.Fault
	if errors.As(cause, &fault) {
		cause = fault // without what GoMLX puts around it
	}
	*err = fmt.Errorf("model %q on a batch of %s: %w", e.model.Name, e.shapesText(batch), cause)
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
