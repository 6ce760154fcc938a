package train

import (
	"context"
	"errors"
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

// An Evaluation is how a model does on one data set.
type Evaluation struct {
	Data     string  // name of the data set
	Loss     float64 // mean over the examples
	N        int     // examples
	Classes  int     // classes that the model tells apart; 0 if it is not a classifier
	Right    int     // examples whose class is right
	Accuracy float64 // Right of N; NaN if the model is not a classifier

	// Confusion counts examples by true class (row) and predicted class (column).
	Confusion [][]int
	Mistakes  []Mistake // in the order of the data
}

// A Mistake is one example whose class was not found.
type Mistake struct {
	Index     int // position in the data, from 0
	Label     int // true class
	Predicted int
}

// Evaluate runs the model on every batch of data, without training. It follows the calling cell: an
// interrupt ends it with an error.
func Evaluate(fit *Fitted, data gomlx.Dataset) (*Evaluation, error) {
	ev, err := evaluate(frame.Context(), fit.engine, fit.engine.eval, data)
	if err != nil {
		return nil, fmt.Errorf("train: evaluate %q on %q: %w", fit.Model.Name, data.Name(), err)
	}
	return ev, nil
}

// MustEvaluate is Evaluate for cells and other places that end at an error: it panics on one.
func MustEvaluate(fit *Fitted, data gomlx.Dataset) *Evaluation {
	ev, err := Evaluate(fit, data)
	if err != nil {
		panic(err)
	}
	return ev
}

// evaluate runs one pass over data with an evaluation graph of e.
func evaluate(ctx context.Context, e *engine, x *model.Exec, data gomlx.Dataset) (*Evaluation, error) {
	ev := &Evaluation{Data: data.Name(), Accuracy: math.NaN()}
	batches, sum := 0, 0.0
	for batch, err := range data.Iter() {
		if err != nil {
			return nil, fmt.Errorf("read data %q: %w", data.Name(), err)
		}
		if batches%validateTurn == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		batches++
		n := size(batch)
		loss, classes, err := e.evaluate(x, batch)
		if err == nil && classes != nil {
			err = ev.count(batch.Labels[0], classes)
		}
		if err = firstError(err, batch.Finalize()); err != nil {
			return nil, err
		}
		ev.N += n
		sum += loss * float64(n)
	}
	if ev.N == 0 {
		return nil, errNoBatches
	}
	ev.Loss = sum / float64(ev.N)
	if ev.Classes = len(ev.Confusion); ev.Classes > 0 {
		ev.Accuracy = float64(ev.Right) / float64(ev.N)
	}
	return ev, nil
}

// count enters the predicted classes of one batch.
func (ev *Evaluation) count(labels *tensors.Tensor, predicted []int32) error {
	truth, err := ints(labels)
	if err != nil {
		return err
	}
	for i, p := range predicted {
		label := truth[i]
		if label < 0 {
			return fmt.Errorf("example %d has the negative label %d", ev.N+i, label)
		}
		ev.grow(max(label, int(p)) + 1)
		ev.Confusion[label][p]++
		if label == int(p) {
			ev.Right++
		} else {
			ev.Mistakes = append(ev.Mistakes, Mistake{Index: ev.N + i, Label: label, Predicted: int(p)})
		}
	}
	return nil
}

// grow makes the confusion at least n by n.
func (ev *Evaluation) grow(n int) {
	for i := range ev.Confusion {
		for len(ev.Confusion[i]) < n {
			ev.Confusion[i] = append(ev.Confusion[i], 0)
		}
	}
	for len(ev.Confusion) < n {
		ev.Confusion = append(ev.Confusion, make([]int, n))
	}
}

// ints reads a tensor of any integer type.
func ints(t *tensors.Tensor) (list []int, err error) {
	e := t.ConstFlatData(func(flat any) {
		switch flat := flat.(type) {
		case []int8:
			list = toInts(flat)
		case []uint8:
			list = toInts(flat)
		case []int16:
			list = toInts(flat)
		case []uint16:
			list = toInts(flat)
		case []int32:
			list = toInts(flat)
		case []uint32:
			list = toInts(flat)
		case []int64:
			list = toInts(flat)
		case []uint64:
			list = toInts(flat)
		default:
			err = errors.New("labels of shape " + t.Shape().String() + " are not integers")
		}
	})
	return list, firstError(e, err)
}

func toInts[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](flat []T) []int {
	list := make([]int, len(flat))
	for i, v := range flat {
		list[i] = int(v)
	}
	return list
}

// Interval returns the 95 % confidence interval of the accuracy on data like these, by Wilson's score:
// what N examples can tell. It is NaN for a model that is not a classifier.
func (ev *Evaluation) Interval() (low, high float64) {
	const z = 1.959963984540054 // two-sided 95 % of the normal distribution
	n, p := float64(ev.N), ev.Accuracy
	centre := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return centre - half, centre + half
}

// String says the result in one line, and the confusion as a table below it.
func (ev *Evaluation) String() string {
	var b strings.Builder
	b.WriteString(ev.summary())
	if ev.Classes == 0 || ev.Classes > 30 {
		return b.String()
	}
	b.WriteString("\ntrue\\predicted")
	for c := range ev.Classes {
		fmt.Fprintf(&b, "%6d", c)
	}
	for label, row := range ev.Confusion {
		fmt.Fprintf(&b, "\n%14d", label)
		for _, n := range row {
			fmt.Fprintf(&b, "%6d", n)
		}
	}
	return b.String()
}

// summary is the result in one line.
func (ev *Evaluation) summary() string {
	if ev.Classes == 0 {
		return fmt.Sprintf("%s: loss %.4g on %d examples", ev.Data, ev.Loss, ev.N)
	}
	low, high := ev.Interval()
	return fmt.Sprintf("%s: %d of %d right, accuracy %.4f (95 %% interval %.4f to %.4f), loss %.4g",
		ev.Data, ev.Right, ev.N, ev.Accuracy, low, high, ev.Loss)
}

// HTML says the result in one line, and the confusion as a table below it: mistakes are shaded by how
// often they were made.
func (ev *Evaluation) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<p>%s</p>", html.EscapeString(ev.summary()))
	if ev.Classes == 0 || ev.Classes > 30 {
		return b.String()
	}
	b.WriteString(`<table><tr><th>true \ predicted</th>`)
	worst := 1
	for c, row := range ev.Confusion {
		fmt.Fprintf(&b, "<th>%d</th>", c)
		for p, n := range row {
			if p != c {
				worst = max(worst, n)
			}
		}
	}
	b.WriteString("</tr>")
	for label, row := range ev.Confusion {
		fmt.Fprintf(&b, "<tr><th>%d</th>", label)
		for p, n := range row {
			style := ""
			if p != label && n > 0 {
				style = fmt.Sprintf(` style="background:rgba(198,40,40,%.2f)"`, 0.15+0.5*float64(n)/float64(worst))
			}
			fmt.Fprintf(&b, "<td%s>%d</td>", style, n)
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table>")
	return b.String()
}

// validateHere evaluates the model as it is now on the validation data, once per step.
func (f *fitting) validateHere() error {
	if f.valid == nil || f.validated == f.fit.Step {
		return nil
	}
	ev, err := evaluate(f.ctx, f.engine, f.engine.eval, f.valid)
	average := ev
	if err == nil && f.averaged {
		average, err = evaluate(f.ctx, f.engine, f.engine.average, f.valid)
	}
	if err != nil {
		if f.ctx.Err() != nil {
			return errStopped
		}
		return fmt.Errorf("validate after step %d: %w", f.fit.Step, err)
	}
	f.validated = f.fit.Step
	f.recordEvaluation("valid", ev)
	if f.averaged {
		f.recordEvaluation("average", average)
	}
	f.course.Observe(ev.Loss)
	if err := f.call(onValidation, Moment{Loss: nan, Valid: ev}); err != nil {
		return err
	}
	return f.judge()
}

// judge keeps the model that was just validated if it is the best, and ends the training if none was for
// too long.
func (f *fitting) judge() error {
	if f.best == "" {
		return nil
	}
	curve := f.fit.History.Curve(f.best)
	if curve == nil {
		return fmt.Errorf("the metric %q, by which the best checkpoint is kept, is not measured; there are %s", f.best, f.fit.History.names())
	}
	if step, _, ok := curve.Best(); ok && step == f.fit.Step {
		if err := f.saveAs((*checkpoint.Checkpoint).SaveBest); err != nil {
			return err
		}
	}
	if why := f.exhausted(); why != "" {
		f.fit.Stopped = why
	}
	return nil
}

// exhausted says why the training ends early, or nothing.
func (f *fitting) exhausted() string {
	curve := f.fit.History.Curve(f.best)
	at := curve.best(f.least)
	if f.patience == 0 || at < 0 || len(curve.Values)-1-at < f.patience {
		return ""
	}
	return fmt.Sprintf("%s is not better since step %d", f.best, curve.Steps[at])
}

// recordEvaluation records the figures of a validation under names that begin with what was validated.
func (f *fitting) recordEvaluation(what string, ev *Evaluation) {
	f.record(f.fit.Step, what+"/loss", ev.Loss)
	if ev.Classes > 0 {
		f.record(f.fit.Step, what+"/accuracy", ev.Accuracy)
	}
}
