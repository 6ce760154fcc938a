package train

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
	"github.com/lathe-go/lathe/pkg/train/internal/update"
)

// VariableStats describes the values of one variable of a live model.
type VariableStats struct {
	Path      string
	Shape     string
	Trainable bool
	Mean, Std float64
	Min, Max  float64
	Zeros     float64 // fraction of values that are exactly zero
	NonFinite int     // values that are NaN or infinite; the other statistics leave them out
}

// VariableList is a table of variables.
type VariableList []VariableStats

// Variables describes the trainable variables of the model as they are now, in the order of creation,
// and with all set also those of the optimizer and the random state.
func (f *Fitted) Variables(all bool) VariableList {
	var list VariableList
	for v := range f.Store.IterVariables() {
		if !v.Trainable && !all {
			continue
		}
		s := VariableStats{Path: v.Path(), Shape: v.Shape().String(), Trainable: v.Trainable}
		values, err := f.Values(v.Path())
		if err != nil {
			s.Mean, s.Std, s.Min, s.Max = math.NaN(), math.NaN(), math.NaN(), math.NaN()
		} else {
			s.measure(values)
		}
		list = append(list, s)
	}
	return list
}

// measure fills in the statistics.
func (s *VariableStats) measure(values []float64) {
	n, zeros, sum := 0, 0, 0.0
	s.Min, s.Max = math.Inf(1), math.Inf(-1)
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	for _, v := range values {
		if !finite(v) {
			s.NonFinite++
			continue
		}
		n++
		sum += v
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
		if v == 0 {
			zeros++
		}
	}
	s.Mean = sum / float64(n)
	squares := 0.0
	for _, v := range values {
		if finite(v) {
			squares += (v - s.Mean) * (v - s.Mean)
		}
	}
	s.Std, s.Zeros = math.Sqrt(squares/float64(n)), float64(zeros)/float64(n)
}

// Values returns the values of the variable at an absolute path, such as "/dense/weights", row by row.
// They are a copy.
func (f *Fitted) Values(path string) ([]float64, error) {
	v := f.Store.GetVariable(path)
	if v == nil {
		var paths []string
		for v := range f.Store.IterVariables() {
			paths = append(paths, v.Path())
		}
		return nil, fmt.Errorf("train: there is no variable %s; there are %s", path, strings.Join(paths, ", "))
	}
	t, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("train: read variable %s: %w", path, err)
	}
	return numbers(t)
}

// MustValues is Values for cells and other places that end at an error: it panics on one.
func (f *Fitted) MustValues(path string) []float64 {
	values, err := f.Values(path)
	if err != nil {
		panic(err)
	}
	return values
}

// numbers copies a tensor of floats or integers.
func numbers(t *tensors.Tensor) (list []float64, err error) {
	e := t.ConstFlatData(func(flat any) {
		switch flat := flat.(type) {
		case []float32:
			list = make([]float64, len(flat))
			for i, v := range flat {
				list[i] = float64(v)
			}
		case []float64:
			list = append(list, flat...)
		}
	})
	if e != nil || list != nil {
		return list, e
	}
	whole, err := ints(t)
	for _, v := range whole {
		list = append(list, float64(v))
	}
	if err != nil {
		return nil, fmt.Errorf("train: values of shape %s are not numbers that can be listed", t.Shape())
	}
	return list, nil
}

// MIMEBundle shows the list as a table, its numbers with four digits.
func (l VariableList) MIMEBundle() map[string]any { return display.Table(l.rounded()).MIMEBundle() }

// String shows the list as a table in text, its numbers with four digits.
func (l VariableList) String() string { return display.Table(l.rounded()).String() }

// rounded returns l with numbers as they are shown.
func (l VariableList) rounded() []VariableStats {
	rows := make([]VariableStats, len(l))
	for i, s := range l {
		for _, v := range []*float64{&s.Mean, &s.Std, &s.Min, &s.Max, &s.Zeros} {
			if r, err := strconv.ParseFloat(strconv.FormatFloat(*v, 'g', 4, 64), 64); err == nil {
				*v = r
			}
		}
		rows[i] = s
	}
	return rows
}

