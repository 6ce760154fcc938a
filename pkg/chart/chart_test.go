package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/lathe-go/lathe/pkg/display"
)

var update = flag.Bool("update", false, "write the golden files")

// losses is a curve with noise that is the same in every run, a NaN and a stretch of infinities.
func losses(n int, scale float64) ([]int, []float32) {
	xs, ys := make([]int, n), make([]float32, n)
	for i := range n {
		xs[i] = 10 * i
		ys[i] = float32(math.Round(1e4*(scale*math.Exp(-float64(i)/float64(n)*5)+0.02+0.01*math.Sin(float64(i*i)))) / 1e4)
	}
	return xs, ys
}

// examples are the charts whose options are kept as golden files, which the kernel's tests draw.
func examples() map[string]*Chart {
	xs, a := losses(300, 2.3)
	_, b := losses(300, 2.5)
	b[120] = float32(math.NaN())
	for i := 200; i < 230; i++ {
		b[i] = float32(math.Inf(1))
	}
	normal := make([]float64, 500)
	for i := range normal {
		normal[i] = 2 * math.Erfinv(2*(float64(i)+0.5)/500-1)
	}
	normal[7] = math.NaN()
	return map[string]*Chart{
		"line": Line("Loss of digits-mlp").Subtitle("width 128, lr 1e-3").X("step").Y("loss").LogY().
			Series("train", xs, a).Series("valid", xs, b).Mark(1500, "lr ÷ 10"),
		"few":       Line("Accuracy").X("epoch").Y("accuracy").Series("train", nil, []float64{0.5, 0.7, 0.8, 0.85, 0.9}).YRange(0, 1),
		"empty":     Line("Nothing yet").X("step").Y("loss"),
		"allnan":    Line("Diverged").X("step").Series("train", nil, []float64{math.NaN(), math.Inf(1), math.NaN()}),
		"bar":       Bar("Accuracy by model").Y("accuracy").Categories("linear", "mlp", "cnn").Series("train", nil, []float64{0.9, 0.95, 0.99}).Series("valid", nil, []float64{0.89, math.NaN(), 0.97}),
		"scatter":   Scatter("Loss by learning rate").X("learning rate").Y("loss").LogX().LogY().Series("runs", []float64{1e-5, 1e-4, 3e-4, 1e-3, 0}, []float64{2.2, 1.1, 0.7, 0.9, 8}),
		"histogram": Histogram("Weights of /dense", normal, 0).X("value"),
		"heatmap": Heatmap("Confusion", [][]float64{{88, 0, 1}, {0, 85, math.NaN()}, {2, 1, 90}}).X("predicted").Y("true").
			Categories("cat", "dog", "fox").Rows("cat", "dog", "fox").Size(480, 400),
		"foreign":  Echarts(foreignLine()),
		"parallel": Echarts(foreignParallel()),
		"boxplot":  Echarts(foreignBoxplot()),
		"sankey":   Echarts(foreignSankey()),
		"tree":     Echarts(foreignTree()),
		"radar":    Echarts(foreignRadar()),
		"band": Line("Loss over five seeds").X("step").Y("loss").
			Series("mean", nil, []float64{3, 2, 1.5, 1.2, 1.1}).Band("mean", nil, []float64{2.5, 1.6, 1.2, 1, 0.9}, []float64{3.5, 2.5, 1.9, 1.5, math.NaN()}).
			Series("other", nil, []float64{2.9, 2.4, 2.2, 2.1, 2}).Band("other", nil, []float64{2.8, 2.3, 2, 1.9, 1.9}, []float64{3, 2.6, 2.5, 2.4, 2.2}),
		"horizontal": Bar("Importance").X("importance").Horizontal().Categories("learning rate", "width", "batch size").
			Series("digits", nil, []float64{0.7, 0.2, 0.05}).Series("letters", nil, []float64{0.5, 0.4, 0.1}),
	}
}

