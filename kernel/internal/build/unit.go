package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// PackagePath is the import path under which every unit is compiled. That it is one path makes the
// declarations of all cells one program: they see each other's unexported names, and a type that is
// declared again in the same words is the same type.
const PackagePath = "cell"

// A Builder compiles and links units against a base library. It may be used by one goroutine at a time.
type Builder struct {
	base *Base
	dir  string // private; holds what units leave behind
	// indexes are of the base library (none for Plugin) and of the libraries of added packages, in the
	// order in which they are loaded.
	indexes []*symbolIndex
	// cells are the symbols that the units so far define, by the name under which a library holds them.
	cells map[string]symbol
	stub  map[string][]byte // the notes of every stub

	exports map[string]string // path under which a package is compiled, to its export data
	names   map[string]string // import path to name
	added   map[string]*added // packages besides the base library's, by import path
	inits   []string          // for Plugin: how they are initialised, in order
	cgo     map[string]*Cgo   // by the digest of the files
}

// A File is one Go source file of a unit.
type File struct {
	Name string
	Text []byte
}

// A Unit is what is compiled for one execution of a cell.
type Unit struct {
	Name  string // unique in the session; it names files
	Files []File
	Vars  []string // the session's variables that the unit declares: bound to the first definition
	Cgo   *Cgo     // what files that import "C" have become, instead of which Files has Cgo.Files; or nil
}

// A Library is a unit that is ready to be loaded.
type Library struct {
	Path  string
	Types []string // the names of the type descriptors that it defines
	Inits []string // the symbols by which its packages are initialised, in order
	Took  Timings
	defs  []symbol
}

// Timings say where the time of a build went.
type Timings struct{ Compile, Stub, Link, LD time.Duration }

// An Error is what a tool said against a unit: the generated code is at fault, or the tool.
type Error struct {
	Op  string
	Out string
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v\n%s", e.Op, e.Err, e.Out) }
func (e *Error) Unwrap() error { return e.Err }

// NewBuilder returns a builder that keeps its files in dir, which must be private to the caller.
func NewBuilder(base *Base, dir string) (*Builder, error) {
	b := &Builder{base: base, dir: dir, cells: map[string]symbol{}, stub: map[string][]byte{},
		exports: map[string]string{}, names: maps.Clone(base.Names), added: map[string]*added{}, cgo: map[string]*Cgo{}}
	for path, name := range base.Exports {
		b.exports[path] = filepath.Join(base.Dir, name)
	}
	if err := os.MkdirAll(filepath.Join(dir, "stub"), 0o700); err != nil {
		return nil, err
	}
	if err := b.writeConfigs(); err != nil || base.Strategy == Plugin {
		return b, err
	}
	index, err := openIndex(base.Lib())
	if err != nil {
		return nil, fmt.Errorf("base library: %w", err)
	}
	b.indexes = append(b.indexes, index)
	for _, name := range stubNotes {
		b.stub[name] = index.section(name)
	}
	return b, nil
}

// Close releases the base library. The files in the folder stay.
func (b *Builder) Close() error {
	var err error
	for _, x := range b.indexes {
		err = errors.Join(err, x.Close())
	}
	return err
}

// pluginConfig is what the linker of plugins gets: the compiler's configuration without the import paths that
// stand for another, which only a compiler knows.
const pluginConfig = "plugin.cfg"

// writeConfigs writes what changes only when packages are added: the import configurations.
func (b *Builder) writeConfigs() error {
	var imports, archives, shared strings.Builder
	stub := filepath.Join(b.dir, "stub", filepath.Base(b.base.Lib()))
	for _, p := range b.added {
		if p.version > 1 {
			fmt.Fprintf(&imports, "importmap %s=%s\n", p.path, p.symbolPath())
		}
	}
	for _, path := range sortedKeys(b.exports) {
		file := b.exports[path]
		fmt.Fprintf(&archives, "packagefile %s=%s\n", path, file)
		fmt.Fprintf(&shared, "packagefile %s=%s\npackageshlib %s=%s\n", path, file, path, stub)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(b.dir, "compile.cfg"), []byte(imports.String()+archives.String()), 0o600),
		os.WriteFile(filepath.Join(b.dir, pluginConfig), []byte(archives.String()), 0o600),
		os.WriteFile(filepath.Join(b.dir, "link.cfg"), []byte(shared.String()), 0o600))
}

