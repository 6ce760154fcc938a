package dataset

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// CSV says how a file of rows is written. Its zero value is a comma between fields, quotes as RFC 4180 has
// them, and a first row that names the columns unless there is a number in it.
type CSV struct {
	Comma   rune     // between fields; ',' if it is 0
	Comment rune     // begins lines to leave out, if it is not 0
	Names   []string // of the columns, for a file without them
	Missing []string // what stands for no value, besides nothing; nil means NA, N/A, NaN, null and ?
}

var usualMissing = []string{"NA", "N/A", "na", "NaN", "nan", "null", "NULL", "?"}

// ReadFrame reads rows of fields. A column all of whose values are numbers becomes numbers, another one
// texts; spaces around fields do not count. Rows have equally many fields.
func ReadFrame(name string, r io.Reader, form CSV) (Frame, error) {
	rows, err := form.rows(r)
	if err != nil {
		return Frame{}, fmt.Errorf("dataset: read %s: %w", name, err)
	}
	names := form.Names
	if names == nil && len(rows) > 0 && !anyNumber(rows[0]) {
		names, rows = rows[0], rows[1:]
	}
	if len(rows) == 0 {
		return Frame{}, fmt.Errorf("dataset: read %s: there are no rows", name)
	}
	if names != nil && len(names) != len(rows[0]) {
		return Frame{}, fmt.Errorf("dataset: read %s: %d names for %d columns", name, len(names), len(rows[0]))
	}
	missing := form.Missing
	if missing == nil {
		missing = usualMissing
	}
	f := Frame{Name: name}
	for c := range rows[0] {
		texts := make([]string, len(rows))
		for i, row := range rows {
			if text := strings.TrimSpace(row[c]); !slices.Contains(missing, text) {
				texts[i] = text
			}
		}
		column := columnOf(texts)
		column.Name = fmt.Sprintf("x%d", c+1)
		if names != nil && strings.TrimSpace(names[c]) != "" {
			column.Name = strings.TrimSpace(names[c])
		}
		f.Columns = append(f.Columns, column)
	}
	return f, f.Check()
}

// rows reads all fields.
func (form CSV) rows(r io.Reader) ([][]string, error) {
	in := bufio.NewReader(r)
	if start, _ := in.Peek(3); bytes.Equal(start, []byte("\xef\xbb\xbf")) {
		in.Discard(3) // a mark that some programs put before UTF-8
	}
	fields := csv.NewReader(in) // which sees to it that rows are equally long
	if form.Comma != 0 {
		fields.Comma = form.Comma
	}
	fields.Comment = form.Comment
	fields.TrimLeadingSpace = form.Comma != '\t' // or a field that is empty would be lost
	return fields.ReadAll()
}

// columnOf makes numbers of texts if all that are not missing are numbers.
func columnOf(texts []string) Column {
	numbers := make([]float64, len(texts))
	any := false
	for i, text := range texts {
		if text == "" {
			numbers[i] = math.NaN()
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return Column{Texts: texts}
		}
		numbers[i], any = v, true
	}
	if !any {
		return Column{Texts: texts}
	}
	return Column{Numbers: numbers}
}

// ReadCSV reads examples from rows of numbers, one of whose columns is the label; negative columns count
// from the last one, which is -1. A first row that holds no number is a heading. Labels that are whole
// numbers from 0 on are kept; others are numbered in the order of their text. ReadFrame reads rows that
// have texts in them too, or missing values.
func ReadCSV(name string, r io.Reader, label int) (Table, error) {
	rows, err := CSV{}.rows(r)
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read %s: %w", name, err)
	}
	var heading []string
	if len(rows) > 0 && !anyNumber(rows[0]) {
		heading, rows = rows[0], rows[1:]
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
			v, err := strconv.ParseFloat(strings.TrimSpace(field), 32)
			if err != nil {
				return Table{}, fmt.Errorf("dataset: read %s: row %d, column %d: %w; ReadFrame reads texts and missing values", name, i+1, c+1, err)
			}
			t.X = append(t.X, float32(v))
		}
	}
	if heading != nil {
		t.Columns = slices.Delete(slices.Clone(heading), label, label+1)
	}
	t.Y, t.ClassNames = number(texts)
	t.Classes = len(t.ClassNames)
	return t, nil
}

func anyNumber(row []string) bool {
	for _, field := range row {
		if _, err := strconv.ParseFloat(strings.TrimSpace(field), 64); err == nil {
			return true
		}
	}
	return false
}

// maxClass bounds labels that are numbers, so that years and such are numbered anew.
const maxClass = 1000

// number turns the texts of labels into classes, and returns their names.
func number(texts []string) ([]int32, []string) {
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
	names := make([]string, top+1)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return y, names
}

func numberByText(texts []string) ([]int32, []string) {
	classes := slices.Compact(slices.Sorted(slices.Values(texts)))
	y := make([]int32, len(texts))
	for i, text := range texts {
		at, _ := slices.BinarySearch(classes, text)
		y[i] = int32(at)
	}
	return y, classes
}
