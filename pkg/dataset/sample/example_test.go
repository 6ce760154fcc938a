package sample_test

import (
	"fmt"

	"github.com/lathe-go/lathe/pkg/dataset/sample"
)

func ExampleBalanced() {
	labels := []int32{0, 0, 0, 0, 0, 0, 1, 1}
	counts := [2]int{}
	for _, place := range sample.Balanced(labels, 1).Places(0) {
		counts[labels[place]]++
	}
	fmt.Println(counts)
	// Output: [4 4]
}

func ExampleHard() {
	hard := sample.NewHard(1000, 0.2, 1)
	if err := hard.Learn([]int{5, 6, 7}, []float32{0.01, 3, 1}); err != nil {
		panic(err)
	}
	hard.Begin(1) // what was learnt counts from the second epoch on
	count := 0
	for _, place := range hard.Places(1) {
		if place == 6 {
			count++
		}
	}
	fmt.Println(hard.Known(), count > 100, len(hard.State()) < 640)
	// Output: [6 7] true true
}

func ExamplePacing() {
	pacing := sample.Pacing{Start: 0.25, Epochs: 3}
	for epoch := range 5 {
		fmt.Print(pacing.Share(epoch), " ")
	}
	// Output: 0.25 0.5 0.75 1 1
}
