package train

import (
	"fmt"

	gomlx "github.com/gomlx/gomlx/ml/train"
)

// A Moment is where a training stands when it calls a function of [Every], [EveryEpoch], [Before] or
// [OnValidation]. It may be looked at until the function returns.
type Moment struct {
	Fitted *Fitted     // live: its store, step, epoch and history are those of this moment
	Step   int         // optimizer steps made
	Epoch  int         // passes over the data completed
	Loss   float64     // of the step just made; NaN in Before and OnValidation
	Batch  gomlx.Batch // Before: what the next step is made on, to be left as it is; else empty
	Valid  *Evaluation // OnValidation: the result; else nil

	log   func(name string, value float64)
	stop  string
	after func(*Moment) error
}

// Stop ends the training after the current step, as if it were complete: it is validated, saved and
// reported as stopped for that reason. Calling Fit again goes on from there.
func (m *Moment) Stop(reason string) { m.stop = reason }

// Log records a measurement of this step beside the losses: in the history, in the worklog and so on.
func (m *Moment) Log(name string, value float64) { m.log(name, value) }

// After has f called once when the step that follows this Before has been made, with the Moment after
// it. Together they see what one step does to the variables.
func (m *Moment) After(f func(*Moment) error) { m.after = f }

// A callback is a function of the user and when it is due.
type callback struct {
	kind callbackKind
	n    int // Every, Before: steps between two calls
	call func(*Moment) error
}

// callbackKind says when a callback is due, in the words of its errors.
type callbackKind string

const (
	everySteps   callbackKind = "function of train.Every"
	everyEpoch   callbackKind = "function of train.EveryEpoch"
	beforeStep   callbackKind = "function of train.Before"
	afterStep    callbackKind = "function of Moment.After"
	onValidation callbackKind = "function of train.OnValidation"
	atEnd        callbackKind = "function of train.AtEnd"
)

// Every calls f after each n steps: after steps n, 2n and so on. All losses are read before, which waits
// for the device; so a small n slows training down. An error of f ends the training, whose state is saved
// first.
func Every(n int, f func(*Moment) error) Option { return on(callback{everySteps, n, f}) }

// EveryEpoch calls f after each pass over the data, before its validation.
func EveryEpoch(f func(*Moment) error) Option { return on(callback{everyEpoch, 1, f}) }

// Before calls f with the batch of the step to come: before the first step and each n steps later. An
// error of f ends the training.
func Before(n int, f func(*Moment) error) Option { return on(callback{beforeStep, n, f}) }

// OnValidation calls f after each validation.
func OnValidation(f func(*Moment) error) Option { return on(callback{onValidation, 1, f}) }

// AtEnd calls f once when training has ended, however it did. An error of f becomes a note.
func AtEnd(f func(*Moment) error) Option { return on(callback{atEnd, 1, f}) }

// Together makes one option of several.
func Together(opts ...Option) Option {
	return func(o *options) {
		for _, opt := range opts {
			opt(o)
		}
	}
}

// on adds a callback.
func on(c callback) Option {
	c.n = max(c.n, 1)
	return func(o *options) { o.callbacks = append(o.callbacks, c) }
}

// Remember keeps the state of something that functions of the user change, under a name, in the
// checkpoints: a training that is resumed restores it, one that begins restores nil.
func Remember(name string, s Positioned) Option {
	return func(o *options) { o.states = append(o.states, remembered{name, s}) }
}

// remembered is a state that checkpoints hold for the user.
type remembered struct {
	name string
	Positioned
}

// saveStates returns the states of the user.
func (o *options) saveStates() (map[string][]byte, error) {
	states := map[string][]byte{}
	for _, s := range o.states {
		state, err := s.State()
		if err != nil {
			return nil, fmt.Errorf("save the state %q: %w", s.name, err)
		}
		states[s.name] = state
	}
	return states, nil
}

// restoreStates gives back the states that a checkpoint holds.
func (o *options) restoreStates(states map[string][]byte) error {
	for _, s := range o.states {
		if err := s.Restore(states[s.name]); err != nil {
			return fmt.Errorf("restore the state %q: %w", s.name, err)
		}
	}
	return nil
}

// A callbackError is what a function of the user returned or panicked with.
type callbackError struct {
	kind callbackKind
	step int
	err  error
}

func (e *callbackError) Error() string {
	return fmt.Sprintf("the %s at step %d: %v", e.kind, e.step, e.err)
}
func (e *callbackError) Unwrap() error { return e.err }

// due reports whether a callback of a kind is due when that many steps have been made.
func (o *options) due(kind callbackKind, step int) bool {
	for _, c := range o.callbacks {
		if c.kind == kind && step%c.n == 0 {
			return true
		}
	}
	return false
}

// call calls the callbacks of a kind that are due. What a Moment asks for takes effect after the step.
func (f *fitting) call(kind callbackKind, m Moment) error {
	if len(f.callbacks) == 0 {
		return nil
	}
	for _, c := range f.callbacks {
		if c.kind != kind || f.fit.Step%c.n != 0 {
			continue
		}
		if err := f.callOne(c, m); err != nil {
			return err
		}
	}
	return nil
}

// callOne calls one callback with its own copy of a Moment.
func (f *fitting) callOne(c callback, m Moment) (err error) {
	m.Fitted, m.Step, m.Epoch = f.fit, f.fit.Step, f.fit.Epoch
	m.log = func(name string, value float64) { f.record(m.Step, name, value) }
	fail := func(cause error) error { return &callbackError{c.kind, f.fit.Step, cause} }
	defer func() {
		if p := recover(); p != nil {
			if f.ctx.Err() != nil {
				panic(p) // an interrupt unwinds what it interrupts
			}
			err = fail(fmt.Errorf("panic: %v", p))
		}
	}()
	if err := c.call(&m); err != nil {
		return fail(err)
	}
	if m.stop != "" {
		f.fit.Stopped = m.stop
	}
	if m.after != nil && c.kind == beforeStep {
		f.after = append(f.after, callback{afterStep, 1, m.after})
	}
	return nil
}

// before calls what is due before the step on a batch.
func (f *fitting) before(batch gomlx.Batch) error {
	if f.held > 0 || !f.due(beforeStep, f.fit.Step) {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	return f.call(beforeStep, Moment{Loss: nan, Batch: batch})
}

// afterEpoch calls what is due after a pass over the data.
func (f *fitting) afterEpoch() error {
	if !f.due(everyEpoch, f.fit.Step) {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	return f.call(everyEpoch, Moment{Loss: f.fit.History.Curve("train/loss").Last()})
}

// afterward calls what is due after a step.
func (f *fitting) afterward() error {
	after := f.after
	f.after = nil
	if len(after) == 0 && !f.due(everySteps, f.fit.Step) {
		return nil
	}
	if err := f.flush(); err != nil {
		return err
	}
	m := Moment{Loss: f.fit.History.Curve("train/loss").Last()}
	for _, c := range after {
		if err := f.callOne(c, m); err != nil {
			return err
		}
	}
	return f.call(everySteps, m)
}
