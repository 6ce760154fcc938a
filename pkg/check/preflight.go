package check

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/train"
)

// The names of the checks of a preflight, in their order.
const (
	DataSane       = "data"
	BatchShown     = "batch before the net"
	InitialLossOK  = "initial loss"
	OwnExample     = "depends on own example"
	LossFalls      = "loss falls"
	EveryLayer     = "every layer learns"
	InputsMatter   = "inputs matter"
	SameSeed       = "same seed, same bytes"
	TinyBatch      = "learns a tiny batch"
	ShuffledLabels = "shuffled labels"
)

// flight is one call of Preflight.
type flight struct {
	options
	model       train.Model
	learn, held rows
	size        int // examples of a batch
	report      *Report
	initial     *train.Fitted
	labels      labelling
	used        map[string]bool // the variables that predictions use

	real, blind, shuffled *trial // made by the checks in their order
}

// Preflight tries m on examples of data before it is trained, and on others of valid; if valid is nil, a
// part of data is held out. Each check says whether it passed, what was measured and what to do. Five
// short trainings are made with m's own loss, optimizer and seed; m, the position of data and all
// worklogs and checkpoints stay as they are.
//
// A check that finds something is no error: see [Report.Err]. An error means that nothing could be
// checked: the data cannot be read, or the model does not build on them. If it is interrupted, the report
// holds what was found until then.
func Preflight(m train.Model, data, valid gomlx.Dataset, opts ...Option) (*Report, error) {
	began := time.Now()
	f := &flight{options: gather(opts), model: m, report: &Report{Model: m.Name}, used: map[string]bool{}}
	if m.Name == "" {
		f.report.Model = "model"
	}
	m.Steps, m.Epochs = 1, 0
	f.model = m
	bar := f.newBar()
	err := f.prepare(data, valid)
	if err == nil {
		err = f.run(bar)
	}
	f.close()
	f.report.Took = time.Since(began)
	if bar != nil {
		bar.Fail(err) // without an error this is Close; one in drawing is not the model's fault
	}
	if err != nil && f.ctx.Err() != nil {
		f.report.Interrupted = true
		f.skipRest()
		return f.report, nil
	}
	if err != nil {
		return nil, fmt.Errorf("check: preflight of %q: %w", f.report.Model, err)
	}
	return f.report, nil
}

// MustPreflight is Preflight for cells and other places that end at an error: it panics on one.
func MustPreflight(m train.Model, data, valid gomlx.Dataset, opts ...Option) *Report {
	r, err := Preflight(m, data, valid, opts...)
	if err != nil {
		panic(err)
	}
	return r
}

// A step is one check of a preflight.
type step struct {
	name string
	run  func(*flight) (Check, error)
}

var steps = []step{
	{DataSane, (*flight).checkData},
	{BatchShown, (*flight).checkPicture},
	{InitialLossOK, (*flight).checkInitial},
	{OwnExample, (*flight).checkDependence},
	{LossFalls, (*flight).checkFalls},
	{EveryLayer, (*flight).checkLayers},
	{InputsMatter, (*flight).checkInputs},
	{SameSeed, (*flight).checkSeed},
	{TinyBatch, (*flight).checkTiny},
	{ShuffledLabels, (*flight).checkShuffled},
}

// plan returns the checks to make.
func (f *flight) plan() []step {
	if len(f.only) == 0 {
		return steps
	}
	return slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return !slices.Contains(f.only, s.name) })
}

func (f *flight) newBar() *display.Progress {
	if f.quiet {
		return nil
	}
	return display.NewProgress("preflight", int64(len(f.plan())), "check")
}

// prepare copies the examples and builds the model on them.
func (f *flight) prepare(data, valid gomlx.Dataset) error {
	var err error
	var note string
	if f.learn, f.size, note, err = collect(f.ctx, data, f.limit); err != nil {
		return err
	}
	f.note(note)
	if valid == nil {
		f.splitHeld(data.Name())
	} else {
		if f.held, _, note, err = collect(f.ctx, valid, f.limit/2); err != nil {
			return err
		}
		f.note(note)
		if len(f.held.cols) != len(f.learn.cols) {
			return fmt.Errorf("batches of %q hold %d tensors and those of %q hold %d", data.Name(), len(f.learn.cols), valid.Name(), len(f.held.cols))
		}
	}
	f.size = min(f.size, f.learn.n)
	if f.initial, err = train.Initial(f.model, f.feed(f.learn, f.size), f.trainOptions(f.ctx)...); err != nil {
		return err
	}
	f.labels, err = f.readLabels()
	return err
}

// splitHeld holds out a quarter of the examples, if there are enough of them.
func (f *flight) splitHeld(name string) {
	f.learn = f.learn.pick(rand.New(rand.NewPCG(1, 1)).Perm(f.learn.n))
	part := f.learn.n / 4
	if part < 8 {
		f.held = f.learn
		f.note(fmt.Sprintf("data %q gave %d examples, too few to hold any out: learning is judged on the examples learnt from", name, f.learn.n))
		return
	}
	f.learn, f.held = f.learn.slice(part, f.learn.n), f.learn.slice(0, part)
	f.note(fmt.Sprintf("without validation data, %d examples of %q were held out", part, name))
}

