package worklog

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/metric"
)

func TestEMA(t *testing.T) {
	nan := math.NaN()
	got := ema([]float64{4, nan, 4, 4}, 0.9)
	for i, want := range []float64{4, nan, 4, 4} {
		if math.Abs(got[i]-want) > 1e-12 || math.IsNaN(got[i]) != math.IsNaN(want) {
			t.Errorf("a constant at %d: %v, want %v", i, got[i], want)
		}
	}
	// Of 0, 1, 1, ... the average after n ones is (1-w^n)/(1-w^(n+1)).
	steps := make([]float64, 50)
	for i := range steps[1:] {
		steps[i+1] = 1
	}
	for n, got := range ema(steps, 0.8) {
		want := (1 - math.Pow(0.8, float64(n))) / (1 - math.Pow(0.8, float64(n+1)))
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("after %d: %v, want %v", n, got, want)
		}
	}
}

// resumed makes a run whose steps 5 to 9 were done twice.
func resumed(t *testing.T) List {
	folder := Open(t.TempDir())
	run := begin(t, folder, "mlp", nil)
	for step := range 10 {
		run.Log(step, "epoch", float64(step)/5)
		run.Log(step, "loss", 100)
	}
	run.Resume(5)
	for step := 5; step < 12; step++ {
		run.Log(step, "epoch", float64(step)/5)
		run.Log(step, "loss", float64(step))
	}
	run.End(nil)
	runs, err := folder.Runs()
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func seriesOf(t *testing.T, o map[string]any) []map[string]any {
	data, err := json.Marshal(o["series"])
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCurvesLeaveOutWhatResumeTookBack(t *testing.T) {
	runs := resumed(t)
	plain := seriesOf(t, runs.Curves("loss").Option())
	if len(plain) != 1 || len(plain[0]["data"].([]any)) != 12 {
		t.Fatalf("%v, want one series of 12 points", plain)
	}
	all := seriesOf(t, runs.Curves("loss", Smooth(0.5), Ghosts()).Option())
	if len(all) != 3 {
		t.Fatalf("%d series, want the curve, its average and its ghost", len(all))
	}
	ghost := all[2]
	if n := len(ghost["data"].([]any)); n != 5 || ghost["lineStyle"].(map[string]any)["type"] != "dashed" {
		t.Errorf("the ghost is %v", ghost)
	}
	if all[0]["lineStyle"].(map[string]any)["color"] != ghost["lineStyle"].(map[string]any)["color"] {
		t.Error("the ghost has another colour than its run")
	}
	epochs := seriesOf(t, runs.Curves("loss", By(ByEpoch)).LogY().Option())[0]["data"].([]any)
	if last := epochs[11].([]any)[0].(float64); last != 2.2 {
		t.Errorf("the last point lies at epoch %v, want 2.2", last)
	}
	if text := runs.Curves("loss", Smooth(1)).String(); !strings.Contains(text, "not smoothed") {
		t.Errorf("a weight of 1 is taken: %s", text)
	}
}

func TestCurvesOfManyPointsKeepWhatTells(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "long", nil)
	for step := range 100_000 {
		v := math.Sin(float64(step))
		switch step {
		case 33_333:
			v = 50
		case 44_444:
			v = math.NaN()
		case 55_555:
			v = -50
		}
		run.Log(step, "loss", v)
	}
	run.End(nil)
	runs, _ := folder.Runs()
	at := map[any]any{}
	data := seriesOf(t, runs.Curves("loss").Option())[0]["data"].([]any)
	for _, p := range data {
		at[p.([]any)[0]] = p.([]any)[1]
	}
	_, first := at[0.0]
	_, last := at[99_999.0]
	hole, marked := at[44_444.0]
	if len(data) > 4000 || !first || !last || at[33_333.0] != 50.0 || at[55_555.0] != -50.0 || hole != nil || !marked {
		t.Errorf("of 100,000 points %d are left, without one that tells", len(data))
	}
}

// BenchmarkCurvesMillion takes the log of one run with 1,000,000 points of a metric to the JSON that a
// page gets, text included; the picture is not drawn.
func BenchmarkCurvesMillion(b *testing.B) {
	folder := Open(b.TempDir())
	run := Start("long", nil, In(folder))
	for step := range 1_000_000 {
		run.Log(step, "loss", math.Sin(float64(step)/1000)+2)
	}
	run.End(nil)
	runs, err := folder.Runs()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := json.Marshal(runs.Curves("loss").MIMEBundle()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDiffPutsTheLikeliestCauseFirst(t *testing.T) {
	type settings struct {
		Seed, Workers int
		Optimizer     struct{ LR float64 }
	}
	folder := Open(t.TempDir())
	a := begin(t, folder, "x", settings{Seed: 1, Workers: 1}, Backend("cpu"))
	a.Data("digits", "aa")
	next := settings{Seed: 2, Workers: 2}
	next.Optimizer.LR = 1
	b := begin(t, folder, "x", next, Backend("gpu"))
	b.Data("digits", "bb")
	b.Log(0, "loss", 1)
	var got []string
	for _, c := range Diff(a, b).List {
		got = append(got, c.Path)
	}
	if want := "digits Optimizer.LR Workers Seed backend loss"; strings.Join(got, " ") != want {
		t.Errorf("the order is %q, want %q", got, want)
	}
}

func TestParallelChoosesItsAxes(t *testing.T) {
	type settings struct {
		LR    float64
		Norm  string
		Width int
		Same  int
	}
	folder := Open(t.TempDir())
	for i, s := range []settings{{1e-5, "none", 16, 3}, {1e-2, "batch", 32, 3}, {1, "none", 64, 3}} {
		run := begin(t, folder, "x", s)
		run.Log(0, "valid/loss", float64(i))
		run.End(nil)
	}
	begin(t, folder, "x", settings{}).End(nil) // without the metric
	runs, _ := folder.Runs()
	c := runs.Parallel("valid/loss")
	if err := c.Err(); err != nil {
		t.Fatal(err)
	}
	o := c.Option()
	if n := len(seriesOf(t, o)[0]["data"].([]any)); n != 3 {
		t.Errorf("%d lines, want 3", n)
	}
	var got []string
	for _, a := range o["parallelAxis"].([]any) {
		kind, _ := a.(map[string]any)["type"].(string)
		got = append(got, a.(map[string]any)["name"].(string)+":"+kind)
	}
	if want := "LR:log Norm:category Width: valid/loss:"; strings.Join(got, " ") != want {
		t.Errorf("axes %q, want %q", got, want)
	}
}

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// recorded makes two runs that are always the same: one that was resumed and counts its epochs and FLOPs,
// and one that has a fact of them.
func recorded(t *testing.T) List {
	folder := Open(t.TempDir())
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, id := range []metric.RunID{"20260301-120000-aaaaaa", "20260301-130000-bbbbbb"} {
		s := Summary{ID: id, Name: "mlp", State: Finished, Began: began, Ended: began.Add(time.Minute),
			Params: []Param{{"LR", "float64", []string{"0.1", "0.0001"}[i]}, {"Norm", "string", []string{"batch", "none"}[i]}, {"Width", "int", "64"}}}
		if i == 1 {
			s.Env.Facts = map[string]string{"flops/step": "2.5e6"}
		}
		var points []metric.Point
		for step := range 6 {
			when := began.Add(time.Duration(step) * time.Second)
			points = append(points, metric.Point{Name: "valid/loss", Step: step, Time: when, Value: 1 / float64(step+i+1)})
			if i == 0 && step%2 == 0 {
				points = append(points, metric.Point{Name: "epoch", Step: step, Time: when, Value: float64(step) / 4},
					metric.Point{Name: "flops", Step: step, Time: when, Value: 1e6 * float64(step)})
			}
		}
		if _, err := folder.Add(s, points); err != nil {
			t.Fatal(err)
		}
		began = began.Add(time.Hour)
	}
	runs, err := folder.Runs()
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// outline returns of an option what a chart of this package decides; colours, places and sizes are those
// of package chart.
func outline(t *testing.T, o map[string]any) string {
	t.Helper()
	out := map[string]any{}
	for part, keys := range map[string][]string{
		"title": {"text", "subtext"}, "legend": {"data", "type"}, "xAxis": {"name", "type"}, "yAxis": {"name", "type"},
		"parallelAxis": {"name", "dim", "type", "data"}, "series": {"name", "type", "data", "lineStyle"},
	} {
		if o[part] == nil {
			continue
		}
		var whole any
		data, err := json.Marshal(o[part])
		if err == nil {
			err = json.Unmarshal(data, &whole)
		}
		if err != nil {
			t.Fatal(err)
		}
		list, ok := whole.([]any)
		if !ok {
			list = []any{whole}
		}
		var kept []any
		for _, v := range list {
			m := map[string]any{}
			for _, key := range keys {
				if have, ok := v.(map[string]any)[key]; ok {
					m[key] = have
				}
			}
			kept = append(kept, m)
		}
		out[part] = kept
	}
	data, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + "\n"
}

func TestChartsHaveTheirOptions(t *testing.T) {
	_, source, _, _ := runtime.Caller(0) // tests run in another folder
	runs := recorded(t)
	for name, c := range map[string]*chart.Chart{
		"steps":    runs.Curves("valid/loss"),
		"smooth":   runs.Curves("valid/loss", Smooth(0.5)).LogX().LogY(),
		"time":     runs.Curves("valid/loss", By(ByTime)),
		"clock":    runs.Curves("valid/loss", By(ByClock)),
		"epochs":   runs.Curves("valid/loss", By(ByEpoch)),
		"flops":    runs.Curves("valid/loss", By(ByFLOPs)).LogX(),
		"parallel": runs.Parallel("valid/loss"),
	} {
		if err := c.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, path := outline(t, c.Option()), filepath.Join(filepath.Dir(source), "testdata", name+".json")
		if *updateGolden {
			if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what %s says; look at it and run the test with -update:\n%s", name, path, got)
		}
	}
}
