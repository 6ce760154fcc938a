package chart

import "fmt"

// addBands adds the areas of the bands, behind the lines. ECharts has no such series: an area is what
// one line without ink stacks on another.
func (c *Chart) addBands(o map[string]any) {
	if len(c.bands) == 0 {
		return
	}
	list, _ := o["series"].([]any)
	for i, b := range c.bands {
		list = append(list, c.bandSeries(i, b)...)
	}
	o["series"] = list
	names := make([]string, len(c.series))
	for i, s := range c.series {
		names[i] = s.name
	}
	at(o, "legend", -1)["data"] = names // the two lines of a band are not series to their reader
}

func (c *Chart) bandSeries(i int, b band) []any {
	colour := palette[0]
	for k, s := range c.series {
		if s.name == b.name {
			colour = palette[k%len(palette)]
		}
	}
	// The rows are thinned together, by the place of the upper edge.
	lows := make(map[float64]float64, len(b.xs))
	for k, x := range b.xs {
		lows[x] = b.lo[k]
	}
	xs, hi := thin(b.xs, b.hi, c.points)
	lo, height := make([]float64, len(xs)), make([]float64, len(xs))
	for k, x := range xs {
		lo[k] = lows[x]
		height[k] = hi[k] - lo[k]
	}
	linear := axis{} // a height may be 0 on a logarithmic axis: it is added to the lower edge first
	edge := map[string]any{
		"type": "line", "name": b.name, "stack": fmt.Sprint("band", i), "stackStrategy": "all",
		"symbol": "none", "silent": true, "z": 1, "lineStyle": map[string]any{"opacity": 0},
		"tooltip": map[string]any{"show": false}, "data": points{xs, lo, c.x, c.y, true},
		// ECharts stacks along the first column that is a number, so y comes first.
		"encode": map[string]any{"x": 1, "y": 0},
	}
	area := map[string]any{}
	for k, v := range edge {
		area[k] = v
	}
	area["areaStyle"] = map[string]any{"color": colour, "opacity": 0.2}
	area["data"] = points{xs, height, c.x, linear, true}
	return []any{edge, area}
}

// layDown turns a chart of bars: its axes change places, and the first category is at the top.
func (c *Chart) layDown(o map[string]any) {
	values, places := at(o, "yAxis", 0), at(o, "xAxis", 0)
	for _, key := range []string{"name", "nameLocation", "nameGap", "nameTextStyle"} {
		values[key], places[key] = places[key], nil
		if values[key] == nil {
			delete(values, key)
		}
		delete(places, key)
	}
	if c.y.name != "" {
		places["name"], places["nameLocation"] = c.y.name, "start"
		places["nameTextStyle"] = map[string]any{"align": "left"}
	}
	places["inverse"] = true
	o["xAxis"], o["yAxis"] = []any{values}, []any{places}
}
