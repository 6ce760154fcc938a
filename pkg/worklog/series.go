package worklog

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/page"
)

// A Series condenses the points of one metric.
type Series struct {
	Name      string
	Count     int   // of points
	NonFinite int   // of them, those that are NaN or infinite
	Last      Value // as logged, NaN too
	Min, Max  Value // among the finite ones; NaN if there is none
	shape     page.Shape
}

// A Value is a value of a metric and its step.
type Value struct {
	Step  metric.Step
	Value float64
}

// Better is [metric.Better].
func Better(name string) int { return metric.Better(name) }

// Best returns the minimum of a metric that is better when low, the maximum of one that is better when
// high, see Better, and the last value of any other.
func (s Series) Best() Value {
	switch Better(s.Name) {
	case -1:
		return s.Min
	case 1:
		return s.Max
	}
	return s.Last
}

func (s *Series) add(step metric.Step, value float64) {
	v := Value{step, value}
	if s.Count == 0 {
		s.Min, s.Max = Value{step, math.NaN()}, Value{step, math.NaN()}
	}
	s.Count++
	s.Last = v
	s.shape.Add(value)
	if math.IsNaN(value) || math.IsInf(value, 0) {
		s.NonFinite++
		return
	}
	if !(s.Min.Value <= value) { // true for NaN too
		s.Min = v
	}
	if !(s.Max.Value >= value) {
		s.Max = v
	}
}

// MarshalText writes s for the index of a folder: JSON numbers have neither NaN nor infinities.
func (s Series) MarshalText() ([]byte, error) {
	b := binary.AppendUvarint(nil, uint64(len(s.Name)))
	b = append(b, s.Name...)
	for _, n := range []int{s.Count, s.NonFinite, s.Last.Step, s.Min.Step, s.Max.Step} {
		b = binary.AppendVarint(b, int64(n))
	}
	for _, f := range []float64{s.Last.Value, s.Min.Value, s.Max.Value} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	b, err := s.shape.AppendBinary(b)
	if err != nil {
		return nil, err
	}
	return base64.RawStdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Series) UnmarshalText(text []byte) error {
	b, err := base64.RawStdEncoding.AppendDecode(nil, text)
	if err != nil {
		return err
	}
	c := cursor{b: b}
	*s = Series{Name: c.text()}
	for _, n := range []*int{&s.Count, &s.NonFinite, &s.Last.Step, &s.Min.Step, &s.Max.Step} {
		*n = int(c.varint())
	}
	for _, f := range []*float64{&s.Last.Value, &s.Min.Value, &s.Max.Value} {
		*f = math.Float64frombits(c.bits())
	}
	if err := s.shape.UnmarshalBinary(c.b); err != nil || c.bad {
		return errors.New("worklog: a series is malformed")
	}
	return nil
}

// An Axis is what curves are drawn by.
type Axis int

// The axes of curves.
const (
	ByStep  Axis = iota // the step that was logged
	ByTime              // seconds since the run began
	ByClock             // the time of day
	ByEpoch             // the metric named epoch, between its points in proportion to the step
	ByFLOPs             // the metric named flops, which counts from the start, in the same way; without it, the steps times the fact named flops/step
)

// A CurveOption changes what Curves draws.
type CurveOption func(*curves)

type curves struct {
	by     Axis
	smooth float64
	ghosts bool
}

// By draws the curves by another axis than the step.
func By(axis Axis) CurveOption { return func(c *curves) { c.by = axis } }

// Smooth draws a moving average, with the curve itself faint behind it. Each point counts weight times as
// much as the one after it, and the first ones are not drawn towards zero. The weight lies from 0 up to
// below 1.
func Smooth(weight float64) CurveOption { return func(c *curves) { c.smooth = weight } }

// Ghosts also draws, faint and dashed, the points that a Resume made void.
func Ghosts() CurveOption { return func(c *curves) { c.ghosts = true } }

// A trace is the points of a metric with their steps and times.
type trace struct {
	steps  []metric.Step
	times  []int64 // Unix, nanoseconds
	values []float64
}

func (t *trace) add(p point) {
	t.steps, t.times, t.values = append(t.steps, p.step), append(t.times, p.time), append(t.values, p.value())
}

