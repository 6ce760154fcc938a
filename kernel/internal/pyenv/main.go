// Command pyenv makes the Python environment of the tests that speak to Jupyter: a virtual
// environment with JupyterLab, nbclient, nbconvert and jupyter-kernel-test, every version pinned in
// requirements.txt. It stands in the user's cache folder under the digest of that file, so a second
// call finds it and does nothing. The last line it prints is the path of its python.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

//go:embed requirements.txt
var requirements []byte

// doneFile marks an environment whose packages were all installed.
const doneFile = "lathe-complete"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	python, err := ensure(ctx, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "pyenv:", err)
		os.Exit(1)
	}
	fmt.Println(python)
}

// ensure makes the environment if it is not there yet and returns the path of its python. Progress
// goes to log.
func ensure(ctx context.Context, log io.Writer) (string, error) {
	base, version, err := findPython(ctx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	dir := filepath.Join(cache, "lathe", "python-"+digest(requirements, version))
	python := filepath.Join(dir, "bin", "python")
	unlock, err := lock(ctx, dir+".lock", log)
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(filepath.Join(dir, doneFile)); err == nil {
		return python, nil
	}
	return python, build(ctx, base, dir, log)
}

// digest names an environment by what decides its content.
func digest(parts ...[]byte) string {
	sum := sha256.Sum256(bytes.Join(parts, []byte{0}))
	return fmt.Sprintf("%x", sum[:6])
}

// findPython returns the python3 on the path and its version; it must be 3.11 or later.
func findPython(ctx context.Context) (path string, version []byte, err error) {
	path, err = exec.LookPath("python3")
	if err != nil {
		return "", nil, errors.New("there is no python3 on the path; install Python 3.11 or later with its venv module")
	}
	const script = "import sys; print(*sys.version_info[:3], sys.executable); sys.exit(sys.version_info < (3, 11))"
	version, err = exec.CommandContext(ctx, path, "-c", script).Output()
	if err != nil {
		return "", nil, fmt.Errorf("%s is not Python 3.11 or later: it says %q", path, bytes.TrimSpace(version))
	}
	return path, version, nil
}

// lock takes the lock file at path, so that two test runs do not build one environment at once.
func lock(ctx context.Context, path string, log io.Writer) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the cache folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	for said := false; ; said = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !said {
			fmt.Fprintln(log, "pyenv: waiting for another process that builds the same environment")
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// build makes a virtual environment at dir and installs the pinned packages into it.
func build(ctx context.Context, base, dir string, log io.Writer) error {
	start := time.Now()
	fmt.Fprintf(log, "pyenv: making %s (about 20 s, once)\n", dir)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove an unfinished environment: %w", err)
	}
	if err := runLogged(ctx, log, base, "-m", "venv", dir); err != nil {
		return err
	}
	reqs := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(reqs, requirements, 0o644); err != nil {
		return fmt.Errorf("write the requirements: %w", err)
	}
	err := runLogged(ctx, log, filepath.Join(dir, "bin", "python"), "-m", "pip", "install",
		"--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "-r", reqs)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "pyenv: done in %.0f s\n", time.Since(start).Seconds())
	return os.WriteFile(filepath.Join(dir, doneFile), nil, 0o644)
}

// runLogged runs a command whose output goes to log.
func runLogged(ctx context.Context, log io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %v: %w", name, args, err)
	}
	return nil
}
