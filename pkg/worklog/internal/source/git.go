// Package source keeps the exact source tree around a run in the git repository that it lies in, under a
// reference of the run's own, and gets it back.
//
// The index, the stash, HEAD, the working tree and the hooks of the repository's user stay as they are:
// changed files go into the repository through git fast-import, which uses no index at all. It also
// takes bytes as they are, where git add would convert line endings and run filters.
package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Refs is the folder of the references that keep trees; the last element of each is a run's name.
const Refs = "refs/worklog/"

// ErrNone means that a folder is not in a git repository.
var ErrNone = errors.New("no git repository")

// git runs git and returns what it printed. Nothing that the user configured to run by itself does.
func git(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	fixed := []string{"--no-optional-locks", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false"}
	cmd := exec.CommandContext(ctx, "git", append(fixed, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0")
	cmd.WaitDelay = time.Second
	cmd.Stdin = stdin
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("git took too long: %w", ctx.Err())
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("there is no git on this machine")
	}
	if text := strings.TrimSpace(complaint.String()); text != "" {
		first, _, _ := strings.Cut(text, "\n")
		err = errors.New(first)
	}
	return nil, fmt.Errorf("git: %w", err)
}

// line returns the one line that git prints.
func line(ctx context.Context, args ...string) (string, error) {
	out, err := git(ctx, nil, args...)
	return strings.TrimSuffix(string(out), "\n"), err
}

// locate returns the top of the working tree around dir and the folder of its repository, which all
// working trees of that repository share.
func locate(ctx context.Context, dir string) (top, repository string, err error) {
	top, err = line(ctx, "-C", dir, "rev-parse", "--show-toplevel")
	if err != nil {
		if !inside(dir) {
			err = ErrNone
		}
		return "", "", err
	}
	repository, err = line(ctx, "-C", top, "rev-parse", "--git-common-dir")
	if err == nil && !filepath.IsAbs(repository) {
		repository = filepath.Join(top, repository)
	}
	return top, repository, err
}

// inside reports whether a folder upward from dir looks like a working tree, for when git cannot tell.
func inside(dir string) bool {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for at := abs; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return true
		}
		if at == filepath.Dir(at) {
			return false
		}
	}
}

// Repository returns the repository around dir, or "".
func Repository(ctx context.Context, dir string) string {
	_, repository, _ := locate(ctx, dir) // where there is none, none is returned
	return repository
}

// fields splits what git printed with -z.
func fields(out []byte) []string {
	text := strings.TrimSuffix(string(out), "\x00")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\x00")
}
