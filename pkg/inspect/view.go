package inspect

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/internal/netgraph"
	"github.com/lathe-go/lathe/pkg/train"
)

// A View is one compiled program of a model: a training step, or the predictions alone. It has variables of
// its own, with the model's initial values; the model and the data stay as they are. Close gives its memory
// back.
type View struct {
	Model   string
	Forward bool // the predictions alone
	Batch   int  // examples of a batch
	Ops     []Op // in the order in which they were built
	Layers  []Layer

	fit   *train.Fitted
	exec  *model.Exec
	graph *graph.Graph
	args  []any
	kept  gomlx.Batch
	ends  []int // positions in Ops of the predictions
}

// An Op is one operation of the graph.
type Op struct {
	ID     int
	Kind   string // as GoMLX names it, such as DotGeneral
	Shape  string
	Layer  string // of the network; empty outside of the predictions, as for gradients and the optimizer
	Inputs []int  // positions in Ops
	FLOPs  float64
	Bytes  float64 // read and written, without fusion
	Text   string  // all that GoMLX says of it

	size int // of the output, in numbers
}

// A Layer is a scope of the model with trainable variables of its own, and what follows up to the next one.
type Layer struct {
	Name       string
	Parameters int
	Ops        int
	FLOPs      float64 // of the predictions of one batch
	Bytes      float64
}

// options gathers what the Options set.
type options struct {
	forward bool
	device  *backend.Device
}

// An Option changes what Open opens.
type Option func(*options)

// Forward opens the predictions, as they are made in an evaluation, in place of a training step.
func Forward() Option { return func(o *options) { o.forward = true } }

// On compiles for a device other than [backend.Default].
func On(d *backend.Device) Option { return func(o *options) { o.device = d } }

// Open builds and compiles the program of one training step of m on batches like those of data: predictions,
// loss, gradients and optimizer. It runs once.
func Open(m train.Model, data gomlx.Dataset, opts ...Option) (*View, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if o.device == nil {
		o.device = backend.Default()
	}
	v := &View{Model: m.Name, Forward: o.forward}
	if err := v.open(m, data, o); err != nil {
		v.Close()
		return nil, fmt.Errorf("inspect: open %q: %w", m.Name, err)
	}
	return v, nil
}

// MustOpen is Open for cells and other places that end at an error: it panics on one.
func MustOpen(m train.Model, data gomlx.Dataset, opts ...Option) *View {
	v, err := Open(m, data, opts...)
	if err != nil {
		panic(err)
	}
	return v
}

// Close gives back the memory of the view. It can still be shown.
func (v *View) Close() {
	if v.exec != nil {
		v.exec.Finalize()
	}
	if v.fit != nil {
		v.fit.Close()
	}
	v.exec, v.fit, v.graph = nil, nil, nil
	v.kept.Finalize() // what fails to be given back cannot be helped here
	v.kept = gomlx.Batch{}
}

func (v *View) open(m train.Model, data gomlx.Dataset, o options) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	if m.Steps == 0 && m.Epochs == 0 {
		m.Steps = 1
	}
	if v.kept, err = firstBatch(data); err != nil {
		return err
	}
	if v.fit, err = train.Initial(m, data, train.On(o.device)); err != nil {
		return err
	}
	for _, t := range v.inputs() {
		v.args = append(v.args, t)
	}
	if s := v.kept.Inputs[0].Shape(); s.Rank() > 0 {
		v.Batch = s.Dimensions[0]
	}
	if v.exec, err = model.NewExec(o.device.Backend, v.fit.Store, v.build); err != nil {
		return err
	}
	return v.run()
}

// firstBatch takes a batch out of data and puts data back, if it knows its position.
func firstBatch(data gomlx.Dataset) (batch gomlx.Batch, err error) {
	if p, ok := data.(train.Positioned); ok {
		state, err := p.State()
		if err != nil {
			return batch, err
		}
		defer func() {
			if e := p.Restore(state); err == nil {
				err = e
			}
		}()
	}
	for batch, err := range data.Iter() {
		return batch, err
	}
	return batch, errors.New("the data have no batches")
}

// inputs lists what the program is given: the batch, without labels if nothing needs them.
func (v *View) inputs() []*tensors.Tensor {
	if v.Forward {
		return v.kept.Inputs
	}
	return slices.Concat(v.kept.Inputs, v.kept.Labels)
}

