package build

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// digestFile digests the file at path.
func digestFile(path string) (digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return digest{}, err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return digest{}, fmt.Errorf("read %s: %w", path, err)
	}
	return digest{size, hex.EncodeToString(h.Sum(nil))}, nil
}

// lock takes the lock file at path, so that two set-ups do not work at the same thing.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// removeOld removes what killed builds left, and old base libraries: all but keep, those that are in
// use, and the newest others, on which a kernel may still run or which belong to a module.
func removeOld(root, keep string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return // nothing is lost but disk space
	}
	inUse := map[string]bool{keep: true}
	for _, forced := range []Strategy{"", Shared, Plugin} {
		if data, err := os.ReadFile(filepath.Join(root, currentFile(forced, ""))); err == nil {
			key, _, _ := strings.Cut(string(data), "\n")
			inUse[key] = true
		}
	}
	var others []os.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !e.IsDir() || inUse[e.Name()]:
		case strings.HasPrefix(e.Name(), "tmp-"):
			os.RemoveAll(filepath.Join(root, e.Name()))
		default:
			others = append(others, info)
		}
	}
	slices.SortFunc(others, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for i, info := range others {
		if i > 1 {
			os.RemoveAll(filepath.Join(root, info.Name()))
		}
	}
}

// writeFile writes a file so that it is whole or absent, also after a crash.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(tmp, path)
}

// firstLines cuts a tool's output.
func firstLines(out []byte, n int) string {
	lines := strings.SplitAfterN(strings.TrimSpace(string(out)), "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "")
}

// sortedKeys lists the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
