package page

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Shape keeps the outline of a series in bounded space: the least and the greatest value of each
// bucket. When the buckets are full, neighbours are merged, and new ones take twice as many points.
type Shape struct {
	stride  int // points in a full bucket
	filled  int // points in the last bucket
	buckets []bucket
	wide    bool // it is drawn large
}

// Wide returns the outline of an empty series that is drawn as a curve, in place of a sparkline. It has no
// binary form.
func Wide() *Shape { return &Shape{wide: true} }

// limit is how many buckets h may have, an even number.
func (h *Shape) limit() int {
	if h.wide {
		return curveWidth
	}
	return maxBuckets
}

type bucket struct {
	lo, hi float32 // NaN if no point was finite
	odd    bool    // whether a point was not finite
}

var nan32 = float32(math.NaN())

const maxBuckets = 32

// Add adds a value to the end of the series.
func (h *Shape) Add(value float64) {
	if h.stride == 0 {
		h.stride = 1
	}
	if len(h.buckets) == 0 || h.filled == h.stride {
		if len(h.buckets) == h.limit() {
			h.halve()
		}
		h.buckets = append(h.buckets, bucket{nan32, nan32, false})
		h.filled = 0
	}
	h.filled++
	one := bucket{float32(value), float32(value), false}
	if v := float64(one.lo); math.IsNaN(v) || math.IsInf(v, 0) {
		one = bucket{nan32, nan32, true}
	}
	last := &h.buckets[len(h.buckets)-1]
	*last = last.merge(one)
}

func (h *Shape) halve() {
	half := h.limit() / 2
	for i := range half {
		h.buckets[i] = h.buckets[2*i].merge(h.buckets[2*i+1])
	}
	h.buckets = h.buckets[:half]
	h.stride *= 2
}

// merge returns the outline of two buckets.
func (b bucket) merge(c bucket) bucket {
	if !(b.lo <= c.lo) && c.lo == c.lo {
		b.lo = c.lo
	}
	if !(b.hi >= c.hi) && c.hi == c.hi {
		b.hi = c.hi
	}
	b.odd = b.odd || c.odd
	return b
}

// The size of a sparkline and of a curve on the page, in pixels.
const (
	sparkWidth  = 96
	sparkHeight = 18
	curveWidth  = 320
	curveHeight = 64
)

// scale returns the least and the greatest finite value of h, and whether there is one.
func (h Shape) scale() (lo, hi float64, ok bool) {
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

// SVG draws h: the middle of each bucket as a line, its extent as a band, and a cross where values were
// NaN or infinite.
func (h Shape) SVG() string {
	if len(h.buckets) == 0 {
		return ""
	}
	wide, high := float64(sparkWidth), float64(sparkHeight)
	if h.wide {
		wide, high = curveWidth, curveHeight
	}
	lo, hi, _ := h.scale()
	step := (wide - 4) / float64(max(1, len(h.buckets)-1))
	y := func(v float32) float64 { return high - 3 - (high-6)*height(v, lo, hi) }
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
	return fmt.Sprintf(`<svg width="%g" height="%g" viewBox="0 0 %g %g" role="img" style="vertical-align:middle;max-width:none;fill:none;stroke:currentColor">`+
		`<path d="%s" stroke-width="%.1f" stroke-opacity=".25"/><path d="%s" stroke-width="1.2"/><path d="%s" stroke="#d62728"/></svg>`,
		wide, high, wide, high, band.String(), max(1, step*0.8), line.String(), crosses.String())
}

// Text draws h with blocks, one for each two buckets at most, and a cross where values were not finite.
func (h Shape) Text() string {
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

// AppendBinary appends h to b, in the form that UnmarshalBinary reads.
func (h Shape) AppendBinary(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(b, uint64(h.stride))
	b = binary.AppendUvarint(b, uint64(h.filled))
	for _, k := range h.buckets {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(k.lo))
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(k.hi))
		odd := byte(0)
		if k.odd {
			odd = 1
		}
		b = append(b, odd)
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary appended.
func (h *Shape) UnmarshalBinary(b []byte) error {
	*h = Shape{}
	for _, n := range []*int{&h.stride, &h.filled} {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			return errShape
		}
		*n, b = int(v), b[size:]
	}
	if len(b)%9 != 0 || len(b) > 9*maxBuckets {
		return errShape
	}
	for ; len(b) > 0; b = b[9:] {
		lo, hi := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		h.buckets = append(h.buckets, bucket{math.Float32frombits(lo), math.Float32frombits(hi), b[8] == 1})
	}
	return nil
}

var errShape = errors.New("page: an outline is malformed")

// Clone returns a copy of h that shares no memory with it.
func (h Shape) Clone() Shape {
	h.buckets = slices.Clone(h.buckets)
	return h
}
