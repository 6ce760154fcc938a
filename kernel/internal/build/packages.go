package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FindModule returns the folder of the nearest go.work or go.mod upward from dir: the module that a
// notebook in dir belongs to. It is "" if there is none.
func FindModule(dir string) string {
	for {
		for _, name := range []string{"go.work", "go.mod"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return dir
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// An added package is one that is not in the base library.
type added struct {
	path    string
	name    string
	archive string
	dir     string
	files   []string // Go files, relative to dir
	imports []string
	main    bool // of a main module: it is compiled again when it changes
	plain   bool // nothing but Go files: it can be compiled again without the go command
	version int  // from 1
	stamp   string
	lib     string // the library that holds it
}

// symbolPath is the path that the package is compiled under: a later version has another. No import path ends
// in a tilde and digits (golang.org/x/mod/module, CheckImportPath), and the system linker, which takes an @ in
// a name for a version of its own, has nothing to say about a tilde.
func (p *added) symbolPath() string {
	if p.version <= 1 {
		return p.path
	}
	return fmt.Sprintf("%s~%d", p.path, p.version)
}

// UnversionedPath returns the path by which source imports a package.
func UnversionedPath(path string) string {
	if i := strings.LastIndexByte(path, '~'); i >= 0 {
		if _, err := strconv.Atoi(path[i+1:]); err == nil {
			return path[:i]
		}
	}
	return path
}

// ErrConflict is wrapped by the error of a package that needs another version of something loaded.
var ErrConflict = errors.New("the session has loaded one already; restart the kernel to use this one")

// ErrBase is wrapped by the error of a package that needs another version of what is in the base library.
var ErrBase = errors.New("the base library has one already")

// Names returns the packages that cells may import, import path to package name.
func (b *Builder) Names() map[string]string { return b.names }

// Export opens the export data of a package; it serves as a lookup function for go/importer.
func (b *Builder) Export(path string) (io.ReadCloser, error) {
	file, ok := b.exports[path]
	if !ok {
		return nil, fmt.Errorf("package %s is neither in the base library nor added", path)
	}
	return os.Open(file)
}

// SymbolPath returns the path under which the current version of a package is compiled.
func (b *Builder) SymbolPath(path string) string {
	if p := b.added[path]; p != nil {
		return p.symbolPath()
	}
	return path
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath, Name, Export, Dir                          string
	GoFiles, CgoFiles, SFiles, CFiles, EmbedFiles, Imports []string
	Standard                                               bool
	Module                                                 *struct{ Main bool }
	Error                                                  *struct{ Err string }
}

// Add compiles the package and what it needs that is not there yet, and links them into one library to
// load. Nothing is fetched: what the module at dir does not have is an error. A nil library says that
// all of it is there.
func (b *Builder) Add(ctx context.Context, dir, path string) (*Library, error) {
	list, err := b.list(ctx, dir, path)
	if err != nil {
		return nil, err
	}
	var fresh []*added
	for _, l := range list {
		if known, ok := b.exports[l.ImportPath]; ok {
			if p := b.added[l.ImportPath]; p != nil && p.main {
				continue // reloaded when it changes
			}
			if err := sameExport(known, l.Export); err != nil {
				if errors.Is(err, ErrConflict) && b.added[l.ImportPath] == nil {
					err = fmt.Errorf("%w: run `lathe setup --module %s` and restart the kernel", ErrBase, dir)
				}
				return nil, fmt.Errorf("package %s needs %s in another version: %w", path, l.ImportPath, err)
			}
			continue
		}
		if l.Export != "" {
			fresh = append(fresh, addedOf(l))
		}
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	lib, err := b.linkPackages(ctx, fresh)
	if err != nil {
		return nil, fmt.Errorf("add package %s: %w", path, err)
	}
	return lib, b.register(fresh)
}

// list asks the go command for a package and its dependencies, compiled, in the order in which they
// are initialised.
func (b *Builder) list(ctx context.Context, dir, path string) ([]listed, error) {
	overlay, err := b.overlay()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.base.Toolchain.Go, "list", "-deps", "-export", "-buildmode=plugin", "-gcflags="+b.base.Strategy.gcflags(),
		"-overlay", overlay, "-e", "-json=ImportPath,Name,Export,Dir,GoFiles,CgoFiles,SFiles,CFiles,EmbedFiles,Imports,Standard,Module,Error", path)
	cmd.Dir = dir
	cmd.Env = append(b.base.env(), "GOPROXY=off")
	out, err := cmd.Output()
	if err != nil {
		return nil, commandError("go list "+path, err)
	}
	var list []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); err == io.EOF {
			return list, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list %s: %w", path, err)
		}
		if l.Error != nil {
			return nil, fmt.Errorf("package %s: %s", l.ImportPath, strings.TrimSpace(l.Error.Err))
		}
		list = append(list, l)
	}
}

func addedOf(l listed) *added {
	p := &added{path: l.ImportPath, name: l.Name, archive: l.Export, dir: l.Dir, files: l.GoFiles, imports: l.Imports, version: 1,
		main:  l.Module != nil && l.Module.Main && !strings.HasPrefix(l.ImportPath, modulePath+"/"),
		plain: len(l.CgoFiles)+len(l.SFiles)+len(l.CFiles)+len(l.EmbedFiles) == 0}
	p.stamp = p.stampNow()
	return p
}

// overlay writes the overlay with which the base library was compiled, once.
func (b *Builder) overlay() (string, error) {
	dir := filepath.Join(b.dir, "overlay")
	file := filepath.Join(dir, "overlay.json")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return b.base.Toolchain.writeOverlay(dir, runtimePatches)
}

// sameExport tells whether an archive has the export data that is in a file of the base library.
func sameExport(known, archive string) error {
	if archive == "" {
		return nil
	}
	have, err := os.ReadFile(known)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	if !bytes.Equal(exportOnly(have), exportOnly(data)) {
		return ErrConflict
	}
	return nil
}

// linkPackages links packages into one library. It is kept beside the base library: the next session
// finds it there.
func (b *Builder) linkPackages(ctx context.Context, list []*added) (*Library, error) {
	if b.base.Strategy == Plugin {
		// Every unit that uses them brings them along.
		for _, p := range list {
			b.inits = append(b.inits, pathToPrefix(p.symbolPath())+"..inittask")
		}
		return nil, nil
	}
	h := sha256.New()
	for _, p := range list {
		fmt.Fprintln(h, p.symbolPath(), p.archive)
	}
	name := "libpkg" + hex.EncodeToString(h.Sum(nil))[:16] + ".so"
	dir := filepath.Join(b.base.Dir, "packages")
	lib := &Library{Path: filepath.Join(dir, name)}
	for _, p := range list {
		lib.Inits = append(lib.Inits, pathToPrefix(p.symbolPath())+"..inittask")
	}
	if _, err := os.Stat(lib.Path); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := b.linkShared(ctx, list, lib.Path); err != nil {
			return nil, err
		}
	}
	if err := b.readLibrary(lib); err != nil {
		return nil, err
	}
	x, err := openIndex(lib.Path)
	if err != nil {
		return nil, err
	}
	b.indexes = append(b.indexes, x)
	for _, p := range list {
		p.lib = lib.Path
	}
	return lib, nil
}

