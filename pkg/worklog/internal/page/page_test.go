package page

import (
	"encoding/xml"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestGrid(t *testing.T) {
	g := Grid{
		Head: []string{"a", "empty", "ö"},
		Rows: [][]Cell{{Plain("1"), {}, Plain("zwölf")}, {Plain("<x>"), {}, {Text: "t", HTML: "<i>t</i>"}}},
		Foot: []string{"below"},
	}
	if got, want := g.Text(), "a    ö\n1    zwölf\n<x>  t\nbelow\n"; got != want {
		t.Errorf("text:\n%s\nwant:\n%s", got, want)
	}
	page := g.HTML()
	for want, times := range map[string]int{"<td": 4, "<th ": 2, "&lt;x&gt;": 1, "<i>t</i>": 1, "empty": 0, "below": 1} {
		if got := strings.Count(page, want); got != times {
			t.Errorf("%q stands %d times in %s, want %d", want, got, page, times)
		}
	}
	g.Head = []string{"", "", ""}
	if strings.Contains(g.HTML(), "<th") || strings.HasPrefix(g.Text(), "\n") {
		t.Error("a table without names has a heading")
	}
}

func shapeOf(n int, f func(i int) float64) Shape {
	var h Shape
	for i := range n {
		h.Add(f(i))
	}
	return h
}

func TestShapeKeepsTheExtremesInBoundedSpace(t *testing.T) {
	for _, n := range []int{1, 31, 32, 33, 64, 1000, 100_000} {
		h := shapeOf(n, func(i int) float64 { return map[bool]float64{true: 9, false: -1}[i == n/2] })
		lo, hi, ok := h.scale()
		if !ok || hi != 9 || n > 1 && lo != -1 || len(h.buckets) > maxBuckets || len(h.buckets) < min(n, maxBuckets/2) {
			t.Errorf("%d points: %v to %v in %d buckets", n, lo, hi, len(h.buckets))
		}
	}
}

func TestShapesDraw(t *testing.T) {
	for name, c := range map[string]struct {
		h    Shape
		text string
	}{
		"nothing":    {Shape{}, ""},
		"rising":     {shapeOf(8, func(i int) float64 { return float64(i) }), "▁▂▃▄▅▆▇█"},
		"level":      {shapeOf(3, func(int) float64 { return 5 }), "▅▅▅"},
		"not finite": {shapeOf(3, func(i int) float64 { return []float64{1, math.NaN(), math.Inf(1)}[i] }), "▅××"},
		"huge":       {shapeOf(2, func(i int) float64 { return float64(i) * math.MaxFloat64 }), "▅×"},
	} {
		if got := c.h.Text(); got != c.text {
			t.Errorf("%s: %q, want %q", name, got, c.text)
		}
		svg := c.h.SVG()
		if svg == "" != (c.text == "") || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: %s", name, svg)
		}
		if svg != "" {
			if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
				t.Errorf("%s: %v in %s", name, err, svg)
			}
		}
	}
	curve := Wide()
	for i := range 100_000 {
		curve.Add(math.Sin(float64(i) / 1000))
	}
	if svg := curve.SVG(); strings.Count(svg, "L") < curveWidth/2-2 || len(curve.buckets) > curveWidth || xml.Unmarshal([]byte(svg), new(struct{})) != nil {
		t.Errorf("a curve of %d buckets is %s", len(curve.buckets), svg)
	}
	long := shapeOf(5000, func(i int) float64 { return float64(i) })
	if n := utf8.RuneCountInString(long.Text()); n > 16 {
		t.Errorf("a long series takes %d characters", n)
	}
}

func TestShapeSurvivesItsBytes(t *testing.T) {
	h := shapeOf(777, func(i int) float64 { return math.Sqrt(float64(i)) })
	b, err := h.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back Shape
	if err := back.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	was := h.Clone()
	for _, s := range []*Shape{&h, &back} {
		for range 100 {
			s.Add(3)
		}
	}
	if !reflect.DeepEqual(h, back) {
		t.Errorf("%+v became %+v", h, back)
	}
	if reflect.DeepEqual(was, h) {
		t.Error("a clone follows what it was made of")
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(b, make([]byte, 9*maxBuckets)...)} {
		if back.UnmarshalBinary(bad) == nil {
			t.Errorf("%d bytes are read", len(bad))
		}
	}
}
