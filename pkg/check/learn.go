package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/train"
)

// A trial is one short training.
type trial struct {
	fit    *train.Fitted
	losses []float64 // of each step, before its update
	err    error     // why there is no fit
}

func (t *trial) close() {
	if t != nil && t.fit != nil {
		t.fit.Close()
	}
}

// enough tells from the losses so far that a training may end.
type enough func(losses []float64) bool

// try trains f's model on r for some steps, or until it is enough, or for as long as one training may take.
func (f *flight) try(r rows, size, steps int, done enough) *trial {
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	t := &trial{}
	var began time.Time
	sink := metric.SinkFunc(func(_ metric.Step, name string, v float64) {
		if name != "train/loss" {
			return
		}
		if began.IsZero() {
			began = time.Now() // compiling does not count
		}
		t.losses = append(t.losses, v)
		if done != nil && done(t.losses) || time.Since(began) > f.each {
			cancel()
		}
	})
	m := f.model
	m.Steps = steps
	t.fit, t.err = train.Fit(sink, m, f.feed(r, min(size, r.n)), nil, f.trainOptions(ctx)...)
	return t
}

// trained returns the training on the examples as they are, which several checks look at.
func (f *flight) trained() (*trial, error) {
	if f.real == nil {
		f.real = f.try(f.learn, f.size, f.steps, nil)
	}
	return f.real, f.real.err
}

// parts is how many parts the held-out examples are cut into; the spread of the losses over them gives the
// intervals.
func (f *flight) parts() int { return min(20, f.held.n) }

// heldLosses evaluates a trained model on each part of r, and counts right answers if it is a classifier.
func (f *flight) heldLosses(fit *train.Fitted, r rows) (losses []float64, right int, err error) {
	size := r.n / f.parts()
	for p := range f.parts() {
		ev, err := train.Evaluate(fit, &feed{name: "preflight", rows: r.slice(p*size, (p+1)*size), size: size})
		if err != nil {
			return nil, 0, err
		}
		losses, right = append(losses, ev.Loss), right+ev.Right
	}
	return losses, right, nil
}

// checkFalls sees that training lowers the loss.
func (f *flight) checkFalls() (Check, error) {
	c := Check{Expected: "the last quarter of the steps has a lower loss than the first"}
	t, err := f.trained()
	if err != nil {
		return c, err
	}
	n := len(t.losses)
	quarter := max(n/4, 1)
	first, last := estimateOf(t.losses[:quarter], z95), estimateOf(t.losses[n-quarter:], z95)
	c.Measured = fmt.Sprintf("%.4g in the first %d of %d steps, %.4g in the last", first.mean, quarter, n, last.mean)
	c.picture = curves(math.NaN(), trace{"loss", t.losses})
	gap := math.Hypot(first.half, last.half)
	switch {
	case n < 8:
		return c, cannot("only %d steps could be made in %s: the option check.Each gives more time", n, f.each)
	case first.mean-last.mean > gap:
		c.Verdict = Pass
	case last.mean < first.mean:
		c.Verdict, c.Advice = Warn, "it may only need more steps; else try other learning rates"
	default:
		c.Verdict, c.Advice = Fail, "try a learning rate ten times smaller and larger; see the sign of the loss, and whether its gradient reaches the layers"
	}
	return c, nil
}

// checkLayers sees that every trainable variable has been changed by training.
func (f *flight) checkLayers() (Check, error) {
	c := Check{Verdict: Pass, Expected: "every trainable variable changes"}
	t, err := f.trained()
	if err != nil {
		return c, err
	}
	before := contents(f.initial.Store)
	var same []string
	frozen, all := 0, 0
	for v := range t.fit.Store.IterVariables() {
		old, known := before[v.Path()]
		if !known {
			continue // of the optimizer
		}
		if !v.Trainable {
			if f.used[v.Path()] {
				frozen++
			}
			continue
		}
		all++
		if bytes.Equal(content(v), old) {
			same = append(same, v.Path())
		}
	}
	c.Measured = fmt.Sprintf("%d of %d trainable variables changed in %d steps", all-len(same), all, t.fit.Step)
	if frozen > 0 {
		c.Measured += fmt.Sprintf("; %d that it uses are not trainable", frozen)
	}
	switch {
	case all == 0:
		c.Verdict, c.Measured, c.Advice = Fail, "the model has no trainable variables", "see whether all of them were made untrainable"
	case len(same) > 0:
		c.Verdict, c.Measured = Fail, c.Measured+"; not "+strings.Join(same, ", ")
		c.Advice = "no gradient reaches them: see StopGradient, layers whose result is not used, and units that are dead from the start"
	}
	return c, nil
}

// contents returns the bytes of all variables, by path.
func contents(store *model.Store) map[string][]byte {
	m := map[string][]byte{}
	for v := range store.IterVariables() {
		m[v.Path()] = content(v)
	}
	return m
}

