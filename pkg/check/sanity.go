package check

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/lathe-go/lathe/pkg/dataset"
)

// labelling is what labels are to the model.
type labelling struct {
	classes int   // that the model tells apart; 0 if its predictions are not scores of classes
	each    int   // labels of one example
	values  []int // of the examples to learn from, if classes > 0
	counts  []int // how often each class occurs in them
	strange int   // labels that are no class
	least   int
	largest int
}

// readLabels finds out whether the model scores classes: integer labels, and predictions with one more
// axis than they have.
func (f *flight) readLabels() (labelling, error) {
	var l labelling
	if len(f.learn.cols) == f.learn.inputs {
		return l, nil
	}
	out, err := f.predictions(f.initial, f.learn.slice(0, f.size))
	if err != nil {
		return l, err
	}
	c := f.learn.cols[f.learn.inputs]
	last := out.shape.Rank() - 1
	if !c.shape.DType.IsInt() || last < 1 || !out.shape.DType.IsFloat() {
		return l, nil
	}
	l.each = c.shape.Size()
	if k := out.shape.Dimensions[last]; k > 1 && l.each*f.size*k == out.shape.Size() {
		l.classes, l.counts = k, make([]int, k)
	}
	values, err := f.learn.floats(f.learn.inputs)
	if err != nil {
		return l, err
	}
	for i, v := range values {
		label := int(v)
		if i == 0 {
			l.least, l.largest = label, label
		}
		l.least, l.largest = min(l.least, label), max(l.largest, label)
		l.values = append(l.values, label)
		if label >= 0 && label < l.classes {
			l.counts[label]++
		} else {
			l.strange++
		}
	}
	return l, nil
}

// floats returns the numbers of column i, row by row.
func (r rows) floats(i int) ([]float64, error) {
	c := r.cols[i]
	b, err := rows{n: r.n, inputs: 1, cols: []column{c}}.batch(0, r.n)
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	return floats(b.Inputs[0])
}

// findings gathers what is wrong and what is merely worth saying.
type findings struct {
	verdict Verdict
	bad     []string
	advice  []string
	remarks []string
}

func (w *findings) add(v Verdict, what, advice string) {
	if v == Fail || w.verdict == Pass {
		w.verdict = v
	}
	w.bad, w.advice = append(w.bad, what), append(w.advice, advice)
}

// checkData looks at the examples themselves.
func (f *flight) checkData() (Check, error) {
	w := &findings{verdict: Pass}
	w.remarks = append(w.remarks, fmt.Sprintf("%d examples to learn from, %d held out", f.learn.n, f.held.n))
	for i := range f.learn.cols {
		if err := f.checkColumn(w, i); err != nil {
			return Check{}, err
		}
	}
	f.checkClasses(w)
	f.checkDuplicates(w)
	return Check{
		Verdict: w.verdict, Measured: strings.Join(append(w.bad, w.remarks...), "; "), Advice: strings.Join(w.advice, "; "),
		Expected: "finite numbers near 1, labels that are classes, no example in both parts, no feature that is the label",
	}, nil
}

// name says which tensor column i is.
func (r rows) name(i int) string {
	kind, k, of := "input", i, r.inputs
	if i >= r.inputs {
		kind, k, of = "label", i-r.inputs, len(r.cols)-r.inputs
	}
	if of == 1 {
		return "the " + kind
	}
	return fmt.Sprintf("%s %d", kind, k)
}

// Bounds of what is taken for well-scaled inputs, as root mean square, and how much of the variance of one
// feature may lie between the classes before it is taken for a copy of the label.
const (
	largestInput  = 5
	smallestInput = 0.01
	copyOfLabel   = 0.98
)