// traces reads a metric of r: the points that hold, and those that a later life took back.
func (r *Run) traces(name string) (kept, ghost trace, err error) {
	if w := r.w.Load(); w != nil {
		w.flush(false)
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if err := r.read(); err != nil {
		return kept, ghost, err
	}
	file, err := os.Open(r.folder.log(r.id))
	if err != nil {
		return kept, ghost, err
	}
	defer file.Close()
	if m, ok := r.agg.Summary.Metric(name); ok {
		kept = trace{make([]metric.Step, 0, m.Count), make([]int64, 0, m.Count), make([]float64, 0, m.Count)}
	}
	var offset int64
	err = eachRecord(file, &offset, func(at int64, kind byte, payload []byte) error {
		if kind != kindPoints {
			return nil
		}
		return decodePoints(payload, func(p point) {
			switch {
			case p.name != name:
			case voids(r.agg.Cuts, at, p.step):
				ghost.add(p)
			default:
				kept.add(p)
			}
		})
	})
	return kept, ghost, err
}

// Curves returns a chart of a metric over the runs, those that began first on top of the legend. Points
// that a Resume made void are left out. The methods of the chart do the rest, such as LogY.
func (l List) Curves(name string, opts ...CurveOption) *chart.Chart {
	var o curves
	for _, opt := range opts {
		opt(&o)
	}
	d := drawing{chart: chart.Line(name).Y(name), curves: o}
	if !(o.smooth >= 0 && o.smooth < 1) {
		d.chart.Subtitle(fmt.Sprintf("not smoothed: %g is not a weight from 0 to below 1", o.smooth))
		d.smooth = 0
	}
	for i := len(l) - 1; i >= 0; i-- {
		d.add(l[i], name)
	}
	if len(d.lost) > 0 {
		d.chart.Subtitle(fmt.Sprintf("not drawn, because %s: %s", map[Axis]string{
			ByEpoch: "there is no metric epoch", ByFLOPs: "there is neither a metric flops nor a fact flops/step",
		}[o.by], clip(strings.Join(d.lost, ", "), 60)))
	}
	return d.finish()
}

// String names the axis for a chart.
func (a Axis) String() string {
	return [...]string{"step", "seconds since the start", "time", "epoch", "FLOPs"}[max(0, min(a, ByFLOPs))]
}

// A drawing is a chart of curves in the making.
type drawing struct {
	chart *chart.Chart
	curves
	lines []stroke // as the series of the chart
	runs  int
	lost  []string // runs that say nothing of the axis
}

// A stroke is a series and how it is drawn.
type stroke struct {
	name   string
	run    int // gives the colour
	faint  bool
	ghost  bool
	xs, ys []float64
}

func (d *drawing) add(r *Run, name string) {
	kept, ghost, err := r.traces(name)
	if err != nil && len(kept.values) == 0 {
		fmt.Fprintf(os.Stderr, "worklog: curves of run %s: %v\n", r.id, err)
		return
	}
	if len(kept.values) == 0 && (!d.ghosts || len(ghost.values) == 0) {
		return
	}
	label := r.name + " " + shortID(Summary{ID: r.id})
	xs := d.places(r, kept)
	if xs == nil {
		d.lost = append(d.lost, label)
		return
	}
	if d.smooth > 0 {
		d.line(stroke{name: label + " as logged", run: d.runs, faint: true}, xs, kept.values)
		d.line(stroke{name: label, run: d.runs}, xs, ema(kept.values, d.smooth))
	} else {
		d.line(stroke{name: label, run: d.runs}, xs, kept.values)
	}
	if d.ghosts && len(ghost.values) > 0 {
		d.line(stroke{name: label + " before it resumed", run: d.runs, ghost: true}, d.places(r, ghost), ghost.values)
	}
	d.runs++
}

func (d *drawing) line(s stroke, xs, ys []float64) {
	s.xs, s.ys = xs, ys
	d.lines = append(d.lines, s)
}

// finish puts the lines into the chart.
func (d *drawing) finish() *chart.Chart {
	unit, divisor := d.by.String(), 1.0
	if d.by == ByFLOPs {
		unit, divisor = d.flops()
	}
	d.chart.X(unit)
	for _, s := range d.lines {
		xs := make([]float64, len(s.xs))
		for i, x := range s.xs {
			xs[i] = x / divisor
		}
		d.chart.Series(s.name, xs, s.ys)
	}
	return d.chart.Edit(d.style)
}

// flops returns the unit of FLOPs in which the farthest point has three digits at most, and its size.
func (d *drawing) flops() (unit string, size float64) {
	most := 0.0
	for _, s := range d.lines {
		for _, x := range s.xs {
			if x > most && !math.IsInf(x, 0) {
				most = x
			}
		}
	}
	unit, size = "FLOPs", 1
	for _, prefix := range "kMGTPEZY" {
		if most/size < 1000 {
			break
		}
		unit, size = string(prefix)+"FLOPs", size*1000
	}
	return unit, size
}

// places returns where the points of t lie on the axis, or nil if nothing tells.
func (d *drawing) places(r *Run, t trace) []float64 {
	var place func(i int) float64
	switch d.by {
	case ByTime:
		place = func(i int) float64 { return time.Duration(t.times[i] - r.began.UnixNano()).Seconds() }
	case ByClock:
		place = func(i int) float64 { return float64(t.times[i] / int64(time.Millisecond)) }
	case ByEpoch:
		place = r.counted("epoch", t)
	case ByFLOPs:
		place = r.counted("flops", t)
		if each, err := strconv.ParseFloat(r.Summary().Env.Facts["flops/step"], 64); place == nil && err == nil {
			place = func(i int) float64 { return each * float64(t.steps[i]) }
		}
	default:
		place = func(i int) float64 { return float64(t.steps[i]) }
	}
	if place == nil {
		return nil
	}
	xs := make([]float64, len(t.steps))
	for i := range xs {
		xs[i] = place(i)
	}
	return xs
}

// counted returns what a metric of r that counts something was at the points of t, or nil without points.
func (r *Run) counted(name string, t trace) func(i int) float64 {
	counts, _, err := r.traces(name)
	if err != nil || len(counts.steps) == 0 {
		return nil
	}
	return func(i int) float64 { return counts.at(t.steps[i]) }
}

// at returns the value at a step: between two points in proportion, outside of them the nearest.
func (t trace) at(step metric.Step) float64 {
	n := len(t.steps)
	i := sort.SearchInts(t.steps, step)
	switch {
	case n == 0:
		return math.NaN()
	case i == n:
		return t.values[n-1]
	case i == 0 || t.steps[i] == step:
		return t.values[i]
	}
	part := float64(step-t.steps[i-1]) / float64(t.steps[i]-t.steps[i-1])
	return t.values[i-1] + part*(t.values[i]-t.values[i-1])
}

// ema returns the exponential moving average of values, each divided by the weights that it is made of.
// Where a value is not finite the average is not either, and goes on after it as if it had not been.
func ema(values []float64, weight float64) []float64 {
	out := make([]float64, len(values))
	sum, weights := 0.0, 0.0
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out[i] = v
			continue
		}
		sum, weights = weight*sum+(1-weight)*v, weight*weights+(1-weight)
		out[i] = sum / weights
	}
	return out
}

