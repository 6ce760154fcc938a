package check

import (
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/internal/netgraph"
	"github.com/lathe-go/lathe/pkg/train"
)

// output is the first prediction of a model on some examples.
type output struct {
	shape  shapes.Shape
	values []float64 // row by row
}

// newPredictor prepares to compute the predictions of a live model as in an evaluation. The variables that
// these use are then entered in used, which may be nil.
func newPredictor(fit *train.Fitted, spec any, used map[string]bool) (*model.Exec, error) {
	return model.NewExec(fit.Device.Backend, fit.Store, func(scope *model.Scope, inputs []*graph.Node) []*graph.Node {
		g := inputs[0].Graph()
		scope.Store().SetTraining(g, false)
		out := netgraph.Predict(fit.Model, scope, spec, inputs)[:1]
		for v := range scope.Store().IterVariables() {
			if used != nil && v.InUseByGraph(g) {
				used[v.Path()] = true
			}
		}
		return out
	})
}

// predictions computes what a model predicts for each of r at once.
func (f *flight) predictions(fit *train.Fitted, r rows) (output, error) {
	exec, err := newPredictor(fit, r.spec, f.used)
	if err != nil {
		return output{}, err
	}
	defer exec.Finalize()
	return predictWith(exec, r)
}

// predictWith computes the predictions for each of r at once.
func predictWith(exec *model.Exec, r rows) (out output, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the model panicked: %v", p)
		}
	}()
	b, err := r.batch(0, r.n)
	if err != nil {
		return out, err
	}
	defer b.Finalize()
	res, err := exec.Call(anys(b.Inputs)...)
	if err != nil {
		return out, err
	}
	defer finalize(res)
	out.shape = res[0].Shape()
	out.values, err = floats(res[0])
	return out, err
}

func anys(ts []*tensors.Tensor) []any {
	list := make([]any, len(ts))
	for i, t := range ts {
		list[i] = t
	}
	return list
}

func finalize(ts []*tensors.Tensor) {
	for _, t := range ts {
		t.FinalizeAll() // gives memory back; there is nothing to do if that fails
	}
}

// constantLosses returns the mean loss of each part of r if every example is answered with the same
// numbers, those of one row of predictions.
func (f *flight) constantLosses(like shapes.Shape, row []float64, r rows, parts int) ([]float64, error) {
	size := r.n / parts
	first := like.Dimensions[0] / f.size * size // predictions for a part
	dims := append([]int{first}, like.Dimensions[1:]...)
	exec, err := model.NewExec(f.device.Backend, model.NewStore(), func(scope *model.Scope, labels []*graph.Node) *graph.Node {
		g := labels[0].Graph()
		narrow := make([]float32, len(row))
		for i, v := range row {
			narrow[i] = float32(v)
		}
		one := graph.ConvertDType(graph.Const(g, narrow), like.DType)
		all := graph.BroadcastToDims(graph.Reshape(one, append([]int{1}, like.Dimensions[1:]...)...), dims...)
		return graph.ReduceAllMean(f.initial.Model.Loss(labels, []*graph.Node{all}))
	})
	if err != nil {
		return nil, err
	}
	defer exec.Finalize()
	var losses []float64
	for p := range parts {
		b, err := r.batch(p*size, (p+1)*size)
		if err != nil {
			return nil, err
		}
		res, err := exec.Call(anys(b.Labels)...)
		if err != nil {
			return nil, err
		}
		loss, err := floats(res[0])
		finalize(append(res, slices.Concat(b.Inputs, b.Labels)...))
		if err != nil {
			return nil, err
		}
		losses = append(losses, loss[0])
	}
	return losses, nil
}

// checkInitial compares the first loss with what it must be.
func (f *flight) checkInitial() (Check, error) {
	n := max(f.size, min(f.learn.n, 512)/f.size*f.size)
	ev, err := train.Evaluate(f.initial, &feed{name: "preflight", rows: f.learn.slice(0, n), size: f.size})
	if err != nil {
		return Check{}, err
	}
	c := Check{Measured: fmt.Sprintf("%.4g on %d examples, before the first step", ev.Loss, n)}
	if f.expect != nil {
		f.judgeExpected(&c, ev.Loss)
		return c, nil
	}
	zero, best, err := f.constants(n)
	if err != nil || !finite(zero) {
		return c, cannot("%s; what it should be is not known for this loss: the option check.InitialLoss says it (%v)", c.Measured, err)
	}
	f.judgeAgainst(&c, ev.Loss, zero, best)
	return c, nil
}

