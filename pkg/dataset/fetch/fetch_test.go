package fetch

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// noise returns n bytes that do not compress.
func noise(n int) []byte {
	out := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(out)
	return out
}

// A fakeIndex serves one project of one package, in the dialects that indexes speak.
type fakeIndex struct {
	*httptest.Server
	wheel  []byte
	html   bool // speak HTML in place of JSON
	whole  bool // send no parts of files
	claims string
	sent   atomic.Int64
}

const (
	wheelName  = "toy_data-1.0-py3-none-any.whl"
	memberPath = "toy/data/numbers.csv"
)

var memberContent = []byte("1,2,0\n3,4,1\n")

func newFakeIndex(t *testing.T, f *fakeIndex) Member {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string][]byte{"toy/big.bin": noise(900 << 10), memberPath: memberContent, "toy/other.bin": noise(300 << 10)} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.wheel = b.Bytes()
	f.claims = digestOf(f.wheel)
	mux := http.NewServeMux()
	mux.HandleFunc("/simple/toy-data/", f.page)
	mux.HandleFunc("/files/"+wheelName, f.file)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	t.Setenv("LATHE_CACHE", t.TempDir())
	t.Setenv("PIP_INDEX_URL", f.URL+"/simple/")
	return Member{"toy-data", wheelName, digestOf(f.wheel), memberPath, digestOf(memberContent)}
}

func (f *fakeIndex) page(w http.ResponseWriter, r *http.Request) {
	if f.html {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<html><body><a data-x='&gt;' href=\"../../files/%s#sha256=%s\">%s</a></body></html>", wheelName, f.claims, wheelName)
		return
	}
	if !strings.Contains(r.Header.Get("Accept"), "application/vnd.pypi.simple.v1+json") {
		http.Error(w, "which form?", http.StatusNotAcceptable)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	fmt.Fprintf(w, `{"files":[{"filename":%q,"url":"../../files/%s","hashes":{"sha256":%q}}]}`, wheelName, wheelName, f.claims)
}

func (f *fakeIndex) file(w http.ResponseWriter, r *http.Request) {
	if f.whole {
		r.Header.Del("Range")
	}
	http.ServeContent(counting{w, &f.sent}, r, "", time.Time{}, bytes.NewReader(f.wheel))
}

