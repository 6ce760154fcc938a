package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func quoteJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return string(b)
}

func TestNoNotebook(t *testing.T) {
	for _, text := range []string{"no json", "", "[1,2", `{"a":1}`} {
		dir := t.TempDir()
		path := filepath.Join(dir, "bad.ipynb")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"run", "report"} {
			runLathe(t, nil, word, path, "-o", filepath.Join(dir, "out")).wantSentence(t, path+" is not", "give a notebook")
		}
		if files := listing(t, dir); len(files) != 1 {
			t.Errorf("after %q there are %v", text, files)
		}
	}
	runLathe(t, nil, "run", filepath.Join(t.TempDir(), "none.ipynb")).wantSentence(t, "none.ipynb: no such file")
}

func TestUnknownParameter(t *testing.T) {
	path := sumNotebook(t, "width := 3")
	out := filepath.Join(t.TempDir(), "out.ipynb")
	runLathe(t, nil, "run", path, "-p", "height=4", "-o", out).wantSentence(t, path, `no parameter "height"`, "it has width")
	if _, err := os.Stat(out); err == nil {
		t.Error("an output was written")
	}
}

func TestMissingTools(t *testing.T) {
	tests := []struct {
		name  string
		tools []string
		want  []string
	}{
		{"C compiler", []string{"go", "git", "ld"}, []string{"no C compiler", "gcc"}},
		{"linker", []string{"go", "git", "gcc"}, []string{"ld", "install binutils"}},
		{"Go", []string{"gcc", "git", "ld"}, []string{"go command is not on the PATH", "install Go"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := filepath.Join(t.TempDir(), "home")
			env := []string{"LATHE_HOME=" + home, "PATH=" + tools(t, tt.tools...)}
			runLathe(t, env, "setup").wantSentence(t, tt.want...)
			if files := listing(t, home); len(files) != 0 {
				t.Errorf("left behind: %v", files)
			}
			if o := runLathe(t, env, "doctor"); o.code != 1 || !strings.Contains(o.out, "MISS  Go toolchain") || !strings.Contains(o.out, tt.want[0]) {
				t.Errorf("doctor ended with %d and says:\n%s", o.code, o.out)
			}
		})
	}
}

// A set-up without a network says so, and leaves nothing that looks like a plugin.
func TestNoNetwork(t *testing.T) {
	dir, env := borrowedHome(t)
	env = append(env, "PIP_INDEX_URL=http://127.0.0.1:1/simple", "PIP_FIND_LINKS=", "PJRT_PLUGIN_LIBRARY_PATH=")
	runLathe(t, env, "setup").wantSentence(t, "cannot be reached", "PIP_INDEX_URL")
	if files := listing(t, filepath.Join(dir, "pjrt")); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
	runLathe(t, []string{"LATHE_HOME=" + t.TempDir(), "GOMODCACHE=" + t.TempDir(), "GOPROXY=http://127.0.0.1:1", "GOFLAGS=-modcacherw"}, "setup").
		wantSentence(t, "first set-up needs a network", "GOPROXY")
}

// onFullDisk runs a command whose data folder, or output, is on a file system of its own of that size.
// What is in the folder then is on its standard output.
func onFullDisk(t *testing.T, size string, cmd *exec.Cmd, dir string) outcome {
	t.Helper()
	if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("a small file system can be made by root on Linux only: %v: %s", err, out)
	}
	const script = `mount -t tmpfs -o size="$1" tmpfs "$2" && cd "$2" && echo old >old && shift 2 &&
		"$@" >/dev/null; code=$?; find . -type f ! -name lock; cat old; exit $code`
	small := exec.Command("unshare", append([]string{"-m", "sh", "-c", script, "sh", size, dir, cmd.Path}, cmd.Args[1:]...)...)
	small.Env = cmd.Env
	return finish(t, small)
}