// content copies the bytes of a variable; nil if it has no value.
func content(v *model.Variable) (data []byte) {
	t, err := v.Value()
	if err != nil {
		return nil
	}
	if t.ConstBytes(func(b []byte) { data = slices.Clone(b) }) != nil {
		return nil
	}
	return data
}

// checkInputs sees that the model does better with its inputs than with zeros in their place.
func (f *flight) checkInputs() (Check, error) {
	c := Check{Expected: "a lower loss on held-out examples than with zeros for inputs"}
	t, err := f.trained()
	if err != nil {
		return c, err
	}
	f.blind = f.try(f.learn.blind(), f.size, t.fit.Step, nil)
	if f.blind.err != nil {
		return c, fmt.Errorf("with zeros for inputs: %w", f.blind.err)
	}
	seeing, right, err := f.heldLosses(t.fit, f.held)
	if err != nil {
		return c, err
	}
	blind, _, err := f.heldLosses(f.blind.fit, f.held.blind())
	if err != nil {
		return c, err
	}
	gain := estimateOf(less(blind, seeing), z95)
	c.Measured = fmt.Sprintf("%.4g with its inputs and %.4g without, after %d steps: better by %.3g ± %.2g",
		estimateOf(seeing, z95).mean, estimateOf(blind, z95).mean, t.fit.Step, gain.mean, gain.half)
	if n := f.held.n / f.parts() * f.parts(); f.labels.classes > 0 && f.labels.each == 1 {
		c.Measured += fmt.Sprintf("; %d of %d right", right, n)
	}
	c.picture = curves(math.NaN(), trace{"with inputs", t.losses}, trace{"zeros", f.blind.losses})
	switch {
	case gain.low() > 0:
		c.Verdict = Pass
	case gain.mean > 0:
		c.Verdict, c.Advice = Warn, "this cannot be told from chance: give more steps (check.Steps) or more held-out examples"
	default:
		c.Verdict = Fail
		c.Advice = "what the model learns does not come from its inputs: see that each label belongs to its input, and that held-out examples are prepared as the others"
	}
	return c, nil
}

// checkSeed trains once more, and compares every byte.
func (f *flight) checkSeed() (Check, error) {
	c := Check{Verdict: Pass, Expected: "every variable the same, bit for bit"}
	t, err := f.trained()
	if err != nil {
		return c, err
	}
	again := f.try(f.learn, f.size, t.fit.Step, nil)
	defer again.close()
	if again.err != nil {
		return c, fmt.Errorf("trained a second time: %w", again.err)
	}
	if again.fit.Step < t.fit.Step {
		return c, cannot("the second training came to step %d of %d in its time: the option check.Each gives more", again.fit.Step, t.fit.Step)
	}
	first, second := contents(t.fit.Store), contents(again.fit.Store)
	differ, trainable := 0, ""
	for v := range t.fit.Store.IterVariables() {
		if !bytes.Equal(first[v.Path()], second[v.Path()]) {
			differ++
			if trainable == "" {
				trainable = v.Path()
			}
		}
	}
	c.Measured = fmt.Sprintf("%d variables after %d steps, trained twice with seed %d", len(first), t.fit.Step, f.model.Seed)
	if differ == 0 && len(first) == len(second) {
		return c, nil
	}
	c.Verdict, c.Measured = Fail, fmt.Sprintf("%s: %d differ, the first is %s", c.Measured, differ, trainable)
	c.Advice = "something draws numbers outside of the graph and of the seed, or the device adds in another order each time"
	if t.fit.Recipe != again.fit.Recipe {
		c.Advice = "the model's function builds another graph each time: it reads a clock, math/rand or something that changes; take numbers from the scope instead"
	}
	return c, nil
}

// learntByHeart is the loss below which a few examples are taken to be learnt by heart.
const learntByHeart = 1e-3

// checkTiny lets the model learn a few examples by heart.
func (f *flight) checkTiny() (Check, error) {
	few := f.learn.pick(f.distinct(f.tiny))
	c := Check{Expected: fmt.Sprintf("a loss below %g", learntByHeart)}
	t := f.try(few, few.n, f.tinySteps, func(losses []float64) bool {
		n := len(losses)
		return n >= 5 && slices.Max(losses[n-5:]) < learntByHeart/4
	})
	defer t.close()
	if t.err != nil {
		return c, t.err
	}
	ev, err := train.Evaluate(t.fit, &feed{name: "preflight", rows: few, size: few.n})
	if err != nil {
		return c, err
	}
	began := t.losses[0]
	c.Measured = fmt.Sprintf("%d examples, from %.4g to %.3g in %d steps", few.n, began, ev.Loss, t.fit.Step)
	c.picture = curves(math.NaN(), trace{fmt.Sprintf("loss on %d examples", few.n), t.losses})
	switch {
	case !finite(ev.Loss):
		c.Verdict, c.Advice = Fail, adviceNaN
	case math.Abs(ev.Loss) < learntByHeart*max(1, math.Abs(began)):
		c.Verdict = Pass
	case ev.Loss < began/10 && ev.Loss > -learntByHeart:
		c.Verdict, c.Advice = Warn, "it gets there slowly: a larger learning rate, or less dropout and weight decay; label smoothing keeps it from 0"
	default:
		c.Verdict, c.Advice = Fail, "see the sign of the loss, whether gradients reach all layers, and whether examples mix; then the learning rate"
	}
	return c, nil
}

