package worklog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
)

var _ metric.Recorder = (*Run)(nil)

type config struct {
	Width int
	LR    float64
	Seed  int64
}

// begin starts a run in folder that fails the test if it cannot be written.
func begin(t *testing.T, folder *Folder, name string, params any, opts ...Option) *Run {
	t.Helper()
	opts = append([]Option{In(folder), OnLoss(func(err error) { t.Errorf("loss: %v", err) })}, opts...)
	r := Start(name, params, opts...)
	t.Cleanup(func() { r.End(nil) })
	return r
}

// only returns the one run in folder, read anew.
func only(t *testing.T, folder *Folder) *Run {
	t.Helper()
	runs, err := folder.Runs()
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, error %v; want one", len(runs), err)
	}
	return runs[0]
}

func TestARunComesBack(t *testing.T) {
	folder := Open(t.TempDir())
	data := filepath.Join(t.TempDir(), "model.ckpt")
	if err := os.WriteFile(data, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	values := []float64{1, math.NaN(), math.Inf(1), math.Copysign(0, -1), 0.1}
	run := begin(t, folder, "mlp", config{64, 1e-3, 1<<53 + 1}, Tags("base"), Why("to see"), Backend("xla:cpu"))
	for step, v := range values {
		run.Log(step*10, "train/loss", v)
	}
	run.LogMany(40, map[string]float64{"valid/loss": 2, "valid/acc": 0.5})
	run.File(data)
	run.Data("digits", "09f6")
	run.Note("a remark")
	run.Verdict("worse")
	run.End(nil)

	read := only(t, folder)
	s := read.Summary()
	if s.State != Finished || s.Name != "mlp" || s.Type != "config" || *s.Seed != 1<<53+1 || s.Verdict != "worse" {
		t.Errorf("summary: %+v", s)
	}
	if len(s.Notes) != 2 || s.Notes[0].Text != "to see" || s.Notes[1].Text != "a remark" || !slices.Equal(s.Tags, []string{"base"}) {
		t.Errorf("notes %v, tags %v", s.Notes, s.Tags)
	}
	if len(s.Files) != 1 || s.Files[0].Size != 3 || !strings.HasPrefix(s.Files[0].SHA256, "ba7816bf8f01cfea") {
		t.Errorf("files: %+v", s.Files)
	}
	if s.Env.Facts["backend"] != "xla:cpu" || s.Env.Go == "" || s.Data[0] != (Data{"digits", "09f6"}) {
		t.Errorf("env %+v, data %+v", s.Env, s.Data)
	}
	if p, ok := s.Param("LR"); !ok || p != (Param{"LR", "float64", "0.001"}) {
		t.Errorf("LR: %+v", p)
	}
	points, err := read.Points("train/loss")
	if err != nil || len(points) != len(values) {
		t.Fatalf("%d points, error %v", len(points), err)
	}
	for i, p := range points {
		if math.Float64bits(p.Value) != math.Float64bits(values[i]) || p.Step != i*10 || time.Since(p.Time) > time.Minute {
			t.Errorf("point %d: %+v, want %v", i, p, values[i])
		}
	}
	m, _ := s.Metric("train/loss")
	if m.Count != 5 || m.NonFinite != 2 || m.Last != (Value{40, 0.1}) || m.Max != (Value{0, 1}) || m.Min.Step != 30 {
		t.Errorf("series: %+v", m)
	}
}

func TestStates(t *testing.T) {
	for _, c := range []struct {
		err  error
		want State
	}{{nil, Finished}, {errors.New("boom"), Failed}, {fmt.Errorf("fit: %w", context.Canceled), Interrupted}} {
		folder := Open(t.TempDir())
		run := begin(t, folder, "x", nil)
		if got := only(t, folder).Summary().State; got != Running {
			t.Errorf("before the end: %s", got)
		}
		run.End(c.err)
		run.End(errors.New("again"))
		if got := only(t, folder).Summary().State; got != c.want {
			t.Errorf("End(%v): %s, want %s", c.err, got, c.want)
		}
	}
}

func TestLostIsWhatTheProcessSays(t *testing.T) {
	here, now := self(), time.Now()
	dead := here
	dead.Born = "1"
	elsewhere := owner{Host: "other", Boot: "b", PID: 1, Born: "1"}
	for _, c := range []struct {
		name  string
		owner owner
		last  time.Time
		want  bool
	}{
		{"this process, long silent", here, now.Add(-time.Hour), here.Born != ""},
		{"its number in another process", dead, now, here.Born == ""},
		{"elsewhere, fresh", elsewhere, now.Add(-time.Second), true},
		{"elsewhere, silent", elsewhere, now.Add(-time.Minute), false},
	} {
		if got := c.owner.alive(here, c.last, now); got != c.want {
			t.Errorf("%s: alive %v, want %v", c.name, got, c.want)
		}
	}
}

func TestResumeVoidsWhatCameAfterTheCheckpoint(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	log := func(r *Run, from, to int, value float64) {
		for step := from; step < to; step++ {
			r.Log(step, "loss", value)
		}
	}
	log(run, 0, 10, 1)
	run.End(context.Canceled)
	again := only(t, folder)
	again.Resume(6)
	log(again, 6, 12, 2)
	again.Resume(11) // while it is open
	log(again, 11, 13, 3)
	again.End(nil)
	points, err := only(t, folder).Points("loss")
	if err != nil {
		t.Fatal(err)
	}
	for step, p := range points {
		want := []float64{1, 2, 3}[map[bool]int{true: 1}[step >= 6]+map[bool]int{true: 1}[step >= 11]]
		if p.Step != step || p.Value != want {
			t.Errorf("point %d: step %d value %v, want %v", step, p.Step, p.Value, want)
		}
	}
	s := only(t, folder).Summary()
	m, _ := s.Metric("loss")
	if len(points) != 13 || m.Count != 13 || s.Lives != 3 || s.State != Finished || m.Min.Value != 1 || m.Last.Value != 3 {
		t.Errorf("%d points, series %+v, lives %d, %s", len(points), m, s.Lives, s.State)
	}
}

func TestLoggingAfterTheEndGoesOn(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	run.Log(0, "loss", 1)
	run.End(nil)
	run.Log(1, "loss", 2)
	if s := run.Summary(); s.State != Running || s.Points != 2 {
		t.Errorf("%s with %d points, want running with 2", s.State, s.Points)
	}
}

func TestOneWriterForEachRun(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	var loss error
	other := only(t, folder)
	other.report = func(err error) { loss = err }
	other.Log(0, "loss", 1)
	if !errors.Is(loss, errBusy) {
		t.Errorf("a second writer: %v, want %v", loss, errBusy)
	}
	remark := only(t, folder)
	remark.Verdict("good")
	if err := remark.Err(); err != nil {
		t.Errorf("a remark beside the writer: %v", err)
	}
	run.Log(0, "loss", 2)
	run.End(nil)
	if s := only(t, folder).Summary(); s.Verdict != "good" || s.Points != 1 || s.Damage != 0 {
		t.Errorf("%+v", s)
	}
}

func TestARemarkDoesNotProlongARun(t *testing.T) {
	folder := Open(t.TempDir())
	begin(t, folder, "x", nil).End(nil)
	before := only(t, folder).Summary()
	time.Sleep(5 * time.Millisecond)
	only(t, folder).Note("later")
	after := only(t, folder).Summary()
	if after.Duration != before.Duration || len(after.Notes) != 1 || after.State != Finished {
		t.Errorf("before %v, after %v, %d notes, %s", before.Duration, after.Duration, len(after.Notes), after.State)
	}
}

func TestNilRunRecordsNothing(t *testing.T) {
	var r *Run
	r.Log(0, "loss", 1)
	r.LogMany(0, map[string]float64{"a": 1})
	r.Note("n")
	r.Resume(3)
	r.File("nowhere")
	r.Flush()
	r.End(nil)
	if r.Previous() != nil || r.Err() != nil || r.ID() != "" || r.Summary().Points != 0 {
		t.Error("a nil run remembers something")
	}
}

func TestManyRunsInOneFolderAtOnce(t *testing.T) {
	folder := Open(t.TempDir())
	const runs, steps = 8, 3000
	var group sync.WaitGroup
	for n := range runs {
		run := begin(t, folder, "x", config{Width: n})
		group.Go(func() {
			for step := range steps {
				run.Log(step, "loss", float64(n))
			}
			run.End(nil)
		})
		group.Go(func() {
			if _, err := folder.Runs(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := folder.Runs()
	if err != nil || len(list) != runs {
		t.Fatalf("%d runs, error %v", len(list), err)
	}
	for _, r := range list {
		s := r.Summary()
		width, _ := s.Param("Width")
		m, _ := s.Metric("loss")
		if m.Count != steps || fmt.Sprint(m.Min.Value) != width.Value || m.Max != (Value{0, m.Min.Value}) || s.State != Finished {
			t.Errorf("run %s of width %s: %+v", r.ID(), width.Value, m)
		}
	}
}

// reachOf returns, for each byte of a log, how many points stand in records that end at or before it.
func reachOf(t *testing.T, path string, size int) []int {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ends, points := map[int64]int{}, 0
	var offset int64
	err = eachRecord(file, &offset, func(_ int64, kind byte, payload []byte) error {
		if kind == kindPoints {
			if err := decodePoints(payload, func(point) { points++ }); err != nil {
				return err
			}
		}
		ends[offset] = points
		return nil
	})
	if err != nil || offset != int64(size) {
		t.Fatalf("%d of %d bytes are read, error %v", offset, size, err)
	}
	reach := make([]int, size+1)
	for at := 1; at < len(reach); at++ {
		reach[at] = max(reach[at-1], ends[int64(at)])
	}
	return reach
}

func TestDamageLeavesTheLongestPrefix(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", config{Width: 3})
	for step := range 40 {
		run.Log(step, "loss", float64(step))
		if step%4 == 3 {
			run.Flush()
		}
	}
	run.End(nil)
	whole, err := os.ReadFile(run.Path())
	if err != nil {
		t.Fatal(err)
	}
	reach := reachOf(t, run.Path(), len(whole))
	check := func(what string, content []byte, want int) {
		t.Helper()
		agg, err := condense(bytes.NewReader(content), int64(len(content)), nil)
		if err != nil && (!errors.Is(err, errEmpty) || want > 0) {
			t.Fatalf("%s: %v", what, err)
		}
		if agg.Summary.Points != want {
			t.Fatalf("%s: %d points, want %d", what, agg.Summary.Points, want)
		}
	}
	for at := range len(whole) + 1 {
		check(fmt.Sprintf("cut at %d", at), whole[:at], reach[at])
	}
	for at := range whole {
		for bit := range 8 {
			whole[at] ^= 1 << bit
			check(fmt.Sprintf("bit %d of byte %d flipped", bit, at), whole, reach[at])
			whole[at] ^= 1 << bit
		}
	}
}

// TestDamageOnTheDisk cuts a log, and flips bits, in its file at many places, and goes on with what is left.
func TestDamageOnTheDisk(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", config{Width: 3})
	for step := range 12 {
		run.Log(step, "loss", lossAt(step))
		run.Flush()
	}
	run.End(nil)
	whole, err := os.ReadFile(run.Path())
	if err != nil {
		t.Fatal(err)
	}
	reach := reachOf(t, run.Path(), len(whole))
	goOn := func(content []byte, points int) error {
		if err := os.WriteFile(run.Path(), content, 0o600); err != nil {
			return err
		}
		read, err := folder.Load(run.ID())
		if errors.Is(err, ErrEmpty) && points == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		before := read.Summary()
		read.report = func(error) {}
		read.Note("after the damage")
		read.Resume(points)
		read.Log(points, "loss", lossAt(points))
		read.End(nil)
		if err := read.Err(); err != nil {
			return err
		}
		again, err := folder.Load(run.ID())
		if err != nil {
			return err
		}
		s := again.Summary()
		if before.Points != points || s.Points != points+1 || s.State != Finished || s.Damage != 0 || len(s.Notes) != 1 {
			return fmt.Errorf("%d points of %d before; %d after, %s, %d bytes damaged, %d notes", before.Points, points, s.Points, s.State, s.Damage, len(s.Notes))
		}
		all, err := again.Points("loss")
		for step, p := range all {
			if p.Step != step || p.Value != lossAt(step) {
				return fmt.Errorf("point %d is %+v", step, p)
			}
		}
		return err
	}
	const step = 13
	for at := 0; at <= len(whole); at += step {
		if err := goOn(whole[:at], reach[at]); err != nil {
			t.Fatalf("cut at %d of %d: %v", at, len(whole), err)
		}
	}
	for at := 0; at < len(whole); at += step {
		flipped := slices.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		if err := goOn(flipped, reach[at]); err != nil {
			t.Fatalf("a bit of byte %d of %d flipped: %v", at, len(whole), err)
		}
	}
}

func TestAnnotatingADamagedLogKeepsWhatItCuts(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	run.Log(0, "loss", 1)
	run.End(nil)
	file, err := os.OpenFile(run.Path(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("garbage"); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if s := only(t, folder).Summary(); s.Damage != 7 || s.Points != 1 {
		t.Errorf("damage %d, points %d", s.Damage, s.Points)
	}
	only(t, folder).Verdict("kept")
	if s := only(t, folder).Summary(); s.Verdict != "kept" || s.Damage != 0 || s.Points != 1 {
		t.Errorf("%+v", s)
	}
	aside, _ := filepath.Glob(run.Path() + ".damaged-*")
	if len(aside) != 1 {
		t.Fatalf("%d files aside, want 1", len(aside))
	}
	if content, _ := os.ReadFile(aside[0]); string(content) != "garbage" {
		t.Errorf("kept %q", content)
	}
}

type Configᵛ12 struct{}

func TestTypeNamesLoseTheVersionMark(t *testing.T) {
	if got := describe(Configᵛ12{}); got != "Config" {
		t.Errorf("got %q, want Config", got)
	}
	if got := describe(&Configᵛ12{}); got != "Config" {
		t.Errorf("got %q, want Config", got)
	}
}

func TestNumbersComeBackExactly(t *testing.T) {
	for _, f := range []float64{0.1, math.Copysign(0, -1), math.MaxFloat64, math.Inf(-1), 1e-320} {
		p := leaves(f)[0]
		if got, ok := p.Float(); !ok || math.Float64bits(got) != math.Float64bits(f) {
			t.Errorf("%v came back as %v", f, got)
		}
	}
	for _, n := range []int64{math.MinInt64, math.MaxInt64, 1<<53 + 1} {
		if got, ok := leaves(n)[0].Int(); !ok || got != n {
			t.Errorf("%d came back as %d", n, got)
		}
	}
	if got, ok := leaves(math.NaN())[0].Float(); !ok || !math.IsNaN(got) {
		t.Errorf("NaN came back as %v", got)
	}
}
