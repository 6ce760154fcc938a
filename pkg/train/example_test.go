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

	"github.com/lathe-go/lathe/pkg/backend"
	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/train"
	"github.com/lathe-go/lathe/pkg/train/schedule"
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

// A schedule changes the rate over the steps, and a function looks at the training from time to time.
func ExampleEvery() {
	device, err := backend.Open(backend.Config("go"))
	if err != nil {
		log.Fatal(err)
	}
	line := dataset.Table{Name: "line", Shape: []int{1}, Classes: 2, X: []float32{-2, -1, 1, 2}, Y: []int32{0, 0, 1, 1}}
	m := train.Model{
		Name: "line", Steps: 120, Seed: 1, ClipNorm: 1,
		Schedule: schedule.Cosine(0.1, 0, 100).Warmup(20),
		Graph:    func(scope *model.Scope, x *Node) *Node { return layers.Dense(scope.In("out"), x, true, 2) },
	}
	look := train.Every(40, func(now *train.Moment) error {
		fmt.Printf("step %d, rate %.3f, loss is finite: %t\n", now.Step, m.Schedule.Rate(now.Step), now.Loss < 10)
		if now.Step == 80 {
			now.Stop("seen enough")
		}
		return nil
	})
	fit, err := train.Fit(nil, m, line.Batches(4, 1), nil, train.On(device), look, train.NoCheckpoints(), train.Quiet())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fit.Step, fit.Stopped)
	// Output:
	// step 40, rate 0.090, loss is finite: true
	// step 80, rate 0.035, loss is finite: true
	// 80 seen enough
}