// distinct returns the places of k examples, with as many different labels as there are.
func (f *flight) distinct(k int) []int {
	seen := map[string]bool{}
	var places, rest []int
	for i := range f.learn.n {
		var key []byte
		for _, c := range f.learn.cols[f.learn.inputs:] {
			key = append(key, c.row(i)...)
		}
		if seen[string(key)] {
			rest = append(rest, i)
			continue
		}
		seen[string(key)] = true
		places = append(places, i)
	}
	places = append(places, rest...)
	return places[:min(k, len(places))]
}

// shuffle returns the place of the label that each of r gets: one that its inputs choose, so that examples
// which are the same in both parts of the data get the same one.
func (f *flight) shuffle(r rows) []int {
	places := make([]int, r.n)
	for i := range places {
		h := fnv.New64a()
		for _, c := range r.cols[:r.inputs] {
			h.Write(c.row(i))
		}
		sum := h.Sum64()
		sum ^= sum >> 29
		sum *= 0xbf58476d1ce4e5b9 // spreads the low bits (D. Stafford's variant of MurmurHash3's end)
		sum ^= sum >> 32
		places[i] = int(sum % uint64(f.learn.n))
	}
	return places
}

// checkShuffled trains on labels that have nothing to do with the inputs: then held-out ones cannot be known.
func (f *flight) checkShuffled() (Check, error) {
	c := Check{Expected: "no better than chance on held-out examples"}
	if len(f.learn.cols) == f.learn.inputs {
		return c, cannot("the data have no labels")
	}
	t, err := f.trained()
	if err != nil {
		return c, err
	}
	f.shuffled = f.try(f.learn.relabel(f.learn, f.shuffle(f.learn)), f.size, t.fit.Step, nil)
	if f.shuffled.err != nil {
		return c, fmt.Errorf("with shuffled labels: %w", f.shuffled.err)
	}
	held := f.held.relabel(f.learn, f.shuffle(f.held))
	losses, right, err := f.heldLosses(f.shuffled.fit, held)
	if err != nil {
		return c, err
	}
	c.picture = curves(math.NaN(), trace{"true labels", t.losses}, trace{"shuffled", f.shuffled.losses})
	return f.judgeShuffled(c, held, losses, right)
}

func (f *flight) judgeShuffled(c Check, held rows, losses []float64, right int) (Check, error) {
	var problems []string
	chance, err := f.chanceLosses(held)
	var missing *unavailable
	if err != nil && !errors.As(err, &missing) {
		return c, err
	}
	if chance != nil {
		gain := estimateOf(less(chance, losses), z999)
		c.Measured = fmt.Sprintf("loss %.4g, %.4g by chance", estimateOf(losses, z95).mean, estimateOf(chance, z95).mean)
		if gain.low() > 0.01*math.Abs(estimateOf(chance, z95).mean) {
			problems = append(problems, "the loss is below chance")
		}
	}
	if f.labels.classes > 0 && f.labels.each == 1 {
		n := held.n / f.parts() * f.parts()
		low, _ := wilson(right, n, z999)
		share := float64(slices.Max(f.labels.counts)) / float64(max(len(f.labels.values), 1))
		c.Measured += fmt.Sprintf("; %d of %d right, %.0f by chance", right, n, share*float64(n))
		if low > share+0.02 {
			problems = append(problems, "more are right than by chance")
		}
	}
	switch {
	case chance == nil && c.Measured == "":
		return c, err
	case len(problems) > 0:
		c.Verdict, c.Advice = Fail, "held-out answers are known from elsewhere: see examples in both parts of the data, and whether the loss looks at the labels at all"
		c.Measured += ": " + strings.Join(problems, " and ")
	default:
		c.Verdict = Pass
	}
	return c, nil
}

// chanceLosses returns the loss of the best answer that does not look at the inputs, for each part of r.
func (f *flight) chanceLosses(r rows) ([]float64, error) {
	out, err := f.predictions(f.initial, f.learn.slice(0, f.size))
	if err != nil {
		return nil, err
	}
	row := f.blindAnswer(out.shape.Size() / max(out.shape.Dimensions[0], 1))
	if row == nil {
		return nil, cannot("what chance gives is not known for predictions of shape %s and these labels", out.shape)
	}
	return f.constantLosses(out.shape, row, r, f.parts())
}
