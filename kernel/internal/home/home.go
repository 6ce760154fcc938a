// Package home names the folders in which Lathe keeps what it makes for its user.
package home

import (
	"fmt"
	"os"
	"path/filepath"
)

// Data returns the folder of what `lathe setup` makes: base libraries, the patched linker and PJRT
// plugins. LATHE_HOME overrides it; else it is the XDG data folder's "lathe". It need not exist yet.
func Data() (string, error) {
	if dir := os.Getenv("LATHE_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lathe"), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("home: no data folder: %w; set LATHE_HOME", err)
	}
	return filepath.Join(user, ".local", "share", "lathe"), nil
}
