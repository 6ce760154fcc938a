package bench

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// manyRuns is how many runs a folder has for which there are aims.
const manyRuns = 20_000

// trackersProgram logs with other trackers.
//
//go:embed trackers.py
var trackersProgram string

// trackersNeeds lists what each of them needs, so that one that cannot be installed leaves only itself out.
//
//go:embed trackers/*.txt
var trackersNeeds embed.FS

// A tracker is what the worklog is compared with.
type tracker struct {
	name        string // as trackersProgram knows it
	title       string
	environment string // the file of trackersNeeds
	scalars     int    // of one window
	aims        []Aim  // of what the worklog stores in a second divided by what it does
}

var trackers = []tracker{
	{"mlflow", "MLflow, log_metric", "mlflow", 60, []Aim{least(50, 100)}},
	{"mlflow-batch", "MLflow, log_batch", "mlflow", 2000, nil},
	{"aim", "Aim", "aim", 1000, nil},
	{"tensorboard", "TensorBoard's writer", "tensorboard", 3000, nil},
	{"tensorboardx", "tensorboardX's writer", "tensorboard", 3000, nil},
	{"trackio", "Trackio", "trackio", 1000, nil},
}

const worklogPart = "the worklog, in turns with other trackers; MLflow in SQLite"

// worklog measures pkg/worklog, by a program of its own, in turns with other trackers, then what a list and a chart
// of much take, and what logging costs a training loop in a cell.
func (b *bench) worklog(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.dir, "worklog-")
	if err != nil {
		return err
	}
	ours, err := b.startGo(ctx, dir, "./kernel/internal/bench/recorder")
	if err != nil {
		return err
	}
	defer ours.stop()
	for _, measure := range []func() error{
		func() error { return b.besideTrackers(ctx, ours, dir) },
		func() error { return b.muchToRead(ours) },
		func() error { return b.loggingInACell(ctx) },
	} {
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

// measure reads what the recorder answers to a measure.
func measure(p *plainProcess, what string, n int, into any) error {
	line, err := p.answer(fmt.Sprintf("%s %d", what, n))
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(strings.TrimPrefix(line, "rate ")), into)
}

// A rival is a tracker that runs.
type rival struct {
	tracker
	*plainProcess
	rates *Sample
}

// besideTrackers logs scalars here and there.
func (b *bench) besideTrackers(ctx context.Context, ours *plainProcess, dir string) error {
	const million = 1_000_000
	call := b.report.sample(worklogPart, "a scalar, until the call returns, Lathe", "ns", most(50, 1000))
	allocs := b.report.sample(worklogPart, "allocations for a scalar, in all goroutines, Lathe", "1", most(50, 0.01))
	all := b.report.sample(worklogPart, "1,000,000 scalars, on the disk, Lathe", "ms", most(50, 1000))
	stored := b.report.sample(worklogPart, "scalars stored, Lathe", "a second")
	rivals := b.startTrackers(ctx, dir)
	for range b.Effort.Windows {
		var v struct{ Call, Allocs, All float64 }
		if err := measure(ours, "log", million, &v); err != nil {
			return err
		}
		call.Values, allocs.Values, all.Values = append(call.Values, v.Call), append(allocs.Values, v.Allocs), append(all.Values, v.All)
		stored.Values = append(stored.Values, million/v.All*1000)
		for i, r := range rivals {
			if r.plainProcess == nil {
				continue
			}
			rate, err := r.window(r.scalars)
			if err != nil {
				b.report.leaveOut(r.title, err)
				rivals[i].plainProcess = nil
				continue
			}
			r.rates.Values = append(r.rates.Values, rate)
		}
	}
	for _, r := range rivals {
		if r.plainProcess != nil {
			r.stop()
			b.report.sample(worklogPart, "stored: Lathe / "+r.title+", by p50", "times", r.aims...).Values =
				[]float64{stored.Percentile(50) / r.rates.Percentile(50)}
		}
	}
	return nil
}

// startTrackers starts the trackers that can be installed, and logs with each a little: it then has its files and tables.
func (b *bench) startTrackers(ctx context.Context, dir string) []rival {
	script := filepath.Join(dir, "trackers.py")
	if err := os.WriteFile(script, []byte(trackersProgram), 0o600); err != nil {
		b.report.leaveOut("other trackers", err)
		return nil
	}
	var out []rival
	for _, t := range trackers {
		r, err := b.startTracker(ctx, t, script, filepath.Join(dir, t.name))
		if err != nil {
			b.report.leaveOut(t.title, err)
			continue
		}
		r.rates = b.report.sample(worklogPart, "scalars stored, "+t.title, "a second")
		out = append(out, r)
	}
	return out
}

