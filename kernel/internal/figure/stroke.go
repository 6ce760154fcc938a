package figure

import "math"

// A pen says how a line is drawn, in pixels of the picture.
type pen struct {
	width  float64
	dashes []float64
	butt   bool // ends stop at the point instead of being round
}

// strokeRuns returns the areas that a pen covers along runs: a rectangle for each straight piece and a
// disc where pieces meet. All turn the same way, so that overlaps fill.
func strokeRuns(runs []run, p pen) []run {
	var out []run
	half := p.width / 2
	for _, r := range runs {
		if r.closed && len(r.points) > 0 {
			r.points = append(append([]pt(nil), r.points...), r.points[0])
		}
		for _, part := range dashed(r.points, p.dashes) {
			out = appendStroke(out, part, half, p.butt && !r.closed)
		}
	}
	return out
}

func appendStroke(out []run, ps []pt, half float64, butt bool) []run {
	for i := 1; i < len(ps); i++ {
		a, b := ps[i-1], ps[i]
		length := math.Hypot(b.x-a.x, b.y-a.y)
		if length == 0 {
			continue
		}
		nx, ny := -(b.y-a.y)/length*half, (b.x-a.x)/length*half
		out = append(out, run{closed: true, points: []pt{
			{a.x + nx, a.y + ny}, {a.x - nx, a.y - ny}, {b.x - nx, b.y - ny}, {b.x + nx, b.y + ny},
		}})
	}
	if half < 0.75 { // a joint this thin cannot be seen
		return out
	}
	for i, p := range ps {
		if inner := i > 0 && i < len(ps)-1; inner || !butt {
			out = append(out, disc(p, half))
		}
	}
	return out
}

// disc returns a circle that turns the same way as the rectangles of a stroke.
func disc(c pt, radius float64) run {
	n := between(8, radius*4, 400)
	r := run{closed: true, points: make([]pt, n)}
	for i := range r.points {
		s, k := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		r.points[i] = pt{c.x + radius*k, c.y + radius*s}
	}
	return r
}

// dashed cuts a chain of points into dashes.
func dashed(ps []pt, dashes []float64) [][]pt {
	total := 0.0
	for _, d := range dashes {
		total += d
	}
	if total <= 0 {
		return [][]pt{ps}
	}
	var out [][]pt
	on, k, left := true, 0, max(dashes[0], 0.1)
	var current []pt
	for i := 1; i < len(ps); i++ {
		a, b := ps[i-1], ps[i]
		length, at := math.Hypot(b.x-a.x, b.y-a.y), 0.0
		if on && len(current) == 0 {
			current = []pt{a}
		}
		for length-at > left {
			at += left
			p := pt{a.x + (b.x-a.x)*at/length, a.y + (b.y-a.y)*at/length}
			if on {
				out = append(out, append(current, p))
				current = nil
			} else {
				current = []pt{p}
			}
			on, k = !on, k+1
			left = max(dashes[k%len(dashes)], 0.1)
		}
		left -= length - at
		if on {
			current = append(current, b)
		}
	}
	if on && len(current) > 1 {
		out = append(out, current)
	}
	return out
}
