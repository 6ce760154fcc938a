package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Cgo is what files that import "C" become: Go files to compile instead of them, and C objects to link.
type Cgo struct {
	Files   []File   // the first has the declarations of the C names; then one for each file, in order
	Objects []string // paths
	LDFlags []string // of the #cgo lines
}

// Cgo runs the toolchain's cgo on the files of a unit that import "C" and compiles the C that comes of
// them. The same files give the same result without being processed again. An error of the C code or its
// use is an *Error.
func (b *Builder) Cgo(ctx context.Context, files []File) (*Cgo, error) {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s %d\n%s", f.Name, len(f.Text), f.Text)
	}
	key := hex.EncodeToString(h.Sum(nil))[:16]
	if done := b.cgo[key]; done != nil {
		return done, nil
	}
	dir := filepath.Join(b.dir, "cgo-"+key)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &Cgo{}
	cflags := []string{"-g", "-O2", "-I", dir}
	var paths []string
	for _, f := range files {
		paths = append(paths, filepath.Join(dir, f.Name))
		if err := os.WriteFile(paths[len(paths)-1], f.Text, 0o600); err != nil {
			return nil, err
		}
		cflags = append(cflags, cgoFlags(string(f.Text), "CFLAGS")...)
		c.LDFlags = append(c.LDFlags, cgoFlags(string(f.Text), "LDFLAGS")...)
	}
	// cgo names what it makes after the path and the text, so that units do not collide.
	args := append([]string{"-objdir", dir, "-importpath", PackagePath + "/" + key, "-trimpath", dir + "=>", "--"}, cflags...)
	if err := b.runC(ctx, dir, "cgo", b.base.Toolchain.tool("cgo"), append(args, paths...)); err != nil {
		return nil, err
	}
	if err := c.collect(dir, files); err != nil {
		return nil, err
	}
	for _, object := range c.Objects {
		args := append([]string{"-fPIC", "-pthread"}, cflags...)
		if err := b.runC(ctx, dir, "C compiler", b.base.Toolchain.CC, append(args, "-c", strings.TrimSuffix(object, ".o")+".c", "-o", object)); err != nil {
			return nil, err
		}
	}
	b.cgo[key] = c
	return c, nil
}

// collect reads what cgo has made in dir.
func (c *Cgo) collect(dir string, files []File) error {
	names := []string{"_cgo_gotypes.go"}
	c.Objects = []string{filepath.Join(dir, "_cgo_export.o")}
	for _, f := range files {
		stem := strings.TrimSuffix(f.Name, ".go")
		names = append(names, stem+".cgo1.go")
		c.Objects = append(c.Objects, filepath.Join(dir, stem+".cgo2.o"))
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		c.Files = append(c.Files, File{Name: name, Text: text})
	}
	return nil
}

// cgoFlags returns the flags that the lines "#cgo NAME: flags" of a text ask for. Conditions before the
// name are not looked at: a cell is written for the machine that it runs on.
func cgoFlags(text, name string) []string {
	var flags []string
	for line := range strings.Lines(text) {
		directive, ok := strings.CutPrefix(strings.TrimSpace(line), "#cgo ")
		if !ok {
			continue
		}
		head, value, ok := strings.Cut(directive, ":")
		if words := strings.Fields(head); ok && len(words) > 0 && words[len(words)-1] == name {
			flags = append(flags, strings.Fields(value)...)
		}
	}
	return flags
}

// runC runs cgo or the C compiler in a folder, which is cut from what they say.
func (b *Builder) runC(ctx context.Context, dir, op, tool string, args []string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = dir
	cmd.Env = b.base.Toolchain.environ("CC=" + b.base.Toolchain.CC)
	if out, err := cmd.CombinedOutput(); err != nil {
		return &Error{Op: op, Out: firstLines([]byte(strings.ReplaceAll(essence(string(out)), dir+"/", "")), 20), Err: err}
	}
	return nil
}

// essence returns, of what cgo says of C code that does not compile at all, what the C compiler said: cgo
// prints everything that it gave the compiler as well.
func essence(out string) string {
	if !strings.Contains(out, "did not produce error at completed") {
		return out
	}
	var list []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "error:") {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return "the C code before import \"C\" does not compile\n" + strings.Join(list, "\n")
}

// linkC is linkSystem for a unit with C code: the C compiler links it, since it knows C's libraries. The
// names of C are bound to their first definition, so that a variable of C is one for all units.
func (b *Builder) linkC(ctx context.Context, u Unit, dir, out string) error {
	list, err := b.writeDynamicList(u, dir, everythingElse)
	if err != nil {
		return err
	}
	args := []string{"-shared", "-pthread", "-Wl,-z,now", "-Wl,-z,relro", "-Wl,-S", "-Wl,--hash-style=gnu", "-Wl,-Bsymbolic",
		"-Wl,--dynamic-list=" + list, "-o", out, filepath.Join(dir, "go.o")}
	args = append(args, u.Cgo.Objects...)
	return b.run(ctx, "link", b.base.Toolchain.CC, append(args, u.Cgo.LDFlags...))
}
