package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/home"
)

const (
	modulePath  = "github.com/lathe-go/lathe"
	processPath = modulePath + "/kernel/internal/rt/process"
	basePath    = modulePath + "/kernel/internal/rt/base"
)

// formatVersion changes when what a base folder holds changes, so that an older one is built anew.
const formatVersion = "6"

// A Base is a base library: every package that cells may import, compiled once into one shared
// library, and what is needed to compile and link cells against it. It is a folder that is complete or absent.
type Base struct {
	Dir       string `json:"-"`
	Key       string
	Toolchain Toolchain
	Strategy  Strategy
	Work      string            // the go.work by which Lathe and a notebook's module agree on versions; "" for none
	Why       string            `json:"-"` // why it is this strategy, where it is not Shared by free choice
	Exports   map[string]string // import path to the file (in Dir) that holds its export data or, for Plugin, its archive
	Names     map[string]string // import path to package name, of the packages that cells may import
	Files     map[string]digest // every file in Dir but the manifest, to notice a damaged one
}

// A digest is what a file was when it was made.
type digest struct {
	Size   int64
	SHA256 string
}

// Progress is told what a build is at: done of total, or total 0 where no count is known.
type Progress func(stage string, done, total int)

// Lib is the base library itself.
func (b *Base) Lib() string { return filepath.Join(b.Dir, "libbase.so") }

// Worker is the program that loads and runs cells.
func (b *Base) Worker() string { return filepath.Join(b.Dir, "worker") }

// Linker is the linker of the strategy: the patched one, or the toolchain's own.
func (b *Base) Linker() string {
	if b.Strategy == Plugin {
		return b.Toolchain.tool("link")
	}
	return filepath.Join(b.Dir, "link")
}

// ErrNoBase is wrapped by Current's error when there is no base library for these sources.
var ErrNoBase = errors.New("there is no base library yet; run `lathe setup`")

// Current returns the base library that `lathe setup` made last, if it fits Lathe's sources as they
// are now. It starts no process, so that a kernel is ready at once.
func Current() (*Base, error) { return CurrentFor("") }

// CurrentFor is Current for a notebook's module: the base library that `lathe setup --module` has made
// for the module in that folder, if that is as it was, else the common one.
func CurrentFor(module string) (*Base, error) {
	if module != "" {
		if b, err := current(module); err == nil {
			return b, nil
		}
	}
	return current("")
}

func current(module string) (*Base, error) {
	root, err := home.Data()
	if err != nil {
		return nil, err
	}
	src, err := SourceDir()
	if err != nil {
		return nil, err
	}
	forced, err := forcedStrategy()
	if err != nil {
		return nil, err
	}
	name, err := os.ReadFile(filepath.Join(root, "base", currentFile(forced, module)))
	if err != nil {
		return nil, ErrNoBase
	}
	digest, err := sourcesDigest(src, module)
	if err != nil {
		return nil, err
	}
	key, why, _ := strings.Cut(strings.TrimSpace(string(name)), "\n")
	b, err := openBase(filepath.Join(root, "base", key))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoBase, err)
	}
	b.Why = why
	if b.Key != baseKey(digest, b.Toolchain, b.Strategy) {
		return nil, fmt.Errorf("%w (the sources have changed since the last one)", ErrNoBase)
	}
	version, err := os.ReadFile(filepath.Join(b.Toolchain.GOROOT, "VERSION"))
	if err != nil || !strings.HasPrefix(string(version), b.Toolchain.Version+"\n") {
		return nil, fmt.Errorf("%w (the Go toolchain %s is no longer at %s)", ErrNoBase, b.Toolchain.Version, b.Toolchain.GOROOT)
	}
	return b, nil
}

// openBase reads the folder's manifest and checks that every file has its size.
func openBase(dir string) (*Base, error) {
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		return nil, err
	}
	b := &Base{Dir: dir}
	if err := json.Unmarshal(data, b); err != nil {
		return nil, fmt.Errorf("manifest of %s: %w", dir, err)
	}
	for name, want := range b.Files {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if info.Size() != want.Size {
			return nil, fmt.Errorf("%s has %d bytes, not %d: it is damaged", filepath.Join(dir, name), info.Size(), want.Size)
		}
	}
	return b, nil
}

