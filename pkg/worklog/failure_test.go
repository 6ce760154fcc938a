package worklog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A helper is what this test binary does in place of its tests where the environment names it.
const helperEnv = "WORKLOG_TEST_HELPER"

var helpers = map[string]func(){"victim": victim, "kernel": kernel}

func TestMain(m *testing.M) {
	if help := helpers[os.Getenv(helperEnv)]; help != nil {
		help()
		return
	}
	os.Exit(away(m))
}

// helper returns a command that runs this test binary as a helper.
func helper(name string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), helperEnv+"="+name), env...)
	return cmd
}

// away runs the tests outside every repository, so that their runs keep nothing in this one.
func away(m *testing.M) int {
	dir, err := os.MkdirTemp("", "worklog-test-")
	if err == nil {
		err = os.Chdir(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	return m.Run()
}

// A fullDisk takes room bytes, then the beginning of one more write, and then nothing.
type fullDisk struct {
	*os.File
	room int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	n, err := d.File.Write(p[:min(len(p), d.room)])
	d.room -= n
	if err == nil && n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func TestAFullDiskStopsNothingAndIsReportedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	disk := &fullDisk{File: file, room: 2000}
	var reports []error
	w := newWriter(disk, func(err error) { reports = append(reports, err) })
	w.records = append(w.records, magic...)
	w.event(event{Start: &start{ID: "x"}, Life: &life{Owner: self()}})
	for step := range 1000 {
		w.log(step, "loss", 1)
		if step%100 == 99 {
			w.flush(false)
		}
	}
	if lost, _ := w.state(); len(reports) != 1 || !errors.Is(reports[0], syscall.ENOSPC) || lost == 0 || lost == 1000 {
		t.Fatalf("%d points lost, reports: %v", lost, reports)
	}
	w.event(event{Note: "while the disk is full"})
	w.flush(false)
	disk.room = 1 << 20 // somebody made room
	w.log(1000, "loss", 1)
	w.close()
	agg, err := summarize(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := agg.Summary; s.Points+s.Lost != 1001 || s.Points < 101 || s.Damage != 0 || len(s.Notes) != 1 {
		t.Errorf("%d points, %d lost, %d bytes damaged, %d notes", s.Points, s.Lost, s.Damage, len(s.Notes))
	}
}

func TestAFolderThatCannotBeMade(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var reports []error
	run := Start("x", config{}, In(Open(filepath.Join(blocked, "worklog"))), OnLoss(func(err error) { reports = append(reports, err) }))
	for step := range 10 {
		run.Log(step, "loss", 1)
	}
	run.Note("n")
	run.Flush()
	run.End(nil)
	run.Log(1, "loss", 1)
	run.Verdict("v")
	if len(reports) != 1 || run.Err() == nil || !strings.Contains(run.Err().Error(), "not a directory") {
		t.Errorf("reports %v, error %v", reports, run.Err())
	}
	if s := run.Summary(); s.Name != "x" {
		t.Errorf("%+v", s)
	}
}

func TestAFolderThatIsDeletedMeanwhile(t *testing.T) {
	for _, what := range []string{"the folder", "the log", "the log, replaced by a folder"} {
		folder := Open(filepath.Join(t.TempDir(), "worklog"))
		var reports []error
		run := Start("x", config{}, In(folder), OnLoss(func(err error) { reports = append(reports, err) }))
		run.Log(0, "loss", 1)
		run.Flush()
		run.Summary()
		var err error
		switch what {
		case "the folder":
			err = os.RemoveAll(folder.Path())
		case "the log":
			err = os.Remove(run.Path())
		default:
			err = errors.Join(os.Remove(run.Path()), os.Mkdir(run.Path(), 0o700))
		}
		if err != nil {
			t.Fatal(err)
		}
		for step := range 1000 {
			run.Log(step, "loss", 1)
			if step%100 == 0 {
				run.Flush()
			}
		}
		run.Note("n")
		run.End(nil)
		run.Log(1, "loss", 1)
		run.End(nil)
		if len(reports) != 1 || !errors.Is(reports[0], errDeleted) {
			t.Errorf("%s: reports %v, want one that it is deleted", what, reports)
		}
		if s := run.Summary(); s.Name != "x" || s.Points > 1 {
			t.Errorf("%s: %+v", what, s)
		}
		reports = nil
		next := Start("y", nil, In(folder), OnLoss(func(err error) { reports = append(reports, err) }))
		next.End(nil)
		if len(reports) != 0 || only(t, folder).Name() != "y" {
			t.Errorf("%s: the next run is not there: %v", what, reports)
		}
	}
}

// A clock may be set back while a run goes on, or between its lives.
func TestAClockThatGoesBack(t *testing.T) {
	const at = int64(1_700_000_000_000_000_000)
	second := int64(time.Second)
	log := []byte(magic)
	points := func(times ...int64) {
		var ps []point
		for _, time := range times {
			ps = append(ps, point{"loss", len(ps), time, 0})
		}
		log = new(pointEncoder).appendPoints(log, ps)
	}
	log = appendEvent(log, event{Time: at, Start: &start{ID: "x"}, Life: &life{}})
	points(at+10*second, at-3600*second, at-3599*second)
	log = appendEvent(log, event{Time: at - 3590*second, Life: &life{}})
	points(at-3580*second, at-3570*second)
	agg, err := condense(bytes.NewReader(log), int64(len(log)), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := agg.Summary
	if s.Points != 5 || s.Damage != 0 || s.Lives != 2 || s.Duration != 30*time.Second || s.Ended.Before(s.Began) {
		t.Errorf("%d points, %d bytes damaged, %d lives, took %v, from %v to %v", s.Points, s.Damage, s.Lives, s.Duration, s.Began, s.Ended)
	}
}

func TestPointsReachTheFileWithoutAFlush(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	run.Log(0, "loss", 1)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		agg, err := summarize(run.Path(), nil)
		if err == nil && agg.Summary.Points == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the point is not in the file after 5 s: %v", err)
		}
	}
}

func FuzzDecodePoints(f *testing.F) {
	var enc pointEncoder
	f.Add(enc.block([]point{{"loss", 3, 5000, 7}, {"acc", -1, 9000, 8}, {"loss", 4, 1000, 9}}))
	f.Add([]byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var got []point
		if decodePoints(payload, func(p point) { got = append(got, p) }) != nil {
			return
		}
		var again []point
		if err := decodePoints(enc.block(got), func(p point) { again = append(again, p) }); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i].name != again[i].name || got[i].step != again[i].step || got[i].bits != again[i].bits {
				t.Errorf("point %d: %+v became %+v", i, got[i], again[i])
			}
		}
	})
}

func BenchmarkLog(b *testing.B) {
	run := Start("bench", config{}, In(Open(b.TempDir())))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		run.Log(i, "loss", 0.5)
	}
	b.StopTimer()
	run.End(nil)
	if s := run.Summary(); s.Lost > 0 {
		b.Errorf("%d points lost", s.Lost)
	}
}

func BenchmarkLogManyOfFour(b *testing.B) {
	run := Start("bench", config{}, In(Open(b.TempDir())))
	values := map[string]float64{"a": 1, "b": 2, "c": 3, "d": 4}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		run.LogMany(i, values)
	}
	b.StopTimer()
	run.End(nil)
}

func BenchmarkListOfThousandRuns(b *testing.B) {
	folder := Open(b.TempDir())
	for i := range 1000 {
		run := Start("bench", config{Width: i}, In(folder))
		for step := range 50 {
			run.Log(step, "valid/loss", 1/float64(step+1))
		}
		run.End(nil)
	}
	if _, err := folder.Runs(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		runs, err := folder.Runs("Width<20")
		if err != nil || len(runs) != 20 {
			b.Fatal(len(runs), err)
		}
	}
}
