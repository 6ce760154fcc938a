package chart

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"
)

// Palette is the colours of series in their order: told apart by people who see colours differently,
// and legible on light and on dark (after Okabe and Ito).
var palette = []string{"#0a7bc2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5aa8", "#8c8c8c"}

const (
	alarm      = "#d9363e" // gaps
	fewPoints  = 60        // up to here each point of a line is drawn
	maxHoles   = 40        // gaps that are marked for a series
	titleSpace = 36        // pixels
	lineSpace  = 22
)

// Option returns the ECharts option of the chart: what encoding/json can write, without functions and
// without numbers that are not finite.
func (c *Chart) Option() map[string]any {
	var o map[string]any
	switch c.kind {
	case foreign:
		o = tree(c.option) // a copy: edits must not pile up
	case heatmap:
		o = c.heatmapOption()
	default:
		o = c.seriesOption()
	}
	for _, edit := range c.edits {
		edit(o)
	}
	return o
}

// seriesOption makes the option of a chart with axes and series.
func (c *Chart) seriesOption() map[string]any {
	g := charts.NewLine() // go-echarts' frame is the same for lines, points and bars; each series has its type
	c.frame(&g.RectChart)
	for _, s := range c.series {
		g.MultiSeries = append(g.MultiSeries, c.style(s))
	}
	o := tree(g.JSON())
	c.axisDetails(o)
	if len(c.series) == 0 {
		o["series"] = []any{}
	}
	for i, s := range c.series {
		part := at(o, "series", i)
		part["data"] = c.data(s)
		c.addMarks(part, i, s)
	}
	c.addBands(o)
	if c.horizontal {
		c.layDown(o)
	}
	return o
}

func (c *Chart) data(s series) any {
	xs, ys := thin(s.xs, s.ys, c.points)
	return points{xs, ys, c.x, c.y, c.horizontal}
}

// frame sets what stands around the data.
func (c *Chart) frame(g *charts.RectChart) {
	top := 10
	if c.title != "" {
		top += titleSpace - 10
	}
	if c.subtitle != "" {
		top += lineSpace - 4
	}
	legendTop := top
	if len(c.series) > 1 {
		top += lineSpace + 4
	}
	if c.y.name != "" {
		top += lineSpace
	}
	bottom := 12
	if c.x.name != "" {
		bottom += lineSpace
	}
	g.SetGlobalOptions(
		charts.WithTitleOpts(opts.Title{Title: c.title, Subtitle: c.subtitle, Left: "center", Top: "6"}),
		charts.WithLegendOpts(opts.Legend{Show: opts.Bool(len(c.series) > 1), Top: fmt.Sprint(legendTop), Left: "center", Icon: c.legendIcon(), ItemWidth: 18, ItemHeight: c.legendHeight()}),
		charts.WithTooltipOpts(opts.Tooltip{Show: opts.Bool(true), Trigger: c.trigger()}),
		charts.WithToolboxOpts(opts.Toolbox{Right: "8", Top: "4"}),
		charts.WithGridOpts(opts.Grid{Left: "16", Right: "24", Top: fmt.Sprint(top + 6), Bottom: fmt.Sprint(bottom), ContainLabel: opts.Bool(true)}),
		charts.WithXAxisOpts(opts.XAxis{Name: c.x.name, NameLocation: "middle", NameGap: 30, Type: c.typeOf(c.x), Scale: opts.Bool(true), Min: c.x.lo, Max: c.x.hi}),
		charts.WithYAxisOpts(opts.YAxis{Name: c.y.name, NameLocation: "end", NameGap: 12, Type: c.typeOf(c.y), Scale: opts.Bool(c.kind != bar && c.kind != histogram), Min: c.y.lo, Max: c.y.hi}),
	)
	g.Animation = opts.Bool(false)
	g.Colors = palette
}

func (c *Chart) legendIcon() string {
	if c.kind == line {
		return "roundRect"
	}
	return ""
}

// legendHeight makes the sign of a line look like a line.
func (c *Chart) legendHeight() int {
	if c.kind == line {
		return 4
	}
	return 12
}

func (c *Chart) trigger() string {
	if c.kind == scatter {
		return "item"
	}
	return "axis"
}

func (c *Chart) typeOf(a axis) string {
	switch {
	case len(a.categories) > 0:
		return "category"
	case a.log:
		return "log"
	}
	return "value"
}

