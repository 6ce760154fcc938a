package chart_test

import (
	"fmt"
	"math"

	"github.com/go-echarts/go-echarts/v2/charts"
	"github.com/go-echarts/go-echarts/v2/opts"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/display"
)

// A chart is the last expression of a cell; outside a notebook its text is printed.
func Example() {
	c := chart.Line("Loss").X("step").Y("loss").LogY().
		Series("train", []int{0, 10, 20, 30}, []float32{2.3, 1.1, float32(math.NaN()), 0.4})
	display.Show(c)
	// Output:
	// Loss (line of loss by step)
	//   train  █▅×▁  4 points, first 2.3, last 0.4, min 0.4 at 30, max 2.3 at 0, NaN at 20
}

func ExampleEcharts() {
	pie := charts.NewPie()
	pie.AddSeries("classes", []opts.PieData{{Name: "cat", Value: 30}, {Name: "dog", Value: 70}})
	pie.SetGlobalOptions(charts.WithTitleOpts(opts.Title{Title: "Training set"}))
	fmt.Println(chart.Echarts(pie))
	// Output:
	// Training set (echarts)
	//   pie classes: 2 items
}

// In a notebook the chart grows while the loop runs.
func ExampleNewLive() {
	live := chart.NewLive(chart.Line("Loss").X("step").Y("loss"))
	for step := range 3 {
		live.Append("train", float64(step), 1/float64(step+1))
	}
	if err := live.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Loss (line of loss by step)
	//   train  █▃▁  3 points, first 1, last 0.333333, min 0.333333 at 2, max 1 at 0
}

func ExampleHistogram() {
	fmt.Println(chart.Histogram("Weights", []float64{-1, -0.2, 0, 0.1, 0.3, 1}, 4))
	// Output:
	// Weights (histogram of count)
	//   Weights  ▁▁█▁  4 bins, min 1 at -0.75, max 3 at 0.25
}
