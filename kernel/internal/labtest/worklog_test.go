package labtest

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/worklog"
)

// A seenSheet is a table that can be sorted and filtered, as the page shows it.
type seenSheet struct {
	Rows          [][]string // the first cells of the rows in sight
	Count, Filter string
	Sorted        []string // headings and how they sort
	Focused       bool
}

// column returns one cell of each row in sight.
func (s seenSheet) column(i int) string {
	var out []string
	for _, row := range s.Rows {
		out = append(out, row[i])
	}
	return strings.Join(out, " ")
}

// runs: a person sorts and filters a table of runs.
func (l *lab) runs(t *testing.T) {
	var seen struct {
		Before, Up, Down, Filtered, After, Other seenSheet
		Cells                                    int
	}
	l.tell(t, "runs", &seen, `type Recipe struct {
	LR     float64
	Method string
	Depth  int
}
for i := range 30 {
	run := worklog.Start("sorted", Recipe{[]float64{1e-3, 0.1, 2e-2, 1e-5, 3}[i%5], []string{"adam", "sgd"}[i%2], i})
	for step := range 50 {
		run.Log(step, "train/loss", 1/float64(step+i+1))
		run.Log(step, "valid/loss", 1.2/float64(step+i+1))
	}
	if i%10 == 0 {
		run.Verdict("<b>a long look</b>")
	}
	run.End(nil)
}`, `worklog.Runs("sorted")`, `worklog.Runs("sorted")[:8]`)
	if n := len(seen.Before.Rows); n != 30 || seen.Before.Count != "30 runs" || len(seen.Before.Sorted) != 0 {
		t.Errorf("before anything is clicked the table shows %d rows and %q, sorted by %q", n, seen.Before.Count, seen.Before.Sorted)
	}
	sorted := strings.Fields(strings.Repeat("1e-05 ", 6) + strings.Repeat("0.001 ", 6) + strings.Repeat("0.02 ", 6) + strings.Repeat("0.1 ", 6) + strings.Repeat("3 ", 6))
	if got := seen.Up.column(1); got != strings.Join(sorted, " ") || !slices.Equal(seen.Up.Sorted, []string{"LR ▲ ascending"}) {
		t.Errorf("a click on the heading sorts as %s, %q", got, seen.Up.Sorted)
	}
	slices.Reverse(sorted)
	if got := seen.Down.column(1); got != strings.Join(sorted, " ") || !slices.Equal(seen.Down.Sorted, []string{"LR ▼ descending"}) {
		t.Errorf("Enter on the heading sorts as %s, %q", got, seen.Down.Sorted)
	}
	if got := seen.Filtered; len(got.Rows) != 6 || got.Count != "6 of 30 runs" || strings.Contains(got.column(2), "sgd") || strings.Contains(got.column(1), "0.1") {
		t.Errorf("filtered it shows %s, %q", got.column(1), got.Count)
	}
	if seen.Cells < 3 {
		t.Error("a key that was meant for the filter deleted a cell")
	}
	if seen.After.column(0) != seen.Before.column(0) || len(seen.Other.Rows) != 8 || len(seen.Other.Sorted) != 0 {
		t.Errorf("in the end the table shows %s, and the other table %+v", seen.After.column(0), seen.Other)
	}
}

// board: a person watches runs of this process, which is not the kernel's, and sorts them as they go.
func (l *lab) board(t *testing.T) {
	folder := worklog.Open(l.variable("LATHE_WORKLOG"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); train(ctx, folder) }()
	defer func() { stop(); <-ended }()
	var seen struct {
		Going, Stopped seenSheet
		Cell           seenCell
		Saved          string
	}
	l.tell(t, "board", &seen, `worklog.Watch("watched metric:valid/loss")`)
	if got := seen.Going; got.column(1) != "● running ● running ● running ● running ● running" || got.column(2) != "7 6 5 4 3" ||
		got.Count != "5 of 8 runs" || got.Filter != "state:running Width>2" || !got.Focused {
		t.Errorf("while the runs go the board shows %+v", got)
	}
	if got := seen.Stopped; len(got.Rows) != 5 || !seen.Cell.Error || seen.Cell.Interactive == 0 {
		t.Errorf("stopped, it shows %+v, %d interactive charts, error %t", got, seen.Cell.Interactive, seen.Cell.Error)
	}
	if n := strings.Count(seen.Saved, "data-lathe-sheet"); n == 0 || !strings.Contains(seen.Saved, "image/png") || !strings.Contains(seen.Saved, "7 running, 1 failed") {
		t.Errorf("the saved notebook lacks the last table or picture: %.2000s", seen.Saved)
	}
}

// train makes eight runs, one of which fails at once, and logs until ctx is cancelled.
func train(ctx context.Context, folder *worklog.Folder) {
	var runs []*worklog.Run
	for width := range 8 {
		runs = append(runs, worklog.Start("watched", struct{ Width, Steps int }{width, 10000}, worklog.In(folder)))
	}
	for step := 0; ctx.Err() == nil; step++ {
		for i, run := range runs {
			if i == 1 && step == 20 {
				run.End(context.DeadlineExceeded)
			}
			if i == 1 && step >= 20 {
				continue
			}
			run.Log(step, "train/loss", math.Exp(-float64(step)/200)+float64(i)/10)
			run.Log(step, "valid/loss", math.Exp(-float64(step)/150)+float64(i)/10+math.Sin(float64(step))/50)
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, run := range runs {
		run.End(nil)
	}
}

// variable returns a variable of Jupyter's environment.
func (j *jupyter) variable(name string) string {
	for _, v := range slices.Backward(j.env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}