// axisDetails sets what go-echarts has no words for.
func (c *Chart) axisDetails(o map[string]any) {
	x, y := at(o, "xAxis", 0), at(o, "yAxis", 0)
	y["nameTextStyle"] = map[string]any{"align": "left", "padding": []int{0, 0, 0, -4}}
	x["axisLabel"] = map[string]any{"hideOverlap": true}
	x["splitLine"] = map[string]any{"show": c.kind == line || c.kind == scatter}
	if len(c.x.categories) > 0 {
		x["data"] = c.x.categories
		x["splitLine"] = map[string]any{"show": false}
		x["axisTick"] = map[string]any{"alignWithLabel": true}
	}
	var xs, ys [][]float64
	for _, s := range c.series {
		xs, ys = append(xs, s.xs), append(ys, s.ys)
	}
	for _, b := range c.bands {
		ys = append(ys, b.lo, b.hi)
	}
	showEmpty(x, c.x, xs)
	showEmpty(y, c.y, ys)
	for _, a := range []map[string]any{x, y} {
		a["axisLine"] = map[string]any{"onZero": false} // axes stand at the edge, whatever the values
	}
	logDetails(x, c.x, xs)
	logDetails(y, c.y, ys)
	at(o, "toolbox", -1)["feature"] = map[string]any{
		"dataZoom": map[string]any{}, "restore": map[string]any{}, "saveAsImage": map[string]any{"pixelRatio": 2},
	}
}

// showEmpty gives an axis without values ends of its own, so that the chart has its place and its names
// before the first point.
func showEmpty(o map[string]any, a axis, values [][]float64) {
	// Ends are said even where they follow the data: a live page lays each option over the one before.
	o["min"], o["max"] = a.lo, a.hi
	for _, vs := range values {
		if slices.ContainsFunc(vs, a.drawable) {
			return
		}
	}
	if len(a.categories) > 0 || a.lo != nil {
		return
	}
	o["min"], o["max"] = 0, 1
	if a.log {
		o["min"] = 0.1
	}
}

// logDetails gives a logarithmic axis ticks that fit its span: a span of less than two decades has too
// few powers of ten, so it counts in powers of two.
func logDetails(o map[string]any, a axis, values [][]float64) {
	if !a.log {
		return
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, vs := range values {
		for _, v := range vs {
			if a.drawable(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	narrow := hi >= lo && hi/lo < 40
	o["logBase"] = 10
	if narrow {
		o["logBase"] = 2
	}
	o["minorTick"] = map[string]any{"show": !narrow, "splitNumber": 9}
	o["minorSplitLine"] = map[string]any{"show": !narrow}
}

// style returns a series without its data.
func (c *Chart) style(s series) charts.SingleSeries {
	g := charts.SingleSeries{Name: s.name, Type: string(c.kind)}
	switch c.kind {
	case line:
		g.ShowSymbol = opts.Bool(len(s.ys) <= fewPoints)
		g.SymbolSize = 5
		g.LineStyle = &opts.LineStyle{Width: 2}
	case scatter:
		g.SymbolSize = 7
		g.ItemStyle = &opts.ItemStyle{Opacity: opts.Float(0.75)}
	case histogram:
		g.Type = "bar"
		g.BarWidth = "98%"
	case bar:
		g.BarMaxWidth = "60"
	}
	return g
}

// addMarks adds to series number i its gaps and, to the first, the marks of the chart.
func (c *Chart) addMarks(part map[string]any, i int, s series) {
	var lines, areas []any
	along := "xAxis"
	if c.horizontal {
		along = "yAxis"
	}
	holes := s.holes(c.y)
	for _, h := range holes[:min(len(holes), maxHoles)] {
		if !c.x.drawable(h.from) || !c.x.drawable(h.to) {
			continue
		}
		label := map[string]any{"formatter": h.what, "color": alarm, "fontSize": 11}
		if h.from == h.to {
			lines = append(lines, map[string]any{along: h.from, "label": label,
				"lineStyle": map[string]any{"color": alarm, "type": "dashed", "width": 1.5}})
			continue
		}
		areas = append(areas, []any{map[string]any{along: h.from, "label": label}, map[string]any{along: h.to}})
	}
	if i == 0 {
		for _, m := range c.marks {
			lines = append(lines, map[string]any{along: m.x,
				"label":     map[string]any{"formatter": m.text, "color": "inherit"},
				"lineStyle": map[string]any{"color": "#8c8c8c", "type": "dotted", "width": 1.5}})
		}
	}
	if len(lines) > 0 {
		part["markLine"] = map[string]any{"silent": true, "symbol": "none", "data": lines}
	}
	if len(areas) > 0 {
		part["markArea"] = map[string]any{"silent": true, "itemStyle": map[string]any{"color": alarm, "opacity": 0.13},
			"label": map[string]any{"position": "insideTop"}, "data": areas}
	}
}

// tree returns v as encoding/json sees it.
func tree(v any) map[string]any {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("chart: option: %v", err)) // made of values of this package only
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		panic(fmt.Sprintf("chart: option: %v", err))
	}
	return out
}

// at returns the object number i of a list in o, or the object itself for i < 0.
func at(o map[string]any, key string, i int) map[string]any {
	if i < 0 {
		m, _ := o[key].(map[string]any)
		return m
	}
	list, _ := o[key].([]any)
	m, _ := list[i].(map[string]any)
	return m
}
