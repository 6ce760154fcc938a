package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/gomlx/ml/model"
	gomlx "github.com/gomlx/gomlx/ml/train"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/train/internal/block"
	"github.com/lathe-go/lathe/pkg/train/internal/checkpoint"
	"github.com/lathe-go/lathe/pkg/train/schedule"
)

// A RateRange says which learning rates [FindRate] tries. Fields that are zero stand for 1e-7, 10 and 100.
type RateRange struct {
	From, To float64
	Steps    int
}

// A RateSearch is what [FindRate] saw: the loss at each learning rate it tried.
type RateSearch struct {
	Name   string
	Rates  []float64
	Losses []float64 // of the step made with the rate, before its update
	Smooth []float64 // losses, averaged exponentially over about ten steps

	// Steepest is the rate at which the smoothed loss falls fastest over the logarithm of the rate (Smith,
	// Cyclical Learning Rates, 2017, section 3.3). Valley is the rate at which half of the longest fall is
	// done, which noise moves less. Both are NaN if the loss never fell.
	Steepest, Valley float64

	Diverged bool // the search ended before its last rate, since the loss grew too far
}

// FindRate tries learning rates from low to high, one step each, on a copy of the model as it would begin:
// nothing of it is left in the model, and data that can save its position is put back. The search ends when
// the smoothed loss is four times its minimum, or not finite. Of the options it follows Context, On and
// Quiet.
func FindRate(m Model, data gomlx.Dataset, r RateRange, opts ...Option) (*RateSearch, error) {
	return findRate(m, data, r, gather(opts), nil)
}

// FindRate is [FindRate] from the model as it is now, on a copy of it.
func (f *Fitted) FindRate(data gomlx.Dataset, r RateRange, opts ...Option) (*RateSearch, error) {
	o := gather(append([]Option{On(f.Device)}, opts...))
	return findRate(f.Model, data, r, o, f.Store)
}

// findRate searches from the variables of a store, or from initial ones if it is nil.
func findRate(m Model, data gomlx.Dataset, r RateRange, o options, from *model.Store) (s *RateSearch, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("train: find a learning rate: %w", err)
		}
	}()
	if r, err = r.complete(); err != nil {
		return nil, err
	}
	m.Steps, m.Epochs, m.Average = r.Steps, 0, 0
	m.Schedule = schedule.Exponential(r.From, r.To/r.From, max(r.Steps-1, 1))
	if m, err = m.complete(); err != nil {
		return nil, err
	}
	back, err := holdPosition(data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, back()) }()
	e, err := copyEngine(m, data, o, from)
	if err != nil {
		return nil, err
	}
	defer func() {
		e.close()
		e.store.Finalize()
	}()
	s = &RateSearch{Name: m.Name, Steepest: nan, Valley: nan}
	search := rateSearch{RateSearch: s, engine: e, steps: r.Steps}
	if err := search.over(o, data); err != nil {
		return nil, err
	}
	return s, s.conclude()
}

// complete checks r and fills in what it leaves open.
func (r RateRange) complete() (RateRange, error) {
	if r.From == 0 {
		r.From = 1e-7
	}
	if r.To == 0 {
		r.To = 10
	}
	if r.Steps == 0 {
		r.Steps = 100
	}
	if !(r.From > 0 && r.From < r.To) || math.IsInf(r.To, 1) || r.Steps < 10 {
		return r, fmt.Errorf("rates from %g to %g in %d steps; From must be positive and below To, with at least 10 steps", r.From, r.To, r.Steps)
	}
	return r, nil
}

// holdPosition returns what puts data back to where it is.
func holdPosition(data gomlx.Dataset) (back func() error, err error) {
	p, ok := data.(Positioned)
	if !ok {
		return func() error { return nil }, nil
	}
	state, err := p.State()
	if err != nil {
		return nil, fmt.Errorf("save the position of data %q: %w", data.Name(), err)
	}
	return func() error { return p.Restore(state) }, nil
}

// copyEngine returns an engine over new variables with the values of those in a store, or initial ones.
func copyEngine(m Model, data gomlx.Dataset, o options, from *model.Store) (*engine, error) {
	like, err := peek(data)
	if err != nil {
		return nil, err
	}
	store, err := newStore(m)
	if err != nil {
		return nil, err
	}
	if from != nil {
		vars, err := checkpoint.Variables(from)
		if err != nil {
			return nil, err
		}
		if err := checkpoint.Restore(store, vars); err != nil {
			return nil, err
		}
	}
	e, err := newEngine(m, o.device, store, like)
	if err != nil {
		return nil, err
	}
	return e, errors.Join(like.Finalize(), store.InitializeVariables(o.device.Backend, nil))
}

// rateSearch is a search at work.
type rateSearch struct {
	*RateSearch
	engine *engine
	steps  int
	held   int // batches accumulated
	mean   float64
	least  float64
}

// over makes the steps on the batches of data.
func (s *rateSearch) over(o options, data gomlx.Dataset) error {
	var bar *display.Progress
	if !o.quiet {
		bar = display.NewProgress(s.Name+": learning rates", int64(s.steps), "step")
	}
	err := s.passes(o.ctx, data, func() {
		if bar != nil {
			bar.Set(int64(len(s.Rates)))
		}
	})
	if bar != nil {
		err = errors.Join(err, bar.Close())
	}
	return err
}

