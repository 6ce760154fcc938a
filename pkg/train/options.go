package train

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// options gathers what the Options set.
type options struct {
	ctx        context.Context
	device     *backend.Device
	fresh      bool
	quiet      bool
	checkpoint string        // the folder of all checkpoints; "" finds one, noCheckpoints keeps none
	every      time.Duration // between two checkpoints
	validate   int           // steps between two validations; 0: at the end of each epoch
	averaged   bool          // validate the averaged weights too
	best       string        // the metric by which the best checkpoint is kept
	patience   int           // validations without improvement of best that end the training; 0: none do
	least      float64       // improvement that counts
	callbacks  []callback
	states     []remembered
}

// noCheckpoints is the folder that stands for keeping none.
const noCheckpoints = "\x00"

// An Option changes how Fit works, not what it computes.
type Option func(*options)

// Context makes Fit stop after the current step when ctx ends. Without it Fit follows the cell that
// calls it: interrupting the cell stops the training.
func Context(ctx context.Context) Option { return func(o *options) { o.ctx = ctx } }

// On trains on a device other than [backend.Default].
func On(d *backend.Device) Option { return func(o *options) { o.device = d } }

// Fresh starts from initial values and forgets what earlier calls with the same recipe have learnt.
func Fresh() Option { return func(o *options) { o.fresh = true } }

// Quiet shows neither a progress bar nor a chart.
func Quiet() Option { return func(o *options) { o.quiet = true } }

// Checkpoints keeps checkpoints under dir. Without it they go to $LATHE_CHECKPOINTS, or to
// .lathe/checkpoints in the nearest folder upward that holds a Go module or a git repository, or in the
// working folder.
func Checkpoints(dir string) Option { return func(o *options) { o.checkpoint = dir } }

// NoCheckpoints writes nothing to disk. A stopped training then starts anew.
func NoCheckpoints() Option { return func(o *options) { o.checkpoint = noCheckpoints } }

// CheckpointEvery sets the time between two checkpoints, 10 s unless set. One is always written when
// training ends or is stopped.
func CheckpointEvery(d time.Duration) Option { return func(o *options) { o.every = d } }

// ValidateEvery validates after every n steps instead of at the end of each epoch.
func ValidateEvery(n int) Option { return func(o *options) { o.validate = n } }

// ValidateAverage validates the averaged weights of [Model].Average beside the weights themselves, as
// average/loss and average/accuracy.
func ValidateAverage() Option { return func(o *options) { o.averaged = true } }

// KeepBest keeps, beside the newest checkpoints, the one at which a metric that is measured at validations
// was best, such as valid/loss or valid/accuracy; [metric.Better] tells from the name which values are
// better. [Fitted.Best] loads it.
func KeepBest(metric string) Option { return func(o *options) { o.best = metric } }

// StopEarly ends the training when patience validations in a row have not improved a metric by more than
// least, and keeps the best checkpoint as [KeepBest] does. A recipe that has ended so is complete: calling
// Fit again with the same option makes no step, with more patience it goes on.
func StopEarly(metric string, patience int, least float64) Option {
	return func(o *options) { o.best, o.patience, o.least = metric, max(patience, 1), least }
}

// gather applies opts to the defaults.
func gather(opts []Option) options {
	o := options{every: 10 * time.Second}
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

// check reports what of a model or its options cannot be done with this device and data.
func (o options) check(m Model, valid gomlx.Dataset) error {
	if m.Compute.IsHalfPrecision() && o.device.Name == "go" {
		return fmt.Errorf("the backend in pure Go does not compute in %s; train on XLA, or leave Compute zero", m.Compute)
	}
	if valid == nil && (strings.HasPrefix(o.best, "valid/") || strings.HasPrefix(o.best, "average/")) {
		return fmt.Errorf("the metric %q is measured at validations; give Fit validation data", o.best)
	}
	if o.averaged && m.Average == 0 {
		return errors.New("ValidateAverage needs averaged weights; set Model.Average to a decay such as 0.999")
	}
	if m.Schedule.Reacts() && valid == nil {
		return errors.New("the schedule has a plateau, which follows the losses of validations; give Fit validation data")
	}
	return nil
}
