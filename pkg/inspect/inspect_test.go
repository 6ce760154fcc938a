// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package inspect_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/inspect"
	"github.com/lathe-go/lathe/pkg/train"
)

// TestMain makes pure Go the default device: it has no compiler, which takes most of the time of small models.
func TestMain(m *testing.M) {
	os.Setenv("GOMLX_BACKEND", "go")
	os.Exit(m.Run())
}

// xla is the device that users have.
func xla(t *testing.T) *backend.Device {
	t.Helper()
	t.Setenv("GOMLX_BACKEND", "")
	d, err := backend.Open(backend.Strict())
	if err != nil {
		t.Skipf("no XLA here: %v", err)
	}
	return d
}

// small is a network of 8×8×2 pixels with a way around its second dense layer.
func small(scope *model.Scope, x *Node) *Node {
	x = activation.Relu(layers.Convolution(scope.In("conv"), x).Channels(6).KernelSize(3).PadSame().Done())
	x = Reshape(x, x.Shape().Dimensions[0], -1)
	first := layers.Dense(scope.In("first"), x, true, 12)
	second := Tanh(layers.Dense(scope.In("second"), first, true, 12))
	return Add(layers.Dense(scope.In("out"), second, true, 5), Slice(first, AxisRange(), AxisRange(0, 5)))
}

func pictures() dataset.Table {
	t := dataset.Table{Name: "pictures", Shape: []int{8, 8, 2}, Classes: 5}
	for i := range 40 {
		t.Y = append(t.Y, int32(i%5))
		for p := range 128 {
			t.X = append(t.X, float32((i*p)%7))
		}
	}
	return t
}

var smallModel = train.Model{Name: "small", Graph: small, Seed: 1}

// TestCosts compares counts with those made by hand for ten examples.
func TestCosts(t *testing.T) {
	batches := pictures().Batches(10, 1)
	before, err := batches.State()
	if err != nil {
		t.Fatal(err)
	}
	v := inspect.MustOpen(smallModel, batches, inspect.Forward())
	defer v.Close()
	if after, _ := batches.State(); string(after) != string(before) {
		t.Errorf("the position was %s and is %s", before, after)
	}
	want := map[[2]string]float64{ // pure Go fuses a product with its bias, which counts one more for each number
		{"conv/conv", "ConvGeneral"}:   2 * 10 * 8 * 8 * 6 * 3 * 3 * 2,
		{"conv/conv", "Max"}:           10 * 8 * 8 * 6,
		{"first/dense", "FusedDense"}:  10 * 12 * (2*384 + 1),
		{"second/dense", "FusedDense"}: 10 * 12 * (2*12 + 1),
		{"second/dense", "Tanh"}:       10 * 12,
		{"out/dense", "FusedDense"}:    10 * 5 * (2*12 + 1),
	}
	got := map[[2]string]float64{}
	for _, c := range v.Costs() {
		got[[2]string{c.Part, c.Kind}] = c.FLOPs
	}
	for key, flops := range want {
		if got[key] != flops {
			t.Errorf("%v: %v FLOPs, by hand %v", key, got[key], flops)
		}
	}
	names := []string{"input", "conv/conv", "first/dense", "second/dense", "out/dense"}
	for i, l := range v.Layers {
		if l.Name != names[i] {
			t.Errorf("layer %d is %s, want %s", i, l.Name, names[i])
		}
	}
	if v.Layers[1].Parameters != 3*3*2*6+6 || v.Batch != 10 {
		t.Errorf("layer %+v, batch %d", v.Layers[1], v.Batch)
	}
	if c := v.Costs(); !strings.Contains(c.String(), "ConvGeneral") || !strings.Contains(c.HTML(), "share of FLOPs") {
		t.Errorf("costs:\n%s", c)
	}
}