func TestFullDisk(t *testing.T) {
	realBase(t)
	const untouched = "./old\nold\n"
	for _, size := range []string{"1m", "30m", "90m"} { // in the linker, the library, the export data
		dir := t.TempDir()
		o := onFullDisk(t, size, lathe(t, []string{"LATHE_HOME=" + dir}, "setup"), dir)
		o.wantSentence(t, "the disk is full", "LATHE_HOME")
		if o.out != untouched {
			t.Errorf("with %s there remains:\n%s", size, o.out)
		}
	}
	dir := t.TempDir()
	path := sumNotebook(t, `strings.Repeat("x", 1<<20)`)
	o := onFullDisk(t, "64k", lathe(t, nil, "run", path, "-o", filepath.Join(dir, "old")), dir)
	if o.code != 1 || !strings.Contains(o.errors, "no space left on device") || o.out != untouched {
		t.Errorf("run ended with %d, left\n%s\nand says:\n%s", o.code, o.out, o.errors)
	}
	done := filepath.Join(t.TempDir(), "done.ipynb")
	if o := runLathe(t, nil, "run", path, "-o", done); o.code != 0 {
		t.Fatal(o.errors)
	}
	dir = t.TempDir()
	o = onFullDisk(t, "64k", lathe(t, nil, "report", done, "-o", filepath.Join(dir, "old")), dir)
	o.wantSentence(t, "no space left on device")
	if o.out != untouched {
		t.Errorf("report left:\n%s", o.out)
	}
}

// Whatever is wrong with the base library, a cell says what to do, and the set-up mends it.
func TestDamagedBase(t *testing.T) {
	base, env := copiedHome(t)
	env = append(env, pluginFolder(t)...)
	path := sumNotebook(t, "1 + 1")
	tests := []struct {
		name, file string
		damage     func(file string)
		mend       bool // by a set-up, which takes seconds, and not by the test
	}{
		{"cut library", "libbase.so", func(f string) { must(t, os.Truncate(f, 1<<20)) }, false},
		{"empty linker", "link", func(f string) { must(t, os.Truncate(f, 0)) }, false},
		{"no export data", "export/3.a", func(f string) { must(t, os.Remove(f)) }, false},
		{"library of zeros", "libbase.so", func(f string) { overwrite(t, f, 0, 64<<20) }, false},
		{"library with a hole", "libbase.so", func(f string) { overwrite(t, f, 5<<20, 20<<20) }, true},
		{"cut manifest", "manifest.json", func(f string) { must(t, os.Truncate(f, 100)) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(base, tt.file)
			whole, err := os.ReadFile(file)
			must(t, err)
			tt.damage(file)
			if o := runLathe(t, env, "run", path); o.code != 1 || !strings.Contains(o.errors, "lathe setup") {
				t.Errorf("run ended with %d and says: %s", o.code, o.errors)
			}
			if o := runLathe(t, env, "doctor"); o.code != 1 || !strings.Contains(o.out, "MISS  base library") {
				t.Errorf("doctor ended with %d and says:\n%s", o.code, o.out)
			}
			if !tt.mend {
				must(t, os.WriteFile(file, whole, 0o755))
			} else if o := runLathe(t, env, "setup"); o.code != 0 {
				t.Fatalf("setup ended with %d and says: %s", o.code, o.errors)
			}
			if o := runLathe(t, env, "run", path); o.code != 0 || strings.TrimSpace(o.out) != "2" {
				t.Errorf("after that run ended with %d and says: %s%s", o.code, o.out, o.errors)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A damaged plugin takes no worker down: doctor finds it, and cells run on the slow backend and say so.
func TestDamagedPlugin(t *testing.T) {
	dir, env := borrowedHome(t)
	found := strings.TrimPrefix(pluginFolder(t)[0], "PJRT_PLUGIN_LIBRARY_PATH=")
	if _, err := os.Stat(filepath.Join(found, "manifest.json")); err != nil {
		t.Skipf("the PJRT plugin in %s was not installed by lathe", found)
	}
	folder := filepath.Join(dir, "pjrt", filepath.Base(found))
	must(t, os.CopyFS(folder, os.DirFS(found)))
	libraries, err := filepath.Glob(filepath.Join(folder, "*.so"))
	if err != nil || len(libraries) != 1 {
		t.Fatalf("%v, %v", libraries, err)
	}
	must(t, os.Truncate(libraries[0], 1<<20))
	o := runLathe(t, env, "doctor")
	if o.code != 1 || !strings.Contains(o.out, "MISS  PJRT plugin   the PJRT plugin is damaged; run `lathe setup`") {
		t.Errorf("doctor ended with %d and says:\n%s", o.code, o.out)
	}
	o = runLathe(t, env, "run", sumNotebook(t, "backend.Default().Name"))
	if o.code != 0 || !strings.Contains(o.out, "the PJRT plugin is damaged; run `lathe setup`") || !strings.HasSuffix(o.out, "go\n") {
		t.Errorf("run ended with %d and says:\n%s%s", o.code, o.out, o.errors)
	}
}
