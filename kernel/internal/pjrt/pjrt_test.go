package pjrt

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// library returns the bytes of a shared library that does nothing: a header and some noise.
func library(t testing.TB) []byte {
	var b bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_DYN), Machine: uint16(machines[runtime.GOARCH]), Version: 1, Ehsize: 64}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	if err := binary.Write(&b, binary.LittleEndian, h); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		b.WriteByte(byte(r.Uint32()))
	}
	return b.Bytes()
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// fakeWheel returns a small wheel and its bytes.
func fakeWheel(t testing.TB) (wheel, []byte) {
	lib := library(t)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range map[string][]byte{"p/__init__.py": nil, "p/pjrt_c_api_cpu_plugin.so": lib} {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(data)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return wheel{
		kind: "cpu", project: "fake-pjrt", version: "1.0", file: "fake_pjrt-1.0-py3-none-any.whl",
		size: int64(b.Len()), sha256: sum(b.Bytes()),
		library: "pjrt_c_api_cpu_plugin.so", librarySize: int64(len(lib)), librarySHA256: sum(lib),
	}, b.Bytes()
}

// isolate keeps the machine's settings out of a test and makes index the index that pip would use.
func isolate(t *testing.T, index string) {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"LATHE_HOME": filepath.Join(dir, "lathe"), "HOME": dir, "XDG_CONFIG_HOME": filepath.Join(dir, "config"),
		"PIP_INDEX_URL": index, "PIP_FIND_LINKS": "", "PIP_CERT": "", "PIP_CONFIG_FILE": "", "VIRTUAL_ENV": "",
		"LD_LIBRARY_PATH": "", searchVariable: "",
	} {
		t.Setenv(name, value)
	}
}

// server is an index with one project, whose file handler can misbehave.
func server(t *testing.T, w wheel, page string, file http.HandlerFunc) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/root/simple/"+w.project+"/", func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(page, "{") {
			rw.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
		} else {
			rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		}
		fmt.Fprintf(rw, page, w.file)
	})
	mux.HandleFunc("/root/files/ab/"+w.file, file)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL + "/root/simple"
}

const relativeHTML = `<html><a href="https://elsewhere.invalid/other.whl">other</a>
	<A data-x="1" href='../../files/ab/%s#sha256=123&amp;x=y'>it</A></html>`

// serve sends data, honouring ranges.
func serve(data []byte) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(data))
	}
}

func TestInstall(t *testing.T) {
	w, data := fakeWheel(t)
	pages := map[string]string{
		"html, relative": relativeHTML,
		"html, rooted":   `<a href="/root/files/ab/%s">it</a>`,
		"simple json":    `{"files": [{"url": "../../files/ab/%s"}], "name": "fake-pjrt"}`,
		"json api":       `{"info": {}, "urls": [{"url": "../../files/ab/%s"}]}`,
		"old releases":   `{"releases": {"1.0": [{"url": "../../files/ab/%s"}]}}`,
	}
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			isolate(t, server(t, w, page, serve(data)))
			var last int64
			p, err := w.install(t.Context(), func(done, total int64) {
				if done < last || done > total || total != w.size {
					t.Errorf("progress %d of %d after %d", done, total, last)
				}
				last = done
			})
			if err != nil {
				t.Fatal(err)
			}
			if last != w.size {
				t.Errorf("progress ended at %d of %d", last, w.size)
			}
			if err := w.quickCheck(p.Path); err != nil {
				t.Error(err)
			}
			if info, _ := os.Stat(p.Path); info.Mode().Perm() != 0o755 {
				t.Errorf("mode %v", info.Mode())
			}
			left, _ := filepath.Glob(filepath.Join(filepath.Dir(p.Path), "*"))
			if len(left) != 3 {
				t.Errorf("the folder holds %v, want the plugin, its manifest and the lock", left)
			}
			want := []string{"PJRT_PLUGIN_LIBRARY_PATH=" + filepath.Dir(p.Path), "GOMLX_NO_AUTO_INSTALL=1"}
			if !slices.Equal(p.Env(), want) {
				t.Errorf("Env %q, want %q", p.Env(), want)
			}
		})
	}
}

