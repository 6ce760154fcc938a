// Command recorder measures pkg/worklog for the bench, which may not import what it measures. It works in
// the working folder, reads a measure and a number from each line of its input, and answers with a line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
	"github.com/lathe-go/lathe/pkg/worklog/sqlindex"
)

func main() {
	r := recorder{dir: "."}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if err := r.answer(in.Text()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// A recorder works in a folder of its own.
type recorder struct {
	dir  string
	made int // runs, curves and indexes so far
}

func (r *recorder) answer(line string) error {
	var what string
	var n int
	if _, err := fmt.Sscan(line, &what, &n); err != nil {
		return fmt.Errorf("%q: %w", line, err)
	}
	measure, ok := map[string]func(int) (any, error){
		"log": r.log, "runs": r.runs, "rebuild": r.rebuild, "page": r.page, "chart": r.chart,
	}[what]
	if !ok {
		return fmt.Errorf("there is no measure %q", what)
	}
	values, err := measure(n)
	if err != nil {
		return fmt.Errorf("%s: %w", line, err)
	}
	text, err := json.Marshal(values)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("rate %s\n", text)
	return err
}

// logged is what logging scalars took.
type logged struct {
	Call   float64 // until one call returned, in ns, on average
	Allocs float64 // for each, in all goroutines
	All    float64 // from the start of the run until all are on the disk, in ms
}

func (r *recorder) log(n int) (any, error) {
	r.made++
	folder := worklog.Open(filepath.Join(r.dir, fmt.Sprint("log-", r.made)))
	defer os.RemoveAll(folder.Path())
	var before, after runtime.MemStats
	runtime.GC()
	began := time.Now()
	run := worklog.Start("bench", nil, worklog.In(folder))
	runtime.ReadMemStats(&before)
	first := time.Now()
	for step := range n {
		run.Log(step, "loss", 1/float64(step+1))
	}
	calls := time.Since(first)
	runtime.ReadMemStats(&after)
	run.End(nil)
	all := time.Since(began)
	if s := run.Summary(); s.Points != n || s.Lost != 0 || run.Err() != nil {
		return nil, fmt.Errorf("%d points and %d lost, error %w", s.Points, s.Lost, run.Err())
	}
	return logged{float64(calls.Nanoseconds()) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n), milliseconds(all)}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (r *recorder) folder() *worklog.Folder { return worklog.Open(filepath.Join(r.dir, "many")) }

func (r *recorder) index() string { return filepath.Join(r.dir, fmt.Sprintf("%d.sqlite", r.made)) }

// runs makes n runs of 150 parameters and 50 metrics.
func (r *recorder) runs(n int) (any, error) {
	began := time.Now()
	for i := range n {
		when := time.Unix(1_700_000_000+int64(i), 0)
		s := worklog.Summary{Name: "sweep", Began: when, Ended: when.Add(time.Minute), State: worklog.Finished}
		for p := range 150 {
			value := fmt.Sprint(float64(i*31%997) / float64(p+1))
			s.Params = append(s.Params, worklog.Param{Path: fmt.Sprintf("Group.P%03d", p), Type: "float64", Value: value})
		}
		var points []metric.Point
		for m := range 50 {
			points = append(points, metric.Point{Name: fmt.Sprintf("m%02d/loss", m), Step: 1, Time: when, Value: float64(i*17%1009 + m)})
		}
		if _, err := r.folder().Add(s, points); err != nil {
			return nil, err
		}
	}
	return time.Since(began).Seconds(), nil
}

// rebuild makes the SQL index of all runs, which are n, and returns how many seconds it took.
func (r *recorder) rebuild(n int) (any, error) {
	r.made++
	ctx := context.Background()
	began := time.Now()
	x, err := sqlindex.OpenFile(ctx, r.folder(), r.index())
	if err != nil {
		return nil, err
	}
	defer x.Close()
	if got, err := x.Update(ctx); err != nil || got != n {
		return nil, fmt.Errorf("%d runs were read: %w", got, err)
	}
	return time.Since(began).Seconds(), nil
}

// firstPage is a filtered, sorted page of a list of runs.
const firstPage = `SELECT p.run, p.value, m.last, m.best FROM params p JOIN metrics m ON m.run = p.run
	WHERE p.param = 'Group.P002' AND p.number < 100 AND m.metric = 'm07/loss' ORDER BY m.last DESC, p.run LIMIT ?`

// page asks the index n times, each time opened anew, for a page and returns the milliseconds that each answer took.
func (r *recorder) page(n int) (any, error) {
	ctx := context.Background()
	var out []float64
	for range n {
		began := time.Now()
		x, err := sqlindex.OpenFile(ctx, r.folder(), r.index())
		if err != nil {
			return nil, err
		}
		t, err := x.Query(ctx, firstPage, 50)
		out = append(out, milliseconds(time.Since(began)))
		x.Close()
		if err != nil || len(t.Rows) != 50 {
			return nil, fmt.Errorf("%d rows: %w", len(t.Rows), err)
		}
	}
	return out, nil
}

// chart makes a chart over n points and returns the milliseconds from the log to what the page gets, several times.
func (r *recorder) chart(n int) (any, error) {
	r.made++
	folder := worklog.Open(filepath.Join(r.dir, fmt.Sprint("chart-", r.made)))
	run := worklog.Start("long", nil, worklog.In(folder))
	for step := range n {
		run.Log(step, "loss", math.Sin(float64(step)/1000)+2)
	}
	run.End(nil)
	runs, err := folder.Runs()
	if err != nil {
		return nil, err
	}
	var out []float64
	for range 5 {
		began := time.Now()
		if _, err := json.Marshal(runs.Curves("loss").MIMEBundle()); err != nil {
			return nil, err
		}
		out = append(out, milliseconds(time.Since(began)))
	}
	return out, nil
}