func (f *flight) note(text string) {
	if text != "" {
		f.report.Notes = append(f.report.Notes, text)
	}
}

// feed returns a data set of r in shuffled batches.
func (f *flight) feed(r rows, size int) *feed {
	return &feed{name: "preflight", rows: r, size: size, seed: uint64(f.model.Seed)*2 + 1}
}

func (f *flight) trainOptions(ctx context.Context) []train.Option {
	return []train.Option{train.Context(ctx), train.On(f.device), train.Quiet(), train.NoCheckpoints()}
}

// run makes the checks one after the other.
func (f *flight) run(bar *display.Progress) error {
	for i, s := range f.plan() {
		if bar != nil {
			bar.Note("%s", s.name)
		}
		began := time.Now()
		c, err := f.guarded(s)
		if f.ctx.Err() != nil {
			return context.Cause(f.ctx)
		}
		if err != nil {
			c.Verdict, c.Measured = Fail, err.Error()
			var missing *unavailable
			if errors.As(err, &missing) {
				c.Verdict = Skip
			}
		}
		c.Name, c.Took = s.name, time.Since(began)
		f.report.Checks = append(f.report.Checks, c)
		if bar != nil {
			bar.Set(int64(i + 1))
		}
	}
	return nil
}

// guarded runs one check with panics as errors: the model's functions are called in it.
func (f *flight) guarded(s step) (c Check, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the model panicked: %v", p)
		}
	}()
	return s.run(f)
}

// skipRest marks what an interrupt left out.
func (f *flight) skipRest() {
	for _, s := range f.plan()[len(f.report.Checks):] {
		f.report.Checks = append(f.report.Checks, Check{Name: s.name, Verdict: Skip, Measured: "interrupted before"})
	}
}

// close gives back the device's memory.
func (f *flight) close() {
	if f.initial != nil {
		f.initial.Close()
	}
	for _, t := range []*trial{f.real, f.blind, f.shuffled} {
		t.close()
	}
}

// unavailable is the reason why a check cannot be made.
type unavailable struct{ reason string }

func (u *unavailable) Error() string { return u.reason }

func cannot(format string, args ...any) error { return &unavailable{fmt.Sprintf(format, args...)} }

// options gathers what the Options set.
type options struct {
	ctx       context.Context
	device    *backend.Device
	quiet     bool
	steps     int
	tiny      int
	tinySteps int
	each      time.Duration
	limit     int
	only      []string
	causal    int          // axis of time of the first input and the predictions; 0: there is none
	expect    *expectation // of the initial loss; nil: not said
}

// An expectation is a loss and how far from it is still well.
type expectation struct{ want, tolerance float64 }

// An Option changes how Preflight works.
type Option func(*options)

// Context makes Preflight stop when ctx ends. Without it Preflight follows the cell that calls it:
// interrupting the cell stops it.
func Context(ctx context.Context) Option { return func(o *options) { o.ctx = ctx } }

// On runs the checks on a device other than [backend.Default].
func On(d *backend.Device) Option { return func(o *options) { o.device = d } }

// Quiet shows no progress bar.
func Quiet() Option { return func(o *options) { o.quiet = true } }

// Steps sets how many optimizer steps each of the short trainings makes, 120 unless set.
func Steps(n int) Option { return func(o *options) { o.steps = max(n, 8) } }

// Tiny sets how many examples must be learnt by heart, 4 unless set, and within how many steps, 1000
// unless set.
func Tiny(examples, steps int) Option {
	return func(o *options) { o.tiny, o.tinySteps = max(examples, 1), max(steps, 1) }
}

// Only makes the checks of the given names alone, such as [TinyBatch], in place of all.
func Only(names ...string) Option { return func(o *options) { o.only = names } }

// Each bounds the time of each of the five short trainings, 8 s unless set. A training that is cut short
// by it is judged by the steps that it made.
func Each(d time.Duration) Option { return func(o *options) { o.each = d } }

// Examples bounds how many examples are taken from each data set, 2048 unless set.
func Examples(n int) Option { return func(o *options) { o.limit = max(n, 16) } }

// Causal says that the model works on sequences and that a prediction must not depend on what comes later:
// axis is that of time, both in the first input and in the predictions, 1 in shapes like [batch, time, …].
func Causal(axis int) Option { return func(o *options) { o.causal = axis } }

// InitialLoss says what loss the untrained model must have, and how far from it is still well. Without it
// the loss is compared with that of predictions which are all zero (ln classes for the cross entropy of
// logits), and for numbers also with that of their mean (the variance for the squared error).
func InitialLoss(want, tolerance float64) Option {
	return func(o *options) { o.expect = &expectation{want, tolerance} }
}

// gather applies opts to the defaults.
func gather(opts []Option) options {
	o := options{steps: 120, tiny: 4, tinySteps: 1000, each: 8 * time.Second, limit: 2048}
	for _, opt := range opts {
		opt(&o)
	}
	if o.ctx == nil {
		o.ctx = frame.Context()
	}
	if o.device == nil {
		o.device = backend.Default()
	}
	return o
}