// checkColumn looks at one tensor of all examples.
func (f *flight) checkColumn(w *findings, i int) error {
	r := f.learn
	values, err := r.floats(i)
	if err != nil {
		return err
	}
	name := r.name(i)
	odd, squares := 0, 0.0
	for _, v := range values {
		if !finite(v) {
			odd++
			continue
		}
		squares += v * v
	}
	if odd > 0 {
		w.add(Fail, fmt.Sprintf("%d of %d values of %s are NaN or infinite", odd, len(values), name), "remove or replace them before batches are made")
	}
	if i >= r.inputs || !r.cols[i].shape.DType.IsFloat() {
		return nil
	}
	switch rms := math.Sqrt(squares / float64(max(len(values)-odd, 1))); {
	case rms > largestInput:
		w.add(Warn, fmt.Sprintf("%s has a root mean square of %.3g", name, rms), "scale it to about 1, as by dataset.Table.Scale, with numbers found on the training data alone")
	case rms < smallestInput:
		w.add(Warn, fmt.Sprintf("%s has a root mean square of %.3g", name, rms), "scale it to about 1, or see whether it is empty")
	default:
		w.remarks = append(w.remarks, fmt.Sprintf("%s has a root mean square of %.3g", name, rms))
	}
	f.checkFeatures(w, i, values)
	return nil
}

// checkFeatures looks for features that never change, and for those that are the label.
func (f *flight) checkFeatures(w *findings, i int, values []float64) {
	n := f.learn.n
	width := len(values) / n
	constant, copies := 0, []int{}
	for k := range width {
		between, total := f.variance(values, k, width)
		switch {
		case total == 0:
			constant++
		case f.labels.classes > 0 && f.labels.each == 1 && between > copyOfLabel*total:
			copies = append(copies, k)
		}
	}
	name := f.learn.name(i)
	if len(copies) > 0 {
		w.add(Fail, fmt.Sprintf("feature %d of %s is almost a copy of the label", copies[0], name), "take the label out of the inputs")
	}
	what := fmt.Sprintf("%d of %d features of %s never change", constant, width, name)
	if constant*2 > width {
		w.add(Warn, what, "see whether the inputs were read as they should be")
	} else if constant > 0 {
		w.remarks = append(w.remarks, what)
	}
}

// variance returns the sum of squares of feature k, and the part of it between the classes.
func (f *flight) variance(values []float64, k, width int) (between, total float64) {
	n := f.learn.n
	mean := 0.0
	for e := range n {
		mean += values[e*width+k] / float64(n)
	}
	sums, counts := make([]float64, f.labels.classes), make([]float64, f.labels.classes)
	for e := range n {
		d := values[e*width+k] - mean
		total += d * d
		if f.labels.each == 1 {
			if c := f.labels.values[e]; c >= 0 && c < f.labels.classes {
				sums[c] += d
				counts[c]++
			}
		}
	}
	for c, s := range sums {
		if counts[c] > 0 {
			between += s * s / counts[c]
		}
	}
	return between, total
}

// checkClasses looks at labels that are classes.
func (f *flight) checkClasses(w *findings) {
	l := f.labels
	if l.classes == 0 {
		return
	}
	if l.strange > 0 {
		w.add(Fail, fmt.Sprintf("%d labels are not among the %d classes 0 to %d: they go from %d to %d", l.strange, l.classes, l.classes-1, l.least, l.largest),
			"make labels count from 0, or the last layer as wide as there are classes")
		return
	}
	missing := 0
	for _, n := range l.counts {
		if n == 0 {
			missing++
		}
	}
	enough := len(l.values) >= 20*l.classes
	switch {
	case missing == 1 && enough && (l.counts[0] == 0 || l.counts[l.classes-1] == 0):
		w.add(Warn, fmt.Sprintf("of %d classes only the %s one never occurs", l.classes, ordinal(l.counts[0] == 0)),
			"see whether labels count from 1, or whether the last layer is one too wide")
	case missing > 0:
		w.remarks = append(w.remarks, fmt.Sprintf("%d of %d classes do not occur", missing, l.classes))
	}
	if f.labelsAreInputs() {
		w.add(Fail, "the labels are the inputs themselves", "shift one against the other by a step")
	}
}