type counting struct {
	http.ResponseWriter
	sent *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	c.sent.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

func TestFetchMember(t *testing.T) {
	for _, c := range []struct {
		name  string
		index *fakeIndex
	}{
		{"json, parts", &fakeIndex{}},
		{"html, parts", &fakeIndex{html: true}},
		{"json, whole files only", &fakeIndex{whole: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newFakeIndex(t, c.index)
			path, err := GetMember(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, memberContent) {
				t.Errorf("got %q", got)
			}
			if sent := c.index.sent.Load(); !c.index.whole && sent > 600<<10 {
				t.Errorf("%d of %d bytes were fetched", sent, len(c.index.wheel))
			}
			left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
			if len(left) != 1 {
				t.Errorf("in the cache: %q", left)
			}
			c.index.Close() // from here on there is no network
			if again, err := GetMember(t.Context(), m); err != nil || again != path {
				t.Errorf("from the cache: %q, %v", again, err)
			}
		})
	}
}

func TestFetchMemberThatIsNotWhatWasPinned(t *testing.T) {
	index := &fakeIndex{}
	m := newFakeIndex(t, index)
	for name, change := range map[string]func(Member) Member{
		"the file":           func(m Member) Member { m.SHA256 = digestOf(nil); return m },
		"the index's digest": func(m Member) Member { m.WheelID = digestOf(nil); return m },
	} {
		bad := change(m)
		if _, err := GetMember(t.Context(), bad); !errors.Is(err, errDigest) {
			t.Errorf("%s: %v", name, err)
		}
		if path, _ := (File{Name: "numbers.csv", SHA256: bad.SHA256}).Path(); exists(path) || exists(path+".part") {
			t.Errorf("%s: something is left in the cache", name)
		}
	}
	index.whole, index.claims = true, ""
	m.WheelID = digestOf(nil)
	if _, err := GetMember(t.Context(), m); !errors.Is(err, errDigest) {
		t.Errorf("the whole package: %v", err)
	}
	m.Wheel = "other.whl"
	if _, err := GetMember(t.Context(), m); err == nil || !strings.Contains(err.Error(), "does not offer other.whl") {
		t.Errorf("no such package: %v", err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestManyWhoWantTheSameFile(t *testing.T) {
	index := &fakeIndex{whole: true}
	m := newFakeIndex(t, index)
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			if _, err := GetMember(t.Context(), m); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	// Asking for a range and getting the whole counts as sent, once; the download is the second time.
	if sent := index.sent.Load(); sent > 2*int64(len(index.wheel)) {
		t.Errorf("%d bytes were sent for a package of %d", sent, len(index.wheel))
	}
}

func TestNoNetworkIsSaidClearly(t *testing.T) {
	index := &fakeIndex{}
	m := newFakeIndex(t, index)
	index.Close()
	_, err := GetMember(t.Context(), m)
	if err == nil || !strings.Contains(err.Error(), "no network: numbers.csv is not cached") || !strings.Contains(err.Error(), m.SHA256) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := GetMember(ctx, m); !errors.Is(err, context.Canceled) {
		t.Errorf("after a stop: %v", err)
	}
}

func TestFetchGoesOnWhereItStopped(t *testing.T) {
	content := noise(100_000)
	f := File{Name: "data.bin", SHA256: digestOf(content)}
	var ranges []string
	ignoreRange := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		if ignoreRange {
			r.Header.Del("Range")
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(server.Close)
	f.URL = server.URL
	for _, c := range []struct {
		name   string
		part   []byte // what an earlier call left
		ignore bool
		want   []string
	}{
		{"nothing", nil, false, []string{""}},
		{"a part", content[:40_000], false, []string{"bytes=40000-"}},
		{"all of it", content, false, []string{"bytes=100000-"}},
		{"a part, of a server without ranges", content[:40_000], true, []string{"bytes=40000-"}},
		{"another file's part", make([]byte, 10), false, []string{"bytes=10-", ""}},
	} {
		t.Setenv("LATHE_CACHE", t.TempDir())
		ranges, ignoreRange = nil, c.ignore
		path, err := f.Path()
		if err != nil {
			t.Fatal(err)
		}
		if c.part != nil {
			if err := os.WriteFile(path+".part", c.part, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Get(t.Context(), f)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if back, _ := os.ReadFile(got); !bytes.Equal(back, content) || exists(path+".part") || !slices.Equal(ranges, c.want) {
			t.Errorf("%s: %d bytes by requests %q, want %q", c.name, len(back), ranges, c.want)
		}
	}
	if err := os.WriteFile(must(f.Path()), []byte("rot"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Get(t.Context(), f); err != nil || verify(must(f.Path()), f.SHA256) != nil {
		t.Errorf("a damaged file in the cache is not fetched anew: %v", err)
	}
	f.SHA256 = "short"
	if _, err := Get(t.Context(), f); err == nil {
		t.Error("a digest that is none is taken")
	}
}

func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}

func TestIndexComesFromPip(t *testing.T) {
	home := t.TempDir()
	for _, name := range []string{"PIP_INDEX_URL", "PIP_CONFIG_FILE", "VIRTUAL_ENV", "XDG_CONFIG_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	config := filepath.Join(home, "my.conf")
	if err := os.WriteFile(config, []byte("[list]\nindex-url = wrong\n[global]\ncert = x\nindex_url = https://mirror.example/simple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PIP_CONFIG_FILE", config)
	if got := indexURL(); got != "https://mirror.example/simple" {
		t.Errorf("from the configuration: %q", got)
	}
	t.Setenv("PIP_INDEX_URL", "https://nearer.example/simple")
	if got := indexURL(); got != "https://nearer.example/simple" {
		t.Errorf("from the environment: %q", got)
	}
}