func (b *Builder) linkShared(ctx context.Context, list []*added, out string) error {
	var cfg strings.Builder
	dirs := []string{"-L", b.base.Dir}
	for _, path := range sortedKeys(b.base.Exports) {
		fmt.Fprintf(&cfg, "packagefile %s=%s\npackageshlib %s=%s\n", path, filepath.Join(b.base.Dir, b.base.Exports[path]), path, b.base.Lib())
	}
	for _, p := range b.added {
		fmt.Fprintf(&cfg, "packagefile %s=%s\npackageshlib %s=%s\n", p.symbolPath(), p.archive, p.symbolPath(), p.lib)
		dirs = append(dirs, "-L", filepath.Dir(p.lib))
	}
	var packages []string
	for _, p := range list {
		fmt.Fprintf(&cfg, "packagefile %s=%s\n", p.symbolPath(), p.archive)
		packages = append(packages, p.symbolPath()+"="+p.archive)
	}
	file := filepath.Join(b.dir, "packages.cfg")
	if err := os.WriteFile(file, []byte(cfg.String()), 0o600); err != nil {
		return err
	}
	// The library's own name goes into it, so it is linked under that name and then moved.
	dir, err := os.MkdirTemp(filepath.Dir(out), "tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tmp := filepath.Join(dir, filepath.Base(out))
	options := []string{"-checklinkname=0", "-w", "-buildmode=shared", "-linkshared", "-extld", b.base.Toolchain.CC,
		"-extldflags=-Wl,--hash-style=gnu", "-importcfg", file, "-o", tmp}
	if err := b.run(ctx, "link", b.base.Linker(), slices.Concat(options, dirs, packages)); err != nil {
		return err
	}
	if err := inlineGCData(tmp); err != nil {
		return err
	}
	return os.Rename(tmp, out)
}

// register makes packages known to the units that follow.
func (b *Builder) register(list []*added) error {
	for _, p := range list {
		b.added[p.path] = p
		b.exports[p.symbolPath()] = p.archive
		if p.version == 1 {
			b.names[p.path] = p.name
		}
	}
	return b.writeConfigs()
}

// pathToPrefix escapes a path as symbol names have it (cmd/internal/objabi).
func pathToPrefix(path string) string {
	slash := strings.LastIndexByte(path, '/')
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if c := path[i]; c <= ' ' || c == '.' && i > slash || c == '%' || c == '"' || c >= 0x7f {
			fmt.Fprintf(&out, "%%%02x", c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// stampNow digests what tells whether the package's files have changed.
func (p *added) stampNow() string {
	h := sha256.New()
	for _, f := range p.files {
		info, err := os.Stat(filepath.Join(p.dir, f))
		if err != nil {
			fmt.Fprintln(h, f, err)
			continue
		}
		fmt.Fprintln(h, f, info.Size(), info.ModTime().UnixNano())
	}
	// A file that is added or removed changes the folder.
	if info, err := os.Stat(p.dir); err == nil {
		fmt.Fprintln(h, info.ModTime().UnixNano())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Changed returns, of the packages at paths and those that they import, the ones of main modules whose
// files have changed since they were compiled.
func (b *Builder) Changed(paths []string) []string {
	var list []string
	seen := map[string]bool{}
	var visit func(path string)
	visit = func(path string) {
		p := b.added[path]
		if p == nil || !p.main || seen[path] {
			return
		}
		seen[path] = true
		if p.stampNow() != p.stamp {
			list = append(list, path)
		}
		for _, dep := range p.imports {
			visit(dep)
		}
	}
	for _, path := range paths {
		visit(path)
	}
	slices.Sort(list)
	return list
}

// Reload compiles the changed packages, and those that import them, under new paths: what is loaded stays
// as it is for the values that it has made. It returns the library to load and the packages in it.
func (b *Builder) Reload(ctx context.Context, dir string, changed []string) (*Library, []string, error) {
	var list []*added
	var paths []string
	for _, path := range b.dependents(changed) {
		p := *b.added[path]
		if !p.plain {
			return nil, nil, fmt.Errorf("package %s has more than Go files: restart the kernel to use the change", path)
		}
		fresh, err := b.list(ctx, dir, path)
		if err != nil {
			return nil, nil, err
		}
		now := addedOf(fresh[len(fresh)-1])
		now.version = p.version + 1
		list, paths = append(list, now), append(paths, path)
	}
	out, err := os.MkdirTemp(b.dir, "reload-")
	if err != nil {
		return nil, nil, err
	}
	for i, p := range list {
		p.archive = filepath.Join(out, fmt.Sprintf("p%d.a", i))
		if err := b.compilePackage(ctx, p, list, out); err != nil {
			return nil, nil, err
		}
	}
	lib, err := b.linkPackages(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	return lib, paths, b.register(list)
}

// dependents returns the added packages of main modules that are among paths or import one that is, in
// the order in which they are compiled.
func (b *Builder) dependents(paths []string) []string {
	var order []string
	seen := map[string]bool{}
	var visit func(path string) bool
	visit = func(path string) bool {
		p := b.added[path]
		if p == nil || !p.main {
			return false
		}
		if seen[path] {
			return slices.Contains(order, path)
		}
		seen[path] = true
		hit := slices.Contains(paths, path)
		for _, dep := range p.imports {
			hit = visit(dep) || hit
		}
		if hit {
			order = append(order, path)
		}
		return hit
	}
	all := make([]string, 0, len(b.added))
	for path := range b.added {
		all = append(all, path)
	}
	slices.Sort(all)
	for _, path := range all {
		visit(path)
	}
	return order
}

// compilePackage compiles one package under the path of its version.
func (b *Builder) compilePackage(ctx context.Context, p *added, list []*added, dir string) error {
	var cfg strings.Builder
	for path, file := range b.exports {
		fmt.Fprintf(&cfg, "packagefile %s=%s\n", path, file)
	}
	current := map[string]*added{}
	for path, q := range b.added {
		current[path] = q
	}
	for _, q := range list {
		current[q.path] = q
		fmt.Fprintf(&cfg, "packagefile %s=%s\n", q.symbolPath(), q.archive)
	}
	for path, q := range current {
		if q.version > 1 {
			fmt.Fprintf(&cfg, "importmap %s=%s\n", path, q.symbolPath())
		}
	}
	file := filepath.Join(dir, "compile.cfg")
	if err := os.WriteFile(file, []byte(cfg.String()), 0o600); err != nil {
		return err
	}
	args := append(b.base.Strategy.compileFlags(), "-dwarf=false", "-p", p.symbolPath(), "-pack", "-importcfg", file, "-o", p.archive)
	for _, f := range p.files {
		args = append(args, filepath.Join(p.dir, f))
	}
	return b.run(ctx, "compile", b.base.Toolchain.tool("compile"), args)
}

// Reloadable tells whether a package, by its import path or that of a version, is compiled again when it
// changes.
func (b *Builder) Reloadable(path string) bool {
	p := b.added[UnversionedPath(path)]
	return p != nil && p.main
}

// ModulePackages returns the packages of the module at dir and of those that it requires, import path to
// name, as far as they are on this machine. It does not compile them.
func (b *Builder) ModulePackages(ctx context.Context, dir string) (map[string]string, error) {
	return b.base.Toolchain.modulePackages(ctx, dir)
}

func (t Toolchain) modulePackages(ctx context.Context, dir string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	goList := func(args ...string) ([]byte, error) {
		return t.goList(ctx, dir, t.environ("GOPROXY=off"), append([]string{"-e"}, args...)...)
	}
	modules, err := goList("-m", "-f", "{{if and .Dir (not .Main)}}{{.Path}}/...{{end}}", "all")
	if err != nil {
		return nil, err
	}
	out, err := goList(append([]string{"-find", "-f", "{{.ImportPath}} {{.Name}} {{with .Module}}{{.Main}}{{end}}", "./..."}, strings.Fields(string(modules))...)...)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[1] == "main" || f[len(f)-1] != "true" && internal(f[0]) {
			continue // other modules keep their internal packages to themselves
		}
		names[f[0]] = f[1]
	}
	return names, nil
}

// internal tells whether a path is that of an internal package.
func internal(path string) bool { return slices.Contains(strings.Split(path, "/"), "internal") }
