package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Strategy is a way to get a cell's code into the worker.
type Strategy string

// The strategies. They share the generated source but for one thing: with Shared a unit names what it
// needs of earlier units, and with Plugin it holds it, compiled again. In both the dynamic linker sees to it
// that there is one of each variable and type.
const (
	// Shared links a unit against a stub of one library that holds every package. It is the fast one. It
	// needs a patch to the linker, and an ELF system.
	Shared Strategy = "shared"
	// Plugin links a unit with the toolchain's own linker, as a plugin that brings the packages it uses
	// along; the worker is a program that holds all of them and lends its own. It takes seconds for a cell.
	Plugin Strategy = "plugin"
)

// forcedStrategy returns the strategy that LATHE_STRATEGY asks for, or "" for a free choice.
func forcedStrategy() (Strategy, error) {
	switch s := Strategy(os.Getenv("LATHE_STRATEGY")); s {
	case "", Shared, Plugin:
		return s, nil
	default:
		return "", fmt.Errorf("LATHE_STRATEGY is %q; it may be %q or %q, or not be set", s, Shared, Plugin)
	}
}

// currentFile names the file that says which base library is in use.
func currentFile(forced Strategy, module string) string {
	name := "current"
	if forced != "" {
		name += "-" + string(forced)
	}
	if module != "" {
		name += "-" + moduleKey(module)
	}
	return name
}

// gcflags are the compiler flags for all packages of the base library.
func (s Strategy) gcflags() string {
	if s == Shared {
		return "all=-linkshared"
	}
	return "all="
}

// compileFlags are the compiler flags for a unit.
func (s Strategy) compileFlags() []string {
	if s == Shared {
		return []string{"-dynlink", "-linkshared"}
	}
	return []string{"-dynlink"}
}

// files are the files of a base folder besides the packages.
func (s Strategy) files() []string {
	if s == Shared {
		return []string{"libbase.so", "worker", "link"}
	}
	return []string{"worker"}
}

// hostPackage is where, below Lathe's sources, the host of plugins stands as far as the go command knows:
// the overlay puts it there.
const hostPackage = "kernel/internal/rt/host"

// linkHost builds a worker that holds every package, for plugins to take from. A host is an ordinary
// program: its packages are compiled once more, as programs are.
func (b *Base) linkHost(ctx context.Context, src, tmp string) error {
	var source strings.Builder
	source.WriteString("package main\n\nimport (\n\t_ \"plugin\"\n")
	for _, path := range sortedKeys(b.Names) {
		if b.Names[path] != "main" && path != processPath {
			fmt.Fprintf(&source, "\t_ %q\n", path)
		}
	}
	fmt.Fprintf(&source, "\t%q\n)\n\nfunc main() { process.Main() }\n", processPath)
	main := filepath.Join(tmp, "host.go")
	if err := os.WriteFile(main, []byte(source.String()), 0o644); err != nil {
		return err
	}
	dir := filepath.Join(tmp, "host")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	overlay, err := b.Toolchain.writeOverlay(dir, runtimePatches, [2]string{filepath.Join(src, filepath.FromSlash(hostPackage), "main.go"), main})
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.Toolchain.Go, "build", "-overlay", overlay, "-ldflags=-checklinkname=0 -w", "-o", b.Worker(), "./"+hostPackage)
	cmd.Dir = src
	cmd.Env = b.env()
	_, err = cmd.Output()
	return commandError("make the host of plugins", err)
}

// everythingElse are patterns for all symbols but those of cells.
const everythingElse = "[!c]*; c[!e]*; ce[!l]*; cel[!l]*; cell[!.]*;"

// linkPlugin links a unit as a plugin. As with linkSystem, only types, method tables, the session's
// variables and everything that is not a cell's are bound to the first definition.
func (b *Builder) linkPlugin(ctx context.Context, u Unit, dir, archive, out string) error {
	list, err := b.writeDynamicList(u, dir, everythingElse)
	if err != nil {
		return err
	}
	flags := []string{"-Wl,--hash-style=gnu", "-Wl,-Bsymbolic", "-Wl,--dynamic-list=" + list}
	if u.Cgo != nil {
		flags = slices.Concat(flags, u.Cgo.Objects, u.Cgo.LDFlags)
	}
	return b.run(ctx, "link", b.base.Linker(), []string{"-checklinkname=0", "-w", "-buildmode=plugin", "-pluginpath", PackagePath,
		"-importcfg", filepath.Join(b.dir, pluginConfig), "-extld", b.base.Toolchain.CC, "-extldflags", strings.Join(flags, " "), "-tmpdir", dir, "-o", out, archive})
}

// probe compiles, links, loads and runs a unit that uses what the strategy may stumble over.
func (m maker) probe(b *Base) error {
	dir, err := os.MkdirTemp("", "lathe-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	builder, err := NewBuilder(b, dir)
	if err != nil {
		return err
	}
	lib, err := builder.Build(m.ctx, Unit{Name: "probe", Files: []File{{Name: "probe.go", Text: []byte(probeSource)}}})
	if err = errors.Join(err, builder.Close()); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	out, err := exec.CommandContext(m.ctx, b.Worker(), append([]string{"probe", lib.Path}, lib.Inits...)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), probeAnswer) {
		return fmt.Errorf("probe: %v: %s", err, firstLines(out, 3))
	}
	return nil
}

// probeAnswer is what the probe prints: it has used a generic type of another package, a map, an
// interface and a goroutine.
const (
	probeAnswer = "probe: 42"
	probeSource = `package main

import (
	"fmt"
	"sync/atomic"
)

type number interface{ value() int }
type box struct{ n atomic.Pointer[map[string]int] }

func (b *box) value() int { return (*b.n.Load())["n"] }

func init() {
	b := &box{}
	done := make(chan number)
	go func() { b.n.Store(&map[string]int{"n": 42}); done <- b }()
	fmt.Println("probe:", (<-done).value())
}
`
)
