package dataset

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/train"
)

// A Picture shows examples as images, each with its label below, in the values that a network gets.
type Picture struct {
	caption string
	image   draw.Image
}

const (
	pictureSide = 56 // pixels of one example on the page, about
	pictureGap  = 4
	labelHeight = 14
)

// Show returns a picture of the first n examples. The darkest pixel is the least value among them and
// the lightest is the greatest one; the caption tells both, and non-finite values. Three channels are red,
// green and blue. Examples that are no images show as strips of one pixel's height.
func (t Table) Show(n int) Picture {
	part := t.First(n)
	p := newPicture(part.X, t.Shape, part.Len(), part.Y)
	p.caption = fmt.Sprintf("%s: %d of %d examples of %s, %s", t.Name, part.Len(), t.Len(), shapeText(t.Shape), p.caption)
	return p
}

// newPicture draws n examples of a shape. The labels are numbers to put below, if there are any. The
// caption tells the range of the values.
func newPicture(x []float32, shape []int, n int, labels []int32) Picture {
	h, w := imageSize(shape)
	lo, hi, odd := finiteRange(x)
	caption := fmt.Sprintf("black %g to white %g", float32(lo), float32(hi))
	if odd > 0 {
		caption += fmt.Sprintf(", %d values not finite", odd)
	}
	scale := max(1, pictureSide/max(h, w))
	columns := max(1, min(n, 12))
	rows := (n + columns - 1) / columns
	cellW, cellH := max(w*scale, 24)+pictureGap, h*scale+labelHeight+pictureGap
	bounds := image.Rect(0, 0, columns*cellW, max(1, rows*cellH))
	var img draw.Image = image.NewGray(bounds)
	if len(shape) == 3 && shape[2] == 3 {
		img = image.NewRGBA(bounds)
	}
	draw.Draw(img, bounds, image.White, image.Point{}, draw.Src)
	size := len(x) / max(1, n)
	for i := range n {
		at := image.Pt(i%columns*cellW+pictureGap/2, i/columns*cellH+pictureGap/2)
		drawExample(img, at, x[i*size:(i+1)*size], shade{h, w, scale, lo, hi})
		if i < len(labels) {
			drawNumber(img, at.Add(image.Pt(0, h*scale+3)), int(labels[i]))
		}
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

// drawExample draws one example: in colours if it has three channels, else in the grey of their mean.
func drawExample(img draw.Image, at image.Point, row []float32, s shade) {
	channels := max(1, len(row)/max(1, s.h*s.w))
	_, coloured := img.(*image.RGBA)
	for p := range s.h * s.w {
		values := row[p*channels : (p+1)*channels]
		var c color.Color
		if coloured {
			c = color.RGBA{s.grey(float64(values[0])), s.grey(float64(values[1])), s.grey(float64(values[2])), 255}
		} else {
			sum := 0.0
			for _, v := range values {
				sum += float64(v)
			}
			c = color.Gray{s.grey(sum / float64(channels))}
		}
		fill(img, at.Add(image.Pt(p%s.w, p/s.w).Mul(s.scale)), s.scale, c)
	}
}

// grey returns how light a value is.
func (s shade) grey(v float64) uint8 {
	if v := (v - s.lo) / (s.hi - s.lo); v > 0 { // false for NaN
		return uint8(math.Round(min(v, 1) * 255))
	}
	return 0
}

func fill(img draw.Image, at image.Point, side int, c color.Color) {
	for y := range side {
		for x := range side {
			img.Set(at.X+x, at.Y+y, c)
		}
	}
}

// font holds the digits as rows of three pixels, so that a label needs no typeface.
var font = [10]string{
	"111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
	"111100111001111", "111100111101111", "111001001001001", "111101111101111", "111101111001111",
}

func drawNumber(img draw.Image, at image.Point, n int) {
	for i, digit := range strconv.Itoa(n) {
		if digit < '0' || digit > '9' {
			continue
		}
		for p, bit := range font[digit-'0'] {
			if bit == '1' {
				fill(img, at.Add(image.Pt(i*8+p%3*2, p/3*2)), 2, color.Gray{64})
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
		p.image.Bounds().Dx(), p.image.Bounds().Dy(), base64.StdEncoding.EncodeToString(file))
	fmt.Fprintf(&b, `<figcaption style="font-size:85%%;opacity:.7">%s</figcaption></figure>`, html.EscapeString(p.caption))
	return b.String(), nil
}

// String returns the caption.
func (p Picture) String() string { return p.caption }

// A BatchView shows a batch as the network gets it: type, shape and spread of each tensor, and examples.
type BatchView struct {
	title   string
	parts   []tensorView
	classes []int32 // of the examples that are shown, if the labels are classes
	picture *Picture
	texts   []string    // of examples that are tokens
	columns []string    // of rows of features
	rows    [][]float32 // the first features of the first examples
	labels  []string    // of the examples that are shown
}

// A tensorView is one tensor of a batch in a few numbers.
type tensorView struct {
	name, shape          string
	lo, hi, mean, spread float64
	nan, inf             int
	zeros                float64 // the share of zeros
}

const (
	shownExamples = 24
	shownFeatures = 12
	shownTokens   = 120
)

// Show returns the next batch as the network will get it, after sampling, augmentation and all, and does
// not take it: the position stays.
func (b *Batches) Show() (BatchView, error) {
	epoch, next := b.upcoming()
	order := b.Places(epoch)
	places := order[next*b.size : min((next+1)*b.size, len(order))]
	batch, err := b.batch(places, epoch, next*b.size)
	if err != nil {
		return BatchView{}, fmt.Errorf("dataset: show batch %d of epoch %d of %s: %w", next, epoch, b.name, err)
	}
	v, err := b.view(batch)
	v.title = fmt.Sprintf("%s: batch %d of epoch %d, examples %s", b.name, next, epoch, placesText(places))
	if err = errors.Join(err, batch.Finalize()); err != nil {
		return BatchView{}, fmt.Errorf("dataset: show a batch of %s: %w", b.name, err)
	}
	return v, nil
}

// upcoming returns the batch that the next iteration begins with.
func (b *Batches) upcoming() (epoch, next int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next >= b.Len() || !b.restored && b.next > 0 {
		return b.epoch + 1, 0
	}
	return b.epoch, b.next
}

func placesText(places []int) string {
	text := strings.Trim(fmt.Sprint(places[:min(8, len(places))]), "[]")
	if len(places) > 8 {
		text += " …"
	}
	return text
}

// ShowBatch returns a view of a batch of any data set. The batch is still its owner's.
func ShowBatch(batch train.Batch) (BatchView, error) {
	v, err := new(Batches).view(batch)
	v.title = "a batch"
	return v, err
}

// view looks at a batch, with the words and the names that b knows.
func (b *Batches) view(batch train.Batch) (BatchView, error) {
	var v BatchView
	var first []float32
	for i, t := range batch.Inputs {
		x, err := v.add(fmt.Sprintf("input %d", i), t)
		if err != nil {
			return v, err
		}
		if i == 0 {
			first = x
		}
	}
	for i, t := range batch.Labels {
		y, err := v.add(fmt.Sprintf("label %d", i), t)
		if err != nil {
			return v, err
		}
		if i == 0 {
			v.labels = b.labelTexts(y, t.Shape().Dimensions)
			if t.DType().IsInt() && len(y) == t.Shape().Dimensions[0] {
				for _, class := range y[:min(len(y), shownExamples)] {
					v.classes = append(v.classes, int32(class))
				}
			}
		}
	}
	if len(batch.Inputs) > 0 {
		b.examples(&v, first, batch.Inputs[0])
	}
	return v, nil
}

// examples fills in what the first examples look like.
func (b *Batches) examples(v *BatchView, x []float32, t *tensors.Tensor) {
	dims := t.Shape().Dimensions
	if len(dims) < 2 || dims[0] == 0 {
		return
	}
	size := len(x) / dims[0]
	n := min(shownExamples, dims[0])
	shape := dims[1:]
	if b.flat && len(b.table.Shape) == 3 {
		shape = b.table.Shape
	}
	switch {
	case len(shape) == 3 && (shape[2] == 1 || shape[2] == 3):
		p := newPicture(x[:n*size], shape, n, v.classes)
		v.picture = &p
	case len(dims) == 2 && b.vocab != nil && t.DType().IsInt():
		for i := range min(8, n) {
			v.texts = append(v.texts, b.decode(x[i*size:i*size+min(size, shownTokens)]))
		}
	case len(dims) == 2:
		for i := range min(8, n) {
			v.rows = append(v.rows, x[i*size:i*size+min(size, shownFeatures)])
		}
		v.columns = b.table.Columns[:min(len(b.table.Columns), shownFeatures)]
	}
}

func (b *Batches) decode(tokens []float32) string {
	var words []string
	for _, token := range tokens {
		if i := int(token); i >= 0 && i < len(b.vocab) {
			words = append(words, b.vocab[i])
		} else {
			words = append(words, fmt.Sprintf("<%d>", i))
		}
	}
	if b.spaced {
		return strings.Join(words, " ")
	}
	return strings.Join(words, "")
}

// labelTexts names the labels of the first examples.
func (b *Batches) labelTexts(y []float32, dims []int) []string {
	if len(dims) == 0 || dims[0] == 0 {
		return nil
	}
	size := len(y) / dims[0]
	texts := make([]string, min(shownExamples, dims[0]))
	for i := range texts {
		row := y[i*size : (i+1)*size]
		switch {
		case size == 1 && int(row[0]) >= 0 && int(row[0]) < len(b.classNames) && row[0] == float32(int(row[0])):
			texts[i] = b.classNames[int(row[0])]
		case size == 1:
			texts[i] = fmt.Sprintf("%g", row[0])
		case b.vocab != nil:
			texts[i] = b.decode(row[:min(size, shownTokens)])
		default:
			texts[i] = b.mixed(row)
		}
	}
	return texts
}

// mixed names the classes of a row of probabilities.
func (b *Batches) mixed(row []float32) string {
	var parts []string
	for k, p := range row {
		if p != 0 && len(parts) < 4 {
			name := strconv.Itoa(k)
			if k < len(b.classNames) {
				name = b.classNames[k]
			}
			parts = append(parts, fmt.Sprintf("%.2g %s", p, name))
		}
	}
	return strings.Join(parts, " + ")
}

// add adds a tensor to the view and returns its values.
func (v *BatchView) add(name string, t *tensors.Tensor) ([]float32, error) {
	var x []float32
	err := t.ConstFlatData(func(flat any) { x = toFloat32(flat) })
	if err != nil {
		return nil, err
	}
	if x == nil && t.Size() > 0 {
		return nil, fmt.Errorf("%s is %s, which is not shown", name, t.DType())
	}
	p := tensorView{name: name, shape: t.Shape().String()}
	finite := make([]float64, 0, len(x))
	zeros := 0
	for _, value := range x {
		switch f := float64(value); {
		case math.IsNaN(f):
			p.nan++
		case math.IsInf(f, 0):
			p.inf++
		default:
			finite = append(finite, f)
			if f == 0 {
				zeros++
			}
		}
	}
	if len(finite) > 0 {
		p.lo, p.hi, _ = finiteRange(x)
		p.mean, p.spread = moments(finite)
		p.zeros = float64(zeros) / float64(len(x))
	}
	v.parts = append(v.parts, p)
	return x, nil
}

// toFloat32 converts the values of a tensor, or returns nil for a type that is no number.
func toFloat32(flat any) []float32 {
	value := reflect.ValueOf(flat)
	x := make([]float32, value.Len())
	for i := range x {
		switch e := value.Index(i); {
		case e.CanFloat():
			x[i] = float32(e.Float())
		case e.CanInt():
			x[i] = float32(e.Int())
		case e.Kind() == reflect.Bool:
			if e.Bool() {
				x[i] = 1
			}
		case e.CanUint() && e.Type().PkgPath() == "": // not a half-precision number, which is a named integer
			x[i] = float32(e.Uint())
		default:
			half, ok := e.Interface().(interface{ Float32() float32 })
			if !ok {
				return nil
			}
			x[i] = half.Float32()
		}
	}
	return x
}

// String tells what the tensors are, and the labels and examples that are text.
func (v BatchView) String() string {
	var b strings.Builder
	b.WriteString(v.title)
	for _, p := range v.parts {
		fmt.Fprintf(&b, "\n  %s: %s", p.name, p)
	}
	for i, text := range v.texts {
		fmt.Fprintf(&b, "\n  %q → %q", text, v.label(i))
	}
	for i, row := range v.rows {
		fmt.Fprintf(&b, "\n  %.4g → %s", row, v.label(i))
	}
	if v.picture != nil && len(v.labels) > 0 {
		fmt.Fprintf(&b, "\n  labels %s", strings.Join(v.labels, ", "))
	}
	return b.String()
}

func (v BatchView) label(i int) string {
	if i < len(v.labels) {
		return v.labels[i]
	}
	return "no label"
}

// String tells shape, range and what is odd.
func (p tensorView) String() string {
	text := fmt.Sprintf("%s, %.4g to %.4g, mean %.4g, deviation %.4g, %.3g %% zeros", p.shape, p.lo, p.hi, p.mean, p.spread, 100*p.zeros)
	if p.nan > 0 {
		text += fmt.Sprintf(", %d NaN", p.nan)
	}
	if p.inf > 0 {
		text += fmt.Sprintf(", %d infinite", p.inf)
	}
	return text
}

// HTML shows the batch on a page.
func (v BatchView) HTML() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "<div>%s</div><table><tr><th></th><th>shape</th><th>least</th><th>greatest</th><th>mean</th><th>deviation</th><th>zeros</th><th>NaN</th><th>infinite</th></tr>", html.EscapeString(v.title))
	for _, p := range v.parts {
		odd := ""
		if p.nan+p.inf > 0 {
			odd = ` style="color:#c00;font-weight:bold"`
		}
		fmt.Fprintf(&b, "<tr%s><td>%s</td><td>%s</td><td>%.4g</td><td>%.4g</td><td>%.4g</td><td>%.4g</td><td>%.3g %%</td><td>%d</td><td>%d</td></tr>",
			odd, p.name, html.EscapeString(p.shape), p.lo, p.hi, p.mean, p.spread, 100*p.zeros, p.nan, p.inf)
	}
	b.WriteString("</table>")
	if v.picture != nil {
		p := *v.picture
		p.caption += "; labels " + strings.Join(v.labels, ", ")
		page, err := p.HTML()
		if err != nil {
			return "", err
		}
		b.WriteString(page)
	}
	v.writeRows(&b)
	return b.String(), nil
}

// writeRows writes texts and rows of features, each with its label.
func (v BatchView) writeRows(b *strings.Builder) {
	if len(v.texts)+len(v.rows) == 0 {
		return
	}
	b.WriteString(`<div style="overflow-x:auto"><table><tr>`)
	for _, name := range v.columns {
		fmt.Fprintf(b, "<th>%s</th>", html.EscapeString(name))
	}
	if len(v.columns) > 0 {
		b.WriteString("<th>label</th>")
	}
	b.WriteString("</tr>")
	for i, text := range v.texts {
		fmt.Fprintf(b, `<tr><td style="white-space:pre-wrap;font-family:monospace;text-align:left">%s</td><td style="white-space:pre-wrap;font-family:monospace;text-align:left">%s</td></tr>`,
			html.EscapeString(strings.ToValidUTF8(text, "�")), html.EscapeString(strings.ToValidUTF8(v.label(i), "�")))
	}
	for i, row := range v.rows {
		b.WriteString("<tr>")
		for _, x := range row {
			fmt.Fprintf(b, "<td>%.4g</td>", x)
		}
		fmt.Fprintf(b, "<td>%s</td></tr>", html.EscapeString(v.label(i)))
	}
	b.WriteString("</table></div>")
}
