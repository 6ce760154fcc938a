package worklog

import (
	"fmt"
	"math"
	"strings"
)

// The size of a sparkline on the page, in pixels.
const (
	sparkWidth  = 96
	sparkHeight = 18
)

// scale returns the least and the greatest finite value of h, and whether there is one.
func (h shape) scale() (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, b := range h.buckets {
		if b.lo == b.lo {
			lo, hi, ok = min(lo, float64(b.lo)), max(hi, float64(b.hi)), true
		}
	}
	return lo, hi, ok
}

// height places value between 0 and 1.
func height(value float32, lo, hi float64) float64 {
	if hi == lo {
		return 0.5
	}
	return (float64(value) - lo) / (hi - lo)
}

// svg draws h: the middle of each bucket as a line, its extent as a band, and a cross where values were
// NaN or infinite.
func (h shape) svg() string {
	if len(h.buckets) == 0 {
		return ""
	}
	lo, hi, _ := h.scale()
	step := float64(sparkWidth-4) / float64(max(1, len(h.buckets)-1))
	y := func(v float32) float64 { return sparkHeight - 3 - (sparkHeight-6)*height(v, lo, hi) }
	var line, band, crosses strings.Builder
	pen := "M"
	for i, b := range h.buckets {
		x := 2 + float64(i)*step
		if b.odd {
			fmt.Fprintf(&crosses, "M%.1f 1l4 4m0 -4l-4 4", x-2)
		}
		if b.lo != b.lo {
			pen = "M" // the line breaks where nothing is finite
			continue
		}
		top, bottom := y(b.hi), y(b.lo)
		fmt.Fprintf(&line, "%s%.1f %.1f", pen, x, (top+bottom)/2)
		fmt.Fprintf(&band, "M%.1f %.1fV%.1f", x, top, bottom)
		pen = "L"
	}
	return fmt.Sprintf(`<svg width="%d" height="%d" viewBox="0 0 %d %d" role="img" style="vertical-align:middle;fill:none;stroke:currentColor">`+
		`<path d="%s" stroke-width="%.1f" stroke-opacity=".25"/><path d="%s" stroke-width="1.2"/><path d="%s" stroke="#d62728"/></svg>`,
		sparkWidth, sparkHeight, sparkWidth, sparkHeight, band.String(), max(1, step*0.8), line.String(), crosses.String())
}

// text draws h with blocks, one for each two buckets at most, and a cross where values were not finite.
func (h shape) text() string {
	lo, hi, _ := h.scale()
	per := (len(h.buckets) + 15) / 16
	var out strings.Builder
	for i := 0; i < len(h.buckets); i += per {
		b := h.buckets[i]
		for _, c := range h.buckets[i+1 : min(i+per, len(h.buckets))] {
			b = b.merge(c)
		}
		if b.odd || b.lo != b.lo {
			out.WriteRune('×')
			continue
		}
		level := (height(b.lo, lo, hi) + height(b.hi, lo, hi)) / 2
		out.WriteRune([]rune("▁▂▃▄▅▆▇█")[min(7, int(level*8))])
	}
	return out.String()
}
