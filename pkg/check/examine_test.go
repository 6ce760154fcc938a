// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package check_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/check"
	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/train"
)

// echo is a model whose logits are its inputs, so that what it says is known.
func echo(scope *model.Scope, x *Node) *Node {
	bias := scope.In("echo").VariableWithShape("bias", shapes.Make(dtypes.Float32, x.Shape().Dimensions[1])).NodeValue(x.Graph())
	return Add(x, BroadcastPrefix(bias, x.Shape().Dimensions[0]))
}

// said makes examples of answers: the true class, and the probabilities of all.
func said(labels []int32, probabilities [][]float64) dataset.Table {
	t := dataset.Table{Name: "said", Y: labels, Shape: []int{len(probabilities[0])}, Classes: len(probabilities[0])}
	for _, row := range probabilities {
		for _, p := range row {
			t.X = append(t.X, float32(math.Log(p)+3)) // a constant on all logits changes nothing
		}
	}
	return t
}

func examine(t *testing.T, table dataset.Table, size int) *check.Examination {
	t.Helper()
	m := train.Model{Name: "echo", Graph: echo, Steps: 1}
	fit, err := train.Initial(m, table.Ordered(size))
	if err != nil {
		t.Fatal(err)
	}
	return check.MustExamine(fit, table.Ordered(size))
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-6 }

// TestExamine compares an examination with one made by hand.
func TestExamine(t *testing.T) {
	e := examine(t, said([]int32{0, 0, 1, 2, 2, 1}, [][]float64{
		{0.8, 0.1, 0.1}, {0.3, 0.6, 0.1}, {0.06, 0.88, 0.06}, {0.1, 0.15, 0.75}, {0.97, 0.02, 0.01}, {0.05, 0.85, 0.1},
	}), 4) // two batches, the second shorter
	if e.N != 6 || e.Right != 4 || !reflect.DeepEqual(e.Confusion, [][]int{{1, 1, 0}, {0, 2, 0}, {1, 0, 1}}) {
		t.Errorf("%d of %d, confusion %v", e.Right, e.N, e.Confusion)
	}
	want := -(math.Log(0.8) + math.Log(0.3) + math.Log(0.88) + math.Log(0.75) + math.Log(0.01) + math.Log(0.85)) / 6
	if !near(e.Loss, want) {
		t.Errorf("loss %v, want %v", e.Loss, want)
	}
	if w := e.Worst[0]; w.Index != 4 || w.Label != 2 || w.Predicted != 0 || !near(w.Probability, 0.97) || !near(w.OfLabel, 0.01) {
		t.Errorf("the worst is %+v", w)
	}
	if e.Worst[1].Index != 1 || len(e.Worst) != 6 || e.Worst[5].Index != 2 {
		t.Errorf("worst answers %+v", e.Worst)
	}
	c := e.Classes[1] // 2 of 3 predicted and of 2 true ones
	if c.Support != 2 || !near(c.Precision, 2./3) || c.Recall != 1 || !near(c.F1, 0.8) || !(c.F1Low < 0.8) || !(c.F1Up > 0.8) {
		t.Errorf("class 1: %+v", c)
	}
	// Bins: (0.5, 0.6] one wrong; (0.7, 0.8] two right; (0.8, 0.9] two right; (0.9, 1] one wrong.
	ece := (math.Abs(0-0.6) + 2*math.Abs(1-0.775) + 2*math.Abs(1-0.865) + math.Abs(0-0.97)) / 6
	if !near(e.Calibration.ECE, ece) || !near(e.Calibration.MCE, 0.97) || e.Calibration.Bins[7].Count != 2 {
		t.Errorf("ECE %v, MCE %v, bins %+v; want ECE %v", e.Calibration.ECE, e.Calibration.MCE, e.Calibration.Bins, ece)
	}
}

// TestWilson compares an interval with a published one: 81 of 263 (R. G. Newcombe 1998, table I).
func TestWilson(t *testing.T) {
	labels, rows := []int32{}, [][]float64{}
	for i := range 263 {
		labels = append(labels, 0)
		p := 0.9
		if i >= 81 {
			p = 0.1
		}
		rows = append(rows, []float64{p, 1 - p})
	}
	e := examine(t, said(labels, rows), 50)
	c := e.Classes[0]
	if math.Abs(c.RecallLow-0.2553) > 5e-5 || math.Abs(c.RecallUp-0.3662) > 5e-5 || !math.IsNaN(e.Classes[1].Recall) {
		t.Errorf("recall %v, %v to %v", c.Recall, c.RecallLow, c.RecallUp)
	}
	if len(e.Worst) != 24 || e.Worst[0].Index != 81 || e.Worst[23].Index != 104 {
		t.Errorf("worst %+v", e.Worst)
	}
}

func TestExamineErrors(t *testing.T) {
	table := said([]int32{0, 5}, [][]float64{{0.5, 0.5}, {0.5, 0.5}})
	fit, err := train.Initial(train.Model{Name: "echo", Graph: echo, Steps: 1}, table.Ordered(2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check.Examine(fit, table.Ordered(2)); err == nil || !strings.Contains(err.Error(), "example 1 has the label 5; there are 2 classes") {
		t.Errorf("error %v", err)
	}
}

func TestExaminationShown(t *testing.T) {
	e := examine(t, said([]int32{0, 1}, [][]float64{{0.8, 0.2}, {0.7, 0.3}}), 2).Named("<cat>", "dog")
	html, text := e.HTML(), e.String()
	if strings.Contains(html, "<cat>") || strings.Count(html, "<table") != 2 || !strings.Contains(html, "expected calibration error") {
		t.Errorf("HTML:\n%s", html)
	}
	if !strings.Contains(text, "example 1: dog taken for <cat> with 0.7000") {
		t.Errorf("text:\n%s", text)
	}
	if c := e.ConfusionChart(); c.Err() != nil || !strings.Contains(c.String(), "2×2 values") {
		t.Errorf("chart: %s", c)
	}
	e = examine(t, func() dataset.Table {
		table := stamps(1, 40)
		table.Shape = []int{side * side}
		return table
	}(), 40)
	if !strings.Contains(e.HTML(), "…") {
		t.Error("inputs that are no pictures are not listed")
	}
}