func ordinal(first bool) string {
	if first {
		return "first"
	}
	return "last"
}

// labelsAreInputs reports whether sequences are to be answered with themselves.
func (f *flight) labelsAreInputs() bool {
	in, label := f.learn.cols[0], f.learn.cols[f.learn.inputs]
	if !in.shape.DType.IsInt() || in.shape.Size() != label.shape.Size() || in.shape.Size() < 2 {
		return false
	}
	a, errA := f.learn.floats(0)
	b, errB := f.learn.floats(f.learn.inputs)
	return errA == nil && errB == nil && slices.Equal(a, b)
}

// checkDuplicates looks for held-out examples whose inputs are among those to learn from.
func (f *flight) checkDuplicates(w *findings) {
	if &f.held.cols[0].data[0] == &f.learn.cols[0].data[0] {
		return // nothing was held out, which is a note of its own
	}
	seed := maphash.MakeSeed()
	seen := map[uint64][]int{}
	for i := range f.learn.n {
		key := f.learn.hash(seed, i)
		seen[key] = append(seen[key], i)
	}
	double := 0
	for i := range f.held.n {
		same := func(k int) bool { return sameInputs(f.learn, k, f.held, i) }
		if slices.ContainsFunc(seen[f.held.hash(seed, i)], same) {
			double++
		}
	}
	if double == 0 {
		return
	}
	verdict := Warn
	if share := float64(double) / float64(f.held.n); share > 0.02 {
		verdict = Fail
	}
	w.add(verdict, fmt.Sprintf("%d of %d held-out examples are also among those to learn from", double, f.held.n), "split after removing duplicates, or by group")
}

// hash condenses the inputs of example i.
func (r rows) hash(seed maphash.Seed, i int) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, c := range r.cols[:r.inputs] {
		h.Write(c.row(i))
	}
	return h.Sum64()
}

// sameInputs compares the inputs of two examples.
func sameInputs(a rows, i int, b rows, k int) bool {
	for c := range a.inputs {
		if !bytes.Equal(a.cols[c].row(i), b.cols[c].row(k)) {
			return false
		}
	}
	return true
}

// checkPicture shows the first examples as the network gets them.
func (f *flight) checkPicture() (Check, error) {
	b, err := f.learn.batch(0, min(f.size, f.learn.n))
	if err != nil {
		return Check{}, err
	}
	defer b.Finalize()
	c := Check{Verdict: Pass, Expected: "what you would use to answer yourself"}
	var parts []string
	for i, t := range slices.Concat(b.Inputs, b.Labels) {
		values, err := floats(t)
		if err != nil {
			return c, err
		}
		lo, hi := slices.Min(values), slices.Max(values)
		parts = append(parts, fmt.Sprintf("%s: %s, %.4g to %.4g", f.learn.name(i), t.Shape(), lo, hi))
	}
	c.Measured = strings.Join(parts, "; ")
	c.picture, err = f.drawExamples(b.Inputs[0])
	return c, err
}

// shown is how many examples the picture has.
const shown = 8

// drawExamples draws the first examples of an input of floats with their labels.
func (f *flight) drawExamples(t *tensors.Tensor) (string, error) {
	if !t.DType().IsFloat() {
		return "", nil
	}
	values, err := floats(t)
	if err != nil {
		return "", err
	}
	table := dataset.Table{Name: "batch", Shape: f.learn.cols[0].shape.Dimensions}
	if len(table.Shape) == 0 {
		table.Shape = []int{1}
	}
	n := min(shown, t.Shape().Dimensions[0])
	for _, v := range values[:n*len(values)/t.Shape().Dimensions[0]] {
		table.X = append(table.X, float32(v))
	}
	for i := range n {
		label := -1
		if f.labels.classes > 0 && f.labels.each == 1 {
			label = f.labels.values[i]
		}
		table.Y = append(table.Y, int32(label))
	}
	return table.Show(n).HTML()
}
