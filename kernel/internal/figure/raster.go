package figure

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/vector"
)

// pixelRatio is how many pixels of a PNG stand for one of the chart, on each side.
const pixelRatio = 2

// rasterize draws a picture of ECharts as a PNG on white. It knows the part of SVG that ECharts writes:
// shapes with paths, text, clip paths, linear gradients.
func rasterize(svg string, width, height int) ([]byte, error) {
	p := newPainter(width, height)
	if err := p.draw(svg); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, p.out); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// A painter draws the elements of a picture one after the other.
type painter struct {
	out       *image.RGBA
	raster    *vector.Rasterizer
	fonts     *fonts
	clips     map[string]image.Rectangle // by id; the bounds of the clip path
	gradients map[string]*gradient
}

// A state is what the elements inside an element inherit.
type state struct {
	m     matrix
	clip  image.Rectangle
	faint float64 // opacity
}

func newPainter(width, height int) *painter {
	out := image.NewRGBA(image.Rect(0, 0, width*pixelRatio, height*pixelRatio))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	return &painter{
		out: out, raster: vector.NewRasterizer(0, 0), fonts: newFonts(),
		clips: map[string]image.Rectangle{}, gradients: map[string]*gradient{},
	}
}

// An element is an SVG element with its children in order.
type element struct {
	name     string
	attrs    map[string]string
	children []*element
	text     string
}

// parse reads a picture into its elements.
func parse(svg string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(svg))
	root := &element{}
	stack := []*element{root}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return root, nil
		}
		if err != nil {
			return nil, fmt.Errorf("svg: %w", err)
		}
		top := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			e := &element{name: t.Name.Local, attrs: map[string]string{}}
			for _, a := range t.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			top.text += string(t)
		}
	}
}

// draw draws a picture: first it learns the definitions, which may stand after their use.
func (p *painter) draw(svg string) error {
	root, err := parse(svg)
	if err != nil {
		return err
	}
	m := matrix{a: pixelRatio, d: pixelRatio}
	p.define(root, m)
	p.paint(root, state{m: m, clip: p.out.Bounds(), faint: 1})
	return nil
}

// define learns clip paths and gradients.
func (p *painter) define(e *element, m matrix) {
	switch id := e.attrs["id"]; e.name {
	case "clipPath":
		var all []run
		for _, c := range e.children {
			all = append(all, shape(c, m.then(transform(c.attrs["transform"])))...)
		}
		p.clips[id] = bounds(all)
	case "linearGradient":
		p.gradients[id] = newGradient(e)
	}
	for _, c := range e.children {
		p.define(c, m)
	}
}

func (p *painter) paint(e *element, s state) {
	s.m = s.m.then(transform(e.attrs["transform"]))
	if v := e.attrs["opacity"]; v != "" {
		s.faint *= num(v, 1)
	}
	if id, ok := reference(e.attrs["clip-path"]); ok {
		if r, ok := p.clips[id]; ok {
			s.clip = s.clip.Intersect(r)
		}
	}
	switch e.name {
	case "defs", "clipPath", "style", "title", "metadata":
		return
	case "text":
		p.text(e, s)
		return
	}
	if runs := shape(e, s.m); len(runs) > 0 {
		p.fill(runs, p.source(e, "fill", s), s.clip)
		p.stroke(e, runs, s)
	}
	for _, c := range e.children {
		p.paint(c, s)
	}
}

func (p *painter) stroke(e *element, runs []run, s state) {
	width := num(e.attrs["stroke-width"], 1) * s.m.scale()
	if e.attrs["stroke"] == "" || e.attrs["stroke"] == "none" || width <= 0 {
		return
	}
	ink := pen{width: width, butt: e.attrs["stroke-linecap"] != "round"}
	for _, d := range strings.FieldsFunc(e.attrs["stroke-dasharray"], func(r rune) bool { return r == ',' || r == ' ' }) {
		ink.dashes = append(ink.dashes, num(d, 0)*s.m.scale())
	}
	if len(ink.dashes)%2 == 1 {
		ink.dashes = append(ink.dashes, ink.dashes...)
	}
	p.fill(strokeRuns(runs, ink), p.source(e, "stroke", s), s.clip)
}

