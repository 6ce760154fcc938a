package check

import (
	"context"
	"time"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

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
