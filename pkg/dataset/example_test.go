package dataset_test

import (
	"fmt"
	"strings"

	"github.com/lathe-go/lathe/pkg/dataset"
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
