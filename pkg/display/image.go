package display

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"reflect"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

const (
	maxImages = 100 // pictures of a slice shown in one grid
	smallSide = 128 // a picture smaller than this is enlarged, pixel by pixel
)

// JSON returns v as JSON, which a notebook shows as a tree that can be unfolded.
func JSON(v any) Object {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return Object{BundleOf(fmt.Errorf("display: json of %T: %w", v, err))}
	}
	return Raw(map[string]any{mimeJSON: json.RawMessage(text), mimePlain: string(text)})
}

// Image returns pictures side by side. Small ones are enlarged so that their pixels can be seen.
func Image(images ...image.Image) Object {
	b := frame.Bundle{Data: map[string]any{}}
	b.Data[mimePlain] = addImages(&b, images)
	return Object{b}
}

// imagesOf returns the elements of v if it is a slice of pictures.
func imagesOf(v any) []image.Image {
	s := reflect.ValueOf(v)
	if s.Kind() != reflect.Slice || !s.Type().Elem().Implements(reflect.TypeFor[image.Image]()) {
		return nil
	}
	images := make([]image.Image, s.Len())
	for i := range images {
		if e := s.Index(i); !isNil(e) {
			images[i] = e.Interface().(image.Image)
		}
	}
	return images
}

// addImages adds the pictures as one PNG and returns a description of them.
func addImages(b *frame.Bundle, images []image.Image) string {
	shown := make([]image.Image, 0, min(len(images), maxImages))
	for _, m := range images {
		if m != nil && !m.Bounds().Empty() && len(shown) < maxImages {
			shown = append(shown, m)
		}
	}
	if len(shown) == 0 {
		return fmt.Sprintf("%d images, all of them empty", len(images))
	}
	text := fmt.Sprintf("%T of %d×%d pixels", shown[0], shown[0].Bounds().Dx(), shown[0].Bounds().Dy())
	if len(images) > 1 {
		text = fmt.Sprintf("%d images, %d shown, the first a %s", len(images), len(shown), text)
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, montage(shown)); err != nil {
		return fmt.Sprintf("%s (not shown: %v)", text, err)
	}
	b.Data[mimePNG] = base64.StdEncoding.EncodeToString(buf.Bytes())
	return text
}

// montage puts the pictures on one, in rows, each enlarged by the same whole factor.
func montage(images []image.Image) image.Image {
	w, h := 0, 0
	for _, m := range images {
		w, h = max(w, m.Bounds().Dx()), max(h, m.Bounds().Dy())
	}
	scale := max(1, smallSide/max(w, h))
	if len(images) == 1 && scale == 1 {
		return images[0]
	}
	cols, gap := columnsFor(len(images)), 0
	if len(images) > 1 {
		scale, gap = max(1, scale/2), 4
	}
	w, h = w*scale, h*scale
	rows := (len(images) + cols - 1) / cols
	out := image.NewNRGBA(image.Rect(0, 0, cols*(w+gap)-gap, rows*(h+gap)-gap))
	for i, m := range images {
		at := image.Pt(i%cols*(w+gap), i/cols*(h+gap))
		enlarge(out, at, m, scale)
	}
	return out
}

// columnsFor chooses how many pictures stand in a row: at most twelve, about twice as many as rows.
func columnsFor(n int) int {
	return min(n, max(1, min(12, int(math.Ceil(math.Sqrt(2*float64(n)))))))
}

func enlarge(dst *image.NRGBA, at image.Point, src image.Image, scale int) {
	b := src.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r := image.Rect(0, 0, scale, scale).Add(at).Add(image.Pt(x-b.Min.X, y-b.Min.Y).Mul(scale))
			draw.Draw(dst, r, image.NewUniform(color.NRGBAModel.Convert(src.At(x, y))), image.Point{}, draw.Src)
		}
	}
}
