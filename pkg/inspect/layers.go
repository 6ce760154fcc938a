package inspect

import (
	"errors"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/internal/netgraph"
)

// A LayerTime is how long the predictions take up to the end of a layer, and so what the layer adds.
type LayerTime struct {
	Layer string
	UpTo  time.Duration // median of several runs of the predictions, cut off after the layer
	Adds  time.Duration // more than up to the layer before; below 0 where that is lost in noise
	FLOPs float64
	Rate  float64 // FLOPs a second by Adds; NaN if Adds is not above 0
}

// LayerTimes is a table of layers.
type LayerTimes []LayerTime

// How often each cut runs.
const cutRuns = 25

// LayerTimes compiles the predictions once for each layer, cut off after it, and measures them in turns, so
// that what disturbs the machine disturbs all alike. XLA may fuse the end of one layer with the beginning of
// the next, which a cut keeps apart; so times are those of the layers on their own rather than their exact
// part of the whole. It follows the calling cell: an interrupt ends it with an error.
func (v *View) LayerTimes() (LayerTimes, error) {
	list, err := v.layerTimes()
	if err != nil {
		return nil, fmt.Errorf("inspect: time the layers of %q: %w", v.Model, err)
	}
	return list, nil
}

// MustLayerTimes is LayerTimes for cells: it panics on an error.
func (v *View) MustLayerTimes() LayerTimes { return must(v.LayerTimes()) }

func (v *View) layerTimes() (list LayerTimes, err error) {
	if v.exec == nil {
		return nil, errors.New("the view was closed")
	}
	if v.fit.Device.Name != "xla" {
		return nil, errors.New("GoMLX's backend in pure Go cannot run predictions that are cut off; it needs XLA")
	}
	bar := display.NewProgress("layers of "+v.Model, int64(len(v.Layers)), "layer")
	defer func() { bar.Fail(err) }() // without an error this is Close
	var cuts []*model.Exec
	defer func() {
		for _, c := range cuts {
			c.Finalize()
		}
	}()
	for _, l := range v.Layers[1:] {
		bar.Note("compiling %s", l.Name)
		cut, err := model.NewExec(v.fit.Device.Backend, v.fit.Store, v.cutAfter(l.Name))
		if err != nil {
			return nil, err
		}
		cuts = append(cuts, cut)
		if _, err := v.timeOf(cut); err != nil {
			return nil, err
		}
		bar.Add(1)
	}
	times := make([][]time.Duration, len(cuts))
	for range cutRuns {
		for i, c := range cuts {
			if err := frame.Context().Err(); err != nil {
				return nil, err
			}
			d, err := v.timeOf(c)
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], d)
		}
	}
	bar.Add(1)
	return v.addUp(times), nil
}

// addUp makes a table of the times of each cut.
func (v *View) addUp(times [][]time.Duration) LayerTimes {
	var list LayerTimes
	before := time.Duration(0)
	for i, l := range v.Layers[1:] {
		slices.Sort(times[i])
		t := LayerTime{Layer: l.Name, UpTo: times[i][len(times[i])/2], FLOPs: l.FLOPs, Rate: math.NaN()}
		if t.Adds = t.UpTo - before; t.Adds > 0 {
			t.Rate = t.FLOPs / t.Adds.Seconds()
		}
		before = t.UpTo
		list = append(list, t)
	}
	return list
}

// cutAfter builds the predictions, as in an evaluation, up to the activation of a layer.
func (v *View) cutAfter(name string) func(*model.Scope, []*graph.Node) *graph.Node {
	return func(scope *model.Scope, inputs []*graph.Node) *graph.Node {
		g := inputs[0].Graph()
		scope.Store().SetTraining(g, false)
		predictions := netgraph.Predict(v.fit.Model, scope, v.kept.Spec, inputs)
		for _, l := range netgraph.Layers(g, scope.Store(), predictions) {
			if l.Name == name && l.Act != nil {
				return l.Act
			}
		}
		return predictions[0]
	}
}

// timeOf runs a cut once.
func (v *View) timeOf(cut *model.Exec) (time.Duration, error) {
	began := time.Now()
	out, err := cut.Call(v.args[:len(v.kept.Inputs)]...)
	if err != nil {
		return 0, err
	}
	spent := time.Since(began)
	return spent, out[0].FinalizeAll()
}

// String returns the list as a table.
func (l LayerTimes) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s %12s %12s %12s %14s", "layer", "up to it", "adds", "FLOPs", "FLOP/s")
	for _, t := range l {
		fmt.Fprintf(&b, "\n%-24s %12s %12s %12s %14s", t.Layer, t.UpTo.Round(time.Microsecond), t.Adds.Round(time.Microsecond), si(t.FLOPs, ""), rate(t.Rate))
	}
	return b.String()
}

// HTML returns the list as a table with bars.
func (l LayerTimes) HTML() string {
	var b strings.Builder
	most := time.Duration(1)
	for _, t := range l {
		most = max(most, t.Adds)
	}
	fmt.Fprintf(&b, `<table style="%s"><tr>`, tableStyle)
	for _, h := range []string{"layer", "up to it", "adds", "", "FLOPs", "FLOP/s"} {
		fmt.Fprintf(&b, `<th style="%s">%s</th>`, cellStyle, h)
	}
	b.WriteString("</tr>")
	for _, t := range l {
		bar := fmt.Sprintf(`<span style="display:inline-block;height:0.7em;width:%.1fpx;background:#0a7bc2"></span>`, 140*float64(max(t.Adds, 0))/float64(most))
		b.WriteString("<tr>")
		for _, cell := range []string{html.EscapeString(t.Layer), t.UpTo.Round(time.Microsecond).String(), t.Adds.Round(time.Microsecond).String(), bar, si(t.FLOPs, ""), rate(t.Rate)} {
			fmt.Fprintf(&b, `<td style="%s">%s</td>`, cellStyle, cell)
		}
		b.WriteString("</tr>")
	}
	return b.String() + "</table>"
}

func rate(v float64) string {
	if math.IsNaN(v) {
		return "in noise"
	}
	return si(v, "FLOP/s")
}
