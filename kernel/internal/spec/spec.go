package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// DefaultName is the kernel's name unless its user chooses another.
const DefaultName = "lathe"

// owner is the key of kernel.json's metadata that tells our kernelspecs from others.
const owner = "lathe"

// A Spec is a kernelspec to install.
type Spec struct {
	Name        string            // of its folder; "" is DefaultName
	DisplayName string            // as launchers show it; "" is "Go (Lathe)"
	Argv        []string          // the program and its arguments before the connection file
	Env         map[string]string // for the kernel's environment
	Resources   map[string][]byte // further files by name, such as "echarts.min.js"
}

// An Installed is a kernelspec of ours that was found.
type Installed struct {
	Name string
	Dir  string
	Argv []string
}

// kernelJSON is the content of kernel.json.
type kernelJSON struct {
	Argv            []string          `json:"argv"`
	DisplayName     string            `json:"display_name"`
	Language        string            `json:"language"`
	InterruptMode   string            `json:"interrupt_mode"`
	ProtocolVersion string            `json:"kernel_protocol_version"`
	Env             map[string]string `json:"env,omitempty"`
	Metadata        map[string]any    `json:"metadata"`
}

// UserDir returns the folder in which Jupyter looks for this user's kernelspecs.
func UserDir() (string, error) {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return filepath.Join(dir, "kernels"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("spec: no folder for kernelspecs: %w; set JUPYTER_DATA_DIR", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Jupyter", "kernels"), nil
	}
	data := os.Getenv("XDG_DATA_HOME")
	if data == "" {
		data = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(data, "jupyter", "kernels"), nil
}

// PrefixDir returns the folder of kernelspecs of an installation such as /usr/local or a Python
// environment.
func PrefixDir(prefix string) string {
	return filepath.Join(prefix, "share", "jupyter", "kernels")
}

// validName is what Jupyter takes for a kernel's name.
var validName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// checkName refuses what Jupyter would not find.
func checkName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("the kernel name %q is not made of letters, digits, '.', '_' and '-'", name)
	}
	return nil
}

// Install writes s into the folder dir of kernelspecs, and returns the folder of its own. An earlier
// kernelspec of ours with that name is replaced; one of another kernel is not. Nothing is half
// written: the files are made in a temporary folder, which is then renamed.
func Install(dir string, s Spec) (string, error) {
	if s.Name == "" {
		s.Name = DefaultName
	}
	if err := s.check(); err != nil {
		return "", fmt.Errorf("spec: install: %w", err)
	}
	target := filepath.Join(dir, strings.ToLower(s.Name))
	if err := mayReplace(target); err != nil {
		return "", fmt.Errorf("spec: install %s: %w", s.Name, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("spec: install %s: %w", s.Name, err)
	}
	temp, err := os.MkdirTemp(dir, ".installing-")
	if err != nil {
		return "", fmt.Errorf("spec: install %s: %w", s.Name, err)
	}
	defer os.RemoveAll(temp)
	fresh := filepath.Join(temp, "new")
	if err := s.write(fresh); err != nil {
		return "", fmt.Errorf("spec: install %s: %w", s.Name, err)
	}
	if err := swap(fresh, target, filepath.Join(temp, "old")); err != nil {
		return "", fmt.Errorf("spec: install %s: %w", s.Name, err)
	}
	return target, nil
}

// check finds what cannot be installed.
func (s Spec) check() error {
	if err := checkName(s.Name); err != nil {
		return err
	}
	if len(s.Argv) == 0 || !filepath.IsAbs(s.Argv[0]) {
		return fmt.Errorf("argv %q does not begin with the absolute path of a program", s.Argv)
	}
	for name := range s.Resources {
		if name != filepath.Base(name) || !fs.ValidPath(name) || name == "kernel.json" {
			return fmt.Errorf("resource %q is no plain file name of its own", name)
		}
	}
	return nil
}

// mayReplace says whether what is at target is ours, or nothing.
func mayReplace(target string) error {
	if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := read(target); err != nil {
		return fmt.Errorf("%s is there and was not installed by lathe; choose another name or remove it", target)
	}
	return nil
}

// write makes the folder of s.
func (s Spec) write(dir string) error {
	k := kernelJSON{
		Argv:            append(slices.Clone(s.Argv), "{connection_file}"),
		DisplayName:     s.DisplayName,
		Language:        "go",
		InterruptMode:   "message",
		ProtocolVersion: "5.5",
		Env:             s.Env,
		Metadata:        map[string]any{"debugger": false, owner: true},
	}
	if k.DisplayName == "" {
		k.DisplayName = "Go (Lathe)"
	}
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	files := map[string][]byte{"logo-svg.svg": logoSVG()}
	for _, size := range []int{32, 64} {
		if files[fmt.Sprintf("logo-%dx%d.png", size, size)], err = logoPNG(size); err != nil {
			return err
		}
	}
	maps.Copy(files, s.Resources)
	files["kernel.json"] = append(text, '\n')
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// swap puts fresh in the place of target, whose earlier content goes to old.
func swap(fresh, target, old string) error {
	err := os.Rename(target, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	replaced := err == nil
	if err := os.Rename(fresh, target); err != nil {
		if replaced {
			err = errors.Join(err, os.Rename(old, target))
		}
		return err
	}
	return nil
}

// read returns the kernelspec of ours in a folder. It is an error if there is none.
func read(dir string) (Installed, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "kernel.json"))
	if err != nil {
		return Installed{}, err
	}
	var k kernelJSON
	if err := json.Unmarshal(raw, &k); err != nil {
		return Installed{}, fmt.Errorf("%s: %w", dir, err)
	}
	if k.Metadata[owner] != true {
		return Installed{}, fmt.Errorf("%s belongs to another kernel", dir)
	}
	return Installed{Name: filepath.Base(dir), Dir: dir, Argv: k.Argv}, nil
}

// Uninstall removes the kernelspec of the given name from dir, if it is one of ours. If there is none
// the error wraps fs.ErrNotExist.
func Uninstall(dir, name string) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("spec: uninstall: %w", err)
	}
	target := filepath.Join(dir, strings.ToLower(name))
	if _, err := read(target); err != nil {
		return fmt.Errorf("spec: uninstall %s: %w", name, err)
	}
	gone, err := os.MkdirTemp(dir, ".removing-")
	if err != nil {
		return fmt.Errorf("spec: uninstall %s: %w", name, err)
	}
	err = os.Rename(target, filepath.Join(gone, "old")) // at once; the files can go in peace
	if err := errors.Join(err, os.RemoveAll(gone)); err != nil {
		return fmt.Errorf("spec: uninstall %s: %w", name, err)
	}
	return nil
}

// List returns our kernelspecs in dir, by name. A folder that is not there has none.
func List(dir string) ([]Installed, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("spec: list: %w", err)
	}
	var found []Installed
	for _, e := range entries {
		if s, err := read(filepath.Join(dir, e.Name())); err == nil && validName.MatchString(e.Name()) {
			found = append(found, s)
		}
	}
	return found, nil
}
