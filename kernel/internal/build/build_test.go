package build

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// testBase returns the base library, making it if need be.
func testBase(t testing.TB) *Base {
	t.Helper()
	b, err := Current()
	if err != nil {
		b, err = Ensure(context.Background(), func(string, int, int) {})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testBuilder(t testing.TB) *Builder {
	t.Helper()
	b, err := NewBuilder(testBase(t), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func unitOf(name, text string, vars ...string) Unit {
	return Unit{Name: name, Files: []File{{Name: "cell.go", Text: []byte("package main\n" + text)}}, Vars: vars}
}

func TestBuildDefinesAndBinds(t *testing.T) {
	b := testBuilder(t)
	first, err := b.Build(t.Context(), unitOf("u1", "type point struct{ x, y int }\nfunc (p point) sum() int { return p.x + p.y }\nvar origin *point\nfunc twice(n int) int { return 2 * n }\n", "origin"))
	if err != nil {
		t.Fatal(err)
	}
	b.Commit(first)
	// point's descriptor is among the types, under the name that the linker gives it.
	if want := libraryName("type:cell.point"); !slices.Contains(first.Types, want) {
		t.Errorf("types %v lack %s", first.Types, want)
	}
	second, err := b.Build(t.Context(), unitOf("u2", "type point struct{ x, y int }\nfunc (p point) sum() int\nvar origin *point\nfunc twice(n int) int\nfunc run() int { origin = &point{1, 2}; return twice(origin.sum()) }\n", "origin"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := elf.Open(second.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	undefined, err := e.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range undefined {
		names = append(names, s.Name)
	}
	for _, want := range []string{"cell.twice.abiinternal", "cell.point.sum.abiinternal"} {
		if !slices.Contains(names, want) {
			t.Errorf("the second unit does not take %s from the first", want)
		}
	}
}

func TestBuildTellsWhatTheCompilerSays(t *testing.T) {
	b := testBuilder(t)
	_, err := b.Build(t.Context(), unitOf("bad", "func f() int { return \"text\" }\n"))
	var tool *Error
	if !errors.As(err, &tool) || tool.Op != "compile" || !strings.Contains(tool.Out, "cannot use") {
		t.Errorf("got %v", err)
	}
}

func TestBuildStopsWithItsContext(t *testing.T) {
	b := testBuilder(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Build(ctx, unitOf("u1", "func f() {}\n")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want a cancellation", err)
	}
}

// TestIndexAgreesWithTheLibrary looks every thousandth symbol up by its hash.
func TestIndexAgreesWithTheLibrary(t *testing.T) {
	base := testBase(t)
	x, err := openIndex(base.Lib())
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	e, err := elf.Open(base.Lib())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	syms, err := e.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	if len(syms) < 50_000 {
		t.Fatalf("the base library has only %d symbols", len(syms))
	}
	for i := 0; i < len(syms); i += 1000 {
		s := syms[i]
		if s.Section == elf.SHN_UNDEF {
			continue
		}
		got, ok := x.lookup(s.Name)
		if !ok || got.size != s.Size || got.info != s.Info {
			t.Errorf("%s: got %+v, %v", s.Name, got, ok)
		}
	}
	if _, ok := x.lookup("no.such.symbol"); ok {
		t.Error("a symbol that is not there was found")
	}
}

// TestPointerMasks compares masks that follow from the language.
func TestPointerMasks(t *testing.T) {
	x, err := openIndex(testBase(t).Lib())
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for name, want := range map[string][]byte{
		"type:string": {0b1}, "type:[]uint8": {0b1}, "type:error": {0b10}, "type:*os.File": {0b1}, "type:int": nil,
	} {
		s, ok := x.lookup(libraryName(name))
		if !ok || !slices.Equal(s.mask, want) {
			t.Errorf("%s: mask %b, want %b (found: %v)", name, s.mask, want, ok)
		}
	}
}

func TestStubIsALibrary(t *testing.T) {
	s := stub{notes: map[string][]byte{}, symbols: []symbol{
		{name: "pkg.F.abiinternal", info: byte(elf.STB_GLOBAL)<<4 | byte(elf.STT_FUNC)},
		{name: "type:pkg.T", info: byte(elf.STB_GLOBAL)<<4 | byte(elf.STT_OBJECT), size: 48, content: make([]byte, 48), mask: []byte{0b101}},
	}}
	path := filepath.Join(t.TempDir(), "stub.so")
	if err := os.WriteFile(path, s.bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	e, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	syms, err := e.DynamicSymbols()
	if err != nil || len(syms) != 2 || syms[0].Name != "pkg.F.abiinternal" || syms[1].Name != "type:pkg.T" {
		t.Fatalf("symbols %v, %v", syms, err)
	}
	sec := e.Sections[syms[1].Section]
	data, err := sec.Data()
	if err != nil {
		t.Fatal(err)
	}
	desc := data[syms[1].Value-sec.Addr:]
	at := binary.LittleEndian.Uint64(desc[gcDataField:]) - sec.Addr
	if data[at] != 0b101 || desc[kindField] != unsafePointerKind {
		t.Errorf("mask %b, kind %d", data[at], desc[kindField])
	}
}

func TestLibraryName(t *testing.T) {
	for _, name := range []string{"runtime.newobject", "type:int", "type:runtime.moduledata", "go:string.\"long enough to be cut @\""} {
		if got := libraryName(name); got != name {
			t.Errorf("%s became %s", name, got)
		}
	}
	// The linker's own results, for types that every base library has.
	x, err := openIndex(testBase(t).Lib())
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, name := range []string{"type:*os.dirInfo", "type:map[string]interface {}", "type:func(string) string"} {
		if _, ok := x.lookup(libraryName(name)); !ok {
			t.Errorf("%s is not in the base library as %s", name, libraryName(name))
		}
	}
}

func TestPatchesFitTheToolchainOrSaySo(t *testing.T) {
	base := testBase(t)
	for _, list := range [][]patch{linkerPatches, runtimePatches} {
		if _, err := base.Toolchain.writeOverlay(t.TempDir(), list); err != nil {
			t.Error(err)
		}
	}
	_, err := base.Toolchain.writeOverlay(t.TempDir(), []patch{{file: "os/file.go", old: "no such line", new: ""}})
	if err == nil || !strings.Contains(err.Error(), "occurs 0 times") {
		t.Errorf("a patch that does not fit: %v", err)
	}
}

func TestDamagedBaseIsNoticed(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]digest{}
	for _, name := range []string{"libbase.so", "worker"} {
		write(name, "0123456789")
		var err error
		if files[name], err = digestFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	manifest, err := json.Marshal(Base{Key: "k", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	write("manifest.json", string(manifest))
	b, err := openBase(dir)
	if err != nil || b.Key != "k" || b.Verify() != nil {
		t.Fatalf("a whole folder: %v, %v, %v", b, err, b.Verify())
	}
	write("libbase.so", "012345678")
	if _, err := openBase(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a cut library: %v", err)
	}
	write("libbase.so", "0123456780")
	if b, err := openBase(dir); err != nil || b.Verify() == nil {
		t.Errorf("a changed library: %v; Verify found nothing", err)
	}
	if err := os.Remove(filepath.Join(dir, "worker")); err != nil {
		t.Fatal(err)
	}
	if _, err := openBase(dir); err == nil {
		t.Error("a folder without a worker was taken for whole")
	}
	write("manifest.json", string(manifest[:20]))
	if _, err := openBase(dir); err == nil {
		t.Error("a cut manifest was taken for whole")
	}
}

// FuzzReadArchive: any bytes give an object or an error.
func FuzzReadArchive(f *testing.F) {
	f.Add([]byte("!<arch>\n"))
	f.Add([]byte("!<arch>\n_go_.o          0           0     0     644     40        `\ngo object\n!\n\x00go120ld012345678901234567890123456789"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := readArchive(data)
		if err != nil && o.refs != nil {
			t.Error("an error with a result")
		}
	})
}

func TestCgo(t *testing.T) {
	b := testBuilder(t)
	source := File{Name: "cell.go", Text: []byte("package main\n\n/*\n#cgo LDFLAGS: -lm\n#include <math.h>\nstatic int twice(int n) { return 2 * n; }\n*/\nimport \"C\"\n\n//line In[3]:4:1\nfunc f(n int) int { return int(C.twice(C.int(n))) + int(C.sqrt(4)) }\n")}
	c, err := b.Cgo(t.Context(), []File{source})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.Cgo(t.Context(), []File{source}); again != c || err != nil {
		t.Errorf("the same file was processed again (%v)", err)
	}
	lib, err := b.Build(t.Context(), Unit{Name: "c1", Files: c.Files, Cgo: c})
	if err != nil {
		t.Fatal(err)
	}
	if x, err := openIndex(lib.Path); err != nil {
		t.Error(err)
	} else if _, ok := x.lookup("cell.f.abiinternal"); !ok {
		t.Error("the library does not define f")
	}
	source.Text = append(source.Text, "func g() { C.nosuch() }\n"...)
	var tool *Error
	if _, err := b.Cgo(t.Context(), []File{source}); !errors.As(err, &tool) || !strings.HasPrefix(tool.Out, "In[3]:5:12: could not determine what C.nosuch refers to") {
		t.Errorf("got %v", err)
	}
}

func TestCgoFlags(t *testing.T) {
	text := "/*\n#cgo CFLAGS: -DA=1 -I/x\n#cgo linux LDFLAGS: -lm -lz\n#cgoX LDFLAGS: -no\n*/"
	if got := cgoFlags(text, "LDFLAGS"); !slices.Equal(got, []string{"-lm", "-lz"}) {
		t.Errorf("LDFLAGS: %q", got)
	}
	if got := cgoFlags(text, "CFLAGS"); !slices.Equal(got, []string{"-DA=1", "-I/x"}) {
		t.Errorf("CFLAGS: %q", got)
	}
}
