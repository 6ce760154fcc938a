package schedule_test

import (
	"fmt"

	"github.com/lathe-go/lathe/pkg/train/schedule"
)

// A schedule is a value, drawn before it is used.
func ExampleCosine() {
	s := schedule.Cosine(0.1, 0, 1000).Warmup(99)
	fmt.Printf("%.3f %.3f %.3f\n", s.Rate(0), s.Rate(99), s.Rate(599))
	fmt.Println(s.Chart(0))
	// Output:
	// 0.001 0.100 0.050
	// Learning rate: warm-up in 99, then cosine from 0.1 to 0 in 1000 (line of rate by step)
	//   rate  ▃▆████▇▇▆▆▆▅▅▄▃▃▃▂▂▁▁▁▁▁  1153 points, first 0.001, last 0, min 0 at 1099, max 0.1 at 99
}

// A plateau follows the losses of validations.
func ExampleSchedule_Plateau() {
	course := schedule.Constant(0.1).Plateau(0.5, 1, 0).Start()
	for _, loss := range []float64{3, 2, 2, 2} {
		fmt.Println(course.Observe(loss), course.Rate(0))
	}
	// Output:
	// false 0.1
	// false 0.1
	// false 0.1
	// true 0.05
}
