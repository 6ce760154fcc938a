// Package fetch brings files from elsewhere, checks them against their digests, keeps them in a cache, and
// unpacks them.
//
//	path, err := fetch.Get(ctx, fetch.File{Name: "iris.csv", URL: "https://…", SHA256: "f13ffa…"})
//
// A file is asked for under the digest that it must have, so it never changes under one's hands. Once there
// it is used without a network, and its digest is checked each time that it is asked for. A download that was
// cut off goes on where it stopped. Two processes that want the same file fetch it once.
//
// The cache is $LATHE_CACHE, or lathe/data in the user's cache folder. What cannot be fetched can be put
// there: the error says which file goes where.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/internal/filelock"
)

// A File is a file to fetch: where it is, and the digest that it must have.
type File struct {
	Name   string // under which it is kept, for instance "iris.csv"
	URL    string
	SHA256 string // in hexadecimal, of the whole file
}

// errDigest is wrapped by the error of content that is not what was pinned.
var errDigest = errors.New("the content has another sha256")

// CacheDir returns the folder of what was fetched: $LATHE_CACHE, or lathe/data in the user's cache
// folder. It need not exist yet.
func CacheDir() (string, error) {
	if dir := os.Getenv("LATHE_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("dataset: no cache folder: %w; set LATHE_CACHE", err)
	}
	return filepath.Join(dir, "lathe", "data"), nil
}

// Path returns where f lies once it is fetched. The name holds the digest, so that another version of a
// file is another file.
func (f File) Path() (string, error) {
	if len(f.SHA256) != 2*sha256.Size {
		return "", fmt.Errorf("dataset: %s: %q is no sha256", f.Name, f.SHA256)
	}
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, f.SHA256[:16]+"-"+filepath.Base(f.Name)), nil
}

// Get returns the path of f in the cache, and fetches it first if it is not there. A download that was
// cut off goes on where it stopped, if the server can do that.
func Get(ctx context.Context, f File) (string, error) {
	path, err := f.Path()
	if err != nil {
		return "", err
	}
	return path, keep(ctx, path, f.Name, f.SHA256, func(part string) error {
		return download(ctx, f, part)
	})
}

// keep makes sure that path holds what digest says: as it is, or after fetch has written it to part,
// which then gets its name.
func keep(ctx context.Context, path, name, digest string, fetch func(part string) error) error {
	if err := verify(path, digest); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("dataset: fetch %s: %w", name, err)
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return fmt.Errorf("dataset: fetch %s: %w", name, err)
	}
	defer unlock()
	if verify(path, digest) == nil {
		return nil // another process has fetched it meanwhile
	}
	part := path + ".part"
	err = fetch(part)
	if err == nil {
		err = verify(part, digest)
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("dataset: fetch %s: %w", name, ctx.Err())
	case errors.Is(err, errDigest):
		err = errors.Join(err, os.Remove(part)) // nothing in it is worth going on with
	case isNetwork(err):
		return fmt.Errorf("dataset: no network: %s is not cached; fetch it once with a network, or put it at %s (sha256 %s): %w", name, path, digest, err)
	}
	return fmt.Errorf("dataset: fetch %s, which may also be put at %s (sha256 %s): %w", name, path, digest, err)
}

// lock waits until no other process fetches the same file.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
		if err != nil {
			return nil, err
		}
		if filelock.Try(file) {
			// Whoever still waits for the removed file finds the data when it gets the lock.
			return func() { os.Remove(path); file.Close() }, nil
		}
		file.Close()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// isNetwork reports whether err means that no server answered.
func isNetwork(err error) bool {
	var e *url.Error
	return errors.As(err, &e)
}

// verify reads the file at path and compares its digest.
func verify(path, digest string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return err
	}
	return same(h, digest)
}

func same(h hash.Hash, digest string) error {
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, digest) {
		return fmt.Errorf("%w: %s, not %s", errDigest, got, digest)
	}
	return nil
}

// download brings the file at f.URL to part. What part holds already is kept; if the whole then has
// another digest, it is fetched again from its beginning.
func download(ctx context.Context, f File, part string) error {
	resumed, err := transfer(ctx, f, part)
	if err != nil || !resumed || verify(part, f.SHA256) == nil {
		return err
	}
	if err := os.Remove(part); err != nil {
		return err
	}
	_, err = transfer(ctx, f, part)
	return err
}

// transfer appends to part what it lacks, and reports whether it went on with what was there.
func transfer(ctx context.Context, f File, part string) (resumed bool, err error) {
	file, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	have, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false, err
	}
	from := ""
	if have > 0 {
		from = fmt.Sprintf("bytes=%d-", have)
	}
	resp, err := get(ctx, f.URL, from, "")
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
		resumed = true
	case http.StatusRequestedRangeNotSatisfiable:
		return true, nil // all is there, or too much: the digest tells
	case http.StatusOK:
		have = 0
		if err := file.Truncate(0); err != nil {
			return false, err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return false, err
		}
	default:
		return false, fmt.Errorf("%s: %s", resp.Request.URL.Redacted(), resp.Status)
	}
	return resumed, receive(file, resp, f.Name, have)
}

// barFrom is the size in bytes from which a download shows how far it is.
const barFrom = 1 << 20

// receive copies the body of resp to file, have bytes of which are there.
func receive(file io.Writer, resp *http.Response, name string, have int64) error {
	var body io.Reader = resp.Body
	if total := have + resp.ContentLength; resp.ContentLength < 0 || total >= barFrom {
		bar := display.NewProgress("fetch "+name, max(0, total), "B")
		bar.Set(have)
		defer bar.Close()
		body = io.TeeReader(body, counter(bar.Add))
	}
	_, err := io.Copy(file, body)
	return err
}

// A counter is told how many bytes pass.
type counter func(int64)

func (c counter) Write(p []byte) (int, error) {
	c(int64(len(p)))
	return len(p), nil
}

// get asks for rawURL, or for a range of it. An answer other than success is still an answer.
func get(ctx context.Context, rawURL, byteRange, accept string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, err
	}
	if byteRange != "" {
		req.Header.Set("Range", byteRange)
		req.Header.Set("Accept-Encoding", "identity") // a range of the file, not of a packing of it
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	return http.DefaultClient.Do(req)
}