// TestTruncatedDownload has a server that cuts the connection again and again.
func TestTruncatedDownload(t *testing.T) {
	w, data := fakeWheel(t)
	var requests atomic.Int32
	var ranges []string
	isolate(t, server(t, w, relativeHTML, func(rw http.ResponseWriter, r *http.Request) {
		ranges = append(ranges, r.Header.Get("Range"))
		if requests.Add(1) < 3 {
			from := 0
			if s, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
				from, _ = strconv.Atoi(strings.TrimSuffix(s, "-"))
				rw.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(data)-1, len(data)))
			}
			rw.Header().Set("Content-Length", strconv.Itoa(len(data)-from))
			if from > 0 {
				rw.WriteHeader(http.StatusPartialContent)
			}
			rw.Write(data[from : from+30_000])
			return // the rest is missing: the server drops the connection
		}
		serve(data)(rw, r)
	}))
	if _, err := w.install(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if want := []string{"", "bytes=30000-", "bytes=60000-"}; !slices.Equal(ranges, want) {
		t.Errorf("requested %q, want %q", ranges, want)
	}
}

func TestServerWithoutRanges(t *testing.T) {
	w, data := fakeWheel(t)
	isolate(t, server(t, w, relativeHTML, func(rw http.ResponseWriter, r *http.Request) { rw.Write(data) }))
	dir, _ := w.folder()
	os.MkdirAll(dir, 0o755)
	if err := os.WriteFile(filepath.Join(dir, w.file+".part"), []byte("the beginning of something else"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.install(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestWrongContent(t *testing.T) {
	w, data := fakeWheel(t)
	bad := bytes.Clone(data)
	bad[len(bad)/2] ^= 1
	for name, content := range map[string][]byte{"flipped": bad, "longer": append(bytes.Clone(data), 0)} {
		t.Run(name, func(t *testing.T) {
			isolate(t, server(t, w, relativeHTML, serve(content)))
			_, err := w.install(t.Context(), nil)
			if !errors.Is(err, errDigest) {
				t.Fatalf("error %v", err)
			}
			dir, _ := w.folder()
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
				t.Errorf("left behind: %v, want the lock alone", left)
			}
		})
	}
}

// TestKilledAtAnyMoment leaves what a kill would leave at each step and installs again.
func TestKilledAtAnyMoment(t *testing.T) {
	w, data := fakeWheel(t)
	lib := library(t)
	states := map[string]map[string][]byte{
		"before anything":       {},
		"download begun":        {w.file + ".part": data[:1]},
		"half of it":            {w.file + ".part": data[:len(data)/2]},
		"all of it":             {w.file + ".part": data},
		"garbage of full size":  {w.file + ".part": bytes.Repeat([]byte{7}, len(data)/2)},
		"library half unpacked": {w.file + ".part": data, ".123" + temporary: lib[:50]},
		"without a manifest":    {w.file + ".part": data, w.library: lib},
		"half a manifest":       {w.library: lib, manifestName: []byte(`{"whe`)},
		"wheel not yet removed": {w.file + ".part": data, w.library: lib, manifestName: []byte(`{}`)},
	}
	for name, files := range states {
		t.Run(name, func(t *testing.T) {
			isolate(t, server(t, w, relativeHTML, serve(data)))
			dir, err := w.folder()
			if err != nil {
				t.Fatal(err)
			}
			os.MkdirAll(dir, 0o755)
			for f, content := range files {
				if err := os.WriteFile(filepath.Join(dir, f), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			p, err := w.install(t.Context(), nil)
			if name == "garbage of full size" && errors.Is(err, errDigest) {
				p, err = w.install(t.Context(), nil) // the first attempt found and removed the garbage
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := w.verify(t.Context(), p.Path); err != nil {
				t.Error(err)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 3 {
				t.Errorf("the folder holds %v, want the plugin, its manifest and the lock", left)
			}
		})
	}
}

func TestDamageIsFoundAndMended(t *testing.T) {
	w, data := fakeWheel(t)
	isolate(t, server(t, w, relativeHTML, serve(data)))
	p, err := w.install(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(path string) error {
		b, err := os.ReadFile(path)
		if err == nil {
			b[5000] ^= 1
			err = os.WriteFile(path, b, 0o755)
		}
		return err
	}
	for name, damage := range map[string]func(path string) error{
		"truncated": func(path string) error { return os.Truncate(path, 1000) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"removed":   os.Remove,
		"flipped":   flip,
	} {
		time.Sleep(2 * time.Millisecond) // so that a change shows in the time
		if err := damage(p.Path); err != nil {
			t.Fatal(err)
		}
		if err := w.quickCheck(p.Path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: the quick check says %v", name, err)
		}
		if err := w.verify(t.Context(), p.Path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: the full check says %v", name, err)
		}
		if p, err = w.install(t.Context(), nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := w.quickCheck(p.Path); err != nil {
			t.Errorf("%s: after mending: %v", name, err)
		}
	}
	// A touched file costs one full check, then none.
	if err := os.Chtimes(p.Path, time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	if err := w.quickCheck(p.Path); err != nil {
		t.Errorf("a touched file: %v", err)
	}
	if m, err := readManifest(filepath.Join(filepath.Dir(p.Path), manifestName)); err != nil || !m.ModTime.Equal(time.Unix(1e9, 0)) {
		t.Errorf("the manifest was not brought up to date: %v %v", m, err)
	}
}

func TestNoNetwork(t *testing.T) {
	w, _ := fakeWheel(t)
	isolate(t, "http://127.0.0.1:1/simple")
	_, err := w.install(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1 cannot be reached") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestNotListed(t *testing.T) {
	w, data := fakeWheel(t)
	isolate(t, server(t, w, `<a href="%s.metadata">it</a>`, serve(data)))
	if _, err := w.install(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "does not list "+w.file) {
		t.Errorf("error %v", err)
	}
}

func TestCancel(t *testing.T) {
	w, data := fakeWheel(t)
	ctx, cancel := context.WithCancel(t.Context())
	isolate(t, server(t, w, relativeHTML, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Length", strconv.Itoa(len(data)))
		rw.Write(data[:40_000])
		rw.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	}))
	if _, err := w.install(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestDiskFullIsSaidPlainly(t *testing.T) {
	err := plain(&os.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC})
	if !strings.Contains(err.Error(), "the disk is full") || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
}

func TestLocalWheel(t *testing.T) {
	w, data := fakeWheel(t)
	isolate(t, "http://127.0.0.1:1/simple")
	dir := t.TempDir()
	t.Setenv("PIP_FIND_LINKS", "https://nowhere.invalid/ file://"+dir)
	if err := os.WriteFile(filepath.Join(dir, w.file), data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.install(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func TestUnsupportedSystem(t *testing.T) {
	if _, err := wheelFor("plan9", "mips"); err == nil || !strings.Contains(err.Error(), "plan9/mips") || strings.Contains(err.Error(), "go run") {
		t.Errorf("error %v", err)
	}
	t.Setenv("PATH", "")
	if _, err := wheelFor("darwin", "arm64"); err == nil || strings.Contains(err.Error(), "go run") {
		t.Errorf("a command that cannot be run is advised: %v", err)
	}
}

func TestSearch(t *testing.T) {
	isolate(t, "")
	dir := t.TempDir()
	bad := filepath.Join(dir, "pjrt_c_api_cpu_v0.1_plugin.so")
	if err := os.WriteFile(bad, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(searchVariable, dir+":"+filepath.Join(dir, "none"))
	if got := search(); got != "" {
		t.Errorf("a damaged plugin was found: %s", got)
	}
	good := filepath.Join(dir, "pjrt-plugin-cpu.so")
	if err := os.WriteFile(good, library(t), 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := Find(t.Context())
	if err != nil || p.Path != good || p.Source != "go-xla" {
		t.Errorf("Find = %+v, %v; want %s", p, err, good)
	}
	if err := Verify(t.Context(), p); err != nil {
		t.Error(err)
	}
	os.Unsetenv(searchVariable)
	if _, err := Find(t.Context()); !errors.Is(err, ErrNotFound) {
		t.Errorf("in an empty home: %v", err)
	}
	folder := filepath.Join(os.Getenv("HOME"), ".local", "lib", "go-xla")
	os.MkdirAll(folder, 0o755)
	if err := os.Rename(good, filepath.Join(folder, "pjrt_c_api_cpu_v0.83.1_plugin.so")); err != nil {
		t.Fatal(err)
	}
	if p, err := Find(t.Context()); err != nil || filepath.Dir(p.Path) != folder {
		t.Errorf("in go-xla's folder: %+v, %v", p, err)
	}
}

func TestPipConfig(t *testing.T) {
	isolate(t, "")
	dir := os.Getenv("HOME")
	os.MkdirAll(filepath.Join(dir, ".pip"), 0o755)
	const text = "[list]\nindex-url = https://wrong/\n[global]\n# a comment\nindex_url = https://mirror/simple/\n" +
		"find-links =\n    /opt/wheels\n    https://x/y\ncert: /c.pem\n[install]\nfind-links = /other\n"
	if err := os.WriteFile(filepath.Join(dir, ".pip", "pip.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := readPipConfig()
	if conf.index != "https://mirror/simple/" || conf.cert != "/c.pem" || !slices.Equal(conf.links, []string{"/other"}) {
		t.Errorf("read %+v", conf)
	}
	t.Setenv("PIP_INDEX_URL", "https://env/simple")
	if conf := readPipConfig(); conf.index != "https://env/simple" {
		t.Errorf("the environment does not count more: %+v", conf)
	}
}

// TestRealInstall fetches the real plugin from the real index.
func TestRealInstall(t *testing.T) {
	if os.Getenv("LATHE_TEST_NETWORK") == "" {
		t.Skip("downloads 63 MB; set LATHE_TEST_NETWORK=1 to run it")
	}
	t.Setenv("LATHE_HOME", t.TempDir())
	t.Setenv(searchVariable, "")
	t.Setenv("PIP_FIND_LINKS", "")
	began := time.Now()
	p, err := Install(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	installed := time.Since(began)
	began = time.Now()
	if q, err := Find(t.Context()); err != nil || q != p {
		t.Fatalf("Find = %+v, %v; Install gave %+v", q, err, p)
	}
	found := time.Since(began)
	began = time.Now()
	if err := Verify(t.Context(), p); err != nil {
		t.Error(err)
	}
	t.Logf("%s from %s: installed in %v, found in %v, verified in %v", p.Path, p.Source, installed, found, time.Since(began))
}

func FuzzLinksOf(f *testing.F) {
	f.Add("text/html", []byte(relativeHTML))
	f.Add("application/json", []byte(`{"files":[{"url":"x"}]}`))
	f.Fuzz(func(t *testing.T, kind string, page []byte) {
		links, err := linksOf(kind, page)
		if err != nil && links != nil {
			t.Error("links beside an error")
		}
	})
}

func FuzzParseINI(f *testing.F) {
	f.Add("[global]\na = b\n  c\n")
	f.Fuzz(func(t *testing.T, text string) {
		settings := map[string]string{}
		parseINI(strings.NewReader(text), settings)
		for key := range settings {
			if key != strings.TrimSpace(key) {
				t.Errorf("key %q is not trimmed", key)
			}
		}
	})
}
