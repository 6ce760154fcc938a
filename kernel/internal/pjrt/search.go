package pjrt

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// searchVariable lists the folders in which go-xla looks; if it is set, go-xla looks nowhere else.
const searchVariable = "PJRT_PLUGIN_LIBRARY_PATH"

// defaultFolders are those of go-xla in its order; ~ is the user's home. After them it looks where the
// dynamic linker does, of which LD_LIBRARY_PATH is followed here.
var defaultFolders = []string{
	"~/.local/lib/go-xla",
	"~/.local/lib/go-xla/nvidia",
	"~/.local/lib/gomlx/pjrt",
	"/usr/local/lib/go-xla",
	"/usr/local/lib/go-xla/nvidia",
	"/usr/local/lib/gomlx/pjrt",
}

// patterns are the file names that go-xla takes for a plugin; * is the plugin's name.
var patterns = []string{"pjrt-plugin-*.so", "pjrt_plugin_*.so", "pjrt_c_api_*_plugin.so"}

// search returns the plugin that go-xla would use: CUDA where there is such a device, else CPU. Files
// that are not whole libraries are passed over. It returns "" if there is none.
func search() string {
	kinds := []string{"cpu"}
	if devices, _ := filepath.Glob("/dev/nvidia*"); len(devices) > 0 {
		kinds = []string{"cuda", "cpu"}
	}
	folders := searchFolders()
	for _, kind := range kinds {
		for _, dir := range folders {
			for _, path := range candidates(dir) {
				if strings.HasPrefix(pluginName(path), kind) && checkELF(path) == nil {
					return path
				}
			}
		}
	}
	return ""
}

// searchFolders lists the folders in which go-xla would look.
func searchFolders() []string {
	if list, set := os.LookupEnv(searchVariable); set {
		return slices.DeleteFunc(strings.Split(list, ":"), func(dir string) bool { return dir == "" })
	}
	var folders []string
	user, err := os.UserHomeDir()
	for _, dir := range defaultFolders {
		rest, inHome := strings.CutPrefix(dir, "~")
		switch {
		case !inHome:
			folders = append(folders, dir)
		case err == nil:
			folders = append(folders, user+rest)
		}
	}
	for dir := range strings.SplitSeq(os.Getenv("LD_LIBRARY_PATH"), ":") {
		if filepath.IsAbs(dir) {
			folders = append(folders, dir)
		}
	}
	return folders
}

// candidates lists the files in dir that are named as plugins.
func candidates(dir string) []string {
	var paths []string
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(dir, pattern))
		paths = append(paths, found...)
	}
	return paths
}

// pluginName takes the plugin's name out of a file name, such as "cpu" or "cpu_v0.83.1".
func pluginName(path string) string {
	base := filepath.Base(path)
	for _, pattern := range patterns {
		before, after, _ := strings.Cut(pattern, "*")
		if strings.HasPrefix(base, before) && strings.HasSuffix(base, after) && len(base) > len(before)+len(after) {
			return base[len(before) : len(base)-len(after)]
		}
	}
	return ""
}
