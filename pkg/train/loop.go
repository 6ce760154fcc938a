package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/train/internal/block"
	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
	"github.com/lathe-go/lathe/pkg/train/schedule"
)

// fitting is one call of Fit.
type fitting struct {
	options
	fit    *Fitted
	engine *engine
	data   gomlx.Dataset
	valid  gomlx.Dataset
	log    metric.Sink
	course *schedule.Course
	report *report
	ended  error // what ended the loop

	batch     int           // batches taken within the current epoch
	held      int           // batches whose gradients are accumulated and not applied yet
	stepped   bool          // a step was made since what is due after steps was last done
	skip      int           // batches to pass over, of data that cannot save its position
	validated int           // the step of the last validation
	block     []gomlx.Batch // taken, and not trained on yet
	gathered  time.Time     // when the first of them was taken
	pending   []pendingLoss
	flushed   time.Time
	saved     time.Time
	began     time.Time
	after     []callback // due once, after the step
	whole     bool       // the variables and the position of the data belong to the same step
	unsaved   bool       // the last checkpoint could not be written
	steady    time.Time  // after the first call of the device, which compiles
	compiled  int        // steps made by then
}

// pendingLoss is the losses of n steps from one on that have not been read from the device yet. Reading
// waits for the steps to end, so several are read at once.
type pendingLoss struct {
	step, n int
	rates   []float64 // of the schedule, if there is one
	losses  *tensors.Tensor
}

// How many losses wait on the device, and for how long at most.
const (
	maxPending   = 16
	flushEvery   = 50 * time.Millisecond
	gatherFor    = 25 * time.Millisecond // a step waits no longer than this for the batches of the next ones
	rateEvery    = 8                     // steps between two records of a scheduled learning rate
	emptyEpochs  = 2                     // this many passes in a row without a batch mean that there is no data
	validateTurn = 8                     // batches of a validation between two looks at the context
)

// nan is the loss where none was measured.
var nan = math.NaN()

// errStopped ends the loop when its context has ended.
var errStopped = errors.New("stopped")

// stop is what worklogs are told of a stop: its cause is context.Canceled.
type stop struct{ step int }

func (s stop) Error() string { return fmt.Sprintf("at step %d", s.step) }
func (s stop) Unwrap() error { return context.Canceled }

// divergence is the error of a loss, or of a value of a variable, that is not finite.
type divergence struct {
	step     int
	loss     float64
	variable string // if it is not the loss
}

func (d *divergence) Error() string {
	if d.variable != "" {
		return fmt.Sprintf("variable %s holds values that are not finite after %d steps; a lower learning rate or clipped gradients may help", d.variable, d.step)
	}
	return fmt.Sprintf("the loss of step %d is %v; a lower learning rate or clipped gradients may help", d.step, d.loss)
}

// complete reports whether the training is at its end.
func (f *fitting) complete() bool {
	m := f.fit.Model
	if f.fit.Stopped != "" {
		return true
	}
	return m.Steps > 0 && f.fit.Step >= m.Steps || m.Epochs > 0 && f.fit.Epoch >= m.Epochs
}

// beyond reports whether a checkpoint lies after the end of this training.
func (f *fitting) beyond(c *checkpoint.Checkpoint) bool {
	m := f.fit.Model
	if m.Steps > 0 && c.Step > m.Steps {
		return true
	}
	return m.Epochs > 0 && (c.Epoch > m.Epochs || c.Epoch == m.Epochs && c.Batch > 0)
}

// guarded is run with panics as errors: data sets and sinks are often written in the next cell. An
// interrupt of such code unwinds it by a panic too; then the training has been stopped.
func (f *fitting) guarded() (err error) {
	defer func() {
		p := recover()
		switch {
		case p == nil:
		case f.ctx.Err() != nil:
			err = firstError(f.keep(errStopped), errStopped)
		default:
			err = fmt.Errorf("data %q or what measures it panicked at step %d: %v", f.data.Name(), f.fit.Step, p)
		}
	}()
	return f.run()
}

