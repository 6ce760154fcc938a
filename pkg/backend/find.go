package backend

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/go-xla/pjrt"
)

// find returns the file of the PJRT plugin to use: CUDA before CPU, go-xla's own search path before the
// folder that `lathe setup` fills. A kernel that has looked and found none, or a damaged one, which would
// take the process down, says so in LATHE_NO_PLUGIN.
func find() (string, error) {
	if why := os.Getenv("LATHE_NO_PLUGIN"); why != "" {
		return "", errors.New(why)
	}
	found := available()
	for _, kind := range []string{"cuda", "cpu"} {
		if path := pick(found, kind); path != "" {
			return path, nil
		}
	}
	if dir, err := setupFolder(); err == nil {
		files, _ := filepath.Glob(filepath.Join(dir, "pjrt", "*", "pjrt_c_api_*_plugin.so"))
		if len(files) > 0 {
			slices.Sort(files)
			return files[len(files)-1], nil
		}
	}
	if path, set := os.LookupEnv(pjrt.PJRTPluginPathsEnv); set {
		return "", fmt.Errorf("no PJRT plugin in %s=%s", pjrt.PJRTPluginPathsEnv, path)
	}
	return "", errors.New("no PJRT plugin is installed")
}

// available lists go-xla's plugins by name. A plugin that cannot be loaded makes go-xla panic while it
// looks for others; then none counts as found.
func available() (found map[string]string) {
	defer func() {
		if recover() != nil {
			found = nil
		}
	}()
	return pjrt.AvailablePlugins()
}

// pick returns the file of the newest plugin of a kind: one named kind itself, or kind and a version.
func pick(found map[string]string, kind string) string {
	best := ""
	for name := range found {
		if name == kind {
			return found[name]
		}
		if strings.HasPrefix(name, kind) && name > best {
			best = name
		}
	}
	return found[best]
}

// setupFolder is where `lathe setup` keeps what it fetches: $LATHE_HOME, else the XDG data folder's
// "lathe". The kernel follows the same rule; a program outside a notebook has nobody to tell it.
func setupFolder() (string, error) {
	if dir := os.Getenv("LATHE_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lathe"), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("backend: no data folder: %w", err)
	}
	return filepath.Join(user, ".local", "share", "lathe"), nil
}

// platform reduces a plugin's name or file to the platform it drives.
func platform(plugin string) string {
	name := filepath.Base(plugin)
	for _, kind := range []string{"cuda", "cpu", "tpu", "rocm", "metal"} {
		if strings.Contains(strings.ToLower(name), kind) {
			return kind
		}
	}
	return name
}
