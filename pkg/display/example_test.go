package display_test

import (
	"fmt"

	"github.com/lathe-go/lathe/pkg/display"
)

type Run struct {
	Name string
	Loss float64
	Step int
}

// Outside a notebook the plain text goes to standard output; in one, the page shows a table.
func ExampleShow() {
	display.Show([]Run{{"small", 0.41, 1000}, {"large", 0.375, 500}})
	// Output:
	// []display_test.Run of 2
	//      Name    Loss  Step
	//   0  small   0.41  1000
	//   1  large  0.375   500
}

func ExampleBundleOf() {
	b := display.BundleOf(display.Markdown("**done** in 3 s"))
	fmt.Println(b.Data["text/markdown"])
	fmt.Println(b.Data["text/plain"])
	// Output:
	// **done** in 3 s
	// **done** in 3 s
}

func ExampleTable() {
	runs := []Run{{"small", 0.41, 1000}, {"large", 0.375, 500}}
	fmt.Println(display.Table(runs, "Name", "Step"))
	// Output:
	// []display_test.Run of 2
	//   Name   Step
	//   small  1000
	//   large   500
}

func ExampleHandle_Update() {
	h := display.Show("epoch 1")
	h.Update("epoch 2")
	// Output:
	// epoch 1
	// epoch 2
}

func ExampleNewProgress() {
	p := display.NewProgress("training", 300, "step")
	defer p.Close()
	for step := range 300 {
		loss := 1 / float64(step+1)
		p.Note("loss %.3f", loss)
		p.Add(1)
	}
	fmt.Println(p.Done(), "steps")
	// Output: 300 steps
}