// style gives the series of one run one colour, and only its main curve a place in the legend.
func (d *drawing) style(o map[string]any) {
	colours, _ := o["color"].([]any)
	series, _ := o["series"].([]any)
	legend := []any{}
	for i, s := range d.lines {
		part, ok := series[i].(map[string]any)
		if !ok || len(colours) == 0 {
			continue
		}
		line := map[string]any{"width": 2, "color": colours[s.run%len(colours)]}
		switch {
		case s.faint:
			line["opacity"], line["width"] = 0.25, 1
		case s.ghost:
			line["opacity"], line["width"], line["type"] = 0.4, 1, "dashed"
		default:
			legend = append(legend, s.name)
		}
		part["lineStyle"], part["itemStyle"] = line, map[string]any{"color": line["color"]}
	}
	if l, ok := o["legend"].(map[string]any); ok {
		l["data"] = legend
	}
	scrolled(o)
	if axes, ok := o["xAxis"].([]any); ok && d.by == ByClock {
		axes[0].(map[string]any)["type"] = "time"
	}
}

// scrolled lets a legend of many names be leafed through. ECharts cuts such a legend off at the height of
// its signs, so these are as high as letters, most of it empty.
func scrolled(o map[string]any) {
	if l, ok := o["legend"].(map[string]any); ok {
		l["type"], l["icon"], l["itemHeight"] = "scroll", "path://M0,0M18,14M0,5H18V9H0Z", 14
		l["itemGap"] = 20 // the letters of a page may be wider than those that were measured
	}
}
