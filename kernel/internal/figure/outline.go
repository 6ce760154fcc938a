package figure

import (
	"math"
	"strconv"
)

// A pt is a point on the picture, in pixels.
type pt struct{ x, y float64 }

// A matrix maps points: (a c e; b d f).
type matrix struct{ a, b, c, d, e, f float64 }

var identity = matrix{a: 1, d: 1}

func (m matrix) apply(p pt) pt {
	return pt{m.a*p.x + m.c*p.y + m.e, m.b*p.x + m.d*p.y + m.f}
}

// then returns the map that applies n first and m to its result.
func (m matrix) then(n matrix) matrix {
	return matrix{
		a: m.a*n.a + m.c*n.b, b: m.b*n.a + m.d*n.b,
		c: m.a*n.c + m.c*n.d, d: m.b*n.c + m.d*n.d,
		e: m.a*n.e + m.c*n.f + m.e, f: m.b*n.e + m.d*n.f + m.f,
	}
}

// inverse returns the map back, or the identity where there is none.
func (m matrix) inverse() matrix {
	det := m.a*m.d - m.b*m.c
	if det == 0 {
		return identity
	}
	n := matrix{a: m.d / det, b: -m.b / det, c: -m.c / det, d: m.a / det}
	n.e, n.f = -(n.a*m.e + n.c*m.f), -(n.b*m.e + n.d*m.f)
	return n
}

// scale returns by how much m enlarges, on average over directions.
func (m matrix) scale() float64 { return math.Sqrt(math.Abs(m.a*m.d - m.b*m.c)) }

// A run is a chain of straight pieces.
type run struct {
	points []pt
	closed bool
}

// An outline collects runs of a path, with its curves flattened.
type outline struct {
	runs []run
	at   pt // in the path's own coordinates
	m    matrix
}

func (o *outline) moveTo(p pt) {
	o.runs = append(o.runs, run{points: []pt{o.m.apply(p)}})
	o.at = p
}

func (o *outline) lineTo(p pt) {
	if len(o.runs) == 0 {
		o.moveTo(o.at)
	}
	last := &o.runs[len(o.runs)-1]
	if last.closed {
		o.moveTo(o.at)
		last = &o.runs[len(o.runs)-1]
	}
	last.points = append(last.points, o.m.apply(p))
	o.at = p
}

func (o *outline) close(start pt) {
	if len(o.runs) > 0 {
		o.runs[len(o.runs)-1].closed = true
	}
	o.at = start
}

// curve adds n straight pieces that follow f from 0 to 1.
func (o *outline) curve(n int, f func(t float64) pt) {
	for i := 1; i <= n; i++ {
		o.lineTo(f(float64(i) / float64(n)))
	}
}

// pieces returns how many straight pieces a curve through ps needs.
func (o *outline) pieces(ps ...pt) int {
	length := 0.0
	for i := 1; i < len(ps); i++ {
		length += math.Hypot(ps[i].x-ps[i-1].x, ps[i].y-ps[i-1].y)
	}
	return between(3, length*o.m.scale()/3, 200)
}

// between returns x as a whole number from lo to hi; NaN, which comes of coordinates beyond all
// bounds, is lo.
func between(lo, x, hi float64) int {
	switch {
	case !(x > lo):
		return int(lo)
	case x > hi:
		return int(hi)
	}
	return int(x)
}

func (o *outline) quadTo(c, p pt) {
	a := o.at
	o.curve(o.pieces(a, c, p), func(t float64) pt {
		u := 1 - t
		return pt{u*u*a.x + 2*u*t*c.x + t*t*p.x, u*u*a.y + 2*u*t*c.y + t*t*p.y}
	})
}

func (o *outline) cubeTo(c, d, p pt) {
	a := o.at
	o.curve(o.pieces(a, c, d, p), func(t float64) pt {
		u := 1 - t
		w := [4]float64{u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t}
		return pt{w[0]*a.x + w[1]*c.x + w[2]*d.x + w[3]*p.x, w[0]*a.y + w[1]*c.y + w[2]*d.y + w[3]*p.y}
	})
}

// An arc is the elliptical arc of an SVG path.
type arc struct {
	rx, ry, turn float64 // radii, and the turn of their axes in degrees
	large, sweep bool
}

// arcTo follows the arc to p, by the conversion from end points to the centre that the standard gives.
func (o *outline) arcTo(k arc, p pt) {
	a := o.at
	rx, ry := math.Abs(k.rx), math.Abs(k.ry)
	if rx == 0 || ry == 0 || a == p {
		o.lineTo(p)
		return
	}
	sin, cos := math.Sincos(k.turn * math.Pi / 180)
	dx, dy := (a.x-p.x)/2, (a.y-p.y)/2
	x1, y1 := cos*dx+sin*dy, -sin*dx+cos*dy
	if grow := x1*x1/(rx*rx) + y1*y1/(ry*ry); grow > 1 {
		rx, ry = rx*math.Sqrt(grow), ry*math.Sqrt(grow)
	}
	num := rx*rx*ry*ry - rx*rx*y1*y1 - ry*ry*x1*x1
	f := math.Sqrt(max(0, num/(rx*rx*y1*y1+ry*ry*x1*x1)))
	if k.large == k.sweep {
		f = -f
	}
	cx1, cy1 := f*rx*y1/ry, -f*ry*x1/rx
	from := math.Atan2((y1-cy1)/ry, (x1-cx1)/rx)
	to := math.Atan2((-y1-cy1)/ry, (-x1-cx1)/rx)
	if k.sweep && to < from {
		to += 2 * math.Pi
	} else if !k.sweep && to > from {
		to -= 2 * math.Pi
	}
	cx, cy := cos*cx1-sin*cy1+(a.x+p.x)/2, sin*cx1+cos*cy1+(a.y+p.y)/2
	n := between(4, math.Abs(to-from)*max(rx, ry)*o.m.scale()/2, 200)
	o.curve(n, func(t float64) pt {
		if t == 1 {
			return p
		}
		s, c := math.Sincos(from + t*(to-from))
		return pt{cx + cos*rx*c - sin*ry*s, cy + sin*rx*c + cos*ry*s}
	})
}

