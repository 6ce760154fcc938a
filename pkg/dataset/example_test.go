package dataset_test

import (
	"fmt"
	"strings"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/lathe-go/lathe/pkg/dataset"
	"github.com/lathe-go/lathe/pkg/dataset/augment"
)

func ExampleReadCSV() {
	flowers := "length,width,kind\n5.1,3.5,setosa\n7.0,3.2,versicolor\n6.3,3.3,virginica\n4.9,3.0,setosa\n"
	table, err := dataset.ReadCSV("flowers", strings.NewReader(flowers), -1)
	if err != nil {
		panic(err)
	}
	fmt.Println(table)
	// Output: flowers: 4 examples of 2, values 3 to 7, 3 classes of 2 1 1
}

func ExampleTable_Batches() {
	table, err := dataset.ReadCSV("toy", strings.NewReader("1,0\n2,1\n3,0\n4,1\n5,0\n"), -1)
	if err != nil {
		panic(err)
	}
	for batch, err := range table.Batches(2, 42).Iter() {
		if err != nil {
			panic(err)
		}
		fmt.Println(batch.Inputs[0].Shape(), batch.Labels[0].Shape())
	}
	// Output:
	// (Float32)[2, 1] (Int32)[2, 1]
	// (Float32)[2, 1] (Int32)[2, 1]
}

// toy is ten examples of two features and two classes.
func toy() dataset.Table {
	t := dataset.Table{Name: "toy", Shape: []int{2}, Classes: 2}
	for i := range 10 {
		t.X = append(t.X, float32(i), float32(100-10*i))
		t.Y = append(t.Y, int32(i/8)) // eight of the first class, two of the second
	}
	return t
}

func ExampleTable_Balanced() {
	batches := toy().Balanced(4, 1)
	for _, err := range batches.Iter() {
		if err != nil {
			panic(err)
		}
		state, err := batches.State() // where to go on
		fmt.Println(len(batches.Last()), len(state) < 1000, err)
	}
	// Output:
	// 4 true <nil>
	// 4 true <nil>
}

func ExampleBatches_Learn() {
	batches := toy().Hard(5, 0.5, 1) // half of the draws from the hardest examples
	for range 2 {                    // two epochs
		for _, err := range batches.Iter() {
			if err != nil {
				panic(err)
			}
			losses := make([]float32, batches.Size()) // of the batch, from the training step
			for i, place := range batches.Last() {
				if place == 3 {
					losses[i] = 2
				}
			}
			if err := batches.Learn(losses); err != nil {
				panic(err)
			}
		}
	}
	count := 0
	for _, place := range batches.Places(1) {
		if place == 3 {
			count++
		}
	}
	fmt.Println(batches, "example 3 came", count >= 5)
	// Output: toy: 2 batches of 5, 50 % from hard examples, seed 1, 1 known; epoch 1, 2 given example 3 came true
}

func ExampleTable_GroupSplit() {
	patients := []string{"a", "a", "b", "b", "b", "c", "d", "d", "e", "e"} // of each example
	learn, _, test := toy().GroupSplit(1, patients, 60, 0, 40)
	fmt.Println(learn.Len(), test.Len(), learn.Part, test.Part)
	// Output: 6 4 train test
}

func ExampleFitScaler() {
	learn, _, test := toy().Split(1, 80, 0, 20)
	scaler, err := dataset.FitScaler(learn, dataset.MinMax)
	if err != nil {
		panic(err)
	}
	_, err = dataset.FitScaler(test, dataset.MinMax)
	fmt.Println(scaler.Scaling, scaler.Shift, scaler.By)
	fmt.Println(err)
	// Output:
	// min-max [1 10] [8 80]
	// dataset: fit a scaler to toy/test, whose part is test: fit it to the training part after Split, or to As(dataset.Train) if all of the examples are for training
}

func ExampleReadFrame() {
	file := "age,city,bought\n31,Oslo,yes\n,Rome,no\n25,Oslo,no\n"
	frame, err := dataset.ReadFrame("customers", strings.NewReader(file), dataset.CSV{})
	if err != nil {
		panic(err)
	}
	table, err := frame.Table("bought")
	fmt.Println(frame)
	fmt.Println(table.Columns, table.X, table.ClassNames, table.Y, err)
	// Output:
	// customers: 3 rows of 3 columns
	//   age: 25 to 31, 1 missing
	//   city: 2 texts (Oslo, Rome)
	//   bought: 2 texts (no, yes)
	// [age city=Oslo city=Rome] [31 1 0 NaN 0 1 25 1 0] [no yes] [1 0 0] <nil>
}

func ExampleText_Windows() {
	text := dataset.Chars("verse", "the cat sat on the mat")
	learn, _, _ := text.Split(80, 10, 10)
	view, err := learn.Windows(5, 5).Ordered(2).Show()
	if err != nil {
		panic(err)
	}
	fmt.Println(view)
	// Output:
	// verse/train: batch 0 of epoch 0, examples 0 1
	//   input 0: (Int32)[2, 5], 0 to 9, mean 3.7, deviation 3.466, 20 % zeros
	//   label 0: (Int32)[2, 5], 0 to 9, mean 3.7, deviation 3.466, 20 % zeros
	//   "the c" → "he ca"
	//   "at sa" → "t sat"
}

func ExampleBatches_Augment() {
	image := dataset.Table{Name: "line", Shape: []int{1, 3, 1}, X: []float32{1, 2, 3}, Y: []int32{0}, Classes: 1}
	batches := image.Ordered(1).Augment(augment.New(1, augment.Flip(1))).Prefetch(2)
	for batch, err := range batches.Iter() {
		if err != nil {
			panic(err)
		}
		fmt.Println(tensors.MustCopyFlatData[float32](batch.Inputs[0]))
	}
	// Output: [3 2 1]
}