// Build compiles and links a unit. Nothing of it is known to later units until Commit.
func (b *Builder) Build(ctx context.Context, u Unit) (*Library, error) {
	dir := filepath.Join(b.dir, u.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("unit %s: %w", u.Name, err)
	}
	lib := &Library{Path: filepath.Join(b.dir, "lib"+u.Name+".so"), Inits: []string{PackagePath + "..inittask"}}
	archive := filepath.Join(dir, "unit.a")
	start := time.Now()
	lap := func(d *time.Duration) {
		now := time.Now()
		*d, start = now.Sub(start), now
	}
	if err := b.compile(ctx, u, dir, archive); err != nil {
		return nil, err
	}
	lap(&lib.Took.Compile)
	if b.base.Strategy == Plugin {
		lib.Inits = slices.Concat(b.inits, lib.Inits)
		if err := b.linkPlugin(ctx, u, dir, archive, lib.Path); err != nil {
			return nil, err
		}
		lap(&lib.Took.Link)
		return lib, errors.Join(b.readLibrary(lib), os.RemoveAll(dir))
	}
	if err := b.writeStub(archive); err != nil {
		return nil, fmt.Errorf("unit %s: %w", u.Name, err)
	}
	lap(&lib.Took.Stub)
	if err := b.linkGo(ctx, dir, archive); err != nil {
		return nil, err
	}
	lap(&lib.Took.Link)
	link := b.linkSystem
	if u.Cgo != nil {
		link = b.linkC
	}
	if err := link(ctx, u, dir, lib.Path); err != nil {
		return nil, err
	}
	lap(&lib.Took.LD)
	if err := b.readLibrary(lib); err != nil {
		return nil, fmt.Errorf("unit %s: %w", u.Name, err)
	}
	return lib, os.RemoveAll(dir)
}

// Commit makes the symbols of a loaded library known to the units that follow.
func (b *Builder) Commit(lib *Library) {
	for _, s := range lib.defs {
		if _, known := b.cells[s.name]; !known {
			b.cells[s.name] = s
		}
	}
}

func (b *Builder) compile(ctx context.Context, u Unit, dir, archive string) error {
	args := append(b.base.Strategy.compileFlags(), "-dwarf=false", "-p", PackagePath, "-pack", "-trimpath", dir+"=>",
		"-importcfg", filepath.Join(b.dir, "compile.cfg"), "-o", archive)
	for _, f := range u.Files {
		path := filepath.Join(dir, f.Name)
		if err := os.WriteFile(path, f.Text, 0o600); err != nil {
			return fmt.Errorf("unit %s: %w", u.Name, err)
		}
		args = append(args, path)
	}
	return b.run(ctx, "compile", b.base.Toolchain.tool("compile"), args)
}

// run runs a tool. The garbage collector seldom runs in it: the tools are short-lived.
func (b *Builder) run(ctx context.Context, op, tool string, args []string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = b.base.Toolchain.environ("GOGC=400")
	if out, err := cmd.CombinedOutput(); err != nil {
		return &Error{Op: op, Out: firstLines(bytes.ReplaceAll(out, []byte(b.dir), nil), 20), Err: err}
	}
	return nil
}

// linkerSymbols are what the linker itself looks for in a library.
var linkerSymbols = []string{"runtime.addmoduledata", "type:runtime.moduledata", "runtime.tlsg"}

