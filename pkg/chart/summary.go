package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	sparkWidth = 24 // characters of a small picture
	maxListed  = 6  // gaps listed for a series
)

// summary returns the chart as text.
func (c *Chart) summary() string {
	var b strings.Builder
	b.WriteString(c.heading())
	width := 0
	for _, s := range c.series {
		width = max(width, len([]rune(s.name)))
	}
	for _, s := range c.series {
		fmt.Fprintf(&b, "\n  %-*s  %s", width, s.name, c.describe(s))
	}
	for _, m := range c.marks {
		fmt.Fprintf(&b, "\n  at %s: %s", brief(m.x), m.text)
	}
	if c.grid != nil {
		b.WriteString("\n  " + c.grid.describe())
	}
	for _, n := range c.notes {
		b.WriteString("\n  " + n)
	}
	return b.String()
}

func (c *Chart) heading() string {
	text := c.title
	if text == "" {
		text = "chart"
	}
	text += " (" + string(c.kind)
	if c.y.name != "" {
		text += " of " + c.y.name
	}
	if c.x.name != "" {
		text += " by " + c.x.name
	}
	text += ")"
	if c.subtitle != "" {
		text += ": " + c.subtitle
	}
	return text
}

// describe returns a series in one line: picture, size, ends, extremes, gaps.
func (c *Chart) describe(s series) string {
	if len(s.ys) == 0 {
		return "no points yet"
	}
	low, high := extremes(s.ys)
	if low < 0 {
		return fmt.Sprintf("%d points, none of them finite", len(s.ys))
	}
	what := "points"
	if c.kind == histogram {
		what = "bins"
	}
	text := fmt.Sprintf("%s  %d %s", spark(s.ys, c.y), len(s.ys), what)
	if c.kind == line || c.kind == scatter {
		text += fmt.Sprintf(", first %s, last %s", brief(s.ys[0]), brief(s.ys[len(s.ys)-1]))
	}
	text += fmt.Sprintf(", min %s at %s, max %s at %s",
		brief(s.ys[low]), c.placeOf(s.xs[low]), brief(s.ys[high]), c.placeOf(s.xs[high]))
	return text + listHoles(s.holes(c.y))
}

func (c *Chart) placeOf(x float64) string {
	if i := int(x); float64(i) == x && i >= 0 && i < len(c.x.categories) {
		return c.x.categories[i]
	}
	return brief(x)
}

func listHoles(holes []hole) string {
	if len(holes) == 0 {
		return ""
	}
	places := make([]string, 0, maxListed)
	for _, h := range holes[:min(len(holes), maxListed)] {
		places = append(places, h.what+" at "+h.place())
	}
	text := ", " + strings.Join(places, ", ")
	if more := len(holes) - maxListed; more > 0 {
		text += fmt.Sprintf(" and %d more gaps, the last at %s", more, holes[len(holes)-1].place())
	}
	return text
}

// extremes returns the indices of the lowest and the highest finite value, or -1.
func extremes(ys []float64) (low, high int) {
	low, high = -1, -1
	for i, y := range ys {
		if !finite(y) {
			continue
		}
		if low < 0 || y < ys[low] {
			low = i
		}
		if high < 0 || y > ys[high] {
			high = i
		}
	}
	return low, high
}

// spark draws values as a line of blocks, with a mark where a stretch has values that cannot be drawn.
func spark(ys []float64, a axis) string {
	scale := func(y float64) float64 { return y }
	if a.log {
		scale = math.Log
	}
	means, bad := stretchMeans(ys, a, scale)
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, m := range means {
		if !math.IsNaN(m) {
			lo, hi = min(lo, m), max(hi, m)
		}
	}
	blocks := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for i, m := range means {
		switch {
		case bad[i]:
			b.WriteRune('×')
		case hi == lo:
			b.WriteRune(blocks[3])
		default:
			b.WriteRune(blocks[int((m-lo)/(hi-lo)*float64(len(blocks)-1)+0.5)])
		}
	}
	return b.String()
}

// stretchMeans returns the mean of each stretch of ys, and which stretches have a value that cannot be drawn.
func stretchMeans(ys []float64, a axis, scale func(float64) float64) (means []float64, bad []bool) {
	n := min(len(ys), sparkWidth)
	means, bad = make([]float64, n), make([]bool, n)
	for k := range n {
		part := ys[k*len(ys)/n : (k+1)*len(ys)/n]
		sum, count := 0.0, 0
		for _, y := range part {
			if a.drawable(y) {
				sum, count = sum+scale(y), count+1
			}
		}
		means[k] = sum / float64(count) // NaN for none
		bad[k] = slices.ContainsFunc(part, func(y float64) bool { return !a.drawable(y) })
	}
	return means, bad
}
