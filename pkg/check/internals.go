package check

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/internal/netgraph"
	"github.com/lathe-go/lathe/pkg/train"
)

// LayerStats is what one layer did in one step. A layer is a scope with trainable variables of its own.
type LayerStats struct {
	Layer string
	Mean  float64 // of the activations of one batch, after the activation function
	Std   float64
	Zeros float64 // share of activations that are exactly 0
	Dead  int     // units that are 0 for every example of the batch
	Units int     // along the last axis
	// Gradient is the root mean square of the loss's gradient in the layer's variables, before clipping.
	Gradient float64
	// Update is log10 of the size of the step's change beside the size of the variables, by Euclidean norms.
	// About -3 is usual.
	Update float64
}

// A Measurement is one look at all layers.
type Measurement struct {
	Step   int
	Layers []LayerStats // in the order of creation
}

// A Watcher looks at the layers of a training from time to time. Make one with [NewWatcher], pass its
// Option to train.Fit, and show it.
type Watcher struct {
	every  int
	device *watch // nil before the first measurement, and after the end
	panel

	measured []Measurement
}

// NewWatcher returns a watcher that measures once in a number of steps.
func NewWatcher(every int) *Watcher { return &Watcher{every: max(every, 1)} }

// Internals is the option of train.Fit that has every layer measured each 100 steps and shown while
// training goes on: NewWatcher(100).Option().
func Internals() train.Option { return NewWatcher(100).Option() }

// Option is what has Fit measure. The measurements also go to Fit's log, under names like
// internals/hidden/dense/update. One watcher is for one call of Fit at a time.
func (w *Watcher) Option() train.Option {
	return train.Together(train.Before(w.every, w.before), train.AtEnd(w.end))
}

// Measurements returns all that was measured, in the order of steps.
func (w *Watcher) Measurements() []Measurement { return slices.Clone(w.measured) }

// before measures the step to come: activations and gradients now, the update when it has been made.
func (w *Watcher) before(m *train.Moment) error {
	if w.device == nil {
		w.device = newWatch(m.Fitted, m.Batch)
	}
	step := m.Step
	if err := w.device.begin(m.Batch); err != nil {
		return fmt.Errorf("look at the layers: %w", err)
	}
	m.After(func(m *train.Moment) error {
		layers, err := w.device.finish()
		if err != nil {
			return fmt.Errorf("look at the layers: %w", err)
		}
		w.add(m, Measurement{step, layers})
		return nil
	})
	return nil
}

// add keeps, records and shows a measurement.
func (w *Watcher) add(m *train.Moment, now Measurement) {
	w.measured = append(w.measured, now)
	for _, l := range now.Layers {
		for _, f := range figures {
			m.Log("internals/"+l.Layer+"/"+f.name, f.of(l))
		}
	}
	w.show(w, now)
}

// end shows the final state and gives back memory.
func (w *Watcher) end(*train.Moment) error {
	if w.device != nil {
		w.device.close()
		w.device = nil
	}
	return w.panel.close(w)
}

// figures are the numbers of a layer, by the names under which they are recorded.
var figures = []struct {
	name string
	of   func(LayerStats) float64
}{
	{"mean", func(l LayerStats) float64 { return l.Mean }},
	{"std", func(l LayerStats) float64 { return l.Std }},
	{"zeros", func(l LayerStats) float64 { return l.Zeros }},
	{"dead", func(l LayerStats) float64 { return float64(l.Dead) / float64(max(l.Units, 1)) }},
	{"gradient", func(l LayerStats) float64 { return l.Gradient }},
	{"update", func(l LayerStats) float64 { return l.Update }},
}

// watch is two graphs over the live variables of a training, which change none of them. The first runs
// before a step and the second after it; between them, all stays on the device.
type watch struct {
	model   train.Model
	inputs  int
	spec    any
	layers  []*netgraph.Layer // as found when the first graph was built
	sizes   []int             // numbers in the variables of each layer
	units   []int
	first   *model.Exec
	second  *model.Exec
	pending []*tensors.Tensor // of the first graph: statistics, then the variables before the step
}

// Statistics of a layer, in the order of the graphs' result.
const (
	statMean = iota
	statStd
	statZeros
	statDead
	statSquares // of the gradient
	firstStats  // how many the first graph gives
)

func newWatch(fit *train.Fitted, batch gomlx.Batch) *watch {
	w := &watch{model: fit.Model, inputs: len(batch.Inputs), spec: batch.Spec}
	w.first = model.MustNewExec(fit.Device.Backend, fit.Store, w.firstGraph)
	w.second = model.MustNewExec(fit.Device.Backend, fit.Store, w.secondGraph)
	return w
}

func (w *watch) close() {
	finalize(w.pending)
	w.pending = nil
	w.first.Finalize()
	w.second.Finalize()
}

// begin runs the first graph on a batch.
func (w *watch) begin(batch gomlx.Batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	finalize(w.pending)
	w.pending = nil
	w.pending, err = w.first.Call(anys(slices.Concat(batch.Inputs, batch.Labels))...)
	return err
}

