package dataset

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// ReadCSV reads examples from rows of numbers, one of whose columns is the label; negative columns count
// from the last one, which is -1. A first row that holds no number is a heading and is left out. Labels that
// are whole numbers from 0 on are kept; others are numbered in the order of their text.
func ReadCSV(name string, r io.Reader, label int) (Table, error) {
	rows, err := csv.NewReader(r).ReadAll() // which sees to it that rows are equally long
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read %s: %w", name, err)
	}
	if len(rows) > 0 && !anyNumber(rows[0]) {
		rows = rows[1:]
	}
	if len(rows) == 0 {
		return Table{}, fmt.Errorf("dataset: read %s: there are no rows", name)
	}
	columns := len(rows[0])
	if label < 0 {
		label += columns
	}
	if label < 0 || label >= columns || columns < 2 {
		return Table{}, fmt.Errorf("dataset: read %s: the label's column is not among the %d", name, columns)
	}
	t := Table{Name: name, Shape: []int{columns - 1}, X: make([]float32, 0, len(rows)*(columns-1))}
	texts := make([]string, len(rows))
	for i, row := range rows {
		for c, field := range row {
			if c == label {
				texts[i] = field
				continue
			}
			v, err := strconv.ParseFloat(field, 32)
			if err != nil {
				return Table{}, fmt.Errorf("dataset: read %s: row %d, column %d: %w", name, i+1, c+1, err)
			}
			t.X = append(t.X, float32(v))
		}
	}
	t.Y, t.Classes = number(texts)
	return t, nil
}

func anyNumber(row []string) bool {
	for _, field := range row {
		if _, err := strconv.ParseFloat(field, 64); err == nil {
			return true
		}
	}
	return false
}

// maxClass bounds labels that are numbers, so that years and such are numbered anew.
const maxClass = 1000

// number turns the texts of labels into classes, and returns how many there are.
func number(texts []string) ([]int32, int) {
	y := make([]int32, len(texts))
	top := 0
	for i, text := range texts {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || v != float64(int(v)) || v < 0 || v >= maxClass {
			return numberByText(texts)
		}
		y[i] = int32(v)
		top = max(top, int(v))
	}
	return y, top + 1
}

func numberByText(texts []string) ([]int32, int) {
	classes := slices.Compact(slices.Sorted(slices.Values(texts)))
	y := make([]int32, len(texts))
	for i, text := range texts {
		at, _ := slices.BinarySearch(classes, text)
		y[i] = int32(at)
	}
	return y, len(classes)
}
