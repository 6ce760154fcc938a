package worklog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/display/frame"
)

// board returns a board that was updated once.
func board(t testing.TB, folder *Folder, terms ...string) *Board {
	t.Helper()
	b, err := NewBoard(folder, terms...)
	if err != nil {
		t.Fatal(err)
	}
	b.curves = true
	update(t, b)
	return b
}

func update(t testing.TB, b *Board) bool {
	t.Helper()
	changed, err := b.Update()
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// until updates b until a condition holds.
func until(t *testing.T, b *Board, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: in vain; the board is\n%s", what, b)
		}
		update(t, b)
	}
}

// writeForever logs until the process is killed.
func writeForever(folder *Folder) {
	run := Start("victim", config{Width: 1}, In(folder))
	for step := 0; ; step++ {
		run.Log(step, "loss", float64(step))
		if step%100 == 99 {
			run.Flush()
		}
	}
}

func TestBoardFollowsOtherProcesses(t *testing.T) {
	const variable = "WORKLOG_TEST_BOARD" // set in the other processes, to the folder
	if dir := os.Getenv(variable); dir != "" {
		writeForever(Open(dir))
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	folder := Open(filepath.Join(t.TempDir(), "worklog"))
	b := board(t, folder) // before the folder is there
	var writers []*exec.Cmd
	for range 2 {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), variable+"="+folder.Path())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		writers = append(writers, cmd)
	}
	until(t, b, "two runs at work", func() bool {
		on := b.shown()
		return len(on) == 2 && !slices.ContainsFunc(on, func(f *followed) bool { return f.sum.State != Running || len(f.xs) < 1000 })
	})
	for _, f := range b.shown() {
		for i, y := range f.ys {
			if f.xs[i] != float64(i) || y != float64(i) {
				t.Fatalf("point %d of %s is (%v, %v)", i, f.id, f.xs[i], y)
			}
		}
	}
	if text := b.String(); !strings.Contains(text, "victim: 2 running") {
		t.Errorf("the board is\n%s", text)
	}
	writers[0].Process.Kill()
	writers[0].Wait()
	start := time.Now()
	until(t, b, "one of two lost", func() bool { n := b.States(); return n[Lost] == 1 && n[Running] == 1 })
	t.Logf("lost %v after the kill", time.Since(start))
	if b.over() {
		t.Error("the board is over while a run is at work")
	}
	writers[1].Process.Kill()
	writers[1].Wait()
	until(t, b, "both lost", func() bool { return b.over() && b.States()[Lost] == 2 })
}

