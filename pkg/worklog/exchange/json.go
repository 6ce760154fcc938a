package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// jsonFormat names the form that JSON writes.
const jsonFormat = "lathe worklog runs 1"

var jsonHead = regexp.MustCompile(`^\{\s*"format":\s*"lathe worklog runs`)

// A document is runs as JSON.
type document struct {
	Format string   `json:"format"`
	Runs   []record `json:"runs"`
}

// A record is all that is known of a run: its summary, with whole curves in place of the summaries of metrics.
type record struct {
	worklog.Summary
	Metrics []curve        `json:"metrics"`
	System  *struct{}      `json:"system,omitempty"` // among Metrics
	Cells   []worklog.Cell `json:"cells,omitempty"`
	Output  worklog.Output `json:"output,omitempty"`
}

// A curve is the points of one metric, column by column.
type curve struct {
	Name   string        `json:"name"`
	Steps  []metric.Step `json:"steps"`
	Times  []int64       `json:"times"` // microseconds since 1970
	Values []real        `json:"values"`
}

// real is a number that is a text in JSON where it is not finite.
type real float64

func (r real) MarshalJSON() ([]byte, error) {
	text := strconv.FormatFloat(float64(r), 'g', -1, 64)
	if f := float64(r); math.IsNaN(f) || math.IsInf(f, 0) {
		text = `"` + text + `"`
	}
	return []byte(text), nil
}

func (r *real) UnmarshalJSON(b []byte) error {
	text := string(b)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	f, err := strconv.ParseFloat(text, 64)
	*r = real(f)
	return err
}

// JSON writes all that is known of runs, with their points. Import reads the same runs.
func JSON(w io.Writer, runs []*worklog.Run) error {
	doc := document{Format: jsonFormat, Runs: []record{}}
	for _, r := range runs {
		points, err := r.Points("")
		if err != nil {
			return fmt.Errorf("exchange: %w", err)
		}
		rec := record{Summary: r.Summary(), Metrics: curves(points)}
		rec.Cells, err = r.Cells()
		if err == nil {
			rec.Output, err = r.Output()
		}
		if err != nil {
			return fmt.Errorf("exchange: %w", err)
		}
		doc.Runs = append(doc.Runs, rec)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("exchange: write JSON: %w", err)
	}
	return nil
}

// curves sorts points by metric, in the order in which metrics first came.
func curves(points []metric.Point) []curve {
	out := []curve{}
	place := map[string]int{}
	for _, p := range points {
		i, ok := place[p.Name]
		if !ok {
			i = len(out)
			place[p.Name] = i
			out = append(out, curve{Name: p.Name})
		}
		c := &out[i]
		c.Steps, c.Times, c.Values = append(c.Steps, p.Step), append(c.Times, p.Time.UnixMicro()), append(c.Values, real(p.Value))
	}
	return out
}

// readJSON reads what JSON wrote.
func readJSON(content []byte) ([]foreign, error) {
	var doc document
	if err := json.Unmarshal(content, &doc); err != nil {
		return nil, err
	}
	if doc.Format != jsonFormat {
		return nil, fmt.Errorf("form %q: a newer version wrote it", doc.Format)
	}
	var runs []foreign
	for _, r := range doc.Runs {
		f := foreign{Summary: r.Summary, cells: r.Cells, output: r.Output}
		for _, c := range r.Metrics {
			if len(c.Steps) != len(c.Values) || len(c.Times) != len(c.Values) {
				return nil, errors.New("steps, times and values of metric " + c.Name + " are not equally many")
			}
			for i, v := range c.Values {
				f.points = append(f.points, metric.Point{Name: c.Name, Step: c.Steps[i], Time: time.UnixMicro(c.Times[i]), Value: float64(v)})
			}
		}
		runs = append(runs, f)
	}
	return runs, nil
}