// fill covers the inside of runs with src, within clip.
func (p *painter) fill(runs []run, src image.Image, clip image.Rectangle) {
	box := bounds(runs).Intersect(clip)
	if src == nil || box.Empty() {
		return
	}
	// The rasterizer works through its whole area, so it is made no larger than what is drawn.
	p.raster.Reset(box.Dx(), box.Dy())
	for _, r := range runs {
		p.trace(r.points, box)
	}
	p.raster.Draw(p.out, box, src, box.Min)
}

// trace gives a closed chain of points to the rasterizer, whose time grows with the height of a line
// even where it is off the picture: so each line is cut to the rows of the box. What connects the cuts
// runs level, above or below, and covers nothing.
func (p *painter) trace(ps []pt, box image.Rectangle) {
	top, bottom := -1.0, float64(box.Dy()+1)
	local := func(q pt) pt { return pt{inReach(q.x) - float64(box.Min.X), inReach(q.y) - float64(box.Min.Y)} }
	for i := range ps {
		a, b := local(ps[i]), local(ps[(i+1)%len(ps)])
		a, b = cutRow(a, b, top, bottom), cutRow(b, a, top, bottom)
		if i == 0 {
			p.raster.MoveTo(float32(a.x), float32(a.y))
		} else {
			p.raster.LineTo(float32(a.x), float32(a.y))
		}
		p.raster.LineTo(float32(b.x), float32(b.y))
	}
	if len(ps) > 0 {
		p.raster.ClosePath()
	}
}

// cutRow returns a, or the point on the line from a to b where it enters the rows from top to bottom.
func cutRow(a, b pt, top, bottom float64) pt {
	y := max(top, min(bottom, a.y))
	if y == a.y {
		return a
	}
	if t := (y - a.y) / (b.y - a.y); t > 0 && t <= 1 {
		return pt{a.x + t*(b.x-a.x), y}
	}
	return pt{a.x, y}
}

// shape returns the runs of an element that is a shape.
func shape(e *element, m matrix) []run {
	a := e.attrs
	switch e.name {
	case "path":
		return parsePath(a["d"], m)
	case "rect":
		x, y, w, h := num(a["x"], 0), num(a["y"], 0), num(a["width"], 0), num(a["height"], 0)
		return parsePath(fmt.Sprintf("M%g %gh%gv%gh%gZ", x, y, w, h, -w), m)
	case "circle", "ellipse":
		rx, ry := num(a["r"], num(a["rx"], 0)), num(a["r"], num(a["ry"], 0))
		return parsePath(fmt.Sprintf("M%g %ga%g %g 0 1 1 %g 0a%g %g 0 1 1 %g 0Z", num(a["cx"], 0)-rx, num(a["cy"], 0), rx, ry, 2*rx, rx, ry, -2*rx), m)
	case "line":
		return parsePath(fmt.Sprintf("M%g %gL%g %g", num(a["x1"], 0), num(a["y1"], 0), num(a["x2"], 0), num(a["y2"], 0)), m)
	case "polyline":
		return parsePath("M"+a["points"], m)
	case "polygon":
		return parsePath("M"+a["points"]+"Z", m)
	}
	return nil
}

// A box is the extent of something, in any coordinates.
type box struct{ lo, hi pt }

// extent returns the box around runs; lo is beyond hi if there are none.
func extent(runs []run) box {
	b := box{pt{math.Inf(1), math.Inf(1)}, pt{math.Inf(-1), math.Inf(-1)}}
	for _, r := range runs {
		for _, q := range r.points {
			b.lo = pt{min(b.lo.x, q.x), min(b.lo.y, q.y)}
			b.hi = pt{max(b.hi.x, q.x), max(b.hi.y, q.y)}
		}
	}
	return b
}

// bounds returns the pixels that runs touch.
func bounds(runs []run) image.Rectangle {
	b := extent(runs)
	if !(b.lo.x <= b.hi.x) || !(b.lo.y <= b.hi.y) {
		return image.Rectangle{}
	}
	lo, hi := pt{math.Floor(inReach(b.lo.x)), math.Floor(inReach(b.lo.y))}, pt{math.Ceil(inReach(b.hi.x)), math.Ceil(inReach(b.hi.y))}
	return image.Rect(int(lo.x), int(lo.y), int(hi.x)+1, int(hi.y)+1)
}

