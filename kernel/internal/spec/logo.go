package spec

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
)

// The logo is a piece of wood turned on a lathe, between its two centres. All lengths are parts of the
// side of a square.
const (
	corner  = 0.20 // radius of the square's corners
	left    = 0.17 // where the wood begins
	right   = 0.83 // where it ends
	axis    = 0.50 // the height of its axis
	pointed = 0.09 // half the height of a centre, at the edge of the square
)

var (
	ground = color.RGBA{0x12, 0x3a, 0x4a, 0xff} // the square
	steel  = color.RGBA{0xb9, 0xc7, 0xce, 0xff} // the centres
	wood   = color.RGBA{0xe8, 0xa3, 0x4c, 0xff} // at its lightest
	shade  = color.RGBA{0x9c, 0x5a, 0x1c, 0xff} // at its darkest
)

// radius returns that of the wood at x: a foot, a bead between two grooves, a long vase and a head.
func radius(x float64) float64 {
	u := (x - left) / (right - left)
	switch {
	case u < 0 || u > 1:
		return 0
	case u < 0.12 || u > 0.90: // foot and head
		return 0.19
	case u < 0.16 || u >= 0.30 && u < 0.34: // grooves
		return 0.085
	case u < 0.30: // bead
		return 0.085 + 0.075*math.Sin(math.Pi*(u-0.16)/0.14)
	default: // vase
		v := (u - 0.34) / 0.56
		return 0.085 + 0.155*math.Pow(math.Sin(math.Pi*math.Pow(v, 0.62)), 1.3)*(1-0.35*v)
	}
}

// within says whether (x, y) is in the square with round corners.
func within(x, y float64) bool {
	dx := math.Max(math.Max(corner-x, x-(1-corner)), 0)
	dy := math.Max(math.Max(corner-y, y-(1-corner)), 0)
	return math.Hypot(dx, dy) <= corner
}

// at returns the colour of a point.
func at(x, y float64) color.RGBA {
	if !within(x, y) {
		return color.RGBA{}
	}
	off := math.Abs(y - axis)
	if r := radius(x); off < r {
		return mix(shade, wood, lit((y-axis)/r))
	}
	if edge := math.Min(x, 1-x); edge < left && off < pointed*(1-edge/left) {
		return steel
	}
	return ground
}

// lit returns how bright round wood is at a height from -1 to 1: the light comes from above.
func lit(h float64) float64 {
	return math.Max(0, 0.75*math.Sqrt(1-h*h)-0.35*h)
}

// mix returns the colour at t between a and b.
func mix(a, b color.RGBA, t float64) color.RGBA {
	t = math.Min(t, 1)
	part := func(p, q uint8) uint8 { return uint8(float64(p) + t*(float64(q)-float64(p)) + 0.5) }
	return color.RGBA{part(a.R, b.R), part(a.G, b.G), part(a.B, b.B), 0xff}
}

// logoPNG draws the logo with size by size pixels, each the mean of 64 points.
func logoPNG(size int) ([]byte, error) {
	const fine = 8
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for py := range size {
		for px := range size {
			var r, g, b, a int
			for k := range fine * fine {
				x := (float64(px) + (float64(k%fine)+0.5)/fine) / float64(size)
				y := (float64(py) + (float64(k/fine)+0.5)/fine) / float64(size)
				c := at(x, y)
				r, g, b, a = r+int(c.R), g+int(c.G), b+int(c.B), a+int(c.A)
			}
			n := fine * fine
			img.SetRGBA(px, py, color.RGBA{uint8(r / n), uint8(g / n), uint8(b / n), uint8(a / n)})
		}
	}
	var out bytes.Buffer
	err := png.Encode(&out, img)
	return out.Bytes(), err
}

// logoSVG draws the logo as an SVG image of 100 by 100.
func logoSVG() []byte {
	var upper, lower []string
	for i := range 133 {
		x := left + (right-left)*float64(i)/132
		r := radius(x)
		upper = append(upper, fmt.Sprintf("%.1f,%.2f", 100*x, 100*(axis-r)))
		lower = append([]string{fmt.Sprintf("%.1f,%.2f", 100*x, 100*(axis+r))}, lower...)
	}
	hex := func(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="100" height="100">` + "\n")
	b.WriteString(`<title>Lathe</title>` + "\n" + `<defs><linearGradient id="wood" x1="0" y1="0" x2="0" y2="1">` + "\n")
	for h := -1.0; h <= 1; h += 0.25 {
		fmt.Fprintf(&b, `<stop offset="%.1f%%" stop-color="%s"/>`+"\n", 50*(h+1), hex(mix(shade, wood, lit(h))))
	}
	b.WriteString("</linearGradient></defs>\n")
	fmt.Fprintf(&b, `<rect width="100" height="100" rx="%.0f" fill="%s"/>`+"\n", 100*corner, hex(ground))
	fmt.Fprintf(&b, `<path d="M0,%.0f L%.0f,50 L0,%.0f Z M100,%.0f L%.0f,50 L100,%.0f Z" fill="%s"/>`+"\n",
		100*(axis-pointed), 100*left, 100*(axis+pointed), 100*(axis-pointed), 100*right, 100*(axis+pointed), hex(steel))
	fmt.Fprintf(&b, `<polygon points="%s %s" fill="url(#wood)"/>`+"\n</svg>\n", strings.Join(upper, " "), strings.Join(lower, " "))
	return []byte(b.String())
}
