package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/train"
)

// An Examination is how a classifier does on one data set, example by example.
type Examination struct {
	Data    string
	N       int
	Right   int
	Loss    float64 // mean of -ln of the probability that the true class got
	Classes []Class // by number

	// Confusion counts examples by true class (row) and predicted class (column).
	Confusion   [][]int
	Worst       []Answer // those with the largest loss, the worst first, at most 24
	Calibration Calibration

	names []string
}

// A Class is what an examination says of one class. Intervals are of 95 %, by Wilson's score; that of F1
// follows from the one of the share TP/(TP+FP+FN), of which F1 is a rising function.
type Class struct {
	Class                                int
	Support                              int // examples of the class
	Precision, PrecisionLow, PrecisionUp float64
	Recall, RecallLow, RecallUp          float64
	F1, F1Low, F1Up                      float64
}

// An Answer is what the model said of one example.
type Answer struct {
	Index       int // position in the data, from 0
	Label       int // true class
	Predicted   int
	Probability float64 // of the predicted class
	OfLabel     float64 // probability of the true class
	Loss        float64 // -ln OfLabel

	input []float64 // what the network got; nil if it is not to be shown
	shape []int
}

// worstKept is how many of the worst answers are kept.
const worstKept = 24

// Examine asks a trained classifier about every example of data. Its predictions are logits of shape
// [batch, classes], or [batch, …, classes] with as many labels; labels are integers. It follows the
// calling cell: an interrupt ends it with an error.
func Examine(fit *train.Fitted, data gomlx.Dataset) (*Examination, error) {
	e := &Examination{Data: data.Name()}
	if err := e.run(frame.Context(), fit, data); err != nil {
		return nil, fmt.Errorf("check: examine %q on %q: %w", fit.Model.Name, data.Name(), err)
	}
	return e, nil
}

// MustExamine is Examine for cells and other places that end at an error: it panics on one.
func MustExamine(fit *train.Fitted, data gomlx.Dataset) *Examination {
	e, err := Examine(fit, data)
	if err != nil {
		panic(err)
	}
	return e
}

// Named gives the classes names to be shown by, and returns e.
func (e *Examination) Named(names ...string) *Examination {
	e.names = names
	return e
}

// Accuracy returns the share of right answers and its 95 % interval by Wilson's score.
func (e *Examination) Accuracy() (share, low, high float64) {
	low, high = wilson(e.Right, e.N, z95)
	return float64(e.Right) / float64(e.N), low, high
}

func (e *Examination) run(ctx context.Context, fit *train.Fitted, data gomlx.Dataset) error {
	var exec *model.Exec
	sum := 0.0
	for batch, err := range data.Iter() {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if exec == nil {
			if exec, err = newPredictor(fit, batch.Spec, nil); err != nil {
				return err
			}
			defer exec.Finalize()
		}
		loss, err := e.batch(exec, batch)
		if e := batch.Finalize(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
		sum += loss
	}
	if e.N == 0 {
		return errors.New("there are no examples in it")
	}
	e.Loss = sum / float64(e.N)
	e.Calibration.finish()
	e.Classes = classesOf(e.Confusion)
	return nil
}

// batch enters the answers for one batch and returns the sum of their losses.
func (e *Examination) batch(exec *model.Exec, batch gomlx.Batch) (sum float64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the model panicked: %v", p)
		}
	}()
	if len(batch.Labels) == 0 || !batch.Labels[0].DType().IsInt() {
		return 0, errors.New("the labels are not integers, so there are no classes")
	}
	labels, err := floats(batch.Labels[0])
	if err != nil {
		return 0, err
	}
	out, err := exec.Call(anys(batch.Inputs)...)
	if err != nil {
		return 0, err
	}
	defer finalize(out)
	shape := out[0].Shape()
	if shape.Rank() < 2 || shape.Size() != len(labels)*shape.Dimensions[shape.Rank()-1] {
		return 0, fmt.Errorf("predictions of shape %s are no scores of classes for %d labels", shape, len(labels))
	}
	scores, err := floats(out[0])
	if err != nil {
		return 0, err
	}
	return e.count(scores, labels, batch.Inputs[0])
}

