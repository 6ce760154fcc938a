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
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/mod/modfile"
)

// A maker makes base libraries in the folder root.
type maker struct {
	ctx       context.Context // of the one call of Ensure that the maker lives for
	src, root string
	digest    string // of the sources
	toolchain Toolchain
	progress  Progress
	work      string // see Base.Work
}

// workspace writes the go.work by which the go command sees Lathe and a notebook's module as one, and has
// the sums of the versions that suit both looked up. It lies in Lathe's folder.
func (m maker) workspace(module string) (string, error) {
	dirs, err := moduleDirs(module)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(filepath.Dir(m.root), "work", moduleKey(module))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text := "go " + strings.TrimPrefix(m.toolchain.Version, "go") + "\n\nuse " + strconv.Quote(m.src) + "\n"
	for _, d := range dirs {
		text += "use " + strconv.Quote(d) + "\n"
	}
	file := filepath.Join(dir, "go.work")
	if err := writeFile(file, []byte(text)); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(m.ctx, m.toolchain.Go, "mod", "download")
	cmd.Dir, cmd.Env = m.src, m.toolchain.environ("GOWORK="+file)
	_, err = cmd.Output()
	return file, commandError("go mod download", err)
}

// moduleKey names a module's folder in file names.
func moduleKey(module string) string {
	sum := sha256.Sum256([]byte(module))
	return hex.EncodeToString(sum[:6])
}

// moduleDirs returns the folders of the modules that a module's folder, or the workspace in it, stands for.
func moduleDirs(module string) ([]string, error) {
	data, err := os.ReadFile(filepath.Join(module, "go.work"))
	if errors.Is(err, os.ErrNotExist) {
		return []string{module}, nil
	}
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork("go.work", data, nil)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, use := range work.Use {
		dir := filepath.FromSlash(use.Path)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(module, dir)
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// env is the environment in which the go command compiles the packages of b.
func (b *Base) env() []string {
	env := b.Toolchain.environ("CGO_ENABLED=1")
	if b.Work != "" {
		env = append(env, "GOWORK="+b.Work)
	}
	return env
}

// choose returns the base library of the forced strategy; if none is forced, of Shared if a probe can be
// compiled, loaded and run, else of Plugin.
func (m maker) choose(forced Strategy) (*Base, error) {
	if forced != "" {
		return m.ensure(forced, "LATHE_STRATEGY asks for it")
	}
	b, err := m.ensure(Shared, "")
	if err == nil {
		err = m.probe(b)
	}
	if err == nil || m.ctx.Err() != nil || errors.Is(err, syscall.ENOSPC) {
		return b, err
	}
	why := fmt.Sprintf("the strategy shared does not work here: %v", err)
	b, second := m.ensure(Plugin, why)
	if second != nil {
		return nil, errors.Join(err, second) // what hinders both is most often the same
	}
	return b, nil
}

// ensure returns the base library of a strategy, making it if it is not there or damaged.
func (m maker) ensure(s Strategy, why string) (*Base, error) {
	key := baseKey(m.digest, m.toolchain, s)
	dir := filepath.Join(m.root, key)
	b, err := openBase(dir)
	if err == nil {
		err = b.Verify()
	}
	if err != nil {
		b, err = m.make(dir, Base{Key: key, Toolchain: m.toolchain, Strategy: s, Work: m.work})
	}
	if err == nil {
		b.Why = why
	}
	return b, err
}

// make makes the folder dir: in a temporary folder beside it, which then takes its name.
func (m maker) make(dir string, b Base) (*Base, error) {
	ctx, progress := m.ctx, m.progress
	tmp, err := os.MkdirTemp(m.root, "tmp-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	b.Dir = filepath.Join(tmp, "base")
	if err := os.MkdirAll(filepath.Join(b.Dir, "export"), 0o755); err != nil {
		return nil, err
	}
	if b.Strategy == Shared {
		progress("patched linker", 0, 0)
		if err := b.Toolchain.buildLinker(ctx, tmp, b.Linker()); err != nil {
			return nil, err
		}
	}
	overlay, err := b.Toolchain.writeOverlay(tmp, runtimePatches)
	if err != nil {
		return nil, err
	}
	archives, err := b.compilePackages(ctx, m.src, overlay, progress)
	if err != nil {
		return nil, err
	}
	progress("base library", 0, 0)
	if b.Strategy == Plugin {
		err = b.linkHost(ctx, m.src, tmp)
	} else {
		err = b.link(ctx, tmp, archives)
	}
	if err != nil {
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
	std, err := b.Toolchain.goList(ctx, src, b.env(), "std")
	if err != nil {
		return nil, err
	}
	roots := append([]string{processPath, basePath}, slices.DeleteFunc(strings.Fields(string(std)), notForCells)...)
	all, err := b.Toolchain.goList(ctx, src, b.env(), append([]string{"-deps"}, roots...)...)
	if err != nil {
		return nil, err
	}
	total := bytes.Count(all, []byte("\n"))
	args := append([]string{"list", "-x", "-deps", "-export", "-buildmode=plugin", "-gcflags=" + b.Strategy.gcflags(),
		"-overlay", overlay, "-f", "{{.ImportPath}} {{.Name}} {{.Export}}"}, roots...)
	cmd := exec.CommandContext(ctx, b.Toolchain.Go, args...)
	cmd.Dir = src
	cmd.Env = b.env()
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
		cmd := exec.CommandContext(ctx, s.tool, s.args...)
		cmd.Env = b.Toolchain.environ()
		if out, err := cmd.CombinedOutput(); err != nil {
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
		if b.Strategy == Shared {
			data = exportOnly(data)
		}
		if err := os.WriteFile(filepath.Join(b.Dir, name), data, 0o644); err != nil {
			return err
		}
		b.Exports[path] = name
	}
	b.Files = map[string]digest{}
	for _, name := range append(slices.Collect(maps.Values(b.Exports)), b.Strategy.files()...) {
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
