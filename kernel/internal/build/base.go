package build

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lathe-go/lathe/kernel/internal/home"
)

const (
	modulePath  = "github.com/lathe-go/lathe"
	processPath = modulePath + "/kernel/internal/rt/process"
	basePath    = modulePath + "/kernel/internal/rt/base"
)

// formatVersion changes when what a base folder holds changes, so that an older one is built anew.
const formatVersion = "4"

// A Base is a base library: every package that cells may import, compiled once into one shared
// library, and what is needed to compile and link cells against it. It is a folder that is complete or absent.
type Base struct {
	Dir       string `json:"-"`
	Key       string
	Toolchain Toolchain
	Exports   map[string]string // import path to the file (in Dir) that holds its export data
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

// Linker is the patched linker.
func (b *Base) Linker() string { return filepath.Join(b.Dir, "link") }

// ErrNoBase is wrapped by Current's error when there is no base library for these sources.
var ErrNoBase = errors.New("there is no base library yet; run `lathe setup`")

// Current returns the base library that `lathe setup` made last, if it fits Lathe's sources as they
// are now. It starts no process, so that a kernel is ready at once.
func Current() (*Base, error) {
	root, err := home.Data()
	if err != nil {
		return nil, err
	}
	src, err := SourceDir()
	if err != nil {
		return nil, err
	}
	digest, err := sourceDigest(src)
	if err != nil {
		return nil, err
	}
	name, err := os.ReadFile(filepath.Join(root, "base", "current"))
	if err != nil {
		return nil, ErrNoBase
	}
	b, err := openBase(filepath.Join(root, "base", strings.TrimSpace(string(name))))
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoBase, err)
	}
	if b.Key != baseKey(digest, b.Toolchain) {
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

// digestFile digests the file at path.
func digestFile(path string) (digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return digest{}, err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return digest{}, fmt.Errorf("read %s: %w", path, err)
	}
	return digest{size, hex.EncodeToString(h.Sum(nil))}, nil
}

// Ensure returns the base library for Lathe's sources and the toolchain on the PATH, building it if
// need be. Being killed at any moment leaves nothing that a later call would take for whole.
func Ensure(ctx context.Context, progress Progress) (*Base, error) {
	src, err := SourceDir()
	if err != nil {
		return nil, err
	}
	toolchain, err := FindToolchain(ctx, src)
	if err != nil {
		return nil, err
	}
	digest, err := sourceDigest(src)
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
	key := baseKey(digest, toolchain)
	dir := filepath.Join(root, key)
	b, err := openBase(dir)
	if err == nil {
		err = b.Verify()
	}
	if err != nil {
		if b, err = build(ctx, src, dir, Base{Key: key, Toolchain: toolchain}, progress); err != nil {
			return nil, err
		}
	}
	if err := writeFile(filepath.Join(root, "current"), []byte(key+"\n")); err != nil {
		return nil, err
	}
	removeOld(root, key)
	return b, nil
}

// Export opens the export data of a package; it serves as a lookup function for go/importer.
func (b *Base) Export(path string) (io.ReadCloser, error) {
	name, ok := b.Exports[path]
	if !ok {
		return nil, fmt.Errorf("package %s is not in the base library", path)
	}
	return os.Open(filepath.Join(b.Dir, name))
}

// build makes the folder dir: in a temporary folder beside it, which then takes its name.
func build(ctx context.Context, src, dir string, b Base, progress Progress) (*Base, error) {
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "tmp-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	b.Dir = filepath.Join(tmp, "base")
	if err := os.MkdirAll(filepath.Join(b.Dir, "export"), 0o755); err != nil {
		return nil, err
	}
	progress("patched linker", 0, 0)
	if err := b.Toolchain.buildLinker(ctx, tmp, b.Linker()); err != nil {
		return nil, err
	}
	overlay, err := b.Toolchain.writeOverlay(tmp, runtimePatches)
	if err != nil {
		return nil, err
	}
	archives, err := b.compilePackages(ctx, src, overlay, progress)
	if err != nil {
		return nil, err
	}
	progress("base library", 0, 0)
	if err := b.link(ctx, tmp, archives); err != nil {
		return nil, err
	}
	progress("export data", 0, 0)
	if err := b.finish(archives); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Rename(b.Dir, dir); err != nil {
		return nil, err
	}
	b.Dir = dir
	return &b, nil
}