// count enters answers by their scores, one row for each label.
func (e *Examination) count(scores, labels []float64, input *tensors.Tensor) (sum float64, err error) {
	classes := len(scores) / len(labels)
	if e.Confusion == nil {
		e.Confusion = make([][]int, classes)
		for i := range e.Confusion {
			e.Confusion[i] = make([]int, classes)
		}
		e.Calibration = newCalibration(defaultBins)
	}
	for i, v := range labels {
		label := int(v)
		if label < 0 || label >= classes {
			return 0, fmt.Errorf("example %d has the label %d; there are %d classes", e.N, label, classes)
		}
		p := softmax(scores[i*classes : (i+1)*classes])
		best := argmax(p)
		a := Answer{Index: e.N, Label: label, Predicted: best, Probability: p[best], OfLabel: p[label], Loss: -math.Log(p[label])}
		e.N++
		e.Confusion[label][best]++
		if best == label {
			e.Right++
		}
		e.Calibration.add(a.Probability, best == label)
		sum += a.Loss
		e.keep(a, i, len(labels), input)
	}
	return sum, nil
}

// keep keeps an answer if it is among the worst.
func (e *Examination) keep(a Answer, i, n int, input *tensors.Tensor) {
	worse := func(a, b Answer) int { return cmp.Or(cmp.Compare(b.Loss, a.Loss), cmp.Compare(a.Index, b.Index)) }
	if len(e.Worst) == worstKept && worse(a, e.Worst[worstKept-1]) > 0 {
		return
	}
	if s := input.Shape(); s.Rank() > 1 && s.Dimensions[0] == n {
		if values, err := floats(input); err == nil {
			width := len(values) / n
			a.input, a.shape = slices.Clone(values[i*width:(i+1)*width]), s.Dimensions[1:]
		}
	}
	at, _ := slices.BinarySearchFunc(e.Worst, a, worse)
	e.Worst = slices.Insert(e.Worst, at, a)
	e.Worst = e.Worst[:min(len(e.Worst), worstKept)]
}