// Digest returns the SHA-256 of all variables of a store, in hexadecimal: weights, optimizer state and
// random state. Two trainings are bit-identical if their digests are equal.
func Digest(store *model.Store) (string, error) {
	d, err := checkpoint.Digest(store)
	if err != nil {
		return "", fmt.Errorf("train: digest variables: %w", err)
	}
	return d, nil
}

// Averaged returns the model with the averaged weights of [Model].Average in place of its own, to be
// evaluated or looked at. It is a copy: training f further does not change it.
func (f *Fitted) Averaged() (*Fitted, error) {
	if f.Model.Average == 0 {
		return nil, errors.New("train: the model has no averaged weights; set Model.Average to a decay such as 0.999")
	}
	vars, err := checkpoint.Variables(f.Store)
	if err != nil {
		return nil, fmt.Errorf("train: averaged weights: %w", err)
	}
	averages := map[string][]byte{}
	for _, v := range vars {
		if path, ok := strings.CutPrefix(v.Path, update.AverageScope); ok {
			averages[path] = v.Data
		}
	}
	for i, v := range vars {
		if mean, ok := averages[v.Path]; ok && len(mean) == len(v.Data) {
			vars[i].Data = mean
		}
	}
	return f.derive(vars)
}

// derive returns a copy of f with other values of its variables.
func (f *Fitted) derive(vars []checkpoint.Variable) (*Fitted, error) {
	store, err := newStore(f.Model)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if err := checkpoint.Restore(store, vars); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	e := *f.engine
	e.args, e.parts, e.own = nil, nil, nil
	other := *f
	other.Store, other.engine = store, &e
	if err := e.over(store); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return &other, nil
}

// Best returns the model as it was at the best validation, which Fit keeps with [KeepBest] or [StopEarly].
// It is a copy.
func (f *Fitted) Best() (*Fitted, error) {
	path := checkpoint.Best(f.Checkpoints)
	if f.Checkpoints == "" || path == "" {
		return nil, errors.New("train: no best checkpoint is kept; give Fit the option train.KeepBest or train.StopEarly, and no NoCheckpoints")
	}
	return f.load(path)
}

// Saved lists the steps at which there are checkpoints that [Fitted.At] loads: the newest and the best.
func (f *Fitted) Saved() []int {
	return slices.Sorted(maps.Keys(f.files()))
}

// At returns the model as it was after a step of which a checkpoint is kept. It is a copy.
func (f *Fitted) At(step int) (*Fitted, error) {
	path, ok := f.files()[step]
	if !ok {
		return nil, fmt.Errorf("train: there is no checkpoint of step %d; there are %v", step, f.Saved())
	}
	return f.load(path)
}

// files returns the files of checkpoints by their steps.
func (f *Fitted) files() map[int]string {
	files := map[int]string{}
	if f.Checkpoints == "" {
		return files
	}
	for _, path := range append(checkpoint.List(f.Checkpoints), checkpoint.Best(f.Checkpoints)) {
		if step, ok := checkpoint.StepOf(path); ok {
			files[step] = path
		}
	}
	return files
}

// load returns the model of a checkpoint.
func (f *Fitted) load(path string) (*Fitted, error) {
	c, err := checkpoint.Read(path, f.Recipe)
	if err != nil {
		return nil, fmt.Errorf("train: load checkpoint %s: %w", path, err)
	}
	other, err := f.derive(c.Vars)
	if err != nil {
		return nil, err
	}
	other.History = new(History)
	other.History.restore(c.Curves)
	other.Step, other.Epoch, other.Run, other.Elapsed = c.Step, c.Epoch, c.Run, c.Elapsed
	other.Interrupted, other.Already, other.Diverged, other.Stopped, other.Notes, other.Resumed, other.Rate = false, false, false, "", nil, 0, 0
	return other, nil
}

// Initial returns m with its initial values, for batches like those of data: what Fit begins with. It can
// be looked at and evaluated; nothing is trained, and nothing is read from disk or written to it.
func Initial(m Model, data gomlx.Dataset, opts ...Option) (*Fitted, error) {
	f, err := prepare(nil, m, data, nil, gather(append(slices.Clone(opts), NoCheckpoints())))
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return f.fit, nil
}
