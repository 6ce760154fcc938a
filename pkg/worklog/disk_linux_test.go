package worklog

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const apartEnv = "WORKLOG_TEST_APART"

// apart runs the test that calls it once more, in a process with mounts of its own, and reports whether this is that
// process.
func apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(apartEnv) == t.Name() {
		if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
			t.Skipf("mounts cannot be kept apart here: %v", err)
		}
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), apartEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState == nil:
		t.Skipf("a process with mounts of its own cannot be started here: %v", err)
	case err != nil:
		t.Errorf("%v:\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("the test did not run:\n%s", out)
	}
	return false
}

// disk mounts a file system of so many bytes and returns its folder. It goes with the process.
func disk(t *testing.T, size string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("worklog", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// losses counts reports.
func losses(list *[]error) Option { return OnLoss(func(err error) { *list = append(*list, err) }) }

// wantOne checks that one report was made, of the given kind.
func wantOne(t *testing.T, reports []error, kind error) {
	t.Helper()
	if len(reports) != 1 || !errors.Is(reports[0], kind) {
		t.Errorf("reports %v, want one of %q", reports, kind)
	}
}

// fill fills the disk that a file lies on to the last byte.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 16; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

func TestADiskThatIsFull(t *testing.T) {
	if !apart(t) {
		return
	}
	dir := disk(t, "256k")
	folder, filler := Open(filepath.Join(dir, "worklog")), filepath.Join(dir, "filler")
	old := begin(t, folder, "old", nil)
	old.End(nil)
	var reports []error
	run := Start("x", config{Width: 1}, In(folder), losses(&reports))
	const flushed = 1000
	for step := range flushed {
		run.Log(step, "loss", lossAt(step))
	}
	run.Flush()
	fill(t, filler)
	logged := flushed
	for range 20 {
		for range 1000 {
			run.Log(logged, "loss", lossAt(logged))
			logged++
		}
		run.Flush()
		run.Note("while it is full")
	}
	wantOne(t, reports, syscall.ENOSPC)
	if s := run.Summary(); s.State != Running || s.Damage != 0 || s.Points < flushed || s.Points == logged {
		t.Errorf("%s, %d bytes damaged, %d points of %d", s.State, s.Damage, s.Points, logged)
	}

	var others []error
	old.report = func(err error) { others = append(others, err) }
	old.Note(strings.Repeat("a long note ", 10_000))
	wantOne(t, others, syscall.ENOSPC)
	if s := old.Summary(); s.Damage != 0 || len(s.Notes) != 0 {
		t.Errorf("%d bytes of a note that did not fit are left, %d notes", s.Damage, len(s.Notes))
	}
	others = nil
	Start("new", nil, In(folder), losses(&others)).End(nil)
	wantOne(t, others, syscall.ENOSPC)

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	run.Log(logged, "loss", lossAt(logged))
	logged++
	run.End(nil)
	wantOne(t, reports, syscall.ENOSPC)
	s := run.Summary()
	if s.State != Finished || s.Damage != 0 || s.Points+s.Lost != logged || s.Points <= flushed || len(s.Notes) != 20 {
		t.Errorf("%s, %d bytes damaged, %d points and %d lost of %d, %d notes", s.State, s.Damage, s.Points, s.Lost, logged, len(s.Notes))
	}
	points, err := run.Points("loss")
	if err != nil || points[len(points)-1].Step != logged-1 {
		t.Errorf("%d points, error %v", len(points), err)
	}
	for i, p := range points {
		if i < flushed && p.Step != i || p.Value != lossAt(p.Step) {
			t.Fatalf("point %d is %+v", i, p)
		}
	}
}

func TestADiskThatCannotBeWritten(t *testing.T) {
	if !apart(t) {
		return
	}
	dir := disk(t, "1m")
	folder := Open(filepath.Join(dir, "worklog"))
	var reports []error
	run := Start("x", config{Width: 1}, In(folder), losses(&reports))
	for step := range 100 {
		run.Log(step, "loss", lossAt(step))
	}
	run.End(nil)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("it cannot be made read-only: %v", err)
	}
	for step := 100; step < 200; step++ {
		run.Log(step, "loss", lossAt(step))
	}
	run.Note("n")
	run.Flush()
	run.End(nil)
	wantOne(t, reports, syscall.EROFS)
	wantCurve(t, run, 100)

	reports = nil
	next := Start("y", nil, In(folder), losses(&reports))
	next.Log(0, "loss", 1)
	next.Verdict("v")
	next.End(nil)
	wantOne(t, reports, syscall.EROFS)

	read := only(t, folder)
	wantCurve(t, read, 100)
	reports = nil
	read.report = func(err error) { reports = append(reports, err) }
	read.Note("n")
	wantOne(t, reports, syscall.EROFS)
}

func TestPermissionLostInTheMiddle(t *testing.T) {
	if !apart(t) {
		return
	}
	dir := filepath.Join(t.TempDir(), "worklog")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	folder := Open(dir)
	var reports []error
	run := Start("x", config{Width: 1}, In(folder), losses(&reports))
	for step := range 100 {
		run.Log(step, "loss", lossAt(step))
	}
	run.Flush()
	lock := func() error { return os.Chmod(dir, 0) }
	if os.Getuid() == 0 { // for whom the bits of a folder mean nothing
		lock = func() error { return syscall.Seteuid(65534) }
		defer syscall.Seteuid(0)
	}
	if err := lock(); err != nil {
		t.Skipf("no permission can be lost here: %v", err)
	}
	defer os.Chmod(dir, 0o700)
	for step := 100; step < 200; step++ {
		run.Log(step, "loss", lossAt(step))
	}
	run.Flush()
	if len(reports) != 0 {
		t.Errorf("an open log cannot be written: %v", reports)
	}
	run.End(nil)
	for step := range 100 {
		run.Log(200+step, "loss", 0)
	}
	run.Note("n")
	run.End(nil)
	wantOne(t, reports, fs.ErrPermission)
	reports = nil
	next := Start("y", nil, In(folder), losses(&reports))
	next.Log(0, "loss", 1)
	next.End(nil)
	wantOne(t, reports, fs.ErrPermission)
	if _, err := folder.Runs(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the list of a folder that cannot be read: error %v", err)
	}
	if os.Getuid() == 0 {
		syscall.Seteuid(0)
	}
	os.Chmod(dir, 0o700)
	wantCurve(t, only(t, folder), 200)
	if s := only(t, folder).Summary(); s.State != Finished {
		t.Errorf("the run is %s", s.State)
	}
}