// numbers of each command of a path.
var arity = map[byte]int{'M': 2, 'L': 2, 'H': 1, 'V': 1, 'C': 6, 'S': 4, 'Q': 4, 'T': 2, 'A': 7, 'Z': 0}

// A pathReader walks the d attribute of a path.
type pathReader struct {
	o     *outline
	start pt // of the current run
	ctrl  pt // last control point, for S and T
	last  byte
}

// parsePath returns the runs of a path under m. What follows an error in it is not drawn, as the
// standard asks.
func parsePath(d string, m matrix) []run {
	r := pathReader{o: &outline{m: m}}
	for i := 0; i < len(d); {
		cmd := d[i]
		n, ok := arity[upper(cmd)]
		if !ok {
			if isSeparator(cmd) {
				i++
				continue
			}
			break
		}
		i++
		for first := true; ; first = false {
			args, next, ok := readNumbers(d, i, n, upper(cmd) == 'A')
			if !ok {
				break
			}
			i = next
			if !first && cmd == 'M' {
				cmd = 'L'
			} else if !first && cmd == 'm' {
				cmd = 'l'
			}
			r.step(cmd, args)
			if n == 0 {
				break
			}
		}
	}
	return r.o.runs
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func isSeparator(c byte) bool { return c == ' ' || c == ',' || c == '\n' || c == '\t' || c == '\r' }

// readNumbers reads n numbers of d from i on. The flags of an arc are single digits.
func readNumbers(d string, i, n int, isArc bool) (args []float64, next int, ok bool) {
	for k := range n {
		for i < len(d) && isSeparator(d[i]) {
			i++
		}
		end := numberEnd(d, i)
		if isArc && (k == 3 || k == 4) {
			end = min(i+1, len(d))
		}
		x, err := strconv.ParseFloat(d[i:end], 64)
		if err != nil {
			return nil, i, false
		}
		args, i = append(args, x), end
	}
	return args, i, true
}

func numberEnd(d string, i int) int {
	dot, exp := false, false
	for j := i; j < len(d); j++ {
		switch c := d[j]; {
		case c >= '0' && c <= '9':
		case (c == '-' || c == '+') && (j == i || d[j-1] == 'e' || d[j-1] == 'E'):
		case c == '.' && !dot && !exp:
			dot = true
		case (c == 'e' || c == 'E') && !exp && j > i:
			exp = true
		default:
			return j
		}
	}
	return len(d)
}

// step draws one command.
func (r *pathReader) step(cmd byte, v []float64) {
	o, at := r.o, r.o.at
	if cmd >= 'a' && cmd <= 'z' {
		v = absolute(upper(cmd), v, at)
	}
	p := func(i int) pt { return pt{v[i], v[i+1]} }
	switch c := upper(cmd); c {
	case 'M':
		o.moveTo(p(0))
		r.start = p(0)
	case 'L':
		o.lineTo(p(0))
	case 'H':
		o.lineTo(pt{v[0], at.y})
	case 'V':
		o.lineTo(pt{at.x, v[0]})
	case 'C':
		r.ctrl = p(2)
		o.cubeTo(p(0), p(2), p(4))
	case 'S':
		c1 := r.mirrored("CS", at)
		r.ctrl = p(0)
		o.cubeTo(c1, p(0), p(2))
	case 'Q':
		r.ctrl = p(0)
		o.quadTo(p(0), p(2))
	case 'T':
		r.ctrl = r.mirrored("QT", at)
		o.quadTo(r.ctrl, p(0))
	case 'A':
		o.arcTo(arc{v[0], v[1], v[2], v[3] != 0, v[4] != 0}, p(5))
	case 'Z':
		o.close(r.start)
	}
	r.last = upper(cmd)
}

// mirrored returns the control point opposite to the last one, if the last command had one.
func (r *pathReader) mirrored(after string, at pt) pt {
	if r.last == after[0] || r.last == after[1] {
		return pt{2*at.x - r.ctrl.x, 2*at.y - r.ctrl.y}
	}
	return at
}

// absolute makes the numbers of a relative command absolute.
func absolute(cmd byte, v []float64, at pt) []float64 {
	out := append([]float64(nil), v...)
	switch cmd {
	case 'H':
		out[0] += at.x
	case 'V':
		out[0] += at.y
	case 'A':
		out[5], out[6] = out[5]+at.x, out[6]+at.y
	default:
		for i := range out {
			if i%2 == 0 {
				out[i] += at.x
			} else {
				out[i] += at.y
			}
		}
	}
	return out
}
