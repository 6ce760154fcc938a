package exchange

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// The names of columns that are no metrics, as CSV writes them and as other programs do, in lower case.
var (
	runColumns  = []string{"run", "run_id"}
	stepColumns = []string{"step", "_step", "global_step", "iteration", "iter", "epoch"}
	timeColumns = []string{"time", "_timestamp", "timestamp", "wall time", "wall_time"}
)

// A sheet is a CSV file, its columns told apart.
type sheet struct {
	head                    []string
	rows                    [][]string
	run, step, time         int // columns, -1 if there is none
	metrics, texts, ignored []int
	damage                  string
}

// readCSV reads a table with a row for each step. Columns of numbers are metrics, a column of texts that are all the
// same is a parameter, and a column named run tells runs apart.
func readCSV(content []byte, modified time.Time) ([]foreign, error) {
	s, err := parseSheet(content)
	if err != nil {
		return nil, err
	}
	var runs []foreign
	place := map[string]int{}
	for n, row := range s.rows {
		key := ""
		if s.run >= 0 {
			key = row[s.run]
		}
		i, ok := place[key]
		if !ok {
			i = len(runs)
			place[key] = i
			runs = append(runs, foreign{Summary: worklog.Summary{ID: metric.RunID(key), Name: key}, damage: s.damage})
			for _, c := range s.texts {
				runs[i].Params = append(runs[i].Params, worklog.Param{Path: s.head[c], Type: "string", Value: row[c]})
			}
		}
		runs[i].points = append(runs[i].points, s.points(row, n, modified)...)
	}
	return runs, nil
}

// parseSheet reads as many rows as are well formed.
func parseSheet(content []byte) (*sheet, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
	s := &sheet{}
	var err error
	if s.head, err = r.Read(); err != nil {
		return nil, fmt.Errorf("no head of a table: %w", err)
	}
	for {
		at := r.InputOffset()
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.damage = damaged(int(at), len(content))
			break
		}
		s.rows = append(s.rows, row)
	}
	s.run, s.step, s.time = s.find(runColumns), s.find(stepColumns), s.find(timeColumns)
	for c := range s.head {
		if c == s.run || c == s.step || c == s.time {
			continue
		}
		s.sort(c)
	}
	if len(s.metrics) == 0 {
		return nil, errors.New("no column of it holds numbers: a CSV file has a head, a column \"step\" and one for each metric")
	}
	return s, nil
}

// find returns the column that has the first of names that any column has.
func (s *sheet) find(names []string) int {
	for _, name := range names {
		if c := slices.IndexFunc(s.head, func(h string) bool { return strings.ToLower(strings.TrimSpace(h)) == name }); c >= 0 {
			return c
		}
	}
	return -1
}

// sort says what column c is.
func (s *sheet) sort(c int) {
	numbers, same := true, true
	for _, row := range s.rows {
		if _, err := strconv.ParseFloat(row[c], 64); row[c] != "" && err != nil && !errors.Is(err, strconv.ErrRange) {
			numbers = false
		}
		same = same && row[c] == s.rows[0][c]
	}
	switch {
	case numbers:
		s.metrics = append(s.metrics, c)
	case same:
		s.texts = append(s.texts, c)
	default:
		s.ignored = append(s.ignored, c)
	}
}

// points returns what row n measured.
func (s *sheet) points(row []string, n int, modified time.Time) []metric.Point {
	p := metric.Point{Step: n, Time: modified}
	if s.step >= 0 {
		if f, err := strconv.ParseFloat(row[s.step], 64); err == nil && math.Abs(f) < 1<<53 {
			p.Step = metric.Step(f)
		}
	}
	if s.time >= 0 {
		if t, ok := parseTime(row[s.time]); ok {
			p.Time = t
		}
	}
	var out []metric.Point
	for _, c := range s.metrics {
		if row[c] == "" {
			continue
		}
		p.Name = s.head[c]
		p.Value, _ = strconv.ParseFloat(row[c], 64) // it was tried before; out of range is an infinity
		out = append(out, p)
	}
	return out
}

// parseTime reads a time as RFC 3339 has it, or the seconds since 1970.
func parseTime(text string) (time.Time, bool) {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		t := unix(f)
		return t, !t.IsZero()
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}

// CSV writes the points of runs: the columns run, step and time, and one for each metric. Values that were logged at one
// step and moment share a row. It is exact: Import reads the same points.
func CSV(w io.Writer, runs []*worklog.Run) error {
	points := make([][]metric.Point, len(runs))
	column := map[string]int{}
	head := []string{"run", "step", "time"}
	for i, r := range runs {
		var err error
		if points[i], err = r.Points(""); err != nil {
			return fmt.Errorf("exchange: %w", err)
		}
		for _, p := range points[i] {
			if _, ok := column[p.Name]; !ok {
				column[p.Name] = len(head)
				head = append(head, p.Name)
			}
		}
	}
	out := csv.NewWriter(w)
	out.Write(head)
	for i, r := range runs {
		writeRows(out, string(r.ID()), points[i], column)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("exchange: write CSV: %w", err)
	}
	return nil
}

func writeRows(out *csv.Writer, id string, points []metric.Point, column map[string]int) {
	for len(points) > 0 {
		first := points[0]
		row := make([]string, len(column)+3)
		row[0], row[1], row[2] = id, strconv.Itoa(first.Step), first.Time.UTC().Format(time.RFC3339Nano)
		n := 0
		for _, p := range points {
			c := column[p.Name]
			if p.Step != first.Step || !p.Time.Equal(first.Time) || row[c] != "" {
				break
			}
			row[c] = strconv.FormatFloat(p.Value, 'g', -1, 64)
			n++
		}
		out.Write(row)
		points = points[n:]
	}
}
