package dataset

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

// digitsFile is where the digits are: inside a release of scikit-learn, whose files never change.
var digitsFile = Member{
	Project: "scikit-learn",
	Wheel:   "scikit_learn-1.7.2-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
	WheelID: "89877e19a80c7b11a2891a27c21c4894fb18e2c2e077815bcade10d34287b20d",
	Path:    "sklearn/datasets/data/digits.csv.gz",
	SHA256:  "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
}

// Digits returns scikit-learn's digits: 1,797 handwritten digits of 8×8 pixels with values from 0 to 16,
// in the published order, of which the first half is commonly used for training. It panics if they
// cannot be had, and stops when the running cell is interrupted; LoadDigits returns an error.
func Digits() Table {
	t, err := LoadDigits(frame.Context())
	if err != nil {
		panic(err)
	}
	return t
}

// LoadDigits returns what Digits returns.
func LoadDigits(ctx context.Context) (Table, error) {
	path, err := FetchMember(ctx, digitsFile)
	if err != nil {
		return Table{}, err
	}
	file, err := os.Open(path)
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read digits: %w", err)
	}
	defer file.Close()
	return readDigits(file)
}

// readDigits reads rows of 64 pixels and a label.
func readDigits(r io.Reader) (Table, error) {
	unpacked, err := gzip.NewReader(r)
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read digits: %w", err)
	}
	t, err := ReadCSV("digits", unpacked, -1)
	if err != nil {
		return Table{}, err
	}
	if t.Features() != 64 || t.Classes != 10 {
		return Table{}, errors.New("dataset: read digits: the rows are not 8×8 pixels and a digit")
	}
	t.Shape, t.Source = []int{8, 8, 1}, digitsFile.SHA256
	return t, nil
}
