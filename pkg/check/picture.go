package check

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// A trace is one line of a small picture.
type trace struct {
	name   string
	values []float64
}

// traceColours are told apart by people who see colours differently (after Okabe and Ito).
var traceColours = []string{"#0a7bc2", "#d55e00", "#009e73", "#cc79a7"}

const (
	smallWidth  = 230
	smallHeight = 84
)

// curves draws lines over the same steps, from the least to the greatest value of all. A dashed line
// stands at mark, unless that is NaN.
func curves(mark float64, traces ...trace) string {
	lo, hi, longest := math.Inf(1), math.Inf(-1), 2
	for _, t := range traces {
		longest = max(longest, len(t.values))
		for _, v := range t.values {
			if finite(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	if finite(mark) {
		lo, hi = min(lo, mark), max(hi, mark)
	}
	if !(lo <= hi) {
		return ""
	}
	span := max(hi-lo, 1e-12)
	y := func(v float64) float64 { return 4 + (hi-v)/span*(smallHeight-8) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %[1]d %[2]d" style="min-width:%[1]dpx" width="%[1]d" height="%[2]d" role="img" aria-label="losses from %.3[3]g to %.3[4]g">`, smallWidth, smallHeight, lo, hi)
	if finite(mark) {
		fmt.Fprintf(&b, `<line x1="0" x2="%d" y1="%.1f" y2="%.1f" stroke="currentColor" stroke-dasharray="3 3" opacity="0.5"/>`, smallWidth, y(mark), y(mark))
	}
	for i, t := range traces {
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="1.6" points="`, traceColours[i%len(traceColours)])
		for k, v := range t.values {
			if finite(v) {
				fmt.Fprintf(&b, "%.1f,%.1f ", float64(k)/float64(longest-1)*smallWidth, y(v))
			}
		}
		b.WriteString(`"/>`)
	}
	fmt.Fprintf(&b, `</svg><div style="font-size:85%%">%s</div>`, legend(lo, hi, traces))
	return b.String()
}

func legend(lo, hi float64, traces []trace) string {
	var parts []string
	for i, t := range traces {
		parts = append(parts, fmt.Sprintf(`<span style="color:%s">%s</span>`, traceColours[i%len(traceColours)], html.EscapeString(t.name)))
	}
	return strings.Join(parts, " · ") + fmt.Sprintf(` <span style="%s">%.3g to %.3g</span>`, quietStyle, lo, hi)
}

// squares draws a matrix, one square for each value, darker for larger ones. Values that must be zero are
// red where they are not.
func squares(m [][]float64, mustBeZero func(row, col int) bool) string {
	if len(m) == 0 {
		return ""
	}
	largest := 0.0
	for _, row := range m {
		for _, v := range row {
			if finite(v) {
				largest = max(largest, math.Abs(v))
			}
		}
	}
	side := max(6, min(18, 120/len(m)))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %[1]d %[2]d" style="min-width:%[1]dpx" width="%[1]d" height="%[2]d" role="img" aria-label="what depends on what">`, side*len(m[0])+1, side*len(m)+1)
	for r, row := range m {
		for c, v := range row {
			colour, strength := "#0a7bc2", 0.0
			if v != 0 {
				strength = 0.25 + 0.75*math.Abs(v)/max(largest, 1e-300)
				if mustBeZero(r, c) {
					colour = "#c62828"
				}
			}
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s" fill-opacity="%.2f" stroke="currentColor" stroke-opacity="0.25"/>`,
				c*side, r*side, side, side, colour, strength)
		}
	}
	return b.String() + "</svg>"
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// spark draws values as one small line, with a dashed line at mark.
func spark(values []float64, mark float64) string {
	const width, height = 110, 22
	lo, hi := mark-0.5, mark+0.5
	for _, v := range values {
		if finite(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	y := func(v float64) float64 { return 2 + (hi-v)/(hi-lo)*(height-4) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 110 22" style="min-width:110px" width="%d" height="%d" role="img" aria-label="from %.2f to %.2f"><line x1="0" x2="%d" y1="%.1f" y2="%.1f" stroke="currentColor" stroke-dasharray="3 3" opacity="0.4"/><polyline fill="none" stroke="%s" stroke-width="1.5" points="`,
		width, height, lo, hi, width, y(mark), y(mark), traceColours[0])
	for i, v := range values {
		if finite(v) {
			fmt.Fprintf(&b, "%.1f,%.1f ", float64(i)/float64(max(len(values)-1, 1))*width, y(v))
		}
	}
	return b.String() + `"/></svg>`
}
