// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package train_test

import (
	"fmt"
	"log"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/train"
)

// A network of two layers learns the exclusive or of two bits.
func ExampleFit() {
	xor := dataset.Table{
		Name: "xor", Shape: []int{2}, Classes: 2,
		X: []float32{0, 0, 0, 1, 1, 0, 1, 1},
		Y: []int32{0, 1, 1, 0},
	}
	m := train.Model{
		Name: "xor", LearningRate: 0.05, Epochs: 200, Seed: 1,
		Graph: func(scope *model.Scope, x *Node) *Node {
			x = Tanh(layers.Dense(scope.In("hidden"), x, true, 16))
			return layers.Dense(scope.In("out"), x, true, 2)
		},
	}
	fit, err := train.Fit(nil, m, xor.Batches(4, 1), nil, train.NoCheckpoints(), train.Quiet())
	if err != nil {
		log.Fatal(err)
	}
	ev, err := train.Evaluate(fit, xor.Ordered(4))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fit.Step, "steps,", ev.Right, "of", ev.N, "right")
	// Output: 200 steps, 4 of 4 right
}
