package pjrt

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"syscall"
)

// Progress is told how many bytes of how many have been fetched. It is called often, and only from
// within Install.
type Progress func(done, total int64)

// Install returns the plugin that Find finds. If there is none, or it is damaged, Install fetches one.
// Progress may be nil. Two processes that install at once wait for each other.
func Install(ctx context.Context, progress Progress) (Plugin, error) {
	p, err := Find(ctx)
	if err == nil || !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
		return p, err
	}
	w, err := wheelFor(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return Plugin{}, fmt.Errorf("pjrt: %w", err)
	}
	return w.install(ctx, progress)
}

// install fetches w and puts its library into its folder.
func (w wheel) install(ctx context.Context, progress Progress) (Plugin, error) {
	if progress == nil {
		progress = func(done, total int64) {}
	}
	dir, err := w.folder()
	if err != nil {
		return Plugin{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Plugin{}, fmt.Errorf("pjrt: %w", plain(err))
	}
	unlock, err := lock(filepath.Join(dir, ".lock"))
	if err != nil {
		return Plugin{}, fmt.Errorf("pjrt: %w", err)
	}
	defer unlock()
	p := Plugin{Path: filepath.Join(dir, w.library), Source: "lathe"}
	if w.quickCheck(p.Path) == nil {
		return p, nil // another process was faster
	}
	removeTemporary(dir)
	part := filepath.Join(dir, w.file+".part")
	if err := w.fetch(ctx, part, progress); err != nil {
		return Plugin{}, fmt.Errorf("pjrt: fetch %s: %w", w.file, plain(err))
	}
	if err := w.extract(ctx, part, p.Path); err != nil {
		return Plugin{}, fmt.Errorf("pjrt: unpack %s: %w", w.file, plain(err))
	}
	if err := w.writeManifest(p.Path); err != nil {
		return Plugin{}, fmt.Errorf("pjrt: %w", plain(err))
	}
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return p, fmt.Errorf("pjrt: %w", err)
	}
	return p, nil
}

// removeTemporary deletes what a killed process left in dir of files that it was writing. The caller
// holds the lock.
func removeTemporary(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, ".*"+temporary))
	for _, path := range left {
		os.Remove(path) // a file that stays is in nobody's way
	}
}

// extract takes the library out of the wheel in the file part and puts it, whole and on the disk, at
// dest.
func (w wheel) extract(ctx context.Context, part, dest string) error {
	archive, err := zip.OpenReader(part)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, entry := range archive.File {
		if path.Base(entry.Name) != w.library {
			continue
		}
		src, err := entry.Open()
		if err != nil {
			return err
		}
		defer src.Close()
		if err := replaceFile(dest, contextReader{ctx, src}, 0o755); err != nil {
			return err
		}
		return w.verify(ctx, dest)
	}
	return fmt.Errorf("it holds no %s", w.library)
}

// writeManifest describes the plugin at path, which has just been verified.
func (w wheel) writeManifest(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(manifest{Wheel: w.file, Size: info.Size(), SHA256: w.librarySHA256, ModTime: info.ModTime()}, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(filepath.Dir(path), manifestName), bytes.NewReader(data), 0o644)
}

// temporary ends the names of files that are being written.
const temporary = ".tmp"

// replaceFile makes a file of what r gives so that a crash at any moment leaves the old file or the new
// one, never a part.
func replaceFile(name string, r io.Reader, mode os.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".*"+temporary)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // does nothing after the rename
	_, err = io.Copy(tmp, r)
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes a rename within dir survive a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lock takes the lock of the file at path and returns what gives it back. It waits for its owner; the
// system gives the lock of a killed owner back.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
