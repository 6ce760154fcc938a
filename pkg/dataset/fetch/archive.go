package fetch

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/lathe-go/lathe/pkg/display"
)

// Limits bound what is taken out of an archive, against those that grow without end. A limit of 0 is
// that of DefaultLimits.
type Limits struct {
	Files int
	Bytes int64 // of all files together
}

// DefaultLimits is what most data sets stay below.
var DefaultLimits = Limits{Files: 1 << 20, Bytes: 16 << 30}

func (l Limits) orDefault() Limits {
	if l.Files == 0 {
		l.Files = DefaultLimits.Files
	}
	if l.Bytes == 0 {
		l.Bytes = DefaultLimits.Bytes
	}
	return l
}

// ErrStop ends Each without an error.
var ErrStop = errors.New("stop")

// Each calls f with each file of the archive at path, in its order: a zip file, or a tar file as it is or
// packed by gzip or bzip2, which is seen from how it begins. Names are relative and have no "..": an archive
// with others is refused, and one with links too. What f does not read is skipped.
func Each(ctx context.Context, archive string, limits Limits, f func(name string, r io.Reader) error) error {
	err := each(ctx, archive, limits.orDefault(), f)
	if err != nil && !errors.Is(err, ErrStop) {
		return fmt.Errorf("dataset: unpack %s: %w", filepath.Base(archive), err)
	}
	return nil
}

func each(ctx context.Context, archive string, limits Limits, f func(name string, r io.Reader) error) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	b := &budget{ctx: ctx, limits: limits, left: limits.Bytes, bar: func(int64) {}}
	if info.Size() >= 8*barFrom {
		bar := display.NewProgress("unpack "+filepath.Base(archive), info.Size(), "B")
		defer bar.Close()
		b.bar = bar.Add
	}
	start := make([]byte, 4)
	if _, err := io.ReadFull(file, start); err != nil {
		return fmt.Errorf("it is no archive: %w", err)
	}
	if bytes.Equal(start, []byte("PK\x03\x04")) {
		return b.zip(file, info.Size(), f)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	in := bufio.NewReaderSize(io.TeeReader(file, counter(b.bar)), 1<<20)
	switch {
	case start[0] == 0x1f && start[1] == 0x8b:
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		return b.tar(unpacked, f)
	case bytes.HasPrefix(start, []byte("BZh")):
		return b.tar(bzip2.NewReader(in), f)
	}
	return b.tar(in, f)
}

// A budget is what may still be taken out of an archive.
type budget struct {
	ctx    context.Context
	limits Limits
	files  int
	left   int64
	bar    func(int64)
}

// admit checks the next entry.
func (b *budget) admit(name string) error {
	if b.files++; b.files > b.limits.Files {
		return fmt.Errorf("it has more than %d files", b.limits.Files)
	}
	if !filepath.IsLocal(name) || strings.Contains(name, `\`) {
		return fmt.Errorf("the name %q leads out of a folder", name)
	}
	return b.ctx.Err()
}

// reader bounds what r gives by what is left, and stops when ctx ends.
func (b *budget) reader(r io.Reader) io.Reader { return &bounded{b, r} }

type bounded struct {
	budget *budget
	r      io.Reader
}

// Read implements io.Reader.
func (r *bounded) Read(p []byte) (int, error) {
	if err := r.budget.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(p)
	if r.budget.left -= int64(n); r.budget.left < 0 {
		return 0, fmt.Errorf("it holds more than %d bytes", r.budget.limits.Bytes)
	}
	return n, err
}

func (b *budget) tar(in io.Reader, f func(name string, r io.Reader) error) error {
	in = b.reader(in) // what is skipped counts too
	for t := tar.NewReader(in); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		if err := b.admit(name); err != nil {
			return err
		}
		switch h.Typeflag {
		case tar.TypeReg:
			if err := f(name, t); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		case tar.TypeDir, tar.TypeXGlobalHeader:
		default:
			return fmt.Errorf("%s is a link or a device", name)
		}
	}
}

func (b *budget) zip(file io.ReaderAt, size int64, f func(name string, r io.Reader) error) error {
	z, err := zip.NewReader(file, size)
	if err != nil {
		return err
	}
	for _, e := range z.File {
		name := path.Clean(e.Name)
		if err := b.admit(name); err != nil {
			return err
		}
		if e.FileInfo().IsDir() {
			continue
		}
		if !e.Mode().IsRegular() {
			return fmt.Errorf("%s is a link or a device", name)
		}
		in, err := e.Open()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		err = f(name, b.reader(in))
		b.bar(int64(e.CompressedSize64))
		if err = errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// Unpack fetches an archive and returns the folder in the cache that has its files. The folder is there as
// a whole or not at all. Its digest is that of the archive: what is changed in it later is not seen.
func Unpack(ctx context.Context, f File, limits Limits) (dir string, err error) {
	archive, err := Get(ctx, f)
	if err != nil {
		return "", err
	}
	dir = archive + ".d"
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("dataset: unpack %s: %w", f.Name, err)
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil // another process has unpacked it meanwhile
	}
	part := dir + ".part"
	if err := unpackTo(ctx, archive, part, limits); err != nil {
		return "", errors.Join(err, os.RemoveAll(part))
	}
	if err := os.Rename(part, dir); err != nil {
		return "", fmt.Errorf("dataset: unpack %s: %w", f.Name, err)
	}
	return dir, nil
}

// unpackTo writes the files of an archive to a new folder, which nothing in the archive can lead out of.
func unpackTo(ctx context.Context, archive, dir string, limits Limits) error {
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o777)); err != nil {
		return fmt.Errorf("dataset: unpack %s: %w", filepath.Base(archive), err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("dataset: unpack %s: %w", filepath.Base(archive), err)
	}
	defer root.Close()
	return Each(ctx, archive, limits, func(name string, r io.Reader) error {
		if err := root.MkdirAll(path.Dir(name), 0o777); err != nil {
			return err
		}
		out, err := root.Create(name)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, r)
		return errors.Join(err, out.Close())
	})
}