// compilePackages compiles everything in the base library as position-independent code and returns
// the archive of each package, by import path.
func (b *Base) compilePackages(ctx context.Context, src, overlay string, progress Progress) (map[string]string, error) {
	std, err := goRun(ctx, b.Toolchain.Go, src, "list", "std")
	if err != nil {
		return nil, err
	}
	roots := append([]string{processPath, basePath}, slices.DeleteFunc(strings.Fields(string(std)), notForCells)...)
	all, err := goRun(ctx, b.Toolchain.Go, src, append([]string{"list", "-deps"}, roots...)...)
	if err != nil {
		return nil, err
	}
	total := bytes.Count(all, []byte("\n"))
	args := append([]string{"list", "-x", "-deps", "-export", "-buildmode=plugin", "-gcflags=all=-linkshared",
		"-overlay", overlay, "-f", "{{.ImportPath}} {{.Name}} {{.Export}}"}, roots...)
	cmd := exec.CommandContext(ctx, b.Toolchain.Go, args...)
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	var out bytes.Buffer
	cmd.Stdout = &out
	trace, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("compile the base library: %w", err)
	}
	failed := followTrace(trace, func(done int) { progress("packages", min(done, total), total) })
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("compile the base library: %w: %s", err, failed)
	}
	progress("packages", total, total)
	archives := map[string]string{}
	b.Names = map[string]string{}
	for line := range strings.Lines(out.String()) {
		if f := strings.Fields(line); len(f) == 3 {
			archives[f[0]] = f[2]
			if !notForCells(f[0]) {
				b.Names[f[0]] = f[1]
			}
		}
	}
	return archives, nil
}

// followTrace reads what `go list -x` says, reports each package that is compiled, and returns the
// last lines, which tell what went wrong if it fails.
func followTrace(trace io.Reader, report func(done int)) string {
	var last []string
	done := 0
	lines := bufio.NewScanner(trace)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		line := lines.Text()
		if strings.Contains(line, "/compile -o ") {
			done++
			report(done)
			continue
		}
		if last = append(last, line); len(last) > 12 {
			last = last[1:]
		}
	}
	// A line beyond the buffer ends the scan; the command must not block on a full pipe.
	_, _ = io.Copy(io.Discard, trace)
	return strings.Join(last, "\n")
}

// notForCells tells which packages of the standard library are left out of the base library.
func notForCells(path string) bool {
	switch path {
	case "plugin", "runtime/race", "runtime/msan", "runtime/asan", "unsafe":
		return true
	}
	return strings.HasPrefix(path, "vendor/") || strings.HasPrefix(path, "internal/") ||
		strings.Contains(path, "/internal/") || strings.HasSuffix(path, "/internal")
}

// workerSource is the whole of the worker: everything it does is in the base library.
const workerSource = "package main\n\nimport \"" + processPath + "\"\n\nfunc main() { process.Main() }\n"