// TestDrawn holds what the pictures show.
func TestDrawn(t *testing.T) {
	v := inspect.MustOpen(smallModel, pictures().Batches(10, 1), inspect.Forward())
	defer v.Close()
	html := v.HTML()
	if n := strings.Count(html, "<rect"); n != 6 {
		t.Errorf("%d boxes, want 4 layers, input and predictions", n)
	}
	for _, want := range []string{"conv/conv", "114 parameters", "(Float32)[10, 12]", "ConvGeneral, Add, Max"} {
		if !strings.Contains(html, want) {
			t.Errorf("no %q in\n%s", want, html)
		}
	}
	if n := strings.Count(html, " C"); n != 1 {
		t.Errorf("%d lines go around a layer, want the one from first to out", n)
	}
	all, one := v.Unfolded(""), v.Unfolded("second/dense")
	if !strings.Contains(one.HTML(), "from first/dense") || strings.Count(one.HTML(), "<rect") >= strings.Count(all.HTML(), "<rect") {
		t.Errorf("unfolded: %s, %s", all, one)
	}
	if s := v.String(); !strings.Contains(s, "small: predictions on 10 examples") || !strings.Contains(s, "4620 parameters") {
		t.Errorf("text:\n%s", s)
	}
}

// TestPrograms runs a training step, and reads the programs out of GoMLX, go-xla and the plugin: it fails when a
// version of one of them lays its values out in another way.
func TestPrograms(t *testing.T) {
	v, err := inspect.Open(smallModel, pictures().Batches(10, 1), inspect.On(xla(t)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := v.StableHLO()
	if err != nil {
		t.Fatal(err)
	}
	if p.Search("STABLEHLO.CONVOLUTION").Found() < 2 || !strings.HasPrefix(p.Lines[0], "module @") {
		t.Errorf("StableHLO:\n%s", p.Search("convolution"))
	}
	p, err = v.Optimized()
	if err != nil {
		t.Fatal(err)
	}
	if p.Search("convolution(").Found() != 2 || p.Search("ENTRY").Found() != 1 || p.Search("f32[10,8,8,2] parameter()").Found() == 0 {
		t.Errorf("optimised:\n%s", p.Search("convolution"))
	}
	if m := p.Memory; m == nil || m.Inputs < 10*128*4 || m.Peak() < m.Inputs {
		t.Errorf("memory %+v", m)
	}
	if p.Costs == nil && len(p.Notes) == 0 {
		t.Error("there are neither costs nor a word why")
	}
	if html := p.Search("fusion").HTML(); !strings.Contains(html, "<details open>") || !strings.Contains(html, "memory: ") {
		t.Errorf("HTML:\n%s", html)
	}
	checkSpeed(t, v)
	checkLayerTimes(t, v)
	v.Close()
	if _, err := v.Optimized(); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: %v", err)
	}
}

// TestWithoutXLA holds what is said where there are no such programs.
func TestWithoutXLA(t *testing.T) {
	v := inspect.MustOpen(smallModel, pictures().Batches(10, 1), inspect.Forward())
	defer v.Close()
	if _, err := v.StableHLO(); err == nil || !strings.Contains(err.Error(), "the device is not XLA") {
		t.Errorf("error %v", err)
	}
	if _, err := v.Optimized(); err == nil || !strings.Contains(err.Error(), "the device is not XLA") {
		t.Errorf("error %v", err)
	}
	if _, err := v.LayerTimes(); err == nil || !strings.Contains(err.Error(), "it needs XLA") {
		t.Errorf("error %v", err)
	}
}

// checkSpeed holds that what is said of speed follows from what was measured.
func checkSpeed(t *testing.T, v *inspect.View) {
	s := v.MustSpeed()
	if s.Runs < 5 || s.Least > s.Time || s.Peak.FLOPs < 1e8 || s.Peak.Bytes < 1e8 || s.FLOPs != v.FLOPs() {
		t.Errorf("speed %+v", s)
	}
	if u := s.FLOPs / s.Time.Seconds() / s.Peak.FLOPs; math.Abs(s.Utilisation()-u) > 1e-12 || !(u > 0) || u > 1 {
		t.Errorf("utilisation %v, want %v, above 0 and at most 1", s.Utilisation(), u)
	}
	if !strings.Contains(s.String(), "utilisation") || !strings.Contains(s.HTML(), "roofline") {
		t.Errorf("text:\n%s", s)
	}
}

// checkLayerTimes holds that all layers are there, in order, and that what they add makes up the whole.
func checkLayerTimes(t *testing.T, v *inspect.View) {
	list := v.MustLayerTimes()
	sum := time.Duration(0)
	for i, l := range list {
		if sum += l.Adds; sum != l.UpTo || l.UpTo <= 0 || l.Layer != v.Layers[i+1].Name || l.FLOPs != v.Layers[i+1].FLOPs {
			t.Errorf("layer %d: %+v", i, l)
		}
	}
	if len(list) != 4 || !strings.Contains(list.String(), "conv/conv") || strings.Count(list.HTML(), "<tr>") != 5 {
		t.Errorf("%d layers:\n%s", len(list), list)
	}
}

// twice is a function to be found.
func twice(n int) int { return 2 * n }

func TestSource(t *testing.T) {
	f := inspect.MustSource(twice)
	if f.Text != "// twice is a function to be found.\nfunc twice(n int) int { return 2 * n }" || !strings.HasSuffix(f.File, "inspect_test.go") {
		t.Errorf("found %+v", f)
	}
	inner := func() int {
		return twice(21)
	}
	if f := inspect.MustSource(inner); f.Text != "func() int {\n\t\treturn twice(21)\n\t}" {
		t.Errorf("found %+v", f)
	}
	if f := inspect.MustSource(dataset.Table.Batches); !strings.HasPrefix(f.Text, "// Batches returns shuffled batches") || !strings.HasSuffix(f.Name, "Table.Batches") {
		t.Errorf("found %+v", f)
	}
	if f := inspect.MustSource(layers.Dense); !strings.Contains(f.Text, "func Dense(") || !strings.Contains(f.HTML(), "layers.go:") {
		t.Errorf("found %+v", f)
	}
	if _, err := inspect.Source(3); err == nil {
		t.Error("a number has a source")
	}
	if _, err := inspect.Source(pictures().Batches); err == nil || !strings.Contains(err.Error(), "as an expression of its type") {
		t.Errorf("error %v", err)
	}
}

// session is a notebook that knows one cell, under the name of this file.
type session struct{ name, text string }

func (session) Send(frame.Frame) error { return nil }
func (s session) Cells(from int) []frame.Cell {
	return []frame.Cell{{Name: s.name, Text: "no longer this"}, {Name: s.name, Text: s.text}}[from:]
}

// TestSourceOfCell holds that functions of cells are read from the session.
func TestSourceOfCell(t *testing.T) {
	pair := func() (any, struct{}) { return map[int]struct{}{1: {}}, struct{}{} }
	file := inspect.MustSource(pair)
	text, err := os.ReadFile(file.File)
	if err != nil {
		t.Fatal(err)
	}
	frame.Attach(session{file.File, string(text) + "\nx := 1 // what no file may have\n"})
	defer frame.Attach(nil)
	if f := inspect.MustSource(pair); f.Text != "func() (any, struct{}) { return map[int]struct{}{1: {}}, struct{}{} }" {
		t.Errorf("found %+v", f)
	}
	if f := inspect.MustSource(twice); f.Text != "func twice(n int) int { return 2 * n }" {
		t.Errorf("found %+v", f)
	}
}

func Example() {
	v := inspect.MustOpen(smallModel, pictures().Batches(10, 1), inspect.Forward())
	defer v.Close()
	for _, l := range v.Layers[1:] {
		fmt.Println(l.Name, l.Parameters, "parameters")
	}
	// Output:
	// conv/conv 114 parameters
	// first/dense 4620 parameters
	// second/dense 156 parameters
	// out/dense 65 parameters
}
