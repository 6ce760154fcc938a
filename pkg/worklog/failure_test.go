package worklog

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// writerFolder, when set, makes this test binary a process that logs into that folder until it is killed.
const writerFolder = "WORKLOG_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerFolder); dir != "" {
		logForever(dir)
	}
	os.Exit(away(m))
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

// logForever tells on standard output, after each flush, how many points it logged.
func logForever(dir string) {
	run := Start("victim", config{Width: 1}, In(Open(dir)))
	for step := 0; ; step++ {
		run.Log(step, "loss", float64(step))
		if step%100 == 99 {
			run.Flush()
			fmt.Println(step + 1)
		}
	}
}

func TestKilledWriterLosesNothingThatWasFlushed(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		dir := t.TempDir()
		acknowledged := killAfter(t, dir, time.Duration(rng.IntN(150))*time.Millisecond)
		runs, err := Open(dir).Runs()
		if err != nil {
			t.Fatal(err)
		}
		if len(runs) == 0 {
			if acknowledged > 0 {
				t.Errorf("%d points were acknowledged, and there is no run", acknowledged)
			}
			continue
		}
		points, err := runs[0].Points("loss")
		if err != nil || len(points) < acknowledged {
			t.Errorf("%d points of %d acknowledged ones, error %v", len(points), acknowledged, err)
		}
		for step, p := range points {
			if p.Step != step || p.Value != float64(step) {
				t.Fatalf("point %d is %+v", step, p)
			}
		}
		if s := runs[0].Summary(); s.State != Lost {
			t.Errorf("the run of a killed process is %s", s.State)
		}
	}
}

// killAfter runs a writer for a while after its first word and returns the last count that it told.
func killAfter(t *testing.T, dir string, delay time.Duration) int {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerFolder+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if last == 0 {
			time.AfterFunc(delay, func() { cmd.Process.Kill() })
		}
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			last = n
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	return last
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
