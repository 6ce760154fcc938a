package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type entry struct{ name, content, link string }

func tarOf(t *testing.T, packed bool, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	var out io.Writer = &b
	if packed {
		z := gzip.NewWriter(&b)
		defer z.Close()
		out = z
	}
	w := tar.NewWriter(out)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.content)), Typeflag: tar.TypeReg}
		if e.link != "" {
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
		}
		if strings.HasSuffix(e.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := errors.Join(w.WriteHeader(h), write(w, e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if z, ok := out.(*gzip.Writer); ok {
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func write(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

func zipOf(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		w, err := z.Create(e.name)
		if err != nil {
			t.Fatal(err)
		}
		if err := write(w, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cached puts content where f lies once it is fetched, in a cache of its own.
func cached(t *testing.T, name string, content []byte) File {
	t.Helper()
	t.Setenv("LATHE_CACHE", t.TempDir())
	f := File{Name: name, SHA256: digestOf(content), URL: "http://127.0.0.1:1/" + name}
	if err := os.WriteFile(must(f.Path()), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestUnpack(t *testing.T) {
	files := []entry{{"data/", "", ""}, {"data/a.txt", "alpha", ""}, {"./data/deep/b.txt", "beta", ""}}
	for name, content := range map[string][]byte{
		"plain.tar": tarOf(t, false, files...), "packed.tgz": tarOf(t, true, files...), "packed.zip": zipOf(t, files...),
	} {
		f := cached(t, name, content)
		for range 2 {
			dir, err := Unpack(t.Context(), f, Limits{})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			a, _ := os.ReadFile(filepath.Join(dir, "data", "a.txt"))
			b, _ := os.ReadFile(filepath.Join(dir, "data", "deep", "b.txt"))
			if string(a) != "alpha" || string(b) != "beta" {
				t.Errorf("%s: %q and %q", name, a, b)
			}
		}
		seen := ""
		err := Each(t.Context(), must(f.Path()), Limits{}, func(name string, _ io.Reader) error {
			seen += name + " "
			if strings.HasSuffix(name, "a.txt") {
				return nil // without having read it
			}
			return ErrStop
		})
		if err != nil || seen != "data/a.txt data/deep/b.txt " {
			t.Errorf("%s: saw %q, error %v", name, seen, err)
		}
	}
}

// Whatever an archive says, nothing is written outside its folder, and no half folder stays.
func TestUnpackRefusesWhatLeadsOut(t *testing.T) {
	big := strings.Repeat("x", 5000)
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"parent.tar":    {tarOf(t, false, entry{"ok.txt", "x", ""}, entry{"../evil.txt", "x", ""}), "leads out"},
		"inner.tgz":     {tarOf(t, true, entry{"a/../../evil.txt", "x", ""}), "leads out"},
		"absolute.tar":  {tarOf(t, false, entry{"/tmp/evil.txt", "x", ""}), "leads out"},
		"link.tar":      {tarOf(t, false, entry{"link", "", "/etc"}, entry{"link/evil.txt", "x", ""}), "is a link"},
		"parent.zip":    {zipOf(t, entry{"../evil.txt", "x", ""}), "leads out"},
		"backslash.zip": {zipOf(t, entry{`..\evil.txt`, "x", ""}), "leads out"},
		"large.tgz":     {tarOf(t, true, entry{"a", big, ""}), "more than 4096 bytes"},
		"large.zip":     {zipOf(t, entry{"a", big, ""}), "more than 4096 bytes"},
		"many.zip":      {zipOf(t, entry{"a", "", ""}, entry{"b", "", ""}, entry{"c", "", ""}, entry{"d", "", ""}), "more than 3 files"},
		"short.tgz":     {tarOf(t, true, entry{"a", big[:900], ""})[:60], "unexpected EOF"},
		"none.bin":      {[]byte("this is no archive, by any measure"), "unpack"},
	} {
		f := cached(t, name, c.content)
		dir, err := Unpack(t.Context(), f, Limits{Files: 3, Bytes: 4096})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, error %v, want one with %q", name, dir, err, c.want)
		}
		left, _ := filepath.Glob(filepath.Join(filepath.Dir(must(f.Path())), "*"))
		if len(left) != 1 {
			t.Errorf("%s: left in the cache: %q", name, left)
		}
		if exists("/tmp/evil.txt") {
			t.Fatalf("%s wrote outside its folder", name)
		}
	}
	f := cached(t, "a.zip", zipOf(t, entry{"a", big, ""}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Each(ctx, must(f.Path()), Limits{}, func(string, io.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after a stop: %v", err)
	}
}

func TestNPM(t *testing.T) {
	content := tarOf(t, true, entry{"package/data.json", "[1,2]", ""})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/@some/numbers/-/numbers-1.2.3.tgz" {
			http.Error(w, "no such package", http.StatusForbidden)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(server.Close)
	t.Setenv("LATHE_CACHE", t.TempDir())
	for _, name := range []string{"npm_config_registry", "NPM_CONFIG_REGISTRY"} {
		t.Setenv(name, "")
	}
	config := filepath.Join(t.TempDir(), "npmrc")
	if err := os.WriteFile(config, fmt.Appendf(nil, "; mine\nregistry = %s/\n", server.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NPM_CONFIG_USERCONFIG", config)
	t.Setenv("HOME", t.TempDir())
	if _, err := Get(t.Context(), NPM("@some/numbers", "1.2.3", digestOf(content))); err != nil {
		t.Error(err)
	}
	f := NPM("other", "1.0.0", digestOf(nil))
	_, err := Get(t.Context(), f)
	if err == nil || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), must(f.Path())) {
		t.Errorf("a package that is refused: %v", err)
	}
}
