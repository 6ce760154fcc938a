package figure

import (
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
)

// paint draws what stands between <svg> and </svg> on 40 by 40 points and returns the colour at p.
func paintAt(t *testing.T, body string, x, y int) color.RGBA {
	t.Helper()
	p := newPainter(40, 40)
	if err := p.draw(`<svg xmlns="http://www.w3.org/2000/svg">` + body + `</svg>`); err != nil {
		t.Fatal(err)
	}
	return p.out.RGBAAt(x*pixelRatio, y*pixelRatio)
}

func TestRaster(t *testing.T) {
	red, white, black := color.RGBA{255, 0, 0, 255}, color.RGBA{255, 255, 255, 255}, color.RGBA{0, 0, 0, 255}
	tests := []struct {
		name, body string
		x, y       int
		want       color.RGBA
	}{
		{"rect", `<rect x="10" y="10" width="10" height="10" fill="#f00"/>`, 15, 15, red},
		{"beside", `<rect x="10" y="10" width="10" height="10" fill="#f00"/>`, 25, 15, white},
		{"default fill", `<path d="M0 0H40V40H0Z"/>`, 20, 20, black},
		{"no fill", `<path d="M0 0H40V40H0Z" fill="none"/>`, 20, 20, white},
		{"relative", `<path d="m10,10l10,0 0,10 -10,0z" fill="rgb(255,0,0)"/>`, 15, 15, red},
		{"stroke", `<path d="M0 20L40 20" stroke="red" stroke-width="4"/>`, 20, 21, red},
		{"stroke joint", `<path d="M5 5L20 20L5 35" fill="none" stroke="red" stroke-width="6"/>`, 19, 20, red},
		{"dash gap", `<path d="M0 20L40 20" stroke="red" stroke-width="4" stroke-dasharray="10,10"/>`, 15, 20, white},
		{"dash", `<path d="M0 20L40 20" stroke="red" stroke-width="4" stroke-dasharray="10,10"/>`, 25, 20, red},
		{"arc", `<path d="M10 20A10 10 0 1 1 30 20A10 10 0 1 1 10 20Z" fill="red"/>`, 20, 12, red},
		{"arc flags together", `<path d="M10 20a10 10 0 0120 0z" fill="red"/>`, 20, 12, red},
		{"circle", `<circle cx="20" cy="20" r="10" fill="red"/>`, 13, 20, red},
		{"cubic", `<path d="M0 0C0 40 40 40 40 0Z" fill="red"/>`, 20, 20, red},
		{"smooth", `<path d="M0 20Q10 0 20 20T40 20" fill="red"/>`, 30, 25, red},
		{"translate", `<g transform="translate(20 0)"><rect width="10" height="10" fill="red"/></g>`, 25, 5, red},
		{"matrix", `<rect width="10" height="10" fill="red" transform="matrix(0 1 -1 0 30 0)"/>`, 25, 5, red},
		{"rotate", `<rect width="10" height="10" fill="red" transform="rotate(90 20 20)"/>`, 35, 5, red},
		{"clip", `<g clip-path="url(#c)"><rect width="40" height="40" fill="red"/></g><defs><clipPath id="c"><path d="M0 0h10v10h-10Z"/></clipPath></defs>`, 20, 20, white},
		{"inside clip", `<g clip-path="url(#c)"><rect width="40" height="40" fill="red"/></g><defs><clipPath id="c"><path d="M0 0h10v10h-10Z"/></clipPath></defs>`, 5, 5, red},
		{"off the picture", `<rect x="-1e9" y="-50" width="2e9" height="60" fill="red"/>`, 20, 5, red},
		{"gradient", `<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="50%" stop-color="#f00"/><stop offset="51%" stop-color="#000"/></linearGradient></defs><rect width="40" height="40" fill="url(#g)"/>`, 20, 5, red},
		{"flipped gradient", `<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="50%" stop-color="#f00"/><stop offset="51%" stop-color="#000"/></linearGradient></defs><rect width="40" height="40" fill="url(#g)" transform="matrix(1 0 0 -1 0 40)"/>`, 20, 35, red},
	}
	for _, tt := range tests {
		if got := paintAt(t, tt.body, tt.x, tt.y); got != tt.want {
			t.Errorf("%s: colour at %d,%d is %v, want %v", tt.name, tt.x, tt.y, got, tt.want)
		}
	}
}

func TestRasterTranslucent(t *testing.T) {
	got := paintAt(t, `<rect width="40" height="40" fill="#000" fill-opacity="0.5"/>`, 20, 20)
	if math.Abs(float64(got.R)-127) > 2 {
		t.Errorf("half black on white is %v", got)
	}
}

// Text stands where its anchor says, and is as wide as its letters.
func TestRasterText(t *testing.T) {
	ink := func(anchor string) (lo, hi int) {
		p := newPainter(200, 40)
		if err := p.draw(`<svg><text x="100" y="30" text-anchor="` + anchor + `" style="font-size:20px">loss</text></svg>`); err != nil {
			t.Fatal(err)
		}
		lo, hi = 1000, -1
		for y := range p.out.Bounds().Dy() {
			for x := range p.out.Bounds().Dx() {
				if p.out.RGBAAt(x, y).R < 128 {
					lo, hi = min(lo, x/pixelRatio), max(hi, x/pixelRatio)
				}
			}
		}
		return lo, hi
	}
	lo, hi := ink("start")
	if lo < 99 || hi < 125 || hi > 150 {
		t.Errorf("start: ink from %d to %d", lo, hi)
	}
	lo, hi = ink("end")
	if hi > 101 || lo < 50 {
		t.Errorf("end: ink from %d to %d", lo, hi)
	}
	lo, hi = ink("middle")
	if mid := (lo + hi) / 2; mid < 96 || mid > 104 {
		t.Errorf("middle: ink from %d to %d", lo, hi)
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"M0 0L1 1Z", "m1,1a1 1 0 011 1", "M1e3-2.5.5", "Q", "L1 1", "M0 0C1 1 2 2", "z", "M0 0 1 1 2 2zl3 3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, d string) {
		if len(d) > 1000 {
			return
		}
		runs := parsePath(d, matrix{a: 2, d: 2})
		for _, r := range runs {
			if len(r.points) == 0 {
				t.Error("an empty run")
			}
		}
		newPainter(10, 10).fill(strokeRuns(runs, pen{width: 2}), image.Black, image.Rect(0, 0, 20, 20))
	})
}

func TestDamagedSVG(t *testing.T) {
	for _, s := range []string{"<svg", "<svg><path></svg>", "</svg>"} {
		if _, err := rasterize(s, 10, 10); err == nil || !strings.Contains(err.Error(), "svg") {
			t.Errorf("%q: err %v", s, err)
		}
	}
}
