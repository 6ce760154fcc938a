package labtest

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A jupyter is an installation of Jupyter that knows the kernel under test and nothing of its user.
type jupyter struct {
	python string // the interpreter that has Jupyter
	env    []string
}

// kernelName is the name under which the kernel is installed.
const kernelName = "lathe"

// newJupyter installs the kernel into a new data folder, or skips the test.
func newJupyter(t *testing.T) *jupyter {
	t.Helper()
	python := os.Getenv("LATHE_PYTHON")
	if python == "" {
		t.Skip("LATHE_PYTHON is not set; `make test` sets it to the python that kernel/internal/pyenv makes")
	}
	dir := t.TempDir()
	j := &jupyter{python: python}
	j.env = append(os.Environ(),
		"JUPYTER_CONFIG_DIR="+filepath.Join(dir, "config"),
		"JUPYTER_DATA_DIR="+filepath.Join(dir, "data"),
		"JUPYTER_RUNTIME_DIR="+filepath.Join(dir, "runtime"),
		"JUPYTERLAB_SETTINGS_DIR="+filepath.Join(dir, "settings"),
		"JUPYTER_PATH="+filepath.Join(dir, "prefix", "share", "jupyter"),
		"IPYTHONDIR="+filepath.Join(dir, "ipython"),
		"NO_PROXY=127.0.0.1,localhost",
		// A run that goes on where another test stopped would check nothing.
		"LATHE_WORKLOG="+filepath.Join(dir, "worklog"),
		"LATHE_CHECKPOINTS="+filepath.Join(dir, "checkpoints"),
	)
	j.quiet(t, filepath.Join(dir, "settings", "@jupyterlab", "apputils-extension"))
	lathe, err := buildLathe()
	if err != nil {
		t.Fatal(err)
	}
	j.run(t, 10*time.Minute, lathe, "setup")
	j.run(t, time.Minute, lathe, "install", "--prefix", filepath.Join(dir, "prefix"))
	return j
}

// quiet turns off what JupyterLab would ask or fetch at its first start.
func (j *jupyter) quiet(t *testing.T, settings string) {
	t.Helper()
	if err := os.MkdirAll(settings, 0o755); err != nil {
		t.Fatal(err)
	}
	const choice = `{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}`
	if err := os.WriteFile(filepath.Join(settings, "notification.jupyterlab-settings"), []byte(choice), 0o644); err != nil {
		t.Fatal(err)
	}
}

// buildLathe builds the command once for all tests and returns its path. The kernel specification
// names that path, so the file stays after a test.
var buildLathe = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	// Two checkouts do not replace each other's.
	path := filepath.Join(cache, "lathe", fmt.Sprintf("labtest-%x", crc32.ChecksumIEEE([]byte(root))), "lathe")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", path, "github.com/lathe-go/lathe/kernel/lathe").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build lathe: %w\n%s", err, out)
	}
	return path, nil
})

// run runs a program that must succeed within the time and returns its standard output.
func (j *jupyter) run(t *testing.T, limit time.Duration, name string, args ...string) string {
	t.Helper()
	out, errs, err := j.try(t, limit, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out, tail(errs))
	}
	return out
}

// try runs a program that may fail and returns what it wrote to its standard and its error output.
func (j *jupyter) try(t *testing.T, limit time.Duration, name string, args ...string) (out, errs string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = j.env
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// tail returns the end of a long text.
func tail(s string) string {
	const limit = 6000
	if len(s) > limit {
		return "…" + s[len(s)-limit:]
	}
	return s
}

// repository returns the root of this repository.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// artifacts returns the folder for what a person may want to see after a test.
func artifacts(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("LATHE_ARTIFACTS")
	if dir == "" {
		dir = filepath.Join(repository(t), "out")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