func TestBoardReadsOnlyWhatIsNew(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	for step := range 5000 {
		run.Log(step, "loss", float64(step))
	}
	run.Flush()
	run.awaitCode()
	b := board(t, folder)
	f := b.shown()[0]
	if len(f.xs) != 5000 || f.sum.Points != 5000 {
		t.Fatalf("%d points, %d for the curve; want 5000", f.sum.Points, len(f.xs))
	}
	for range 2 {
		if update(t, b) {
			t.Error("nothing new changes the board")
		}
	}
	// What was read is overwritten with zeros, which nobody notices who does not read it again.
	file, err := os.OpenFile(run.Path(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt(make([]byte, f.agg.Offset), 0); err != nil {
		t.Fatal(err)
	}
	file.Close()
	f.xs, f.ys = nil, nil
	run.Log(5000, "loss", 7)
	run.Flush()
	if !update(t, b) || f.sum.Points != 5001 || !slices.Equal(f.xs, []float64{5000}) || !slices.Equal(f.ys, []float64{7}) {
		t.Errorf("%d points, and %v for the curve; want 5001 and the new one", f.sum.Points, f.xs)
	}
}

func TestBoardTakesRunsUpAsTheyMatch(t *testing.T) {
	folder := Open(t.TempDir())
	old := begin(t, folder, "mlp", config{Width: 1})
	old.Log(0, "other", 1)
	old.Log(0, "loss", 1)
	old.End(nil)
	begin(t, folder, "cnn", nil).End(nil)
	b := board(t, folder, "mlp loss<2", "metric:other")
	if n := b.States(); n[Finished] != 1 || len(n) != 1 || !b.over() || b.metric != "other" || len(b.shown()[0].xs) != 1 {
		t.Errorf("the board begins as\n%s", b)
	}
	later := begin(t, folder, "mlp", config{Width: 2})
	later.Log(0, "loss", 5)
	later.Flush()
	update(t, b)
	if n := b.States(); n[Running] != 0 {
		t.Errorf("a run is there that does not match yet:\n%s", b)
	}
	later.Log(1, "loss", 1.5)
	later.Flush()
	if !update(t, b) || b.States()[Running] != 1 || b.over() {
		t.Errorf("a run is missing that matches:\n%s", b)
	}
	later.Log(2, "loss", 5)
	later.End(errors.New("no memory"))
	update(t, b)
	if text := b.String(); !strings.Contains(text, "failed: no memory") || !strings.Contains(text, "1 finished, 1 failed") {
		t.Errorf("a run that matched goes:\n%s", text)
	}
	if page := b.HTML(); !strings.Contains(page, b.id) || strings.Count(page, "<tr>") != 3 {
		t.Errorf("the page is %s", page)
	}
	if _, err := NewBoard(folder, "colour:red"); err == nil {
		t.Error("a query is understood that is none")
	}
	if text := board(t, Open(t.TempDir()), "x").String(); text != "waiting for a run: x\n" {
		t.Errorf("a board without runs: %q", text)
	}
}

func TestBoardDrawsAnewWhatResumeTookBack(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	for step := range 10 {
		run.Log(step, "loss", 100)
	}
	run.Flush()
	b := board(t, folder)
	f := b.shown()[0]
	f.xs, f.ys = nil, nil // drawn
	run.Resume(5)
	for step := 5; step < 7; step++ {
		run.Log(step, "loss", 1)
	}
	run.Flush()
	update(t, b)
	if want := []float64{100, 100, 100, 100, 100, 1, 1}; !f.anew || !slices.Equal(f.ys, want) {
		t.Errorf("drawn anew: %t, %v; want %v", f.anew, f.ys, want)
	}
}

func TestBoardIsBounded(t *testing.T) {
	folder := Open(t.TempDir())
	for i := range maxFollowed + 5 {
		run := begin(t, folder, "x", config{Width: i})
		if i > 0 {
			run.End(nil) // the oldest is at work
		}
	}
	b := board(t, folder, "x")
	if n := len(b.shown()); n != maxFollowed || b.left != 5 || !strings.Contains(b.String(), "not shown: 5 older runs") {
		t.Errorf("%d runs on the board, %d not; want %d and 5", n, b.left, maxFollowed)
	}
	if b.over() {
		t.Error("the run at work has lost its place to one that has ended")
	}
}

func TestPaceOfARun(t *testing.T) {
	for name, c := range map[string]struct {
		params []Param
		epoch  float64
		total  int
		left   time.Duration
	}{
		"steps":   {[]Param{{"Train.MaxSteps", "int", "1000"}}, 0, 1000, 90 * time.Second},
		"epochs":  {[]Param{{"Epochs", "int", "4"}}, 1, 0, 30 * time.Second},
		"neither": {nil, 0, 0, 0},
	} {
		f := &followed{agg: &aggregate{}, sum: Summary{State: Running, Params: c.params}}
		for step := range 101 { // ten in a second
			p := point{"loss", step, int64(step) * int64(100*time.Millisecond), math.Float64bits(1)}
			f.agg.point(0, p)
			f.take(p, "loss", true)
		}
		if c.epoch > 0 {
			f.agg.point(0, point{"epoch", 100, 0, math.Float64bits(c.epoch)})
		}
		f.sum.Metrics = f.agg.Summary.Metrics
		total, rate, left := f.pace()
		if total != c.total || math.Abs(rate-10) > 1e-9 || left.Round(time.Millisecond) != c.left {
			t.Errorf("%s: %d steps, %v a second, %v left; want %d, 10, %v", name, total, rate, left, c.total, c.left)
		}
	}
}

// A page keeps what a cell shows.
type pageSink struct {
	mu   sync.Mutex
	last map[string]frame.Bundle // by display ID
	came chan struct{}
}

func (p *pageSink) Send(f frame.Frame) error {
	var b frame.Bundle
	if err := f.Decode(&b); err != nil {
		return err
	}
	p.mu.Lock()
	p.last[b.DisplayID] = b
	p.mu.Unlock()
	select {
	case p.came <- struct{}{}:
	default:
	}
	return nil
}

// shows returns the HTML of the tables and the charts on the page, and whether any is live.
func (p *pageSink) shows() (tables, charts []string, live bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.last {
		if table, ok := b.Data["text/html"].(string); ok {
			tables = append(tables, table)
		}
		if spec, ok := b.Data[chart.MIME].(map[string]any); ok {
			charts = append(charts, fmt.Sprint(b.Data["text/plain"]))
			live = live || spec["live"] == true
		}
	}
	return tables, charts, live
}

func TestWatchLeavesAPicture(t *testing.T) {
	for name, interrupt := range map[string]bool{"interrupted": true, "ended": false} {
		t.Run(name, func(t *testing.T) {
			folder := Open(t.TempDir())
			t.Setenv("LATHE_WORKLOG", folder.Path())
			run := begin(t, folder, "x", config{Width: 1})
			sink := &pageSink{last: map[string]frame.Bundle{}, came: make(chan struct{}, 1)}
			frame.Attach(sink)
			defer frame.Attach(nil)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b, err := NewBoard(folder)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- b.Show(ctx) }()
			for step := range 10 {
				run.Log(step, "loss", float64(step))
			}
			run.Flush()
			for live := false; !live; _, _, live = sink.shows() {
				select {
				case <-sink.came:
				case <-time.After(30 * time.Second):
					t.Fatal("no live chart is shown")
				}
			}
			if interrupt {
				cancel()
			} else {
				run.End(nil)
			}
			if err := <-done; errors.Is(err, context.Canceled) != interrupt || err != nil && !interrupt {
				t.Errorf("it ended with %v", err)
			}
			tables, charts, live := sink.shows()
			state := map[bool]string{true: "running", false: "finished"}[interrupt]
			if len(tables) != 1 || !strings.Contains(tables[0], state) || len(charts) != 1 || live || !strings.Contains(charts[0], "x "+shortID(run.Summary())) {
				t.Errorf("what is left: live %t, %d tables, charts %q\n%s", live, len(tables), charts, tables)
			}
		})
	}
}

// BenchmarkBoard has 50 runs of 100,000 points each on the board: what a look costs that finds nothing
// new, and one that finds ten points of each.
func BenchmarkBoard(b *testing.B) {
	folder := Open(b.TempDir())
	var runs []*Run
	for i := range maxFollowed {
		run := Start("long", config{Width: i}, In(folder))
		for step := range 100_000 {
			run.Log(step, "loss", math.Sin(float64(step)/1000)+2)
		}
		run.Flush()
		defer run.End(nil)
		runs = append(runs, run)
	}
	start := time.Now()
	followed := board(b, folder)
	b.Logf("the first look: %v", time.Since(start))
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
			update(b, followed)
		}
	})
	b.Run("500 points", func(b *testing.B) {
		step := 100_000
		for b.Loop() {
			b.StopTimer()
			for range 10 {
				for _, run := range runs {
					run.Log(step, "loss", 1)
				}
				step++
			}
			for _, run := range runs {
				run.Flush()
			}
			b.StartTimer()
			update(b, followed)
		}
	})
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			followed.HTML()
		}
	})
}