func foreignBoxplot() *charts.BoxPlot {
	g := charts.NewBoxPlot()
	g.SetXAxis([]string{"a", "b"}).AddSeries("loss", []opts.BoxPlotData{{Value: []float64{1, 2, 3, 4, 5}}, {Value: []float64{2, 3, 3.5, 4, 6}}})
	return g
}

func foreignSankey() *charts.Sankey {
	g := charts.NewSankey()
	g.AddSeries("data", []opts.SankeyNode{{Name: "all"}, {Name: "train"}, {Name: "test"}},
		[]opts.SankeyLink{{Source: "all", Target: "train", Value: 80}, {Source: "all", Target: "test", Value: 20}})
	return g
}

func foreignTree() *charts.Tree {
	g := charts.NewTree()
	g.AddSeries("model", []opts.TreeData{{Name: "model", Children: []*opts.TreeData{{Name: "dense"}, {Name: "norm"}}}})
	return g
}

func foreignRadar() *charts.Radar {
	g := charts.NewRadar()
	g.SetGlobalOptions(charts.WithRadarComponentOpts(opts.RadarComponent{Indicator: []*opts.Indicator{{Name: "a", Max: 1}, {Name: "b", Max: 1}, {Name: "c", Max: 1}}}))
	g.AddSeries("m", []opts.RadarData{{Name: "m", Value: []float32{0.5, 0.7, 0.9}}})
	return g
}

func foreignLine() *charts.Line {
	g := charts.NewLine()
	g.SetGlobalOptions(
		charts.WithTitleOpts(opts.Title{Title: "From go-echarts"}),
		charts.WithInitializationOpts(opts.Initialization{Width: "600px", Height: "320px"}),
		charts.WithTooltipOpts(opts.Tooltip{Formatter: opts.FuncOpts("function(p){return 'pwned'}")}),
	)
	g.SetXAxis([]string{"a", "b", "c", "d"}).
		AddSeries("s", []opts.LineData{{Value: 1.0}, {Value: math.NaN()}, {Value: 2}, {Value: 4}})
	return g
}

func foreignParallel() *charts.Parallel {
	g := charts.NewParallel()
	g.SetGlobalOptions(charts.WithParallelAxisList([]opts.ParallelAxis{{Dim: 0, Name: "lr"}, {Dim: 1, Name: "width"}, {Dim: 2, Name: "loss"}}))
	g.AddSeries("runs", []opts.ParallelData{{Value: []any{1e-3, 64, 0.4}}, {Value: []any{1e-2, 128, 0.3}}})
	return g
}

func TestGolden(t *testing.T) {
	for name, c := range examples() {
		data := c.MIMEBundle()
		got, err := json.Marshal(data[MIME])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got = append(got, '\n')
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, got, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the option differs from %s; run with -update and look at the picture", name, path)
		}
		for _, bad := range []string{"function", "__f__", "http"} {
			if strings.Contains(string(got), "\""+bad) {
				t.Errorf("%s: %q in the option", name, bad)
			}
		}
	}
}

func TestText(t *testing.T) {
	tests := map[string][]string{
		"line":      {"Loss of digits-mlp (line of loss by step): width 128, lr 1e-3", "NaN at 1200, +Inf at 2000–2290", "at 1500: lr ÷ 10", "×"},
		"empty":     {"Nothing yet"},
		"allnan":    {"3 points, none of them finite"},
		"bar":       {"max 0.99 at cnn", "NaN at 1"},
		"histogram": {"1 values of 500 are not finite"},
		"heatmap":   {"3×3 values, min 0, max 90, 1 not finite"},
		"foreign":   {"From go-echarts", "NaN at item 1 of s", "functions in JavaScript left out: tooltip.formatter", "line s: 4 items"},
	}
	all := examples()
	for name, wants := range tests {
		text := all[name].MIMEBundle()["text/plain"].(string)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
	}
}

