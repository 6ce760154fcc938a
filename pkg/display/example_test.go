package display_test

import (
	"fmt"
	"sync"

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

// In a notebook the reader moves the slider, while the loop goes on too.
func ExampleSlider() {
	epochs := display.Slider("epochs", 1, 20, 3)
	display.Show(epochs)
	for epoch := 0; epoch < epochs.Value(); epoch++ {
		fmt.Println("epoch", epoch)
	}
	// Output:
	// epochs: 3
	// epoch 0
	// epoch 1
	// epoch 2
}

func ExampleLogSlider() {
	rate := display.LogSlider("learning rate", 1e-5, 1e-1, 1e-3)
	if err := rate.Set(3e-4); err != nil {
		fmt.Println(err)
	}
	fmt.Println(rate)
	fmt.Println(rate.Set(1))
	// Output:
	// learning rate: 0.0003
	// display: set "learning rate": 1 is not between 1e-05 and 0.1
}

func ExampleSelect() {
	optimizer := display.Select("optimizer", "adam", "sgd")
	width := display.Select("width", 64, 128, 256)
	fmt.Println(display.Row(optimizer, width))
	// Output: optimizer: adam · width: 64
}

func ExampleButton() {
	stopped := make(chan bool)
	display.Show(display.Column(
		display.Text("note", "first try"),
		display.Checkbox("augment", true),
		display.Button("stop", func() { close(stopped) }),
	))
	// Output:
	// note: first try
	// augment: true
	// [stop]
}

// A variable that other goroutines read is written with their lock held.
func ExampleControl_Bind() {
	var config struct {
		sync.Mutex
		Dropout float64
	}
	display.Slider("dropout", 0, 0.9, 0.25).Bind(&config.Dropout, &config)
	fmt.Println(config.Dropout)
	// Output: 0.25
}
