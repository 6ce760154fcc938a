package train

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
)

// TestCount checks the confusion against one counted by hand.
func TestCount(t *testing.T) {
	ev := &Evaluation{Data: "hand", N: 0}
	if err := ev.count(tensors.FromFlatDataAndDimensions([]uint8{0, 1, 2, 1}, 4, 1), []int32{0, 1, 1, 1}); err != nil {
		t.Fatal(err)
	}
	ev.N = 4
	if err := ev.count(tensors.FromFlatDataAndDimensions([]int64{2, 0}, 2), []int32{2, 3}); err != nil {
		t.Fatal(err)
	}
	want := [][]int{{1, 0, 0, 1}, {0, 2, 0, 0}, {0, 1, 1, 0}, {0, 0, 0, 0}}
	if !reflect.DeepEqual(ev.Confusion, want) {
		t.Errorf("confusion %v, want %v", ev.Confusion, want)
	}
	if m := []Mistake{{2, 2, 1}, {5, 0, 3}}; !reflect.DeepEqual(ev.Mistakes, m) || ev.Right != 4 {
		t.Errorf("%d right, mistakes %v, want 4 and %v", ev.Right, ev.Mistakes, m)
	}
	if err := ev.count(tensors.FromFlatDataAndDimensions([]float32{1}, 1), []int32{1}); err == nil {
		t.Error("labels that are not integers are counted")
	}
	if err := ev.count(tensors.FromFlatDataAndDimensions([]int32{-1}, 1), []int32{1}); err == nil {
		t.Error("a negative label is counted")
	}
}

// TestInterval checks Wilson's interval against published values: 81 of 263 (Newcombe 1998, table I:
// 0.2553 to 0.3662), and 0 of 20 (0 to 0.1611).
func TestInterval(t *testing.T) {
	for _, c := range []struct {
		right, n  int
		low, high float64
	}{{81, 263, 0.2553, 0.3662}, {0, 20, 0, 0.1611}, {871, 899, 0.9554, 0.9784}} {
		ev := &Evaluation{N: c.n, Right: c.right, Accuracy: float64(c.right) / float64(c.n)}
		low, high := ev.Interval()
		if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, want %.4f to %.4f", c.right, c.n, low, high, c.low, c.high)
		}
	}
}

func TestEvaluationShown(t *testing.T) {
	ev := &Evaluation{Data: "<test>", N: 4, Right: 3, Accuracy: 0.75, Classes: 2, Loss: 0.5, Confusion: [][]int{{2, 1}, {0, 1}}}
	if s := ev.String(); !strings.Contains(s, "3 of 4 right, accuracy 0.7500") || !strings.Contains(s, "\n             0     2     1") {
		t.Errorf("String:\n%s", s)
	}
	if h := ev.HTML(); strings.Contains(h, "<test>") || strings.Count(h, "<td") != 4 {
		t.Errorf("HTML: %s", h)
	}
	if s := (&Evaluation{Data: "r", N: 4, Loss: 0.5, Accuracy: math.NaN()}).String(); s != "r: loss 0.5 on 4 examples" {
		t.Errorf("without classes: %s", s)
	}
}