// finish runs the second graph and brings the result to the host, in one transfer.
func (w *watch) finish() (list []LayerStats, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	if w.pending == nil {
		return nil, errors.New("the step before was not looked at")
	}
	out, err := w.second.Call(anys(w.pending)...)
	finalize(w.pending)
	w.pending = nil
	if err != nil {
		return nil, err
	}
	values, err := floats(out[0])
	finalize(out)
	if err != nil {
		return nil, err
	}
	for i, l := range w.layers {
		s := values[i*firstStats:]
		list = append(list, LayerStats{
			Layer: l.Name, Mean: s[statMean], Std: s[statStd], Zeros: s[statZeros], Dead: int(s[statDead]), Units: w.units[i],
			Gradient: math.Sqrt(s[statSquares] / float64(w.sizes[i])), Update: math.Log10(values[len(w.layers)*firstStats+i]),
		})
	}
	return list, nil
}

// firstGraph computes what there is to know before the step, and hands on the variables as they are.
func (w *watch) firstGraph(scope *model.Scope, batch []*graph.Node) []*graph.Node {
	g, store := batch[0].Graph(), scope.Store()
	store.SetTraining(g, true)
	predictions := netgraph.Predict(w.model, scope, w.spec, batch[:w.inputs])
	gomlx.AddMainLoss(w.model.Loss(batch[w.inputs:], predictions))
	w.layers, w.sizes, w.units = netgraph.Layers(g, store, predictions), nil, nil
	var params, stats []*graph.Node
	for _, l := range w.layers {
		for _, v := range l.Vars {
			params = append(params, v.NodeValue(g))
		}
	}
	gradients := graph.Gradient(gomlx.TotalLoss(g), params...)
	at := 0
	for _, l := range w.layers {
		stats = append(stats, w.activationStats(g, l)...)
		stats = append(stats, sumSquares(gradients[at:at+len(l.Vars)]))
		size := 0
		for _, v := range l.Vars {
			size += v.Shape().Size()
		}
		w.sizes = append(w.sizes, size)
		at += len(l.Vars)
	}
	leaveAlone(g, store)
	return append([]*graph.Node{graph.Stack(stats, 0)}, params...)
}

// leaveAlone undoes what building the model would change in the store, such as the random state.
func leaveAlone(g *graph.Graph, store *model.Store) {
	for v := range store.IterVariables() {
		if v.ChangedInGraph(g) {
			v.SetNodeValue(g.GetParameterByName(v.Path()))
		}
	}
}

// activationStats returns mean, spread, share of zeros and dead units of a layer.
func (w *watch) activationStats(g *graph.Graph, l *netgraph.Layer) []*graph.Node {
	if l.Act == nil || l.Act.Rank() == 0 {
		w.units = append(w.units, 0)
		nan := graph.Scalar(g, dtypes.Float32, math.NaN())
		return []*graph.Node{nan, nan, nan, graph.ScalarZero(g, dtypes.Float32)}
	}
	x := graph.ConvertDType(graph.StopGradient(l.Act), dtypes.Float32)
	zero := graph.ScalarZero(g, dtypes.Float32)
	mean := graph.ReduceAllMean(x)
	std := graph.Sqrt(graph.ReduceAllMean(graph.Square(graph.Sub(x, mean))))
	zeros := graph.ReduceAllMean(graph.ConvertDType(graph.Equal(x, zero), dtypes.Float32))
	axes := make([]int, x.Rank()-1)
	for i := range axes {
		axes[i] = i
	}
	largest := graph.Abs(x)
	if len(axes) > 0 {
		largest = graph.ReduceMax(largest, axes...)
	}
	dead := graph.ReduceAllSum(graph.ConvertDType(graph.Equal(largest, zero), dtypes.Float32))
	w.units = append(w.units, x.Shape().Dimensions[x.Rank()-1])
	return []*graph.Node{mean, std, zeros, dead}
}

// sumSquares returns the sum of squares of all numbers in nodes.
func sumSquares(nodes []*graph.Node) *graph.Node {
	var sum *graph.Node
	for _, n := range nodes {
		s := graph.ReduceAllSum(graph.Square(graph.ConvertDType(n, dtypes.Float32)))
		if sum == nil {
			sum = s
		} else {
			sum = graph.Add(sum, s)
		}
	}
	return sum
}

// secondGraph compares the variables with those before the step.
func (w *watch) secondGraph(scope *model.Scope, given []*graph.Node) *graph.Node {
	g := given[0].Graph()
	old := given[1:]
	var ratios []*graph.Node
	for _, l := range w.layers {
		var changes []*graph.Node
		for i, v := range l.Vars {
			changes = append(changes, graph.Sub(v.NodeValue(g), old[i]))
		}
		ratios = append(ratios, graph.Sqrt(graph.Div(sumSquares(changes), sumSquares(old[:len(l.Vars)]))))
		old = old[len(l.Vars):]
	}
	return graph.Concatenate([]*graph.Node{given[0], graph.Stack(ratios, 0)}, 0)
}
