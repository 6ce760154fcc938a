package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// write writes a file.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// settle waits until files that were just written are known by their keys.
func settle() { time.Sleep(fresh + 50*time.Millisecond) }

// check asks for the digest of a file that holds text.
func check(t *testing.T, c *Cache, path, text string) {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	info, got, err := c.File(path)
	if err != nil || got != hex.EncodeToString(sum[:]) || info.Size() != int64(len(text)) {
		t.Errorf("%s: %s, error %v", path, got, err)
	}
}

func TestUnchangedFilesAreNotReadAgain(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("files are read each time on ", runtime.GOOS)
	}
	dir, shared := t.TempDir(), filepath.Join(t.TempDir(), "deep", "digests")
	const files = 1000
	name := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	for i := range files {
		write(t, name(i), fmt.Sprint("content ", i))
	}
	settle()
	first := OpenFile(shared)
	for i := range files {
		check(t, first, name(i), fmt.Sprint("content ", i))
	}
	begin := time.Now()
	again := OpenFile(shared) // as another process has it
	for i := range files {
		check(t, again, name(i), fmt.Sprint("content ", i))
	}
	t.Logf("%d files again in %v", files, time.Since(begin))
	if first.Hashed() != files || again.Hashed() != 0 {
		t.Errorf("%d and %d files read, want %d and 0", first.Hashed(), again.Hashed(), files)
	}
	// The same size and the same time do not make it the same file.
	info, _ := os.Stat(name(7))
	write(t, name(7), "content X")
	if err := os.Chtimes(name(7), time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	check(t, again, name(7), "content X")
	if again.Hashed() != 1 {
		t.Errorf("%d files read, want 1", again.Hashed())
	}
}

func TestAFileThatIsJustWrittenIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	c := OpenFile(filepath.Join(t.TempDir(), "digests"))
	for i := range 10 {
		text := fmt.Sprint(i)
		write(t, path, text)
		check(t, c, path, text)
	}
	if c.Hashed() != 10 {
		t.Errorf("read %d times, want 10", c.Hashed())
	}
}

func TestWhatIsWrittenBadlyIsPassedOver(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("files are read each time on ", runtime.GOOS)
	}
	path, shared := filepath.Join(t.TempDir(), "f"), filepath.Join(t.TempDir(), "digests")
	write(t, path, "text")
	settle()
	check(t, OpenFile(shared), path, "text")
	good, err := os.ReadFile(shared)
	if err != nil {
		t.Fatal(err)
	}
	read := func(content string, mode os.FileMode) int {
		t.Helper()
		if err := os.WriteFile(shared, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(shared, mode); err != nil {
			t.Fatal(err)
		}
		c := OpenFile(shared)
		check(t, c, path, "text")
		return c.Hashed()
	}
	if n := read("junk\n\n1 2\n"+string(good), 0o600); n != 0 {
		t.Errorf("after junk, %d files read, want 0", n)
	}
	for i := range len(good) {
		if n := read(string(good[:i]), 0o600); n != 1 {
			t.Fatalf("of a line cut at %d, the rest was believed", i)
		}
	}
	flipped := []byte(string(good))
	flipped[len(good)/2] ^= 1
	if n := read(string(flipped), 0o600); n != 1 {
		t.Error("a damaged line was believed")
	}
	if n := read(string(good), 0o666); n != 1 {
		t.Error("a file that anybody may write to was believed")
	}
	if n := read("", 0o600); n != 1 {
		t.Error("an empty file knew something")
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	dir, shared := t.TempDir(), filepath.Join(t.TempDir(), "digests")
	for i := range 50 {
		write(t, filepath.Join(dir, fmt.Sprint(i)), fmt.Sprint(i))
	}
	settle()
	var group sync.WaitGroup
	for range 4 {
		c := OpenFile(shared)
		group.Go(func() {
			for i := range 50 {
				check(t, c, filepath.Join(dir, fmt.Sprint(i)), fmt.Sprint(i))
			}
		})
	}
	group.Wait()
	c := OpenFile(shared)
	for i := range 50 {
		check(t, c, filepath.Join(dir, fmt.Sprint(i)), fmt.Sprint(i))
	}
	if runtime.GOOS == "linux" && c.Hashed() != 0 {
		t.Errorf("%d files read, want 0", c.Hashed())
	}
}

func TestWhatIsNoFile(t *testing.T) {
	c := OpenFile("")
	if _, _, err := c.File(t.TempDir()); err == nil {
		t.Error("a folder has a digest")
	}
	if _, _, err := c.File(filepath.Join(t.TempDir(), "gone")); err == nil {
		t.Error("a file that is gone has a digest")
	}
}
