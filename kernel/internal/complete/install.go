package complete

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/home"
)

// goplsVersion is the version of gopls that the settings here are for.
const goplsVersion = "v0.21.1"

// ErrNoGopls is wrapped by Find's error when gopls has not been installed. Nothing but comfort is missing.
var ErrNoGopls = errors.New("gopls is not installed: completion works without what it adds; `lathe setup` installs it")

// goplsDir is the folder of gopls, of its cache and of its configuration.
func goplsDir() (string, error) {
	root, err := home.Data()
	return filepath.Join(root, "gopls-"+goplsVersion), err
}

// Find returns the path of the gopls that Install has installed.
func Find() (string, error) {
	dir, err := goplsDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gopls")
	if _, err := os.Stat(path); err != nil {
		return "", ErrNoGopls
	}
	return path, nil
}

// Version returns the version of the gopls at path, as it says itself, or why it does not run.
func Version(ctx context.Context, path string) (string, error) {
	cmd := exec.CommandContext(ctx, path, "version")
	env, err := goplsEnv(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s does not run: %w; remove it, and `lathe setup` installs it again", path, err)
	}
	line, _, _ := strings.Cut(string(out), "\n") // "golang.org/x/tools/gopls v0.21.1"
	return strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), nil
}

// installTime is how long gopls may take to be fetched and built: setup goes on without it.
const installTime = 10 * time.Minute

// Install builds gopls in its pinned version, unless it is there, and returns its path. It may use the
// network, as the go command is set up to. Being killed leaves nothing that Find would find.
func Install(ctx context.Context) (string, error) {
	if path, err := Find(); err == nil {
		return path, nil
	}
	dir, err := goplsDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("install gopls: %w", err)
	}
	tmp, err := os.MkdirTemp(dir, "tmp-")
	if err != nil {
		return "", fmt.Errorf("install gopls: %w", err)
	}
	defer os.RemoveAll(tmp)
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "install", "golang.org/x/tools/gopls@"+goplsVersion)
	cmd.Dir = tmp // in no module
	cmd.Env = append(os.Environ(), "GOBIN="+tmp, "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local", "GOOS=", "GOARCH=")
	if out, err := cmd.CombinedOutput(); err != nil {
		text := strings.TrimSpace(string(out))
		return "", fmt.Errorf("install gopls %s: %w: %s", goplsVersion, err, text[strings.LastIndexByte(text, '\n')+1:])
	}
	path := filepath.Join(dir, "gopls")
	if err := os.Rename(filepath.Join(tmp, "gopls"), path); err != nil {
		return "", fmt.Errorf("install gopls: %w", err)
	}
	return path, nil
}

// goplsEnv returns the environment of gopls in dir. It fetches nothing, reports nothing to anybody, and keeps
// its files to dir.
func goplsEnv(dir string) ([]string, error) {
	config := filepath.Join(dir, "config")
	mode := filepath.Join(config, "go", "telemetry", "mode")
	if err := os.MkdirAll(filepath.Dir(mode), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(mode, []byte("off"), 0o644); err != nil {
		return nil, err
	}
	env := os.Environ()
	if user, err := os.UserConfigDir(); err == nil && os.Getenv("GOENV") == "" {
		env = append(env, "GOENV="+filepath.Join(user, "go", "env"))
	}
	return append(env, "XDG_CONFIG_HOME="+config, "GOPLSCACHE="+filepath.Join(dir, "cache"),
		"GOPROXY=off", "GOTOOLCHAIN=local", "GOMEMLIMIT=1GiB"), nil
}
