package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/pjrt"
)

// asCommand makes the test binary be the lathe command, for tests of what a user meets: what is on the
// PATH, what is on the disk, and a process that is killed.
const asCommand = "LATHE_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// An outcome is how a command ended.
type outcome struct {
	code        int
	out, errors string
}

// lathe returns the lathe command with these arguments; env is added to the environment.
func lathe(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(append(os.Environ(), asCommand+"=1"), env...)
	return cmd
}

// runLathe runs the command to its end.
func runLathe(t testing.TB, env []string, args ...string) outcome {
	t.Helper()
	return finish(t, lathe(t, env, args...))
}

// finish runs a program to its end.
func finish(t testing.TB, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// wantSentence checks that a command failed with one line that holds every one of the words.
func (o outcome) wantSentence(t testing.TB, words ...string) {
	t.Helper()
	text := strings.TrimSpace(o.errors)
	if o.code != 1 || text == "" || strings.Contains(text, "\n") {
		t.Errorf("exit code %d and this on stderr, want 1 and one line:\n%s", o.code, text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("the message says nothing of %q: %s", w, text)
		}
	}
}

// realBase returns the base library, making it if need be.
func realBase(t testing.TB) *build.Base {
	t.Helper()
	if testing.Short() {
		t.Skip("makes or copies a base library, which takes seconds")
	}
	b, err := build.Current()
	if err != nil {
		b, err = build.Ensure(context.Background(), func(string, int, int) {})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// borrowedHome returns an environment whose data folder is new and has the base library of this machine.
func borrowedHome(t testing.TB) (dir string, env []string) {
	t.Helper()
	base := realBase(t)
	dir = t.TempDir()
	if err := os.Symlink(filepath.Dir(base.Dir), filepath.Join(dir, "base")); err != nil {
		t.Fatal(err)
	}
	return dir, []string{"LATHE_HOME=" + dir}
}

// copiedHome returns an environment whose data folder is new and has a copy of the base library.
func copiedHome(t testing.TB) (base string, env []string) {
	t.Helper()
	b := realBase(t)
	dir := t.TempDir()
	key := filepath.Base(b.Dir)
	base = filepath.Join(dir, "base", key)
	if err := os.CopyFS(base, os.DirFS(b.Dir)); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"worker", "link"} {
		if err := os.Chmod(filepath.Join(base, program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "base", "current"), []byte(key+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return base, []string{"LATHE_HOME=" + dir}
}

// pluginFolder returns the environment in which the PJRT plugin of this machine is found whatever the
// data folder is, so that no test has to fetch one.
func pluginFolder(t testing.TB) []string {
	t.Helper()
	p, err := pjrt.Find(context.Background())
	if err != nil {
		t.Skipf("there is no PJRT plugin to lend: %v", err)
	}
	return p.Env()
}

// tools returns a folder of links to these programs, to be the whole PATH.
func tools(t testing.TB, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// listing lists the files below dir but for locks.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() && !strings.HasSuffix(d.Name(), "lock") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sumNotebook writes a notebook of one cell to a new folder and returns its path.
func sumNotebook(t testing.TB, cell string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sum.ipynb")
	text := `{"cells":[{"cell_type":"code","id":"a","metadata":{"tags":["parameters"]},"outputs":[],` +
		`"execution_count":null,"source":` + quoteJSON(cell) + `}],"metadata":{},"nbformat":4,"nbformat_minor":5}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// overwrite writes zeros over a part of a file.
func overwrite(t testing.TB, path string, at, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(io.NewOffsetWriter(f, at), bytes.NewReader(make([]byte, size))); err != nil {
		t.Fatal(err)
	}
}
