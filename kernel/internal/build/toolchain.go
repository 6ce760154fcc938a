// Package build turns generated Go source into libraries that a running process can load.
//
// Everything that cells may import is compiled once into one shared library, the base library. A cell is
// compiled by the toolchain's own compiler, linked by its linker (with one patch) against a stub of the base
// library, and loaded by the worker. See Base for what is made once and Builder for what is made for a cell.
package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A Toolchain is the Go toolchain that compiles cells, with the C tools that it needs.
type Toolchain struct {
	Go      string // path of the go command
	GOROOT  string
	Version string // as `go version` says it, "go1.26.8"
	ToolDir string // where compile and link are
	CC      string // the C compiler
	LD      string // the system linker

	// Experiment is what GOEXPERIMENT is when cells and all they import are compiled. With simd GoMLX's
	// backend in pure Go is some three times faster.
	Experiment string
}

// FindToolchain asks the go command on the PATH what it is, in dir, whose go.mod may pin a version.
func FindToolchain(ctx context.Context, dir string) (Toolchain, error) {
	goCmd, err := exec.LookPath("go")
	if err != nil {
		return Toolchain{}, errors.New("the go command is not on the PATH; install Go from your system's packages or go.dev and try again")
	}
	ask := exec.CommandContext(ctx, goCmd, "env", "-json", "GOROOT", "GOVERSION", "GOTOOLDIR", "CC", "GOARCH", "GOEXPERIMENT")
	ask.Dir = dir
	out, err := ask.Output()
	if err = commandError("go env", err); err != nil {
		return Toolchain{}, fmt.Errorf("ask the Go toolchain: %w", err)
	}
	var env struct{ GOROOT, GOVERSION, GOTOOLDIR, CC, GOARCH, GOEXPERIMENT string }
	if err := json.Unmarshal(out, &env); err != nil {
		return Toolchain{}, fmt.Errorf("ask the Go toolchain: %w", err)
	}
	version, _, _ := strings.Cut(env.GOVERSION, "-X:") // what follows are experiments
	t := Toolchain{Go: goCmd, GOROOT: env.GOROOT, Version: version, ToolDir: env.GOTOOLDIR, Experiment: env.GOEXPERIMENT}
	if _, err := os.Stat(filepath.Join(env.GOROOT, "src", "simd", "archsimd")); err == nil && env.GOARCH == "amd64" && t.Experiment == "" {
		t.Experiment = "simd"
	}
	cc := strings.Fields(env.CC)
	if len(cc) == 0 {
		cc = []string{"cc"}
	}
	if t.CC, err = exec.LookPath(cc[0]); err != nil {
		return Toolchain{}, fmt.Errorf("no C compiler: %q is not on the PATH; install one (on Debian: apt-get install gcc) and try again", cc[0])
	}
	if t.LD, err = exec.LookPath("ld"); err != nil {
		return Toolchain{}, errors.New("no system linker: \"ld\" is not on the PATH; install binutils and try again")
	}
	return t, nil
}

// tool returns the path of a tool of the toolchain, such as "compile".
func (t Toolchain) tool(name string) string { return filepath.Join(t.ToolDir, name) }

// environ is the environment of the toolchain's commands.
func (t Toolchain) environ(more ...string) []string {
	return append(append(os.Environ(), "GOEXPERIMENT="+t.Experiment), more...)
}

// goList runs go list and returns its standard output; an error holds what it wrote to stderr.
func (t Toolchain) goList(ctx context.Context, dir string, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, t.Go, append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.Output()
	return out, commandError("go list", err)
}

// commandError adds to err what the command said on its standard error.
func commandError(name string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// SourceDir returns the root of Lathe's own module: the sources that this binary was built from, in a
// checkout or in the module cache.
func SourceDir() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	dir := filepath.Dir(file)
	for range 3 { // kernel/internal/build
		dir = filepath.Dir(dir)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); !ok || err != nil {
		return "", fmt.Errorf("the sources that lathe was built from are gone (%s); build it again", dir)
	}
	return dir, nil
}
