package augment_test

import (
	"fmt"

	"github.com/lathe-go/lathe/pkg/dataset/augment"
)

func ExampleNew() {
	plan := augment.New(7, augment.Flip(1))
	image := []float32{1, 2, 3, 4} // one row of four pixels
	plan.Apply(image, []int{1, 4, 1}, 0, 0)
	fmt.Println(image, plan)
	// Output: [4 3 2 1] flip at 1 with seed 7
}
