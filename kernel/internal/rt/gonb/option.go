package gonb

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a part of an option of ECharts.
type object = map[string]any

// option returns the option of ECharts that draws the figure, or why there is none.
func (f *figure) option() (object, error) {
	if f.err != nil {
		return nil, f.err
	}
	if len(f.Data) == 0 {
		return nil, fmt.Errorf("it has no data")
	}
	o := f.frame()
	switch kind := f.Data[0].kind(); kind {
	case "pie", "heatmap":
		if len(f.Data) > 1 {
			return nil, fmt.Errorf("it has a trace of kind %q and others", kind)
		}
		if kind == "pie" {
			f.pie(o, f.Data[0])
		} else {
			f.heatmap(o, f.Data[0])
		}
		return o, nil
	}
	return o, f.plane(o)
}

// frame is what stands around the data.
func (f *figure) frame() object {
	top := 16
	o := object{"animation": false, "tooltip": object{"trigger": "axis"},
		"toolbox": object{"right": 8, "top": 4, "feature": object{"dataZoom": object{}, "restore": object{}, "saveAsImage": object{"pixelRatio": 2}}}}
	if f.Layout.Title != "" {
		o["title"] = object{"text": f.Layout.Title, "left": "center", "top": 6}
		top = 42
	}
	legend := len(f.Data) > 1
	if f.Layout.Legend != nil {
		legend = *f.Layout.Legend
	}
	if legend {
		o["legend"] = object{"show": true, "top": top - 6, "left": "center"}
		top += 26
	}
	if f.Layout.Y.Title != "" {
		top += 20
	}
	bottom := 12
	if f.Layout.X.Title != "" {
		bottom = 34
	}
	o["grid"] = object{"left": 16, "right": 24, "top": top, "bottom": bottom, "containLabel": true}
	return o
}

// plane draws traces between two axes.
func (f *figure) plane(o object) error {
	x, y := newScale(f.Layout.X), newScale(f.Layout.Y)
	for i, t := range f.Data {
		if t.XAxis != "" && t.XAxis != "x" || t.YAxis != "" && t.YAxis != "y" {
			return fmt.Errorf("it has several pairs of axes")
		}
		if t.kind() == "histogram" {
			f.Data[i] = t.binned()
		}
		t = f.Data[i].whole()
		if t.Name == "" && len(f.Data) > 1 {
			t.Name = words("trace " + strconv.Itoa(i))
		}
		f.Data[i] = t
		if t.kind() == "bar" && t.Orientation == "h" {
			x.bars, y.base = true, true
		} else if t.kind() == "bar" {
			y.bars, x.base = true, true
		}
		x.see(t.X)
		y.see(t.Y)
	}
	var series []any
	for _, t := range f.Data {
		s, err := t.series(x, y)
		if err != nil {
			return err
		}
		if s["type"] == "bar" && (f.Layout.BarMode == "stack" || f.Layout.BarMode == "relative") {
			s["stack"] = "all"
		}
		if t.Visible == nil || t.Visible == true {
			series = append(series, s)
		}
	}
	o["series"], o["xAxis"], o["yAxis"] = series, x.axis("middle", 30), y.axis("end", 12)
	return nil
}

// whole adds the places of values that say none: 0, 1, 2 and so on.
func (t trace) whole() trace {
	count := func(n int) (list []any) {
		for i := range n {
			list = append(list, float64(i))
		}
		return list
	}
	if len(t.X) == 0 {
		t.X = count(len(t.Y))
	} else if len(t.Y) == 0 {
		t.Y = count(len(t.X))
	}
	return t
}

// binned counts the values of a histogram, in about as many bins as the root of their number.
func (t trace) binned() trace {
	values, upright := numbers(t.X), true
	if len(t.X) == 0 {
		values, upright = numbers(t.Y), false
	}
	bar := trace{Type: "bar", Name: t.Name, Marker: t.Marker, Visible: t.Visible}
	if len(values) == 0 {
		return bar
	}
	lo, hi := slices.Min(values), slices.Max(values)
	n := min(200, int(math.Ceil(math.Sqrt(float64(len(values))))))
	width := (hi - lo) / float64(n)
	if width <= 0 {
		n, width = 1, 1
	}
	counts := make([]float64, n)
	for _, v := range values {
		counts[min(n-1, int((v-lo)/width))]++
	}
	for i, c := range counts {
		bar.X, bar.Y = append(bar.X, fmt.Sprintf("%.4g", lo+(float64(i)+0.5)*width)), append(bar.Y, c)
	}
	if !upright {
		bar.X, bar.Y = bar.Y, bar.X
	}
	return bar
}

// series returns the trace as a series of ECharts.
func (t trace) series(x, y *scale) (object, error) {
	s := object{"name": t.Name}
	n := min(len(t.X), len(t.Y))
	data := make([]any, n)
	for i := range n {
		data[i] = []any{x.place(t.X[i]), y.place(t.Y[i])}
	}
	s["data"] = data
	switch t.kind() {
	case "bar":
		s["type"], s["barMaxWidth"] = "bar", 60
		setColour(s, t.Marker)
		return s, nil
	case "scatter":
	default:
		return nil, fmt.Errorf("it has a trace of kind %q", t.Type)
	}
	mode := t.Mode
	if mode == "" {
		mode = "lines"
		if n < 20 {
			mode = "lines+markers"
		}
	}
	if !strings.Contains(mode, "lines") {
		s["type"], s["symbolSize"] = "scatter", 7
		setColour(s, t.Marker)
		return s, nil
	}
	s["type"], s["showSymbol"], s["symbolSize"] = "line", strings.Contains(mode, "markers") && n <= 200, 5
	s["lineStyle"] = object{"width": 2, "type": dashes[t.Line.Dash]}
	switch t.Line.Shape {
	case "spline":
		s["smooth"] = true
	case "hv":
		s["step"] = "end"
	case "vh":
		s["step"] = "start"
	}
	if t.Fill != "" && t.Fill != "none" {
		s["areaStyle"] = object{"opacity": 0.25}
	}
	setColour(s, t.Marker)
	setColour(s, t.Line)
	return s, nil
}