// run trains until the end, a stop or an error.
func (f *fitting) run() error {
	f.beginLog()
	f.fit.Stopped = f.exhausted()
	f.report = newReport(f)
	if f.complete() {
		f.fit.Already = true
		return nil
	}
	f.began = time.Now()
	f.flushed, f.saved, f.validated = f.began, f.began, f.lastValidation()
	if f.batch == 0 && f.fit.Epoch > 0 && f.validate == 0 || f.validationDue() {
		// The stop came after a step and before its validation.
		if err := f.validateHere(); err != nil {
			return err
		}
	}
	for empty := 0; !f.complete(); {
		before := f.fit.Step
		if err := f.epoch(); err != nil {
			return firstError(f.keep(err), err)
		}
		if f.fit.Step > before {
			empty = 0
		} else if empty++; empty == emptyEpochs {
			return fmt.Errorf("data %q: %w", f.data.Name(), errNoBatches)
		}
	}
	err := inOrder(f.flush, f.validateHere, f.save)
	f.whole = true
	return firstError(f.keep(err), err)
}

// inOrder calls fs up to the first one that fails: nothing may be saved after a loss that is not finite.
func inOrder(fs ...func() error) error {
	for _, f := range fs {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// validationDue reports whether a validation between two steps is due.
func (f *fitting) validationDue() bool {
	return f.validate > 0 && f.held == 0 && f.fit.Step > 0 && f.fit.Step%f.validate == 0
}

// lastValidation returns the step of the newest validation, or -1.
func (f *fitting) lastValidation() int {
	if c := f.fit.History.Curve("valid/loss"); c != nil {
		return c.Steps[len(c.Steps)-1]
	}
	return -1
}

// keep saves what there is when a stop, or an error of a callback after a step, ends the loop.
func (f *fitting) keep(err error) error {
	var failed *callbackError
	if !errors.Is(err, errStopped) && !errors.As(err, &failed) || !f.whole {
		return nil // a batch may have been taken and not used
	}
	return inOrder(f.flush, f.save)
}

// epoch runs the rest of one pass over the data, or less if training is complete before.
func (f *fitting) epoch() error {
	for batch, err := range f.data.Iter() {
		if err != nil {
			return firstError(f.makeSteps(), fmt.Errorf("read data %q: %w", f.data.Name(), err))
		}
		if f.skip > 0 {
			f.skip--
			if err := batch.Finalize(); err != nil {
				return err
			}
			continue
		}
		if err := f.take(batch); err != nil {
			return err
		}
		if f.complete() {
			return nil
		}
	}
	return f.endEpoch()
}

// endEpoch makes the steps that are left of a pass whose last batch has been taken, and counts the pass
// before it does what is due after them: the position of the data is after the pass from now on.
func (f *fitting) endEpoch() error {
	left := len(f.block) > 0 || f.held > 0
	if err := f.callDevice(); err != nil {
		return err
	}
	if f.held > 0 {
		if err := f.update(); err != nil {
			return err
		}
	}
	if f.batch == 0 {
		return nil // nothing was left of a pass that had been counted before
	}
	f.fit.Epoch++
	f.batch, f.whole = 0, true
	if left {
		if err := f.afterSteps(); err != nil {
			return err
		}
		f.whole = true
	}
	if err := f.afterEpoch(); err != nil {
		return err
	}
	if f.validate == 0 {
		return inOrder(f.flush, f.validateHere)
	}
	return nil
}

// take adds a batch to those that the device will train on in its next call, and calls it when there are
// enough.
func (f *fitting) take(batch gomlx.Batch) error {
	step, first := f.stepAfter(len(f.block))
	looked := first && f.due(beforeStep, step) // by a function that sees the step before it
	if len(f.block) > 0 && (looked || !sameShapes(batch, f.block[0])) {
		if err := f.makeSteps(); err != nil {
			return err
		}
	}
	if looked {
		if err := f.before(batch); err != nil {
			return err
		}
	}
	if len(f.block) == 0 {
		f.gathered = time.Now()
	}
	f.block = append(f.block, batch)
	if f.full() {
		return f.makeSteps()
	}
	return nil
}

// full reports whether the device is to be called now: for its sake, because something is due after the
// last step, or because someone waits.
func (f *fitting) full() bool {
	n, m := len(f.block), f.fit.Model
	step, whole := f.stepAfter(n)
	due := step == m.Steps || f.validate > 0 && step%f.validate == 0 || m.Accumulate > 1 ||
		len(f.after) > 0 || f.due(everySteps, step) || f.fit.Stopped != ""
	return whole && due || f.batch+n == f.passLen() || n >= f.engine.train.Most() || time.Since(f.gathered) >= gatherFor || f.ctx.Err() != nil
}

// stepAfter returns how many steps will have been made after n more batches, and whether the last of them
// completes a step.
func (f *fitting) stepAfter(n int) (step int, whole bool) {
	batches, each := f.held+n, max(f.fit.Model.Accumulate, 1)
	return f.fit.Step + batches/each, batches%each == 0
}

// passLen is the number of batches in a pass over the data, or 0 if it does not tell.
func (f *fitting) passLen() int {
	if n, ok := f.data.(interface{ Len() int }); ok {
		return n.Len()
	}
	return 0
}

// makeSteps makes the optimizer steps on the batches taken, and does what is due after them.
func (f *fitting) makeSteps() error {
	if len(f.block) == 0 {
		return nil
	}
	return inOrder(f.callDevice, f.afterSteps)
}

// callDevice makes the optimizer steps on the batches taken.
func (f *fitting) callDevice() error {
	n := len(f.block)
	if n == 0 {
		return nil
	}
	rates := f.rates(n)
	losses, err := f.engine.steps(f.block, rates)
	clear(f.block)
	f.block = f.block[:0]
	if err != nil {
		return fmt.Errorf("step %d: %w", f.fit.Step, err)
	}
	f.batch += n
	f.whole = true
	if each := f.fit.Model.Accumulate; each > 1 {
		f.held += n
		if err := losses.FinalizeAll(); err != nil || f.held < each {
			return err
		}
		return f.update()
	}
	f.made(pendingLoss{f.fit.Step, n, rates, losses})
	return nil
}

// rates returns the learning rates of the next n steps if they are scheduled.
func (f *fitting) rates(n int) []float64 {
	if !f.engine.scheduled() {
		return nil
	}
	list := make([]float64, n)
	for i := range list {
		list[i] = f.course.Rate(f.fit.Step + i)
	}
	return list
}

// update makes the optimizer step on accumulated gradients.
func (f *fitting) update() error {
	f.whole = false
	loss, err := f.engine.update(f.course.Rate(f.fit.Step))
	if err != nil {
		return fmt.Errorf("step %d: %w", f.fit.Step, err)
	}
	f.held, f.whole = 0, true
	f.made(pendingLoss{f.fit.Step, 1, f.rates(1), loss})
	return nil
}

// made counts steps that have been made.
func (f *fitting) made(p pendingLoss) {
	f.pending = append(f.pending, p)
	f.fit.Step += p.n
	f.stepped = true
}

// afterSteps does what is due after a call of the device.
func (f *fitting) afterSteps() error {
	now := time.Now()
	if f.steady.IsZero() {
		f.steady, f.compiled = now, f.fit.Step
	}
	if len(f.pending) >= maxPending || now.Sub(f.flushed) >= flushEvery {
		if err := f.flush(); err != nil {
			return err
		}
	}
	if f.stepped {
		f.stepped = false
		if err := f.afterward(); err != nil {
			return err
		}
		if f.validationDue() {
			if err := inOrder(f.flush, f.validateHere); err != nil {
				return err
			}
		}
	}
	if now.Sub(f.saved) >= f.every {
		if err := inOrder(f.flush, f.save); err != nil {
			return err
		}
	}
	if f.ctx.Err() != nil {
		return errStopped
	}
	f.whole = false // from here on the data takes the next batch
	return nil
}

// flush reads the losses that wait on the device and records them. A loss that is not finite is
// recorded too, and ends the training.
func (f *fitting) flush() error {
	f.flushed = time.Now()
	pending := f.pending
	f.pending = f.pending[:0]
	for _, p := range pending {
		values, err := block.Values(p.losses, p.n)
		if err != nil {
			return fmt.Errorf("read the loss of step %d: %w", p.step, err)
		}
		for i, v := range values {
			f.record(p.step+i, "train/loss", v)
			if step := p.step + i; p.rates != nil && step%rateEvery == 0 {
				f.record(step, "train/lr", p.rates[i])
			}
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return &divergence{step: p.step + i, loss: v}
			}
		}
	}
	f.report.steps(f.fit.Step)
	return nil
}

// record puts a measurement into the history, the worklog and the chart.
func (f *fitting) record(step int, name string, v float64) {
	f.fit.History.Log(step, name, v)
	if f.log != nil {
		f.log.Log(step, name, v)
	}
	f.report.Log(step, name, v)
}

// save writes a checkpoint.
func (f *fitting) save() error {
	f.saved = time.Now()
	return f.saveAs((*checkpoint.Checkpoint).Save)
}

// saveAs writes a checkpoint in the way of write. A disk that refuses does not end a training: it is noted.
func (f *fitting) saveAs(write func(c *checkpoint.Checkpoint, dir string) error) error {
	if f.fit.Checkpoints == "" {
		return nil
	}
	c, err := f.snapshot()
	if err != nil {
		return err
	}
	err = write(c, f.fit.Checkpoints)
	if err != nil && !f.unsaved {
		f.note("the checkpoint of step %d could not be written: %v", f.fit.Step, err)
	}
	f.unsaved = err != nil // say it once, and again only after it went well
	return nil
}

// snapshot copies the state of the training to the host.
func (f *fitting) snapshot() (*checkpoint.Checkpoint, error) {
	c := &checkpoint.Checkpoint{
		Recipe: f.fit.Recipe, Run: f.runID(), Step: f.fit.Step, Epoch: f.fit.Epoch, Batch: f.batch, Held: f.held, Schedule: f.course.State(),
		Saved: time.Now().UTC(), Elapsed: f.elapsed(), Curves: f.fit.History.save(),
	}
	var err error
	if p, ok := f.data.(Positioned); ok {
		if c.Data, err = p.State(); err != nil {
			return nil, fmt.Errorf("save the position of data %q: %w", f.data.Name(), err)
		}
	}
	if c.States, err = f.saveStates(); err != nil {
		return nil, err
	}
	if c.Vars, err = checkpoint.Variables(f.fit.Store); err != nil {
		return nil, err
	}
	for _, v := range c.Vars {
		if v.Trainable && !v.Finite() {
			return nil, &divergence{step: f.fit.Step, variable: v.Path}
		}
	}
	return c, nil
}

// elapsed is the time spent training, in this call and those before.
func (f *fitting) elapsed() time.Duration {
	if f.began.IsZero() {
		return f.fit.Elapsed
	}
	return f.fit.Elapsed + time.Since(f.began)
}

// finish stops the clock and completes what is shown.
func (f *fitting) finish(err error) {
	f.ended = err
	if f.fit.Step > f.fit.Resumed {
		f.fit.Run = f.runID()
	}
	if e := f.call(atEnd, Moment{Loss: nan}); e != nil {
		f.note("%v", e)
	}
	if !f.began.IsZero() {
		spent := time.Since(f.began)
		f.fit.Elapsed += spent
	}
	if n := f.fit.Step - f.compiled; n > 0 && !f.steady.IsZero() {
		f.fit.Rate = float64(n) / time.Since(f.steady).Seconds()
	}
	if err := f.report.close(err); err != nil {
		f.note("the training could not be shown in full: %v", err)
	}
}