// link links the base library and the worker.
func (b *Base) link(ctx context.Context, tmp string, archives map[string]string) error {
	var plain, shared strings.Builder
	args := []string{"-checklinkname=0", "-w", "-buildmode=shared", "-extld", b.Toolchain.CC,
		"-extldflags=-Wl,--hash-style=gnu", "-importcfg", filepath.Join(tmp, "plain.cfg"), "-o", b.Lib()}
	for _, path := range sortedKeys(archives) {
		fmt.Fprintf(&plain, "packagefile %s=%s\n", path, archives[path])
		fmt.Fprintf(&shared, "packagefile %s=%s\npackageshlib %s=%s\n", path, archives[path], path, b.Lib())
		args = append(args, path+"="+archives[path])
	}
	main := filepath.Join(tmp, "worker.go")
	for file, text := range map[string]string{"plain.cfg": plain.String(), "shared.cfg": shared.String(), "worker.go": workerSource} {
		if err := os.WriteFile(filepath.Join(tmp, file), []byte(text), 0o644); err != nil {
			return err
		}
	}
	steps := []struct {
		name string
		tool string
		args []string
	}{
		{"link the base library", b.Linker(), args},
		{"compile the worker", b.Toolchain.tool("compile"), []string{"-p", "main", "-dynlink", "-linkshared",
			"-importcfg", filepath.Join(tmp, "plain.cfg"), "-pack", "-o", filepath.Join(tmp, "worker.a"), main}},
		{"link the worker", b.Linker(), []string{"-checklinkname=0", "-w", "-buildmode=exe", "-linkshared", "-extld", b.Toolchain.CC,
			// The worker finds the library beside itself, also after its folder was renamed.
			"-extldflags=-Wl,-rpath=$ORIGIN",
			"-L", b.Dir, "-importcfg", filepath.Join(tmp, "shared.cfg"), "-o", b.Worker(), filepath.Join(tmp, "worker.a")}},
	}
	for _, s := range steps {
		if out, err := exec.CommandContext(ctx, s.tool, s.args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", s.name, err, firstLines(out, 12))
		}
	}
	return inlineGCData(b.Lib())
}

// finish copies the export data of each package out of the build cache, which may be trimmed, and
// writes the manifest that makes the folder valid.
func (b *Base) finish(archives map[string]string) error {
	b.Exports = map[string]string{}
	for i, path := range sortedKeys(archives) {
		data, err := os.ReadFile(archives[path])
		if err != nil {
			return fmt.Errorf("export data of %s: %w", path, err)
		}
		name := fmt.Sprintf("export/%d.a", i)
		if err := os.WriteFile(filepath.Join(b.Dir, name), exportOnly(data), 0o644); err != nil {
			return err
		}
		b.Exports[path] = name
	}
	b.Files = map[string]digest{}
	for _, name := range append(slices.Collect(maps.Values(b.Exports)), "libbase.so", "worker", "link") {
		var err error
		if b.Files[name], err = digestFile(filepath.Join(b.Dir, name)); err != nil {
			return err
		}
	}
	manifest, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(b.Dir, "manifest.json"), manifest)
}

// exportOnly cuts an archive after its first member, which is the export data.
func exportOnly(archive []byte) []byte {
	const magic, header = 8, 60
	if len(archive) < magic+header {
		return archive
	}
	size := 0
	fmt.Sscanf(string(archive[magic+48:magic+58]), "%d", &size)
	return archive[:min(len(archive), magic+header+size+size%2)]
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

// baseKey names the base library of these sources and this toolchain.
func baseKey(digest string, t Toolchain) string {
	h := sha256.New()
	fmt.Fprintln(h, formatVersion, digest, t.Version, t.GOROOT, os.Getenv("GOFLAGS"), os.Getenv("GOEXPERIMENT"))
	for _, p := range slices.Concat(linkerPatches, runtimePatches) {
		fmt.Fprintln(h, p)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// lock takes the lock file at path, so that two set-ups do not work at the same thing.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// removeOld removes what killed builds left, and every base library but keep and the newest other one,
// on which a kernel may still run.
func removeOld(root, keep string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return // nothing is lost but disk space
	}
	var others []os.FileInfo
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || !e.IsDir() || e.Name() == keep:
		case strings.HasPrefix(e.Name(), "tmp-"):
			os.RemoveAll(filepath.Join(root, e.Name()))
		default:
			others = append(others, info)
		}
	}
	slices.SortFunc(others, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for i, info := range others {
		if i > 0 {
			os.RemoveAll(filepath.Join(root, info.Name()))
		}
	}
}

// writeFile writes a file so that it is whole or absent, also after a crash.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(tmp, path)
}

// firstLines cuts a tool's output.
func firstLines(out []byte, n int) string {
	lines := strings.SplitAfterN(strings.TrimSpace(string(out)), "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "")
}

// sortedKeys lists the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
