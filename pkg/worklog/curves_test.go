package worklog

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
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
