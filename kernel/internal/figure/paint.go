package figure

import (
	"image"
	"image/color"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// fonts are the two faces that a picture is written in. They hold Latin, Greek and Cyrillic letters; a
// character they lack is drawn as an empty box.
type fonts struct {
	regular, bold *sfnt.Font
	buf           sfnt.Buffer
}

func newFonts() *fonts {
	regular, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		panic("figure: embedded font: " + err.Error())
	}
	bold, err := sfnt.Parse(gobold.TTF)
	if err != nil {
		panic("figure: embedded font: " + err.Error())
	}
	return &fonts{regular: regular, bold: bold}
}

// emSize is the size at which outlines are read; a matrix brings them to the size of the text.
const emSize = 1024

// text draws a text element, glyph by glyph, as filled outlines: they stay sharp under any transform.
func (p *painter) text(e *element, s state) {
	style := declarations(e.attrs["style"])
	face := p.fonts.regular
	if w := style["font-weight"]; w == "bold" || w == "bolder" || num(w, 400) >= 600 {
		face = p.fonts.bold
	}
	size := num(style["font-size"], 12)
	x, y := num(e.attrs["x"], 0), num(e.attrs["y"], 0)
	if dy, ok := strings.CutSuffix(e.attrs["dy"], "em"); ok {
		y += num(dy, 0) * size
	} else {
		y += num(e.attrs["dy"], 0)
	}
	runs, width := p.fonts.outlines(face, e.text)
	switch e.attrs["text-anchor"] {
	case "middle":
		x -= width * size / 2
	case "end":
		x -= width * size
	}
	m := s.m.then(matrix{a: size, d: size, e: x, f: y})
	for i := range runs {
		for k, q := range runs[i].points {
			runs[i].points[k] = m.apply(q)
		}
	}
	p.fill(runs, p.source(e, "fill", s), s.clip)
}

// declarations reads a style attribute.
func declarations(style string) map[string]string {
	out := map[string]string{}
	for d := range strings.SplitSeq(style, ";") {
		if name, value, ok := strings.Cut(d, ":"); ok {
			out[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return out
}

// outlines returns a text of size 1 that begins at the origin, and how wide it is.
func (f *fonts) outlines(face *sfnt.Font, text string) ([]run, float64) {
	var all []run
	ppem := fixed.I(emSize)
	pen := 0.0
	previous := sfnt.GlyphIndex(0)
	for _, r := range text {
		g, err := face.GlyphIndex(&f.buf, r)
		if err != nil {
			continue
		}
		if k, err := face.Kern(&f.buf, previous, g, ppem, font.HintingNone); err == nil && previous != 0 {
			pen += em(k)
		}
		// An outline that cannot be read leaves its space empty.
		if segments, err := face.LoadGlyph(&f.buf, g, ppem, nil); err == nil {
			all = append(all, glyphRuns(segments, pen)...)
		}
		if a, err := face.GlyphAdvance(&f.buf, g, ppem, font.HintingNone); err == nil {
			pen += em(a)
		}
		previous = g
	}
	return all, pen
}

func em(x fixed.Int26_6) float64 { return float64(x) / 64 / emSize }

// glyphRuns flattens the outline of a glyph that stands at x.
func glyphRuns(segments sfnt.Segments, x float64) []run {
	// Curves of letters are small: a scale of 40 pixels is fine enough for any size used in charts.
	const fine = 40
	o := &outline{m: matrix{a: fine, d: fine}}
	at := func(p fixed.Point26_6) pt { return pt{x + em(p.X), em(p.Y)} }
	for _, s := range segments {
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			o.moveTo(at(s.Args[0]))
		case sfnt.SegmentOpLineTo:
			o.lineTo(at(s.Args[0]))
		case sfnt.SegmentOpQuadTo:
			o.quadTo(at(s.Args[0]), at(s.Args[1]))
		case sfnt.SegmentOpCubeTo:
			o.cubeTo(at(s.Args[0]), at(s.Args[1]), at(s.Args[2]))
		}
	}
	for i := range o.runs {
		for k, q := range o.runs[i].points {
			o.runs[i].points[k] = pt{q.x / fine, q.y / fine}
		}
	}
	return o.runs
}

// A gradient is a linear one, in fractions of the box of the shape that it fills.
type gradient struct {
	from, to pt
	stops    []stop
}

type stop struct {
	at float64
	c  color.NRGBA
}

func newGradient(e *element) *gradient {
	a := e.attrs
	g := &gradient{from: pt{num(a["x1"], 0), num(a["y1"], 0)}, to: pt{num(a["x2"], 1), num(a["y2"], 0)}}
	for _, c := range e.children {
		if colour, ok := parseColour(c.attrs["stop-color"]); ok {
			colour.A = uint8(float64(colour.A)*num(c.attrs["stop-opacity"], 1) + 0.5)
			g.stops = append(g.stops, stop{num(c.attrs["offset"], 0), colour})
		}
	}
	return g
}

// laid is a gradient over a shape, as an image without end.
type laid struct {
	*gradient
	back    matrix // from pixels to the coordinates of the shape
	box     box    // of the shape, in its coordinates
	opacity float64
}

func (l *laid) ColorModel() color.Model { return color.NRGBAModel }

func (l *laid) Bounds() image.Rectangle { return image.Rect(-1e9, -1e9, 1e9, 1e9) }

func (l *laid) At(x, y int) color.Color {
	q := l.back.apply(pt{float64(x) + 0.5, float64(y) + 0.5})
	px := (q.x-l.box.lo.x)/max(1e-9, l.box.hi.x-l.box.lo.x) - l.from.x
	py := (q.y-l.box.lo.y)/max(1e-9, l.box.hi.y-l.box.lo.y) - l.from.y
	dx, dy := l.to.x-l.from.x, l.to.y-l.from.y
	t := 0.0
	if d := dx*dx + dy*dy; d > 0 {
		t = (px*dx + py*dy) / d
	}
	c := l.colour(t)
	c.A = uint8(float64(c.A)*l.opacity + 0.5)
	return c
}

// colour returns the colour at t, between its neighbours.
func (g *gradient) colour(t float64) color.NRGBA {
	for i, s := range g.stops {
		if t > s.at {
			continue
		}
		if i == 0 {
			return s.c
		}
		a := g.stops[i-1]
		f := (t - a.at) / max(1e-9, s.at-a.at)
		mix := func(x, y uint8) uint8 { return uint8(float64(x) + f*(float64(y)-float64(x)) + 0.5) }
		return color.NRGBA{mix(a.c.R, s.c.R), mix(a.c.G, s.c.G), mix(a.c.B, s.c.B), mix(a.c.A, s.c.A)}
	}
	return g.stops[len(g.stops)-1].c
}
