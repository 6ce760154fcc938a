package display

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

type fakeShape struct{ Dimensions []int }

func (s fakeShape) String() string { return fmt.Sprintf("(Float32)%v", s.Dimensions) }

type fakeTensor struct {
	dims []int
	data any
	n    int
}

func (t *fakeTensor) ConstFlatData(f func(any)) error { f(t.data); return nil }
func (t *fakeTensor) Size() int                       { return t.n }
func (t *fakeTensor) Shape() fakeShape                { return fakeShape{t.dims} }

type fakeVariable struct{ t *fakeTensor }

func (v *fakeVariable) Path() string                { return "/dense/weights" }
func (v *fakeVariable) Value() (*fakeTensor, error) { return v.t, nil }

func TestTensors(t *testing.T) {
	small := &fakeTensor{[]int{2, 3}, []float32{1, 2, 3, 4, 5, 6}, 6}
	wide := make([]int32, 5*100)
	for _, test := range []struct {
		name string
		v    any
		want []string
	}{
		{"small", small, []string{"tensor (Float32)[2 3]  min 1  max 6  mean 3.5  std 1.708", "1  2  3", "4  5  6"}},
		{"variable", &fakeVariable{small}, []string{"variable /dense/weights (Float32)[2 3]"}},
		{"odd values", &fakeTensor{[]int{3}, []float64{0, math.NaN(), math.Inf(1)}, 3}, []string{"zeros 1", "not finite 2", "NaN"}},
		{"wide", &fakeTensor{[]int{5, 100}, wide, 500}, []string{"…", "99"}},
		{"scalar", &fakeTensor{nil, []bool{true}, 1}, []string{"mean 1"}},
	} {
		b := BundleOf(test.v)
		text := fmt.Sprint(b.Data["text/plain"])
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", test.name, want, text)
			}
		}
		if html := fmt.Sprint(b.Data["text/html"]); !strings.Contains(html, "<table") {
			t.Errorf("%s: no table in %s", test.name, html)
		}
	}
}

func TestTensorsThatCannotBeRead(t *testing.T) {
	b := BundleOf(&fakeTensor{[]int{2}, []complex64{1, 2}, 2})
	if _, ok := b.Data["text/html"].(string); ok && strings.Contains(fmt.Sprint(b.Data["text/plain"]), "tensor") {
		t.Errorf("complex numbers were shown as real ones: %v", b.Data)
	}
}

func TestEnds(t *testing.T) {
	for _, test := range []struct {
		n, most int
		want    string
	}{{3, 4, "[0 1 2]"}, {4, 4, "[0 1 2 3]"}, {6, 4, "[0 1 -1 4 5]"}, {0, 4, "[]"}} {
		if got := fmt.Sprint(ends(test.n, test.most)); got != test.want {
			t.Errorf("ends(%d, %d) = %s, want %s", test.n, test.most, got, test.want)
		}
	}
}