// inReach brings a coordinate that is far off any picture to where whole pixels can still be told apart.
func inReach(v float64) float64 {
	const far = 1 << 15
	if math.IsNaN(v) {
		return 0
	}
	return max(-far, min(far, v))
}

// source returns what to paint an element's fill or stroke with, or nil for nothing.
func (p *painter) source(e *element, what string, s state) image.Image {
	value, opacity := e.attrs[what], num(e.attrs[what+"-opacity"], 1)*s.faint
	if value == "" && what == "fill" {
		value = "#000"
	}
	if id, ok := reference(value); ok {
		g := p.gradients[id]
		if g == nil || len(g.stops) == 0 {
			return nil
		}
		return &laid{gradient: g, back: s.m.inverse(), box: extent(shape(e, identity)), opacity: opacity}
	}
	c, ok := parseColour(value)
	if !ok || opacity <= 0 || c.A == 0 {
		return nil
	}
	c.A = uint8(float64(c.A)*min(opacity, 1) + 0.5)
	return image.NewUniform(c)
}

// reference returns the id in url(#id).
func reference(v string) (string, bool) {
	v, ok := strings.CutPrefix(v, "url(#")
	return strings.TrimSuffix(v, ")"), ok
}

// num reads a number of an attribute, with or without its unit.
func num(s string, otherwise float64) float64 {
	s = strings.TrimSuffix(strings.TrimSpace(s), "px")
	s, percent := strings.CutSuffix(s, "%")
	x, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil:
		return otherwise
	case percent:
		return x / 100
	}
	return x
}

// transform reads the transform attribute.
func transform(s string) matrix {
	m := identity
	for s != "" {
		name, rest, ok := strings.Cut(s, "(")
		args, after, closed := strings.Cut(rest, ")")
		if !ok || !closed {
			break
		}
		var v [6]float64
		n := 0
		for _, f := range strings.FieldsFunc(args, func(r rune) bool { return r == ' ' || r == ',' }) {
			if n < len(v) {
				v[n] = num(f, 0)
				n++
			}
		}
		m = m.then(elementary(strings.Trim(name, " ,"), v, n))
		s = after
	}
	return m
}

func elementary(name string, v [6]float64, n int) matrix {
	switch name {
	case "translate":
		return matrix{a: 1, d: 1, e: v[0], f: v[1]}
	case "scale":
		if n == 1 {
			v[1] = v[0]
		}
		return matrix{a: v[0], d: v[1]}
	case "rotate":
		sin, cos := math.Sincos(v[0] * math.Pi / 180)
		turn := matrix{a: cos, b: sin, c: -sin, d: cos}
		to, from := matrix{a: 1, d: 1, e: v[1], f: v[2]}, matrix{a: 1, d: 1, e: -v[1], f: -v[2]}
		return to.then(turn).then(from)
	case "matrix":
		return matrix{v[0], v[1], v[2], v[3], v[4], v[5]}
	}
	return identity
}

var colourNames = map[string]color.NRGBA{
	"black": {0, 0, 0, 255}, "white": {255, 255, 255, 255}, "red": {255, 0, 0, 255}, "green": {0, 128, 0, 255},
	"blue": {0, 0, 255, 255}, "gray": {128, 128, 128, 255}, "grey": {128, 128, 128, 255},
	"orange": {255, 165, 0, 255}, "yellow": {255, 255, 0, 255}, "purple": {128, 0, 128, 255},
}

// parseColour reads #rgb, #rrggbb, rgb(), rgba() and a few names.
func parseColour(s string) (color.NRGBA, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if c, ok := colourNames[s]; ok {
		return c, true
	}
	if hex, ok := strings.CutPrefix(s, "#"); ok {
		if len(hex) == 3 {
			hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
		}
		v, err := strconv.ParseUint(hex, 16, 32)
		if err != nil || len(hex) != 6 {
			return color.NRGBA{}, false
		}
		return color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}, true
	}
	_, args, ok := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	parts := strings.Split(args, ",")
	if !ok || !strings.HasPrefix(s, "rgb") || len(parts) < 3 {
		return color.NRGBA{}, false
	}
	c := color.NRGBA{uint8(num(parts[0], 0)), uint8(num(parts[1], 0)), uint8(num(parts[2], 0)), 255}
	if len(parts) > 3 {
		c.A = uint8(255*min(1, max(0, num(parts[3], 1))) + 0.5)
	}
	return c, true
}
