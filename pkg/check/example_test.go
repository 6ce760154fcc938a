// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package check_test

import (
	"fmt"
	"log"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/layers/activation"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/check"
	"github.com/lathe-go/lathe/pkg/train"
)

// The labels of these examples count from 1, and the model has a class for each from 0 to 4.
func ExamplePreflight() {
	learn := stamps(1, 400)
	for i := range learn.Y {
		learn.Y[i]++
	}
	m := train.Model{
		Name: "stamps", Seed: 1, LearningRate: 5e-3,
		Graph: func(scope *model.Scope, x *Node) *Node {
			x = activation.Relu(layers.Dense(scope.In("hidden"), Reshape(x, -1, 25), true, 32))
			return layers.Dense(scope.In("out"), x, true, 5)
		},
	}
	report, err := check.Preflight(m, learn.Batches(32, 1), nil, check.Quiet(), check.Only(check.DataSane))
	if err != nil {
		log.Fatal(err)
	}
	line := report.Check(check.DataSane)
	fmt.Println(line.Verdict)
	fmt.Println(line.Advice)
	// Output:
	// fail
	// make labels count from 0, or the last layer as wide as there are classes
}

// A watcher is an option of train.Fit; in a notebook it shows what it measures while training goes on.
func ExampleNewWatcher() {
	m := train.Model{Name: "stamps", Graph: perceptron, Seed: 1, LearningRate: 5e-3, Steps: 40}
	watcher := check.NewWatcher(10)
	_, err := train.Fit(nil, m, stamps(1, 400).Batches(32, 1), nil, watcher.Option(), train.NoCheckpoints(), train.Quiet())
	if err != nil {
		log.Fatal(err)
	}
	for _, layer := range watcher.Measurements()[3].Layers {
		fmt.Println(layer.Layer, layer.Units, "units, learns:", layer.Update > -4)
	}
	fmt.Println(len(watcher.Warnings()), "warnings")
	// Output:
	// hidden/dense 32 units, learns: true
	// out/dense 5 units, learns: true
	// 0 warnings
}
