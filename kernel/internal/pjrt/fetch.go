package pjrt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// How a download is tried.
const (
	tries       = 4
	retryPause  = 500 * time.Millisecond
	headerLimit = 60 * time.Second
)

// errDigest says that a server sent other bytes than the pinned ones.
var errDigest = errors.New("what was downloaded does not have the pinned SHA-256; it has been thrown away")

// fetch makes the file part the whole wheel, from a local folder of wheels or from the index. What an
// earlier call has fetched is kept.
func (w wheel) fetch(ctx context.Context, part string, progress Progress) error {
	if w.whole(ctx, part) == nil {
		progress(w.size, w.size)
		return nil
	}
	conf := readPipConfig()
	if w.copyLocal(ctx, conf.links, part) {
		progress(w.size, w.size)
		return nil
	}
	client, err := newClient(conf.cert)
	if err != nil {
		return err
	}
	from, err := w.locate(ctx, client, conf)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if err = w.download(ctx, client, from, part, progress); err == nil {
			err = w.whole(ctx, part)
		}
		if err == nil || ctx.Err() != nil || try == tries || errors.Is(err, syscall.ENOSPC) || errors.Is(err, errDigest) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryPause):
		}
	}
}

// whole reports whether the file part is the whole wheel. One of the right size with another content
// is removed.
func (w wheel) whole(ctx context.Context, part string) error {
	info, err := os.Stat(part)
	if err != nil {
		return err
	}
	if info.Size() < w.size {
		return fmt.Errorf("the download ended after %d of %d bytes", info.Size(), w.size)
	}
	sum, err := digestFile(ctx, part)
	if err != nil {
		return err
	}
	if sum != w.sha256 {
		return errors.Join(errDigest, os.Remove(part))
	}
	return nil
}

// copyLocal takes the wheel from the first folder that holds it, for machines without a network.
func (w wheel) copyLocal(ctx context.Context, folders []string, part string) bool {
	for _, dir := range folders {
		f, err := os.Open(filepath.Join(dir, w.file))
		if err != nil {
			continue
		}
		err = replaceFile(part, contextReader{ctx, f}, 0o644)
		f.Close()
		if err == nil && w.whole(ctx, part) == nil {
			return true
		}
	}
	return false
}

// download appends to the file part what it lacks of the wheel.
func (w wheel) download(ctx context.Context, client *http.Client, from, part string, progress Progress) error {
	f, err := os.OpenFile(part, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK, http.StatusRequestedRangeNotSatisfiable:
		// The server sends all of it, or holds another file than the one begun: start over.
		have = 0
		if err := errors.Join(f.Truncate(0), rewind(f)); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", from, resp.Status)
		}
	default:
		return fmt.Errorf("%s answers %s", from, resp.Status)
	}
	// One byte more than expected is let in, so that a file that is too long fails its digest.
	body := io.LimitReader(resp.Body, w.size-have+1)
	if _, err := io.Copy(f, &counter{r: body, done: have, total: w.size, tell: progress}); err != nil {
		return err
	}
	return f.Sync()
}

func rewind(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// counter tells a Progress how much has been read.
type counter struct {
	r           io.Reader
	done, total int64
	tell        Progress
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	c.tell(min(c.done, c.total), c.total)
	return n, err
}

// newClient returns a client that trusts the system's certificates and those in the file cert, if one
// is named.
func newClient(cert string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = headerLimit
	if cert != "" {
		pem, err := os.ReadFile(cert)
		if err != nil {
			return nil, fmt.Errorf("read the certificates that pip is told to use: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{Transport: transport}, nil
}

// plain words the causes that a user can do something about in one sentence.
func plain(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	var fault *url.Error
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("the disk is full: free some 300 MB or set LATHE_HOME to a folder on another disk (%w)", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &dns), errors.As(err, &op):
		host := "the package index"
		if errors.As(err, &fault) {
			if u, e := url.Parse(fault.URL); e == nil {
				host = u.Host
			}
		}
		return fmt.Errorf("%s cannot be reached: the first set-up needs a network, or PIP_INDEX_URL set to a mirror, or PIP_FIND_LINKS set to a folder that holds the wheel (%w)", host, err)
	}
	return err
}