// softmax returns probabilities for scores.
func softmax(scores []float64) []float64 {
	largest, sum := slices.Max(scores), 0.0
	p := make([]float64, len(scores))
	for i, s := range scores {
		p[i] = math.Exp(s - largest)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func argmax(values []float64) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

// classesOf counts what a confusion says of each class.
func classesOf(confusion [][]int) []Class {
	list := make([]Class, len(confusion))
	for c := range list {
		right, support, predicted := confusion[c][c], 0, 0
		for o := range confusion {
			support += confusion[c][o]
			predicted += confusion[o][c]
		}
		k := Class{Class: c, Support: support}
		k.Precision, k.PrecisionLow, k.PrecisionUp = share(right, predicted)
		k.Recall, k.RecallLow, k.RecallUp = share(right, support)
		// F1 = 2J/(1+J) of the Jaccard index J = TP/(TP+FP+FN).
		j, low, high := share(right, support+predicted-right)
		k.F1, k.F1Low, k.F1Up = 2*j/(1+j), 2*low/(1+low), 2*high/(1+high)
		list[c] = k
	}
	return list
}

func share(right, n int) (p, low, high float64) {
	low, high = wilson(right, n, z95)
	return float64(right) / float64(n), low, high // NaN for none
}

// defaultBins is the number of bins of a calibration.
const defaultBins = 10

// A Calibration compares how sure a classifier is with how often it is right: the probability of the
// predicted class against the share of right answers, in bins of equal width.
type Calibration struct {
	Bins []Bin
	// ECE is the expected calibration error: the mean over all examples of the distance between share right and mean
	// probability in their bin (M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining Well Calibrated
	// Probabilities Using Bayesian Binning", AAAI 2015; C. Guo et al., "On Calibration of Modern Neural
	// Networks", ICML 2017, equation 3).
	ECE float64
	MCE float64 // the largest distance in a bin with examples (equation 4 of the latter)
}

// A Bin holds the examples whose predicted class had a probability above Low and up to High.
type Bin struct {
	Low, High   float64
	Count       int
	Right       int
	Probability float64 // mean; NaN without examples
	Accuracy    float64 // Right of Count; NaN without examples
}

func newCalibration(bins int) Calibration {
	c := Calibration{Bins: make([]Bin, bins)}
	for i := range c.Bins {
		c.Bins[i].Low, c.Bins[i].High = float64(i)/float64(bins), float64(i+1)/float64(bins)
	}
	return c
}

// add enters one answer. Probability is a sum until finish.
func (c *Calibration) add(probability float64, right bool) {
	i := int(math.Ceil(probability*float64(len(c.Bins)))) - 1
	b := &c.Bins[max(0, min(i, len(c.Bins)-1))]
	b.Count++
	b.Probability += probability
	if right {
		b.Right++
	}
}

// finish makes means of sums.
func (c *Calibration) finish() {
	n := 0
	for _, b := range c.Bins {
		n += b.Count
	}
	for i := range c.Bins {
		b := &c.Bins[i]
		b.Probability /= float64(b.Count)
		b.Accuracy = float64(b.Right) / float64(b.Count)
		if b.Count > 0 {
			gap := math.Abs(b.Accuracy - b.Probability)
			c.ECE += gap * float64(b.Count) / float64(n)
			c.MCE = max(c.MCE, gap)
		}
	}
}

// summary says the error in a line.
func (c Calibration) summary() string {
	sure, right, n := 0.0, 0, 0
	for _, b := range c.Bins {
		if b.Count > 0 {
			sure += b.Probability * float64(b.Count)
			right, n = right+b.Right, n+b.Count
		}
	}
	word := "too sure"
	if sure < float64(right) {
		word = "not sure enough"
	}
	return fmt.Sprintf("expected calibration error %.4f, at most %.4f in a bin; on the whole %s: %.4f sure, %.4f right",
		c.ECE, c.MCE, word, sure/float64(n), float64(right)/float64(n))
}

// String returns the bins as a table.
func (c Calibration) String() string {
	var b strings.Builder
	b.WriteString(c.summary())
	fmt.Fprintf(&b, "\n%-12s %8s %12s %9s  %s", "probability", "examples", "mean", "right", "95 % interval")
	for _, bin := range c.Bins {
		if bin.Count == 0 {
			continue
		}
		low, high := wilson(bin.Right, bin.Count, z95)
		fmt.Fprintf(&b, "\n%4.2f to %4.2f %8d %12.4f %9.4f  %.4f to %.4f", bin.Low, bin.High, bin.Count, bin.Probability, bin.Accuracy, low, high)
	}
	return b.String()
}

// HTML draws share right against probability, with the interval of each bin, over the diagonal on which a
// calibrated classifier lies; bars below tell how many examples each bin has.
func (c Calibration) HTML() string {
	const size, bars, left = 230.0, 46.0, 34.0
	most := 1
	for _, b := range c.Bins {
		most = max(most, b.Count)
	}
	x := func(v float64) float64 { return left + v*size }
	y := func(v float64) float64 { return 6 + (1-v)*size }
	var s strings.Builder
	fmt.Fprintf(&s, `<div><svg viewBox="0 0 %.0[1]f %.0[2]f" style="min-width:%.0[1]fpx" width="%.0[1]f" height="%.0[2]f" role="img" aria-label="calibration" font-size="11" fill="currentColor">`, left+size+12, size+bars+44)
	fmt.Fprintf(&s, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="currentColor" stroke-opacity="0.4"/>`, x(0), y(1), size, size)
	fmt.Fprintf(&s, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="currentColor" stroke-dasharray="4 3" opacity="0.6"/>`, x(0), y(0), x(1), y(1))
	for _, v := range []float64{0, 0.5, 1} {
		fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" text-anchor="end">%.1f</text><text x="%.1f" y="%.1f" text-anchor="middle">%.1f</text>`, left-4, y(v)+4, v, x(v), y(0)+bars+20, v)
	}
	var path []string
	for _, b := range c.Bins {
		if b.Count == 0 {
			continue
		}
		low, high := wilson(b.Right, b.Count, z95)
		fmt.Fprintf(&s, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="2" opacity="0.5"/>`, x(b.Probability), x(b.Probability), y(low), y(high), traceColours[0])
		fmt.Fprintf(&s, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`, x(b.Probability), y(b.Accuracy), traceColours[0])
		path = append(path, fmt.Sprintf("%.1f,%.1f", x(b.Probability), y(b.Accuracy)))
		h := float64(b.Count) / float64(most) * (bars - 12)
		fmt.Fprintf(&s, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" opacity="0.35"><title>%d examples</title></rect>`,
			x(b.Low)+1, y(0)+bars+4-h, size/float64(len(c.Bins))-2, h, b.Count)
		fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="8">%d</text>`, x((b.Low+b.High)/2), y(0)+bars+2-h, b.Count)
	}
	fmt.Fprintf(&s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, strings.Join(path, " "), traceColours[0])
	fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" text-anchor="middle">probability of the answer</text>`, x(0.5), y(0)+bars+34)
	fmt.Fprintf(&s, `<text transform="translate(10,%.1f) rotate(-90)" text-anchor="middle">share right</text></svg></div>`, y(0.5))
	return s.String() + `<div style="font-size:90%">` + c.summary() + "</div>"
}