// constants returns the losses on the first n examples of predictions that are all zero, and of the best
// ones that do not look at the inputs.
func (f *flight) constants(n int) (zero, best float64, err error) {
	out, err := f.predictions(f.initial, f.learn.slice(0, f.size))
	if err != nil {
		return 0, 0, err
	}
	width := out.shape.Size() / max(out.shape.Dimensions[0], 1)
	mean := func(row []float64) (float64, error) {
		losses, err := f.constantLosses(out.shape, row, f.learn.slice(0, n), n/f.size)
		if err != nil {
			return 0, err
		}
		return estimateOf(losses, z95).mean, nil
	}
	if zero, err = mean(make([]float64, width)); err != nil {
		return 0, 0, err
	}
	best = zero
	if row := f.blindAnswer(width); row != nil {
		best, err = mean(row)
	}
	return zero, best, err
}

// blindAnswer returns the best row of predictions that does not look at the inputs: logarithms of how
// often classes occur, or means. It is nil if labels and predictions are not alike.
func (f *flight) blindAnswer(width int) []float64 {
	l := f.labels
	if l.classes > 0 {
		row := make([]float64, width)
		for i := range row {
			row[i] = math.Log((float64(l.counts[i%l.classes]) + 0.5) / (float64(len(l.values)) + 0.5*float64(l.classes)))
		}
		return row
	}
	if len(f.learn.cols) == f.learn.inputs || !f.learn.cols[f.learn.inputs].shape.DType.IsFloat() {
		return nil
	}
	values, err := f.learn.floats(f.learn.inputs)
	if err != nil || len(values) != f.learn.n*width {
		return nil
	}
	row := make([]float64, width)
	for i, v := range values {
		row[i%width] += v / float64(f.learn.n)
	}
	return row
}

// judgeExpected compares a loss with what the user expects.
func (f *flight) judgeExpected(c *Check, loss float64) {
	c.Expected = fmt.Sprintf("%.4g ± %.2g", f.expect.want, f.expect.tolerance)
	c.Verdict = Pass
	if !(math.Abs(loss-f.expect.want) <= f.expect.tolerance) {
		c.Verdict, c.Advice = Fail, "see the initial values of the last layer, the scale of the inputs, and what the loss averages over"
	}
}

// How far the first loss may be above what it must be, in nats for classes: logits of a standard deviation
// s cost about s²/2; and as a multiple of the variance for numbers.
const (
	someNats     = 1
	manyNats     = 3
	someTimes    = 10
	manyTimes    = 100
	knowsTooMuch = 0.5 // a loss below this share of what knows nothing
)

const (
	adviceLarge = "make the initial values of the last layer smaller, scale the inputs to about 1, or set the last bias to the mean of the labels"
	adviceSmall = "a model that knows nothing cannot do better: see the sign of the loss, what it averages over, and whether labels are among the inputs"
	adviceNaN   = "see which layer first gives NaN: inputs that are not finite, a logarithm of 0, a division by 0"
)

// judgeAgainst compares a loss with those of predictions that know nothing.
func (f *flight) judgeAgainst(c *Check, loss, zero, best float64) {
	c.Verdict = Pass
	var large, some bool
	if f.labels.classes > 0 {
		c.Expected = fmt.Sprintf("about %.4g, the loss of equal scores for all classes", zero)
		some, large = loss > zero+someNats, loss > zero+manyNats
	} else {
		c.Expected = fmt.Sprintf("about %.4g, the loss of answering with the mean (%.4g for answering 0)", best, zero)
		reference := max(best, min(zero, math.Ln2))
		some, large = loss > someTimes*reference, loss > manyTimes*reference
		zero = best
	}
	switch {
	case !finite(loss):
		c.Verdict, c.Advice = Fail, adviceNaN
	case loss < knowsTooMuch*min(zero, best):
		c.Verdict, c.Advice = Fail, adviceSmall
	case large:
		c.Verdict, c.Advice = Fail, adviceLarge
	case some:
		c.Verdict, c.Advice = Warn, adviceLarge
	}
}
