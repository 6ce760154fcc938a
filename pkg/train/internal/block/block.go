// Package block runs several steps of a training in one call of the device. A call costs some 50 to 100
// microseconds whatever it computes, which is more than a whole step of a small model.
//
// The steps are a loop on the device, whose body is the graph of one step: the same code for every step,
// however many a call makes. So the numbers that a training computes do not depend, in any bit, on how
// its steps were divided among calls.
package block

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// A Step builds the graph of one step: it takes the tensors of a batch, may change variables of the
// scope's store, and returns scalars.
type Step func(scope *model.Scope, batch []*graph.Node) []*graph.Node

// A Runner runs steps over the variables of a store. It is used by one goroutine.
type Runner struct {
	backend compute.Backend
	store   *model.Store
	step    Step
	state   []variable
	outputs []shapes.Shape // of a step
	most    int            // steps in a call
	refused error          // why the graph of a step cannot be the body of a loop, or nil
	exec    *model.Exec
	stages  map[string][]*tensors.Tensor // where batches are laid side by side, by their shapes
	counts  []*tensors.Tensor            // the numbers up to most, as tensors
	args    []any
}

// A variable is one that steps use.
type variable struct {
	*model.Variable
	changed bool // by a step
}

// New returns a Runner of step on batches like the given ones, that makes at most so many steps in a call
// as are worth it: few of a large model. The variables that steps use are then in the store, without
// values. With most 1 each step is a call.
func New(b compute.Backend, store *model.Store, step Step, like []shapes.Shape, most int) (*Runner, error) {
	r := &Runner{backend: b, store: store, step: step, stages: map[string][]*tensors.Tensor{}}
	work, slow, err := r.look(like)
	if err != nil {
		return nil, err
	}
	if r.most = min(most, capacity(work, like)); slow {
		r.most = 1
	}
	if r.most > 1 {
		if r.refused = r.try(like); r.refused != nil {
			r.most = 1 // the model has loops or conditions of its own, which GoMLX does not nest
		}
	}
	build := r.many
	if r.most == 1 {
		build = r.one
	}
	for n := range r.most + 1 {
		r.counts = append(r.counts, tensors.FromValue(int32(n)))
	}
	r.exec, err = model.NewExec(b, store, build)
	return r, err
}

// Most returns how many steps one call makes at most.
func (r *Runner) Most() int { return r.most }

// Close gives back the compiled graphs.
func (r *Runner) Close() { r.exec.Finalize() }

// What a call may be: about 10 ms of work for two cores, and memory for the batches of its steps.
const (
	enoughWork  = 1e9 // operations
	enoughBytes = 16 << 20
)

// capacity returns how many steps are worth a call. It depends on the model and the batch alone, so that
// every process makes the same program.
func capacity(work float64, batch []shapes.Shape) int {
	bytes := 1.0
	for _, s := range batch {
		bytes += float64(s.ByteSize())
	}
	return max(1, int(min(enoughWork/max(work, 1), enoughBytes/bytes)))
}

// look builds the graph of a step without compiling it, to see what it is: which variables it uses and
// changes, what it returns, how many operations it takes, about, and whether a loop would slow it down.
func (r *Runner) look(like []shapes.Shape) (work float64, slow bool, err error) {
	defer recovered(&err)
	g := graph.NewGraph(r.backend, "look")
	defer g.Finalize()
	model.SetStore(g, r.store)
	for _, out := range r.step(r.store.RootScope(), declare(g, "batch", like)) {
		if !out.Shape().IsScalar() {
			return 0, false, fmt.Errorf("a step returns shape %s, not a scalar", out.Shape())
		}
		r.outputs = append(r.outputs, out.Shape())
	}
	for v := range r.store.IterVariables() {
		if v.InUseByGraph(g) {
			r.state = append(r.state, variable{v, v.ChangedInGraph(g)})
		}
	}
	for _, n := range g.Nodes() {
		work += operations(n)
		// XLA's CPU backend computes convolutions within loops ten times slower, in one thread.
		slow = slow || n.Type() == graph.NodeTypeConvGeneral
	}
	return work, slow, nil
}

// try builds the graph of a call without compiling it.
func (r *Runner) try(like []shapes.Shape) (err error) {
	defer recovered(&err)
	g := graph.NewGraph(r.backend, "try")
	defer g.Finalize()
	model.SetStore(g, r.store)
	args := []shapes.Shape{r.count()}
	for _, s := range like {
		args = append(args, r.stacked(s))
	}
	r.many(r.store.RootScope(), declare(g, "argument", args))
	return nil
}

// recovered turns a panic, which is how building a graph fails, into an error.
func recovered(err *error) {
	switch p := recover().(type) {
	case nil:
	case error:
		*err = p
	default:
		*err = fmt.Errorf("%v", p)
	}
}

// operations estimates what a node costs. Of a product of matrices m×k and k×n it is exact, of other
// products and of convolutions within a small factor.
func operations(n *graph.Node) float64 {
	if n.NumOutputs() != 1 {
		return 0
	}
	size := float64(n.Shape().Size())
	switch n.Type() {
	case graph.NodeTypeDotGeneral, graph.NodeTypeConvGeneral:
		return product(size, n.Inputs())
	}
	return size
}