// passes takes batches, in as many passes as it needs, until the search ends.
func (s *rateSearch) passes(ctx context.Context, data gomlx.Dataset, made func()) error {
	for {
		took := 0
		for batch, err := range data.Iter() {
			if err != nil {
				return fmt.Errorf("read data %q: %w", data.Name(), err)
			}
			if ctx.Err() != nil {
				return fmt.Errorf("stopped: %w", context.Cause(ctx))
			}
			took++
			more, err := s.take(batch)
			if err != nil || !more {
				return err
			}
			made()
		}
		if took == 0 {
			return fmt.Errorf("data %q: %w", data.Name(), errNoBatches)
		}
	}
}

// take uses a batch and reports whether the search goes on.
func (s *rateSearch) take(batch gomlx.Batch) (more bool, err error) {
	rate := s.engine.model.Schedule.Rate(len(s.Rates))
	losses, err := s.engine.steps([]gomlx.Batch{batch}, []float64{rate})
	if err != nil {
		return false, err
	}
	if each := s.engine.model.Accumulate; each > 1 {
		if s.held++; s.held < each {
			return true, losses.FinalizeAll()
		}
		s.held = 0
		if losses, err = s.engine.update(rate); err != nil {
			return false, err
		}
	}
	values, err := block.Values(losses, 1)
	if err != nil {
		return false, err
	}
	s.add(rate, values[0])
	return !s.Diverged && len(s.Rates) < s.steps, nil
}

// How losses are smoothed, and when a loss has grown too far.
const (
	smoothing   = 0.9
	tooFar      = 4
	leastFall   = 0.001 // of the loss: less is noise
	beforeTrust = 10    // steps whose minimum does not count yet
)

// add enters the loss at a rate.
func (s *rateSearch) add(rate, loss float64) {
	n := len(s.Rates) + 1
	s.mean = smoothing*s.mean + (1-smoothing)*loss
	smooth := s.mean / (1 - math.Pow(smoothing, float64(n)))
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		s.Diverged = true // the rate before did it; a loss that is no number stays out of the curve
		return
	}
	s.Rates, s.Losses, s.Smooth = append(s.Rates, rate), append(s.Losses, loss), append(s.Smooth, smooth)
	if n == 1 || smooth < s.least {
		s.least = smooth
	}
	s.Diverged = n > beforeTrust && smooth-s.least > (tooFar-1)*math.Abs(s.least)
}

// conclude suggests rates.
func (s *RateSearch) conclude() error {
	if len(s.Rates) == 0 {
		return errors.New("the loss of the first step is not finite, before any update")
	}
	lowest := 0
	for i, v := range s.Smooth {
		if v < s.Smooth[lowest] {
			lowest = i
		}
	}
	fall := 0.0
	for i := 1; i < lowest; i++ {
		slope := (s.Smooth[i+1] - s.Smooth[i-1]) / math.Log(s.Rates[i+1]/s.Rates[i-1])
		if slope < fall {
			fall, s.Steepest = slope, s.Rates[i]
		}
	}
	first, last := longestFall(s.Smooth)
	top, bottom := s.Smooth[first], s.Smooth[last]
	if top-bottom < leastFall*math.Abs(top) {
		s.Steepest = nan
		return nil
	}
	for i := first; i <= last; i++ {
		if s.Smooth[i] <= (top+bottom)/2 {
			s.Valley = s.Rates[i]
			break
		}
	}
	return nil
}

// longestFall returns the ends of the longest subsequence of values each below the one before.
func longestFall(values []float64) (first, last int) {
	long, began := make([]int, len(values)), make([]int, len(values))
	for i, v := range values {
		began[i] = i
		for j := range i {
			if v < values[j] && long[j]+1 > long[i] {
				long[i], began[i] = long[j]+1, began[j]
			}
		}
		if long[i] > long[last] {
			last = i
		}
	}
	return began[last], last
}

// Chart draws the losses over the rates, with the suggestions.
func (s *RateSearch) Chart() *chart.Chart {
	c := chart.Line(s.Name+": loss by learning rate").Subtitle(s.String()).X("learning rate").Y("loss").LogX().
		Series("loss", s.Rates, s.Losses).Series("smoothed", s.Rates, s.Smooth)
	if slices.Min(s.Losses) > 0 {
		c.LogY() // what diverges would press the rest flat
	}
	if s.Valley > 0 {
		c.Mark(s.Valley, fmt.Sprintf("valley %.2g", s.Valley))
	}
	if math.Abs(math.Log10(s.Steepest/s.Valley)) > 0.7 { // else the two texts overlap
		c.Mark(s.Steepest, fmt.Sprintf("steepest %.2g", s.Steepest))
	}
	return c
}

// String says what was found.
func (s *RateSearch) String() string {
	last := s.Rates[len(s.Rates)-1]
	end := fmt.Sprintf("tried up to %.2g", last)
	if s.Diverged {
		end = fmt.Sprintf("diverged at %.2g", last)
	}
	if math.IsNaN(s.Valley) {
		return fmt.Sprintf("%s: the loss never fell; %s", s.Name, end)
	}
	return fmt.Sprintf("%s: learning rate %.2g (half of the longest fall) or %.2g (steepest); %s", s.Name, s.Valley, s.Steepest, end)
}

// MIMEBundle shows the search as its chart, with what was found as the text.
func (s *RateSearch) MIMEBundle() map[string]any {
	return s.Chart().MIMEBundle()
}
