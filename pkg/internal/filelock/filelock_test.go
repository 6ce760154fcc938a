package filelock

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestOneHolderAtATime(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		t.Skip("this system has no locks of this kind")
	}
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	a, b := open(), open()
	defer b.Close()
	if !Try(a) || Try(b) {
		t.Error("not exactly the first holds the lock")
	}
	a.Close()
	if !Try(b) {
		t.Error("the lock outlives its holder")
	}
}

func TestAFileThatIsDeleted(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		t.Skip("this system keeps the names of open files")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, want := range []bool{false, true} {
		info, err := file.Stat()
		if err != nil || Deleted(info) != want {
			t.Errorf("deleted: %v, error %v, want %v", !want, err, want)
		}
		os.Remove(file.Name())
	}
}
