package parquet_test

import (
	"fmt"

	"github.com/lathe-go/lathe/pkg/dataset/parquet"
)

func ExampleOpen() {
	flowers, err := parquet.Open("testdata/zstd.parquet", "price", "kind")
	if err != nil {
		panic(err)
	}
	fmt.Println(flowers)
	// Output:
	// zstd: 60 rows of 2 columns
	//   kind: 3 texts (iris, rose, tulip), 9 missing
	//   price: -5 to 9.5, 9 missing
}
