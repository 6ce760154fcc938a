// Package train fits GoMLX models and evaluates them, with everything around the loop that makes it
// pleasant and safe: a progress bar with a live loss chart, measurements that go to a worklog, a stop
// that keeps all state, and checkpoints from which training goes on exactly where it was.
//
// [Fit] trains a [Model] on batches and returns a [Fitted], which holds the live variables. Calling Fit
// again with the same recipe — the same graph, initial values and data — goes on where the last call
// stopped, in this process or a later one; once the recipe is trained to its end, Fit returns at once.
// On one machine the result is the same, bit for bit, as that of a training that was never stopped.
//
// What changes the numbers that training computes stands in the Model, and so in the recipe: the optimizer and
// its [schedule.Schedule], clipping, accumulation, averaged weights, the type to compute in. What does not is
// an [Option]: [StopEarly] and [KeepBest] choose the moment, [Every], [EveryEpoch], [Before] and
// [OnValidation] call functions of the user. [Fitted.Best] and [Fitted.At] go back to kept checkpoints.
//
// [FindRate] tries learning rates on a copy of a model, [Evaluate] measures a Fitted on other data, and
// [VerifyResume] tests that a stop changes nothing, in a new process too.
package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
)

// A Fitted is a trained model. It is complete whether training ended, was stopped or went wrong: its
// store holds the live variables, which can be looked at, evaluated and trained further.
type Fitted struct {
	Store   *model.Store // weights, optimizer state and random state
	Model   Model
	Device  *backend.Device
	History *History // from step 0, across all stops

	Step        int           // optimizer steps made in all
	Epoch       int           // passes over the data completed
	Resumed     int           // the step at which this call took over; 0 if it began anew
	Interrupted bool          // training was stopped before its end; calling Fit again goes on
	Stopped     string        // why a callback or StopEarly ended the training before its end
	Already     bool          // the recipe was trained to its end before; this call made no step
	Run         string        // the run of a worklog that recorded the last step; empty without
	Diverged    bool          // a loss was not finite; the store is that of the last good checkpoint
	Elapsed     time.Duration // spent in steps and validations, in all calls together
	Rate        float64       // steps per second in this call, after what compiled, with validations
	Recipe      string        // identifies graph, initial values and data: SHA-256 in hexadecimal
	Checkpoints string        // the folder of this recipe's checkpoints; empty without
	Notes       []string      // what a careful reader should know

	engine *engine
}

