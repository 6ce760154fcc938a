// The race detector's pointer checks end GoMLX's matrix product in pure Go, and its way of ending a process
// makes the PJRT plugin free memory twice; so nothing that computes is tested under it.

//go:build !race

package backend_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/lathe-go/lathe/pkg/backend"
)

// The device of the process runs any GoMLX graph.
func ExampleDefault() {
	device := backend.Default().Backend
	double := graph.MustNewExec(device, func(x *graph.Node) *graph.Node { return graph.Add(x, x) })
	fmt.Println(double.MustCall(float32(21))[0].Value())
	// Output: 42
}
