package dataset

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"math"
	"strconv"
	"strings"
)

// A Picture shows examples as images, each with its label below, in the values that a network gets.
type Picture struct {
	caption string
	image   *image.Gray
}

const (
	pictureSide = 56 // pixels of one example on the page, about
	pictureGap  = 4
	labelHeight = 14
)

// Show returns a picture of the first n examples. The darkest pixel is the least value among them and
// the lightest is the greatest one; the caption tells both, and non-finite values. Examples that are no
// images show as strips of one pixel's height.
func (t Table) Show(n int) Picture {
	part := t.First(n)
	h, w := imageSize(t.Shape)
	lo, hi, odd := finiteRange(part.X)
	caption := fmt.Sprintf("%s: %d of %d examples of %s, black %g to white %g", t.Name, part.Len(), t.Len(), shapeText(t.Shape), lo, hi)
	if odd > 0 {
		caption += fmt.Sprintf(", %d values not finite", odd)
	}
	scale := max(1, pictureSide/max(h, w))
	columns := max(1, min(part.Len(), 12))
	rows := (part.Len() + columns - 1) / columns
	cellW, cellH := max(w*scale, 24)+pictureGap, h*scale+labelHeight+pictureGap
	img := image.NewGray(image.Rect(0, 0, columns*cellW, max(1, rows*cellH)))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for i := range part.Len() {
		at := image.Pt(i%columns*cellW+pictureGap/2, i/columns*cellH+pictureGap/2)
		drawExample(img, at, part.Row(i), shade{h, w, scale, lo, hi})
		drawNumber(img, at.Add(image.Pt(0, h*scale+3)), int(part.Y[i]))
	}
	return Picture{caption, img}
}

// imageSize reads a shape as [height, width, channels], or as one row.
func imageSize(shape []int) (h, w int) {
	if len(shape) >= 2 {
		return shape[0], shape[1]
	}
	n := 1
	for _, d := range shape {
		n *= d
	}
	return 1, n
}

func finiteRange(x []float32) (lo, hi float64, odd int) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range x {
		if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			lo, hi = min(lo, f), max(hi, f)
		} else {
			odd++
		}
	}
	if lo > hi {
		return 0, 0, odd
	}
	return lo, hi, odd
}

// A shade says how the values of an example become squares of grey.
type shade struct {
	h, w, scale int
	lo, hi      float64
}

// drawExample draws one example; channels are averaged.
func drawExample(img *image.Gray, at image.Point, row []float32, s shade) {
	channels := max(1, len(row)/max(1, s.h*s.w))
	for p := range s.h * s.w {
		sum := 0.0
		for _, v := range row[p*channels : (p+1)*channels] {
			sum += float64(v)
		}
		grey := uint8(0)
		if v := (sum/float64(channels) - s.lo) / (s.hi - s.lo); v > 0 { // false for NaN
			grey = uint8(math.Round(min(v, 1) * 255))
		}
		fill(img, at.Add(image.Pt(p%s.w, p/s.w).Mul(s.scale)), s.scale, grey)
	}
}

func fill(img *image.Gray, at image.Point, side int, grey uint8) {
	for y := range side {
		for x := range side {
			img.SetGray(at.X+x, at.Y+y, color.Gray{grey})
		}
	}
}

// font holds the digits as rows of three pixels, so that a label needs no typeface.
var font = [10]string{
	"111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
	"111100111001111", "111100111101111", "111001001001001", "111101111101111", "111101111001111",
}

func drawNumber(img *image.Gray, at image.Point, n int) {
	for i, digit := range strconv.Itoa(n) {
		if digit < '0' || digit > '9' {
			continue
		}
		for p, bit := range font[digit-'0'] {
			if bit == '1' {
				fill(img, at.Add(image.Pt(i*8+p%3*2, p/3*2)), 2, 64)
			}
		}
	}
}

// PNG returns the picture as a PNG file.
func (p Picture) PNG() ([]byte, error) {
	var b bytes.Buffer
	if err := png.Encode(&b, p.image); err != nil {
		return nil, fmt.Errorf("dataset: draw examples: %w", err)
	}
	return b.Bytes(), nil
}

// HTML returns the picture with its caption, for a page.
func (p Picture) HTML() (string, error) {
	file, err := p.PNG()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<figure style="margin:0"><img alt="examples" width="%d" height="%d" style="image-rendering:pixelated" src="data:image/png;base64,%s">`,
		p.image.Rect.Dx(), p.image.Rect.Dy(), base64.StdEncoding.EncodeToString(file))
	fmt.Fprintf(&b, `<figcaption style="font-size:85%%;opacity:.7">%s</figcaption></figure>`, html.EscapeString(p.caption))
	return b.String(), nil
}

// String returns the caption.
func (p Picture) String() string { return p.caption }