// Verify reads every file of b and reports the first one that is not what was made. It takes some
// tenths of a second.
func (b *Base) Verify() error {
	for _, name := range sortedKeys(b.Files) {
		got, err := digestFile(filepath.Join(b.Dir, name))
		if err != nil {
			return err
		}
		if got != b.Files[name] {
			return fmt.Errorf("%s is damaged; run `lathe setup` to make it anew", filepath.Join(b.Dir, name))
		}
	}
	return nil
}

// Ensure returns the base library for Lathe's sources and the toolchain on the PATH, building it if
// need be. Being killed at any moment leaves nothing that a later call would take for whole.
func Ensure(ctx context.Context, progress Progress) (*Base, error) {
	return EnsureFor(ctx, "", progress)
}

// EnsureFor is Ensure for a notebook's module: of the packages that Lathe and the module in that folder
// both need, the base library has the versions that suit both. The module's own files stay as they are.
func EnsureFor(ctx context.Context, module string, progress Progress) (*Base, error) {
	src, err := SourceDir()
	if err != nil {
		return nil, err
	}
	toolchain, err := FindToolchain(ctx, src)
	if err != nil {
		return nil, err
	}
	digest, err := sourcesDigest(src, module)
	if err != nil {
		return nil, err
	}
	root, err := home.Data()
	if err != nil {
		return nil, err
	}
	root = filepath.Join(root, "base")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	unlock, err := lock(filepath.Join(root, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	forced, err := forcedStrategy()
	if err != nil {
		return nil, err
	}
	m := maker{ctx: ctx, src: src, root: root, digest: digest, toolchain: toolchain, progress: progress}
	if module != "" {
		if m.work, err = m.workspace(module); err != nil {
			return nil, err
		}
	}
	b, err := m.choose(forced)
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(root, currentFile(forced, module)), []byte(b.Key+"\n"+b.Why+"\n")); err != nil {
		return nil, err
	}
	removeOld(root, b.Key)
	return b, nil
}

// sourcesDigest digests what a base library is made of: Lathe's sources and, for one that a module shares,
// what the module requires.
func sourcesDigest(src, module string) (string, error) {
	digest, err := sourceDigest(src)
	if err != nil || module == "" {
		return digest, err
	}
	h := sha256.New()
	fmt.Fprintln(h, digest, module)
	dirs, err := moduleDirs(module)
	for _, dir := range dirs {
		for _, name := range []string{"go.mod", "go.sum"} {
			data, _ := os.ReadFile(filepath.Join(dir, name)) // a module without requirements has no sums
			fmt.Fprintf(h, "%s %d\n%s", dir, len(data), data)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// sourceDigest digests everything of Lathe's own sources that goes into the base library.
func sourceDigest(src string) (string, error) {
	h := sha256.New()
	add := func(path string) error {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		fmt.Fprintf(h, "%s %d\n", filepath.ToSlash(rel), len(data))
		h.Write(data)
		return err
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		if err := add(filepath.Join(src, file)); err != nil {
			return "", err
		}
	}
	for _, dir := range []string{"pkg", "kernel/internal/rt"} {
		err := filepath.WalkDir(filepath.Join(src, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "testdata" {
				return filepath.SkipDir
			}
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return add(path)
		})
		if err != nil {
			return "", fmt.Errorf("digest the sources: %w", err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// baseKey names the base library of these sources, this toolchain and this strategy.
func baseKey(digest string, t Toolchain, s Strategy) string {
	h := sha256.New()
	fmt.Fprintln(h, formatVersion, s, digest, t.Version, t.GOROOT, os.Getenv("GOFLAGS"), t.Experiment)
	for _, p := range runtimePatches {
		fmt.Fprintln(h, p)
	}
	if s == Shared {
		for _, p := range linkerPatches {
			fmt.Fprintln(h, p)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
