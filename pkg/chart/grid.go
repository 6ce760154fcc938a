package chart

import (
	"fmt"
	"math"
	"reflect"
)

const (
	maxSide  = 128 // cells of a heatmap on a side; more are averaged
	maxWords = 400 // cells up to which each one shows its number
)

// cells are the values of a heatmap, a row at a time from the top.
type cells struct {
	values  [][]float64
	cols    int
	rows    []string // names of the rows
	lo, hi  float64  // of the finite values
	missing int      // values that are not finite
	pooled  int      // how many values of a side became one
}

// viridis is the scale of colours of a heatmap, from low to high: even steps of lightness, so that it
// reads without colour too.
var viridis = []string{"#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"}

// Heatmap returns a chart of a table of numbers, a slice of slices, the first row at the top. Values
// that are not finite stay blank. A table of more than 128 rows or columns is averaged to fit.
func Heatmap(title string, table any) *Chart {
	c := newChart(heatmap, title)
	v := reflect.ValueOf(table)
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return c.fail(fmt.Errorf("the table is a %T, not a slice of slices of numbers", table))
	}
	g := &cells{lo: math.Inf(1), hi: math.Inf(-1), pooled: 1}
	for i := range v.Len() {
		row, err := floats(v.Index(i).Interface())
		if err != nil {
			return c.fail(fmt.Errorf("row %d: values %w", i, err))
		}
		g.values = append(g.values, row)
		g.cols = max(g.cols, len(row))
	}
	g.pool()
	g.scan()
	c.grid = g
	return c
}

// Rows names the rows of a heatmap, from the top. Categories names its columns.
func (c *Chart) Rows(names ...string) *Chart {
	if c.grid == nil {
		return c.fail(fmt.Errorf("a %s has no rows", c.kind))
	}
	c.grid.rows = names
	return c
}

// scan finds the extremes and what is missing.
func (g *cells) scan() {
	for _, row := range g.values {
		for _, v := range row {
			if !finite(v) {
				g.missing++
				continue
			}
			g.lo, g.hi = min(g.lo, v), max(g.hi, v)
		}
	}
}

// pool averages square blocks of values until the table fits.
func (g *cells) pool() {
	side := max(len(g.values), g.cols)
	if side <= maxSide {
		return
	}
	k := (side + maxSide - 1) / maxSide
	g.pooled = k
	out := make([][]float64, (len(g.values)+k-1)/k)
	for r := range out {
		out[r] = make([]float64, (g.cols+k-1)/k)
		for c := range out[r] {
			out[r][c] = g.blockMean(r*k, c*k, k)
		}
	}
	g.values, g.cols = out, (g.cols+k-1)/k
}

func (g *cells) blockMean(row, col, k int) float64 {
	sum, n := 0.0, 0
	for r := row; r < min(row+k, len(g.values)); r++ {
		for c := col; c < min(col+k, len(g.values[r])); c++ {
			if v := g.values[r][c]; finite(v) {
				sum, n = sum+v, n+1
			}
		}
	}
	return sum / float64(n) // NaN for none
}

func (g *cells) describe() string {
	text := fmt.Sprintf("%d×%d values", len(g.values), g.cols)
	if g.pooled > 1 {
		text += fmt.Sprintf(", each the mean of %d×%d", g.pooled, g.pooled)
	}
	if g.lo <= g.hi {
		text += fmt.Sprintf(", min %s, max %s", brief(g.lo), brief(g.hi))
	}
	if g.missing > 0 {
		text += fmt.Sprintf(", %d not finite and left blank", g.missing)
	}
	return text
}

// heatmapOption makes the option of a heatmap.
func (c *Chart) heatmapOption() map[string]any {
	g := c.grid
	if g == nil {
		return map[string]any{}
	}
	data := make([][3]any, 0, len(g.values)*g.cols)
	for r, row := range g.values {
		for col, v := range row {
			if finite(v) {
				data = append(data, [3]any{col, r, v})
			}
		}
	}
	top := 14
	if c.title != "" {
		top += titleSpace - 4
	}
	if c.y.name != "" {
		top += lineSpace
	}
	return map[string]any{
		"animation": false,
		"title":     map[string]any{"text": c.title, "subtext": c.subtitle, "left": "center", "top": 6},
		"tooltip":   map[string]any{"position": "top"},
		"grid":      map[string]any{"left": 16, "right": 84, "top": top, "bottom": c.bottom(), "containLabel": true},
		"xAxis":     c.placeAxis(c.x, names(c.x.categories, g.cols), false),
		"yAxis":     c.placeAxis(c.y, names(g.rows, len(g.values)), true),
		"visualMap": g.scale(),
		"series": []any{map[string]any{
			"type": "heatmap", "name": c.title, "data": data, "progressive": 0,
			"label": map[string]any{"show": len(data) <= maxWords && g.short(), "fontSize": 11},
		}},
	}
}

func (c *Chart) bottom() int {
	if c.x.name != "" {
		return 12 + lineSpace
	}
	return 12
}

func (c *Chart) placeAxis(a axis, places []string, inverse bool) map[string]any {
	o := map[string]any{
		"type": "category", "data": places, "name": a.name, "inverse": inverse,
		"axisTick": map[string]any{"show": false}, "axisLabel": map[string]any{"hideOverlap": true},
	}
	if inverse {
		o["nameLocation"], o["nameTextStyle"] = "start", map[string]any{"align": "left"}
	} else {
		o["nameLocation"], o["nameGap"] = "middle", 30
	}
	return o
}

func (g *cells) scale() map[string]any {
	lo, hi := g.lo, g.hi
	if lo > hi {
		lo, hi = 0, 1
	} else if lo == hi {
		hi = lo + 1
	}
	return map[string]any{
		"min": lo, "max": hi, "calculable": true, "orient": "vertical", "right": 8, "top": "middle",
		"itemWidth": 14, "itemHeight": 180, "precision": precision(hi - lo),
		"inRange": map[string]any{"color": viridis},
	}
}

// precision returns how many decimals tell values in a span apart.
func precision(span float64) int {
	return max(0, min(12, 1-int(math.Floor(math.Log10(span)))))
}

// short tells whether each number fits in its cell.
func (g *cells) short() bool {
	for _, row := range g.values {
		for _, v := range row {
			if len(brief(v)) > 5 {
				return false
			}
		}
	}
	return true
}

// names returns n names: those given, then numbers.
func names(given []string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
		if i < len(given) {
			out[i] = given[i]
		}
	}
	return out
}

// Histogram returns a chart of how often values fall into each of bins intervals of equal width, or
// into as many as the values call for (the rule of Freedman and Diaconis) if bins is 0. Values that are
// not finite are counted in the text.
func Histogram(title string, values any, bins int) *Chart {
	c := newChart(histogram, title).Y("count")
	all, err := floats(values)
	if err != nil {
		return c.fail(fmt.Errorf("values %w", err))
	}
	xs, counts, bad := count(all, bins)
	if bad > 0 {
		c.notes = append(c.notes, fmt.Sprintf("%d values of %d are not finite and not in a bin", bad, len(all)))
	}
	c.series = []series{{title, xs, counts}}
	return c
}