// writeStub writes the library against which the archive is linked.
func (b *Builder) writeStub(archive string) error {
	data, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	obj, err := readArchive(data)
	if err != nil {
		return err
	}
	s := stub{notes: b.stub}
	names := append(obj.refs, linkerSymbols...)
	names = append(names, "go:link.abihash."+filepath.Base(b.base.Lib()))
	for _, name := range names {
		s.symbols = append(s.symbols, b.find(libraryName(name))...)
	}
	return os.WriteFile(filepath.Join(b.dir, "stub", filepath.Base(b.base.Lib())), s.bytes(), 0o600)
}

// find returns the symbols of that name: a function may have one for each calling convention.
func (b *Builder) find(name string) []symbol {
	var found []symbol
	for _, suffix := range []string{"", ".abiinternal", ".abi0"} {
		if s, ok := b.cells[name+suffix]; ok {
			found = append(found, s)
			continue
		}
		for _, x := range b.indexes {
			if s, ok := x.lookup(name + suffix); ok {
				found = append(found, s)
				break
			}
		}
	}
	return found
}

// linkGo makes one object file of the archive. The linker's own call of a C compiler is turned into
// nothing: linkSystem calls the system linker itself, which saves most of the time.
func (b *Builder) linkGo(ctx context.Context, dir, archive string) error {
	cfg := filepath.Join(dir, "link.cfg")
	common, err := os.ReadFile(filepath.Join(b.dir, "link.cfg"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(cfg, append(common, "packagefile "+PackagePath+"="+archive+"\n"...), 0o600); err != nil {
		return err
	}
	return b.run(ctx, "link", b.base.Linker(), []string{"-checklinkname=0", "-w", "-buildmode=shared", "-linkshared", "-importcfg", cfg,
		"-L", filepath.Join(b.dir, "stub"), "-extld", "true", "-tmpdir", dir, "-o", filepath.Join(dir, "libunit.so"),
		PackagePath + "=" + archive})
}

// linkSystem makes the library. What it defines is bound within it, so that a function that is
// declared again does not change what earlier code calls, but for three things that there must be only
// one of: type descriptors, the method tables of a type for an interface, and the session's variables.
func (b *Builder) linkSystem(ctx context.Context, u Unit, dir, out string) error {
	file, err := b.writeDynamicList(u, dir, "type?*; go?itab*;")
	if err != nil {
		return err
	}
	return b.run(ctx, "ld", b.base.Toolchain.LD, []string{"-shared", "-z", "now", "-z", "relro", "-S", "--hash-style=gnu",
		"-Bsymbolic", "--dynamic-list=" + file, "-o", out, filepath.Join(dir, "go.o")})
}

// writeDynamicList writes which symbols the dynamic linker binds to the first definition: those that
// match the patterns, and the session's variables.
func (b *Builder) writeDynamicList(u Unit, dir, patterns string) (string, error) {
	var list strings.Builder
	list.WriteString("{ " + patterns + "\n")
	for _, v := range u.Vars {
		fmt.Fprintf(&list, "%q;\n", PackagePath+"."+v)
	}
	list.WriteString("};\n")
	file := filepath.Join(dir, "dynamic.list")
	return file, os.WriteFile(file, []byte(list.String()), 0o600)
}

// Whole tells whether units must hold what they need of earlier ones, not only name it.
func (b *Builder) Whole() bool { return b.base.Strategy == Plugin }

// readLibrary reads which symbols the library defines.
func (b *Builder) readLibrary(lib *Library) error {
	x, err := openIndex(lib.Path)
	if err != nil {
		return err
	}
	defer x.Close()
	for _, s := range x.all() {
		switch {
		case strings.HasPrefix(s.name, "type:"):
			lib.Types = append(lib.Types, s.name)
		case strings.HasPrefix(s.name, PackagePath+"."):
			s.content = nil // it would point into the map that is closed
			lib.defs = append(lib.defs, s)
		}
	}
	return nil
}