// The gaps of a line are null in the data and marked in the option.
func TestGapsAreMarked(t *testing.T) {
	c := Line("l").Series("s", nil, []float64{1, math.NaN(), 3, math.Inf(-1), math.Inf(-1), 2})
	data, err := json.Marshal(c.Option())
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, want := range []string{
		`"data":[[0,1],[1,null],[2,3],[3,null],[4,null],[5,2]]`,
		`"formatter":"NaN"`, `"xAxis":1`, `"formatter":"-Inf"`, `[{"label":{"color":"#d9363e","fontSize":11,"formatter":"-Inf"},"xAxis":3},{"xAxis":4}]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestLogAxisLeavesOutZero(t *testing.T) {
	c := Line("l").LogY().Series("s", nil, []float64{1, 0, -3, 2})
	data, err := json.Marshal(c.Option())
	if err != nil || !strings.Contains(string(data), `[[0,1],[1,null],[2,null],[3,2]]`) {
		t.Errorf("%s, %v", data, err)
	}
	if text := c.String(); !strings.Contains(text, "≤ 0 at 1–2") {
		t.Errorf("text %q", text)
	}
}

func TestMistakesAreTold(t *testing.T) {
	tests := []struct {
		c    *Chart
		want string
	}{
		{Line("l").Series("s", []int{1}, []int{1, 2}), `series "s": 1 xs and 2 ys`},
		{Line("l").Series("s", nil, "abc"), "are a string, not a slice of numbers"},
		{Line("l").YRange(1, 1), "range 1 to 1 is empty"},
		{Line("l").Size(1, 1), "size 1×1"},
		{Heatmap("h", 3), "not a slice of slices"},
		{Echarts(3), "int is not a chart of go-echarts"},
		{Echarts(charts.NewBar3D().AddSeries("s", nil)), "needs echarts-gl"},
	}
	for _, tt := range tests {
		b := display.BundleOf(tt.c)
		text, _ := b.Data["text/plain"].(string)
		if tt.c.Err() == nil || !strings.Contains(text, tt.want) || b.Data[MIME] != nil {
			t.Errorf("err %v, text %q, want %q and no option", tt.c.Err(), text, tt.want)
		}
	}
}

func TestEditChangesACopy(t *testing.T) {
	c := Echarts(foreignLine()).Edit(func(o map[string]any) { o["color"] = append([]any{"#000"}, o["color"].([]any)...) })
	first, second := c.Option(), c.Option()
	if a, b := len(first["color"].([]any)), len(second["color"].([]any)); a != b || a != len(palette)+1 {
		t.Errorf("%d and %d colours", a, b)
	}
}

func TestFloat32StaysShort(t *testing.T) {
	got, err := floats([]float32{0.1, 1e-8, 3})
	if err != nil || !slices.Equal(got, []float64{0.1, 1e-8, 3}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestHistogramCountsEverything(t *testing.T) {
	for _, values := range [][]float64{{1}, {1, 1, 1}, {1, 2, 3, 4, 5, math.Inf(1)}, {-1e300, 1e300}, {}} {
		for _, bins := range []int{0, 1, 7} {
			_, counts, bad := count(values, bins)
			sum := bad
			for _, n := range counts {
				sum += int(n)
			}
			if sum != len(values) {
				t.Errorf("%v in %d bins: %d counted", values, bins, sum)
			}
		}
	}
}

func TestLargeHeatmapIsPooled(t *testing.T) {
	table := make([][]float64, 300)
	for i := range table {
		table[i] = make([]float64, 200)
		table[i][0] = 9
	}
	c := Heatmap("big", table)
	if len(c.grid.values) > maxSide || c.grid.cols > maxSide || !strings.Contains(c.String(), "each the mean of 3×3") {
		t.Errorf("%d×%d: %s", len(c.grid.values), c.grid.cols, c)
	}
	if got := c.grid.values[0][0]; got != 3 {
		t.Errorf("mean %g, want 3", got)
	}
}
