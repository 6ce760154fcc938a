package build

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// A patch replaces one piece of a file of the Go tree. The piece must occur exactly once: a
// toolchain in which it does not is not one that this code knows.
type patch struct {
	file     string // below GOROOT/src
	old, new string
	// optional marks a patch that only saves time: without it the rest works.
	optional bool
}

// linkerPatches let the linker accept a cell that mentions a type whose methods live in another
// library (golang/go#58966). The descriptor in the cell is never used at run time: the dynamic linker
// binds the type's name to the library that was loaded first. So the methods' offsets in the copy may
// be the linker's own mark for "unreachable".
var linkerPatches = []patch{{
	file: "cmd/link/internal/ld/data.go",
	old: "		case objabi.R_METHODOFF:\n" +
		"			if !ldr.AttrReachable(rs) {\n",
	new: "		case objabi.R_METHODOFF:\n" +
		"			if !ldr.AttrReachable(rs) || rst == sym.SDYNIMPORT {\n",
}, {
	// Builder links the object file itself. The linker would still run its external linker four times, to
	// see what it understands.
	optional: true,
	file:     "cmd/link/internal/ld/lib.go",
	old: "func (ctxt *Link) hostlink() {\n" +
		"	if ctxt.LinkMode != LinkExternal || nerrors > 0 {\n",
	new: "func (ctxt *Link) hostlink() {\n" +
		"	if ctxt.LinkMode != LinkExternal || nerrors > 0 || len(flagExtld) == 1 && flagExtld[0] == \"true\" {\n",
}, {
	// The tables of symbols are made for whole programs; a cell has some hundred symbols.
	optional: true,
	file:     "cmd/link/internal/loader/loader.go",
	old:      "make(map[string]Sym, 80000), make(map[string]Sym, 50000)}",
	new:      "make(map[string]Sym, 2000), make(map[string]Sym, 1000)}",
}}

// runtimePatches let the worker see what a cell does to its process: what it writes to the standard
// streams through package os, in program order and by goroutine, that it reads the standard input, and that
// it wants to exit. And types have the names that users gave them, without the mark of their version.
var runtimePatches = []patch{
	{
		file: "os/file.go",
		old:  "func (f *File) Write(b []byte) (n int, err error) {\n",
		new: "func (f *File) Write(b []byte) (n int, err error) {\n" +
			"	if latheWrite != nil && latheWrite(f, b) {\n" +
			"		return len(b), nil\n" +
			"	}\n",
	},
	{
		file: "os/file.go",
		old:  "	n, e := f.read(b)\n",
		new: "	if latheRead != nil {\n" +
			"		if n, err, taken := latheRead(f, b); taken {\n" +
			"			return n, err\n" +
			"		}\n" +
			"	}\n" +
			"	n, e := f.read(b)\n",
	},
	{
		file: "os/proc.go",
		old:  "func Exit(code int) {\n",
		new: "// latheWrite, latheRead and latheExit are set by Lathe's worker.\n" +
			"var (\n" +
			"	latheWrite func(f *File, b []byte) bool\n" +
			"	latheRead  func(f *File, b []byte) (n int, err error, taken bool)\n" +
			"	latheExit  func(code int)\n" +
			")\n\n" +
			"func Exit(code int) {\n" +
			"	if latheExit != nil {\n" +
			"		latheExit(code)\n" +
			"	}\n",
	},
	{
		file: "reflect/type.go",
		old:  "func (t *rtype) String() string {\n",
		new: "func (t *rtype) String() string { return lathePlain(t.latheString()) }\n\n" +
			"// lathePlain removes each ᵛ, which no user types, with the digits behind it.\n" +
			"func lathePlain(s string) string {\n" +
			"	for i := 0; i+2 < len(s); i++ {\n" +
			"		if s[i] != 0xe1 || s[i+1] != 0xb5 || s[i+2] != 0x9b {\n" +
			"			continue\n" +
			"		}\n" +
			"		end := i + 3\n" +
			"		for end < len(s) && '0' <= s[end] && s[end] <= '9' {\n" +
			"			end++\n" +
			"		}\n" +
			"		return s[:i] + lathePlain(s[end:])\n" +
			"	}\n" +
			"	return s\n" +
			"}\n\n" +
			"func (t *rtype) latheString() string {\n",
	},
	{file: "reflect/type.go", old: "	s := \"*\" + t.String()\n", new: "	s := \"*\" + t.latheString()\n"},
	{file: "reflect/type.go", old: "	return toRType(t).String()\n", new: "	return toRType(t).latheString()\n"},
}

// writeOverlay applies patches to copies of the toolchain's files in dir and returns the path of the
// overlay file that puts them in place of the originals. Each of more is a further file and what takes
// its place.
func (t Toolchain) writeOverlay(dir string, patches []patch, more ...[2]string) (string, error) {
	replace := map[string]string{}
	for _, m := range more {
		replace[m[0]] = m[1]
	}
	for i, p := range patches {
		original := filepath.Join(t.GOROOT, "src", filepath.FromSlash(p.file))
		patched, again := replace[original]
		if !again {
			patched = filepath.Join(dir, fmt.Sprintf("patch%d.go", i))
			replace[original] = patched
		}
		data, err := os.ReadFile(map[bool]string{false: original, true: patched}[again])
		if err != nil {
			return "", fmt.Errorf("patch %s: %w", p.file, err)
		}
		n := bytes.Count(data, []byte(p.old))
		if n != 1 && p.optional {
			continue
		}
		if n != 1 {
			return "", fmt.Errorf("patch %s: its anchor occurs %d times in %s, not once: this toolchain is not known", p.file, n, t.Version)
		}
		if err := os.WriteFile(patched, bytes.Replace(data, []byte(p.old), []byte(p.new), 1), 0o644); err != nil {
			return "", err
		}
	}
	overlay := filepath.Join(dir, "overlay.json")
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, data, 0o644)
}

// buildLinker builds the patched linker from the toolchain's own sources to the file out.
func (t Toolchain) buildLinker(ctx context.Context, tmp, out string) error {
	dir := filepath.Join(tmp, "linker")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	overlay, err := t.writeOverlay(dir, linkerPatches)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, t.Go, "build", "-overlay", overlay, "-o", out, "cmd/link")
	cmd.Dir, cmd.Env = t.GOROOT, t.environ()
	_, err = cmd.Output()
	return commandError("build the patched linker", err)
}