// dashes are Plotly's kinds of lines in the words of ECharts.
var dashes = map[string]string{"": "solid", "solid": "solid", "dot": "dotted", "dash": "dashed", "longdash": "dashed", "dashdot": "dashed", "longdashdot": "dashed"}

// setColour gives a series the colour that the figure wishes.
func setColour(s object, like stroke) {
	if c, ok := like.Color.(string); ok && c != "" {
		s["itemStyle"] = object{"color": c}
	}
}

// pie draws parts of a whole.
func (f *figure) pie(o object, t trace) {
	var data []any
	for i, v := range t.Values {
		name := fmt.Sprint(i)
		if i < len(t.Labels) {
			name = fmt.Sprint(t.Labels[i])
		}
		data = append(data, object{"name": name, "value": v})
	}
	o["tooltip"] = object{"trigger": "item"}
	delete(o, "grid")
	o["series"] = []any{object{"type": "pie", "name": t.Name, "data": data, "radius": []any{fmt.Sprintf("%.0f%%", 70*t.Hole), "70%"}}}
}

// heatmap draws a table of numbers as colours.
func (f *figure) heatmap(o object, t trace) {
	x, y := newScale(f.Layout.X), newScale(f.Layout.Y)
	x.kind, y.kind = "category", "category"
	columns := 0
	var all, data []any
	for j, row := range t.Z {
		columns = max(columns, len(row))
		for i, v := range row {
			data = append(data, []any{i, j, v})
		}
		all = append(all, row...)
	}
	x.names, y.names = names(t.X, columns), names(t.Y, len(t.Z))
	lo, hi := 0.0, 1.0
	if list := numbers(all); len(list) > 0 {
		lo, hi = slices.Min(list), slices.Max(list)
	}
	o["tooltip"] = object{"trigger": "item"}
	o["xAxis"], o["yAxis"] = x.axis("middle", 30), y.axis("end", 12)
	grid := o["grid"].(object) // frame has made it
	grid["right"] = 90
	o["visualMap"] = object{"min": lo, "max": hi, "calculable": true, "right": 8, "top": "center"}
	o["series"] = []any{object{"type": "heatmap", "name": t.Name, "data": data}}
}

// names returns n names of columns or rows: those that are given, then their numbers.
func names(given []any, n int) (list []string) {
	for i := range n {
		if i < len(given) {
			list = append(list, fmt.Sprint(given[i]))
		} else {
			list = append(list, fmt.Sprint(i))
		}
	}
	return list
}

// A scale is an axis and what lies along it.
type scale struct {
	text  axisText
	kind  string   // value, log, time or category
	names []string // of a category axis
	bars  bool     // bars are as long as their values along it
	base  bool     // bars stand on it
}

func newScale(text axisText) *scale {
	kinds := map[string]string{"log": "log", "category": "category", "date": "time", "linear": "value"}
	return &scale{text: text, kind: kinds[text.Type]}
}

// see notes what lies along the axis. One whose kind the figure leaves open has that of its values.
func (a *scale) see(values []any) {
	if a.kind == "" || a.kind == "value" {
		for _, v := range values {
			if text, ok := v.(string); ok {
				a.kind = "category"
				if isTime(text) {
					a.kind = "time"
				}
				break
			}
		}
	}
	if a.kind != "category" {
		return
	}
	for _, v := range values {
		if name := fmt.Sprint(v); !slices.Contains(a.names, name) {
			a.names = append(a.names, name)
		}
	}
}

// isTime tells whether Plotly takes a text for a point in time.
func isTime(text string) bool {
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339Nano, "2006-01-02 15:04"} {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// place returns a value as a series has it. What a logarithm cannot show is a gap.
func (a *scale) place(v any) any {
	if a.kind == "category" {
		return fmt.Sprint(v)
	}
	if x, ok := v.(float64); ok && a.kind == "log" && x <= 0 {
		return nil
	}
	return v
}

// axis returns the axis as ECharts has it.
func (a *scale) axis(place string, gap int) object {
	kind := a.kind
	if kind == "" {
		kind = "value"
	}
	o := object{"type": kind, "scale": !a.bars, "axisLine": object{"onZero": false}, "axisLabel": object{"hideOverlap": true}}
	if a.text.Title != "" {
		o["name"], o["nameLocation"], o["nameGap"] = a.text.Title, place, gap
		if place == "end" {
			o["nameTextStyle"] = object{"align": "left"}
		}
	}
	if kind == "category" {
		o["data"] = a.names
	} else if a.base && kind != "log" {
		o["boundaryGap"] = []any{"8%", "8%"} // room for half a bar
	}
	if ends := numbers(a.text.Range); len(ends) == 2 && kind != "category" && kind != "time" {
		if kind == "log" { // Plotly says the ends of such an axis as powers of ten
			ends[0], ends[1] = math.Pow(10, ends[0]), math.Pow(10, ends[1])
		}
		o["min"], o["max"] = min(ends[0], ends[1]), max(ends[0], ends[1])
	}
	return o
}