func (b *bench) startTracker(ctx context.Context, t tracker, script, dir string) (rival, error) {
	needs, err := trackersNeeds.ReadFile("trackers/" + t.environment + ".txt")
	if err != nil {
		return rival{}, err
	}
	python, err := b.venv(ctx, t.environment, needs)
	if err != nil {
		return rival{}, err
	}
	cmd := exec.CommandContext(ctx, python, script, t.name, dir)
	cmd.Dir = filepath.Dir(script)
	p, err := startProcess(cmd)
	if err != nil {
		return rival{}, err
	}
	_, err = p.window(20)
	return rival{tracker: t, plainProcess: p}, err
}

// muchToRead measures the SQL index of many runs and a chart of many points.
func (b *bench) muchToRead(ours *plainProcess) error {
	n := b.Effort.Runs
	var aims []Aim
	if n == manyRuns {
		aims = []Aim{most(50, 30)}
	}
	part := fmt.Sprintf("the worklog: %d runs of 150 parameters and 50 metrics; 1,000,000 points", n)
	var seconds float64
	if err := measure(ours, "runs", n, &seconds); err != nil {
		return err
	}
	if err := measure(ours, "rebuild", n, &seconds); err != nil {
		return err
	}
	b.report.sample(part, "SQL index made anew", "s", aims...).Values = []float64{seconds}
	page := b.report.sample(part, "first page, filtered and sorted, index just opened", "ms", most(95, 100))
	if err := measure(ours, "page", 5, &page.Values); err != nil {
		return err
	}
	chart := b.report.sample(part, "chart over 1,000,000 points, from log to page", "ms", most(50, 200))
	return measure(ours, "chart", 1_000_000, &chart.Values)
}

// The cells that log in a loop. A step is work that takes about half a millisecond: a number of operations, not a time,
// which would hide what logging takes from it.
const (
	loopImports = `import (
	"fmt"
	"math"
	"time"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/worklog"
)

`
	loopDecls = `func work(operations int) float64 {
	sum := 0.0
	for i := range operations {
		sum += math.Sqrt(float64(i))
	}
	return sum
}

// operations returns how many take half a millisecond where nothing disturbs.
func operations() int {
	const n = 100_000
	best := time.Hour
	for range 200 {
		began := time.Now()
		if work(n) < 0 {
			panic("a sum of roots")
		}
		best = min(best, time.Since(began))
	}
	return int(n * float64(500*time.Microsecond) / float64(best))
}

var logged int

func window(operations, steps int, run *worklog.Run, live *chart.Live) time.Duration {
	began := time.Now()
	for range steps {
		loss := work(operations)
		if run != nil {
			run.Log(logged, "loss", loss)
			live.Append("loss", float64(logged), loss)
			logged++
		}
	}
	return time.Since(began)
}
`
	loopStart = `n := operations()
run := worklog.Start("bench", nil, worklog.In(worklog.Open("worklog")))
live := chart.NewLive(chart.Line("loss"))`
	// A pause lets the chart's last picture leave before the window without it.
	loopWith    = `fmt.Println("rate", window(n, 1000, run, live).Seconds())`
	loopWithout = `fmt.Println("rate", window(n, 1000, nil, nil).Seconds())`
	loopEnd     = `live.Close()
run.End(nil)
fmt.Println(run.Summary().Points, "points")`
)

// loggingInACell measures what logging to the worklog and a live chart adds to a step.
func (b *bench) loggingInACell(ctx context.Context) error {
	k, err := b.start(ctx, b.lathe())
	if err != nil {
		return err
	}
	defer k.stop()
	for _, code := range []string{loopImports + loopDecls, loopStart, loopWith, loopWithout} {
		if _, _, err := k.execute(ctx, code, ""); err != nil {
			return err
		}
	}
	const part = "the worklog in a cell: steps of 0.5 ms"
	with := b.report.sample(part, "a step, with log and live chart", "ms")
	without := b.report.sample(part, "a step, without", "ms")
	ratio := b.report.sample(part, "with / without, by pairs", "times", most(50, 1.01))
	pairs := 2 * b.Effort.Windows
	for i := range pairs {
		var took [2]float64
		for n := range took {
			side := (i + n) % 2 // another begins each pair
			time.Sleep(settle)  // the last picture leaves
			_, text, err := k.execute(ctx, []string{loopWith, loopWithout}[side], "rate")
			if err != nil {
				return err
			}
			if took[side], err = readRate(text); err != nil {
				return err
			}
		}
		with.Values, without.Values = append(with.Values, took[0]), append(without.Values, took[1])
		ratio.Values = append(ratio.Values, took[0]/took[1])
	}
	_, _, err = k.execute(ctx, loopEnd, fmt.Sprint((pairs+1)*1000, " points"))
	return err
}
