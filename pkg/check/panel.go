package check

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// panel is what a watcher has on the page while it measures.
type panel struct {
	live   *chart.Live
	table  *display.Handle
	shown  time.Time
	behind bool // a measurement came that the page does not show yet
}

// showEvery is the least time between two tables on the page.
const showEvery = 2 * time.Second

// show brings a measurement to the page of a notebook.
func (p *panel) show(w *Watcher, now Measurement) {
	if frame.Attached() == nil {
		return
	}
	if p.live == nil {
		p.live = chart.NewLive(updateChart())
	}
	for _, l := range now.Layers {
		p.live.Append(l.Layer, float64(now.Step), l.Update)
	}
	if p.behind = time.Since(p.shown) < showEvery; p.behind {
		return
	}
	p.shown = time.Now()
	if p.table == nil {
		p.table = display.Show(w)
		return
	}
	p.table.Update(w)
}

// close shows the final state.
func (p *panel) close(w *Watcher) error {
	if p.live == nil {
		return nil
	}
	if p.behind {
		p.table.Update(w)
	}
	err := p.live.Close()
	if err == nil {
		err = p.table.Err()
	}
	*p = panel{}
	return err
}

func updateChart() *chart.Chart {
	return chart.Line("Size of an update beside what it changes").X("step").Y("log10").Size(720, 280)
}

// Chart draws a figure of all layers over the steps: "mean", "std", "zeros", "dead", "gradient" or
// "update".
func (w *Watcher) Chart(figure string) *chart.Chart {
	c := chart.Line(figure).X("step").Y(figure)
	if figure == "update" {
		c = updateChart()
	}
	for _, f := range figures {
		if f.name != figure || len(w.measured) == 0 {
			continue
		}
		for i, l := range w.last().Layers {
			var xs, ys []float64
			for _, m := range w.measured {
				xs, ys = append(xs, float64(m.Step)), append(ys, f.of(m.Layers[i]))
			}
			c.Series(l.Layer, xs, ys)
		}
	}
	return c
}

func (w *Watcher) last() Measurement {
	if len(w.measured) == 0 {
		return Measurement{}
	}
	return w.measured[len(w.measured)-1]
}

// Bounds beyond which a layer is worth a warning.
const (
	deadShare    = 0.25
	updateLow    = -5
	updateHigh   = -1.3
	gradientFade = 1e3 // between the first layer and the last
	spreadLow    = 1e-3
	spreadHigh   = 1e2
	settled      = 3 // measurements whose median counts, since the first steps are large
)

// Warnings says in words what is wrong with the layers as they were measured last.
func (w *Watcher) Warnings() []string {
	var list []string
	warn := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	now := w.last()
	for i, l := range now.Layers {
		if !finite(l.Gradient) || !finite(l.Std) && l.Units > 0 || math.IsNaN(l.Update) {
			warn("%s: values are not finite from step %d or before", l.Layer, now.Step)
			continue
		}
		if share := float64(l.Dead) / float64(max(l.Units, 1)); share > deadShare {
			warn("%s: %d of %d units give 0 for every example of the batch; a smaller learning rate, smaller initial biases or a leaky activation keep them alive", l.Layer, l.Dead, l.Units)
		}
		switch u := w.settledUpdate(i); {
		case math.IsInf(u, -1):
			warn("%s: steps change nothing: no gradient reaches it", l.Layer)
		case u < updateLow:
			warn("%s: a step changes it by 10^%.1f of its size, where 10^-3 is usual: it hardly learns; raise the learning rate", l.Layer, u)
		case u > updateHigh:
			warn("%s: a step changes it by 10^%.1f of its size, where 10^-3 is usual: lower the learning rate", l.Layer, u)
		}
		if l.Units > 0 && (l.Std > spreadHigh || l.Std < spreadLow) {
			warn("%s: its activations have a standard deviation of %.2g, where about 1 carries signals best", l.Layer, l.Std)
		}
	}
	return append(list, now.depth()...)
}

// settledUpdate returns the median of the last updates of layer i.
func (w *Watcher) settledUpdate(i int) float64 {
	recent := w.measured[max(0, len(w.measured)-settled):]
	var values []float64
	for _, m := range recent {
		values = append(values, m.Layers[i].Update)
	}
	return median(values)
}

// depth compares the gradients of the first and the last layer.
func (m Measurement) depth() []string {
	if len(m.Layers) < 2 {
		return nil
	}
	first, last := m.Layers[0], m.Layers[len(m.Layers)-1]
	switch ratio := first.Gradient / last.Gradient; {
	case ratio > 0 && ratio < 1/gradientFade:
		return []string{fmt.Sprintf("gradients vanish: that of %s is %.1g of that of %s; see activations that saturate, initial values, normalisation, skip connections", first.Layer, ratio, last.Layer)}
	case ratio > gradientFade && finite(ratio):
		return []string{fmt.Sprintf("gradients explode: that of %s is %.1g times that of %s; see initial values, normalisation, clipping", first.Layer, ratio, last.Layer)}
	}
	return nil
}

// String returns the last measurement as a table, and the warnings below it.
func (w *Watcher) String() string {
	if len(w.measured) == 0 {
		return "no layer has been measured yet"
	}
	var b strings.Builder
	now := w.last()
	fmt.Fprintf(&b, "layers at step %d\n%-24s %10s %10s %7s %9s %10s %9s", now.Step, "layer", "mean", "std", "zeros", "dead", "gradient", "update")
	for _, l := range now.Layers {
		fmt.Fprintf(&b, "\n%-24s %10.3g %10.3g %6.1f%% %9s %10.2g %9.2f", l.Layer, l.Mean, l.Std, 100*l.Zeros, fmt.Sprintf("%d/%d", l.Dead, l.Units), l.Gradient, l.Update)
	}
	for _, text := range w.Warnings() {
		b.WriteString("\nwarning: " + text)
	}
	return b.String()
}

// HTML returns the last measurement as a table with the course of each update, and the warnings below it.
func (w *Watcher) HTML() string {
	if len(w.measured) == 0 {
		return "<p>" + w.String() + "</p>"
	}
	var b strings.Builder
	now := w.last()
	fmt.Fprintf(&b, `<div><b>Layers at step %d</b></div><table style="%s"><tr>`, now.Step, tableStyle)
	for _, h := range []string{"layer", "mean", "std", "zeros", "dead units", "gradient", "log10 update", ""} {
		fmt.Fprintf(&b, `<th style="%s">%s</th>`, cellStyle, h)
	}
	b.WriteString("</tr>")
	for i, l := range now.Layers {
		cells := []string{html.EscapeString(l.Layer), fmt.Sprintf("%.3g", l.Mean), fmt.Sprintf("%.3g", l.Std), fmt.Sprintf("%.1f %%", 100*l.Zeros),
			fmt.Sprintf("%d of %d", l.Dead, l.Units), fmt.Sprintf("%.2g", l.Gradient), fmt.Sprintf("%.2f", l.Update), w.course(i)}
		b.WriteString("<tr>")
		for _, c := range cells {
			fmt.Fprintf(&b, `<td style="%s">%s</td>`, cellStyle, c)
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</table>")
	for _, text := range w.Warnings() {
		fmt.Fprintf(&b, `<div>%s %s</div>`, badge(Warn), html.EscapeString(text))
	}
	return b.String()
}

// course draws how the update of layer i went, beside the usual -3.
func (w *Watcher) course(i int) string {
	var values []float64
	for _, m := range w.measured {
		values = append(values, m.Layers[i].Update)
	}
	return spark(values, -3)
}