// run executes the program once.
func (v *View) run() error {
	out, err := v.exec.Call(v.args...)
	for _, t := range out {
		if e := t.FinalizeAll(); err == nil {
			err = e
		}
	}
	return err
}

// build builds the program, and reads it.
func (v *View) build(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	g, m := batch[0].Graph(), v.fit.Model
	scope.Store().SetTraining(g, !v.Forward)
	predictions := netgraph.Predict(m, scope, v.kept.Spec, batch[:len(v.kept.Inputs)])
	layers := netgraph.Layers(g, scope.Store(), predictions)
	belongs := attribute(predictions, batch[:len(v.kept.Inputs)], layers) // before the optimizer gives variables other values
	out := predictions
	if !v.Forward {
		gomlx.AddMainLoss(m.Loss(batch[len(v.kept.Inputs):], predictions))
		total := gomlx.TotalLoss(g)
		m.Optimizer.UpdateGraph(scope, g, total)
		gomlx.ExecPerStepUpdateGraphFn(g)
		out = []*graph.Node{total}
	}
	v.graph = g
	v.read(g, scope.Store(), out, belongs)
	for _, p := range predictions {
		v.ends = append(v.ends, slices.IndexFunc(v.Ops, func(op Op) bool { return op.ID == int(p.Id()) }))
	}
	v.Layers = layersOf(v.Ops, layers)
	return out
}

// read lists the operations that results depend on.
func (v *View) read(g *graph.Graph, store *model.Store, out []*graph.Node, belongs map[*graph.Node]string) {
	for variable := range store.IterVariables() {
		if variable.ChangedInGraph(g) {
			out = append(out, variable.NodeValue(g))
		}
	}
	place := map[*graph.Node]int{}
	v.Ops, v.ends = nil, nil
	for _, n := range netgraph.Ancestors(out) {
		op := costOf(n)
		op.Layer = belongs[n]
		for _, in := range n.Inputs() {
			op.Inputs = append(op.Inputs, place[in])
		}
		place[n] = len(v.Ops)
		v.Ops = append(v.Ops, op)
	}
}

// inputLayer is where operations stand that come before the first layer.
const inputLayer = "input"

// attribute says to which layer each node of the predictions belongs: to the one whose variables it meets
// or is made of, else to the last one among those of its inputs, else to the input. What comes of constants
// and random numbers alone belongs to whom it serves first.
func attribute(predictions, inputs []*graph.Node, layers []*netgraph.Layer) map[*graph.Node]string {
	rank, own := map[string]int{inputLayer: 0}, map[*graph.Node]string{}
	for i, l := range layers {
		rank[l.Name] = i + 1
		for _, v := range l.Vars {
			own[v.NodeValue(predictions[0].Graph())] = l.Name
		}
	}
	for _, n := range inputs {
		own[n] = inputLayer
	}
	forward := netgraph.Ancestors(predictions)
	for _, n := range forward {
		best := own[n]
		for _, in := range n.Inputs() {
			if from := own[in]; from != "" && (best == "" || rank[from] > rank[best]) {
				best = from
			}
		}
		own[n] = best
	}
	served := map[*graph.Node]bool{}
	for _, n := range slices.Backward(forward) {
		for _, in := range n.Inputs() {
			if own[in] == "" || served[in] && rank[own[n]] < rank[own[in]] {
				own[in], served[in] = own[n], true
			}
		}
	}
	return own
}

// layersOf sums up operations by layer.
func layersOf(ops []Op, layers []*netgraph.Layer) []Layer {
	list := []Layer{{Name: inputLayer}}
	at := map[string]int{inputLayer: 0}
	for _, l := range layers {
		size := 0
		for _, v := range l.Vars {
			size += v.Shape().Size()
		}
		at[l.Name] = len(list)
		list = append(list, Layer{Name: l.Name, Parameters: size})
	}
	for _, op := range ops {
		if i, ok := at[op.Layer]; ok {
			list[i].Ops++
			list[i].FLOPs += op.FLOPs
			list[i].Bytes += op.Bytes
		}
	}
	return list
}

// FLOPs returns how many operations on numbers one run of the program makes; a multiplication with an addition
// counts as two, and any function of one number as one.
func (v *View) FLOPs() float64 {
	sum := 0.0
	for _, op := range v.Ops {
		sum += op.FLOPs
	}
	return sum
}