// Fit trains m on the batches of data and validates it on those of valid, which may be nil. Losses and
// accuracies go to log, which is usually a run of a worklog and may be nil, under the names train/loss
// (of each step, before its update), train/lr (every eighth step, of a Schedule), valid/loss and
// valid/accuracy, and average/loss and average/accuracy with [ValidateAverage].
//
// If the training is stopped by its context, Fit returns the Fitted as it is, with Interrupted set and
// without an error. An error means that there is nothing to use: the model does not build on this data,
// the data cannot be read, or training was stopped or diverged before it left anything behind.
func Fit(log metric.Sink, m Model, data, valid gomlx.Dataset, opts ...Option) (*Fitted, error) {
	o := gather(opts)
	f, err := prepare(log, m, data, valid, o)
	if err != nil && o.ctx.Err() != nil {
		return nil, fmt.Errorf("train: stopped before the first step: %w", context.Cause(o.ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	err = f.guarded()
	f.finish(err)
	err = f.settle(err)
	f.endLog(err)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return f.fit, nil
}

// MustFit is Fit for cells and other places that end at an error: it panics on one.
func MustFit(log metric.Sink, m Model, data, valid gomlx.Dataset, opts ...Option) *Fitted {
	fit, err := Fit(log, m, data, valid, opts...)
	if err != nil {
		panic(err)
	}
	return fit
}

// Close gives back at once what the garbage collector would give back in time: compiled graphs and, on
// the device, the variables. The history stays; nothing can be evaluated afterwards. It is for programs
// that fit many models.
func (f *Fitted) Close() {
	f.engine.close()
	f.Store.Finalize()
}

// prepare makes everything that steps need and takes over from a checkpoint if there is one.
func prepare(log metric.Sink, m Model, data, valid gomlx.Dataset, o options) (*fitting, error) {
	m, err := m.complete()
	if err != nil {
		return nil, err
	}
	if err := o.check(m, valid); err != nil {
		return nil, err
	}
	like, err := peek(data)
	if err != nil {
		return nil, err
	}
	store, err := newStore(m)
	if err != nil {
		return nil, err
	}
	e, err := newEngine(m, o.device, store, like)
	if err != nil {
		return nil, err
	}
	recipe, err := e.recipe(data)
	if err != nil {
		return nil, err
	}
	if err := like.Finalize(); err != nil {
		return nil, err
	}
	f := &fitting{
		options: o, engine: e, data: data, valid: valid, log: log, course: m.Schedule.Start(),
		fit: &Fitted{Store: store, Model: m, Device: o.device, History: new(History), Recipe: recipe, engine: e},
	}
	if m.decays() {
		f.note("optimizer.StochasticGradientDescent divides the scheduled rate by the square root of the step; add WithDecay(false)")
	}
	if err := f.locate(); err != nil {
		return nil, err
	}
	return f, f.takeOver()
}

// locate decides where the checkpoints of the recipe are.
func (f *fitting) locate() error {
	root := f.checkpoint
	switch root {
	case noCheckpoints:
		return nil
	case "":
		var err error
		if root, err = checkpoint.Root(); err != nil {
			return err
		}
	}
	f.fit.Checkpoints = filepath.Join(root, checkpoint.Folder(f.fit.Model.Name, f.fit.Recipe))
	if f.fresh {
		return checkpoint.RemoveAll(f.fit.Checkpoints)
	}
	return nil
}

// takeOver restores the newest checkpoint of the recipe, if there is one and it is not beyond the end.
func (f *fitting) takeOver() error {
	c, notes := checkpoint.Load(f.fit.Checkpoints, f.fit.Recipe)
	for _, n := range notes {
		f.note("%s", n)
	}
	if c != nil && f.beyond(c) {
		f.note("the checkpoint of step %d is beyond the end asked for; training begins anew", c.Step)
		c = nil
	}
	if c == nil {
		return inOrder(func() error { return f.restoreStates(nil) }, func() error { return f.rewind(nil) })
	}
	if err := f.restoreStates(c.States); err != nil {
		return err
	}
	if err := checkpoint.Restore(f.fit.Store, c.Vars); err != nil {
		return err
	}
	if err := f.course.Restore(c.Schedule); err != nil {
		return err
	}
	f.resume(c)
	return f.rewind(c)
}

// resume takes over the counters and curves of a checkpoint.
func (f *fitting) resume(c *checkpoint.Checkpoint) {
	f.fit.History.restore(c.Curves)
	f.fit.Step, f.fit.Epoch, f.batch, f.held = c.Step, c.Epoch, c.Batch, c.Held
	f.fit.Resumed, f.fit.Elapsed, f.fit.Run = c.Step, c.Elapsed, c.Run
}

// rewind puts the data where a checkpoint left it, or at its beginning.
func (f *fitting) rewind(c *checkpoint.Checkpoint) error {
	p, positioned := f.data.(Positioned)
	switch {
	case !positioned && c != nil && !f.complete():
		f.skip = c.Batch
		f.note("data %q cannot save its position: the batches after the resume are not those of a training without a stop", f.data.Name())
		return nil
	case !positioned:
		return nil
	}
	var state []byte
	if c != nil {
		state = c.Data
	}
	if err := p.Restore(state); err != nil {
		return fmt.Errorf("restore the position of data %q: %w", f.data.Name(), err)
	}
	return nil
}

// settle turns what ended the loop into the result of Fit.
func (f *fitting) settle(err error) error {
	fit := f.fit
	var diverged *divergence
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errStopped):
		if fit.Step == 0 {
			return fmt.Errorf("stopped before the first step: %w", context.Cause(f.ctx))
		}
		fit.Interrupted = true
		return nil
	case errors.As(err, &diverged):
		return f.recoverFrom(diverged)
	}
	return err
}

// recoverFrom brings back the last good checkpoint after a loss that is not finite.
func (f *fitting) recoverFrom(d *divergence) error {
	c, _ := checkpoint.Load(f.fit.Checkpoints, f.fit.Recipe)
	if c == nil {
		return fmt.Errorf("%w; there is no checkpoint to return to", d)
	}
	if err := checkpoint.Restore(f.fit.Store, c.Vars); err != nil {
		return errors.Join(d, err)
	}
	resumed := f.fit.Resumed
	f.resume(c)
	f.fit.Resumed, f.fit.Diverged = resumed, true
	f.note("%v; the variables are those of step %d", d, c.Step)
	return nil
}

// note keeps a remark and says it at once.
func (f *fitting) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	f.fit.Notes = append(f.fit.Notes, text)
	fmt.Fprintln(os.Stderr, "train:", text)
}
