package check

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/display"
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
	f := &flight{options: gather(opts), model: m, report: &Report{Model: m.Name}}
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
