package idx_test

import (
	"fmt"
	"strings"

	"github.com/lathe-go/lathe/pkg/dataset/idx"
)

func ExampleRead() {
	labels, err := idx.Read(strings.NewReader("\x00\x00\x08\x01\x00\x00\x00\x03\x05\x00\x04"))
	fmt.Println(labels.Shape, labels.Values, err)
	// Output: [3] [5 0 4] <nil>
}
