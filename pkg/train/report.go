package train

import (
	"errors"
	"fmt"
	"html"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/metric"
)

// report is what Fit shows while it works: a progress bar and, in a notebook, a live chart of the
// losses.
type report struct {
	fit   *Fitted
	bar   *display.Progress
	live  *chart.Live
	noted time.Time
}

// noteEvery bounds how often the text beside the bar is made.
const noteEvery = 250 * time.Millisecond

// newReport begins to show a training, unless it is quiet. If there is nothing left to train, the page still
// gets the chart: a notebook that is run again shows what it showed.
func newReport(f *fitting) *report {
	r := &report{fit: f.fit}
	if f.quiet {
		return r
	}
	if f.complete() {
		if frame.Attached() != nil {
			display.Show(f.fit.Chart())
		}
		return r
	}
	r.bar = display.NewProgress(f.fit.Model.Name, int64(f.totalSteps()), "step")
	if f.fit.Step > 0 {
		r.bar.Set(int64(f.fit.Step))
	}
	r.bar.Note("compiling")
	if frame.Attached() != nil {
		r.live = chart.NewLive(f.fit.Chart())
		if f.fit.Resumed > 0 {
			r.live.Mark(float64(f.fit.Resumed), "resumed")
		}
	}
	return r
}

// totalSteps is the number of steps in all, or 0 if it is not known.
func (f *fitting) totalSteps() int {
	m := f.fit.Model
	total := m.Steps
	if n := f.passLen(); n > 0 && m.Epochs > 0 {
		if byEpochs := m.Epochs * steps(n, m.Accumulate); total == 0 || byEpochs < total {
			total = byEpochs
		}
	}
	return total
}

// steps is the number of optimizer steps that a number of batches makes.
func steps(batches, accumulate int) int {
	n := max(accumulate, 1)
	return (batches + n - 1) / n
}

// Log shows a measurement.
func (r *report) Log(step metric.Step, name string, v float64) {
	if r.live != nil && isLoss(name) {
		r.live.Append(name, float64(step), v)
	}
}

// isLoss reports whether a curve belongs on the axis of losses.
func isLoss(name string) bool { return strings.HasSuffix(name, "/loss") }

// steps says how many steps are done in all.
func (r *report) steps(n int) {
	if r.bar == nil {
		return
	}
	r.bar.Set(int64(n))
	if now := time.Now(); now.Sub(r.noted) >= noteEvery {
		r.noted = now
		r.bar.Note("%s", r.fit.History.latest("train/loss", "valid/loss", "train/lr"))
	}
}

// close shows the final state.
func (r *report) close(err error) error {
	if r.bar == nil {
		return nil
	}
	r.bar.Note("%s", r.fit.History.latest("train/loss", "valid/loss", "train/lr"))
	if errors.Is(err, errStopped) {
		err = errors.New("run it again to go on")
	}
	shown := r.bar.Fail(err) // without an error this is Close
	if r.live == nil {
		return shown
	}
	if err != nil {
		r.live.Mark(float64(r.fit.Step), "stopped")
	}
	return firstError(shown, r.live.Close())
}

// measured are the curves that Fit measures itself; functions of the user may log many more.
var measured = []string{"train/loss", "train/lr", "valid/loss", "valid/accuracy", "average/loss", "average/accuracy"}

// latest says the newest value of each of some curves.
func (h *History) latest(names ...string) string {
	var parts []string
	for _, name := range names {
		if c := h.Curve(name); c != nil {
			parts = append(parts, fmt.Sprintf("%s %.4g", name, c.Last()))
		}
	}
	return strings.Join(parts, "  ")
}

// Chart draws the losses over the steps.
func (f *Fitted) Chart() *chart.Chart {
	c := chart.Line(f.Model.Name).X("step").Y("loss").LogY()
	for _, curve := range f.History.Curves {
		if isLoss(curve.Name) {
			c.Series(curve.Name, curve.Steps, curve.Values)
		}
	}
	return c
}

// String says where the training stands in a few lines.
func (f *Fitted) String() string {
	return strings.Join(append([]string{f.headline(), f.History.latest(measured...)}, f.Notes...), "\n")
}

// HTML says where the training stands.
func (f *Fitted) HTML() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<p><b>%s</b><br>%s", html.EscapeString(f.headline()), html.EscapeString(f.History.latest(measured...)))
	for _, n := range f.Notes {
		fmt.Fprintf(&b, "<br><i>%s</i>", html.EscapeString(n))
	}
	return b.String() + "</p>"
}

// headline says what state the training is in.
func (f *Fitted) headline() string {
	state := "trained"
	switch {
	case f.Diverged:
		state = "diverged; back"
	case f.Interrupted:
		state = "interrupted"
	case f.Already && f.Run != "":
		state = "already trained in run " + f.Run
	case f.Already:
		state = "already trained"
	case f.Stopped != "":
		state = "stopped (" + f.Stopped + ")"
	}
	text := fmt.Sprintf("%s: %s at step %d, epoch %d, %d parameters, %s on %s", f.Model.Name, state, f.Step, f.Epoch,
		f.Parameters(), f.Elapsed.Round(10*time.Millisecond), f.Device.Platform)
	if f.Rate > 0 {
		text += fmt.Sprintf(", %.0f steps/s", f.Rate)
	}
	switch {
	case f.Already:
		text += "; the option train.Fresh() trains anew"
	case f.Resumed > 0:
		text += fmt.Sprintf("; resumed at step %d", f.Resumed)
	}
	return text
}

// Parameters counts the trainable numbers of the model.
func (f *Fitted) Parameters() int {
	n := 0
	for v := range f.Store.IterVariables() {
		if v.Trainable {
			n += v.Shape().Size()
		}
	}
	return n
}
