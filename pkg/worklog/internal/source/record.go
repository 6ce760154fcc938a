package source

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Limits bound what one recording puts into the repository.
type Limits struct {
	File  int64 // bytes of one file
	Total int64 // bytes of all
	Files int
}

// Normal is what code needs with room to spare, and data sets soon pass.
var Normal = Limits{File: 5 << 20, Total: 50 << 20, Files: 10_000}

// A LeftOut is a file that differs from the commit and that a recorded tree lacks in its present form.
type LeftOut struct {
	Path string `json:"path"`
	Size int64  `json:"size,omitempty"`
	Why  string `json:"why"`
}

// A Tree is a recorded source tree.
type Tree struct {
	Commit  string // that holds it, under the reference
	Tree    string // the same bytes, names and modes have the same one
	LeftOut []LeftOut
}

// change is one path as it is to be recorded.
type change struct {
	name    string
	mode    string // of git, "" for a file that is gone
	size    int64
	content []byte // of a file, or where a link points
	commit  string // of a submodule
}

// Record keeps the tree that s found under the reference of name. The new commit has as parents the
// commit that the working tree stands on and what the reference kept before, so that both stay. The
// message should say what the tree belongs to.
func Record(ctx context.Context, s State, name, message string, limits Limits) (Tree, error) {
	hidden, err := s.hidden(ctx)
	if err != nil {
		return Tree{}, err
	}
	names := slices.Concat(s.gone, s.Changed, hidden)
	slices.Sort(names)
	list, tree := s.gather(ctx, slices.Compact(names), limits)
	ref := Refs + name
	parent, _ := line(ctx, "-C", s.Top, "rev-parse", "--quiet", "--verify", ref) // none the first time
	if _, err := git(ctx, s.stream(list, ref, parent, message), "-C", s.Top, "fast-import", "--quiet", "--force", "--done"); err != nil {
		return tree, err
	}
	out, err := line(ctx, "-C", s.Top, "rev-parse", ref+"^{commit}", ref+"^{tree}")
	tree.Commit, tree.Tree, _ = strings.Cut(out, "\n")
	return tree, err
}

// gather reads the files called names, the small ones first, because code is small.
func (s State) gather(ctx context.Context, names []string, limits Limits) ([]change, Tree) {
	var list, kept []change
	var tree Tree
	for _, name := range names {
		c, why := s.inspect(ctx, name)
		if why != "" {
			tree.LeftOut = append(tree.LeftOut, LeftOut{name, c.size, why})
		}
		if c.mode != "" || why == "" {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b change) int { return cmp.Compare(a.size, b.size) })
	var total int64
	for _, c := range list {
		why := c.load(s.Top, limits, total, len(kept))
		if why != "" {
			tree.LeftOut = append(tree.LeftOut, LeftOut{c.name, c.size, why})
			continue
		}
		total += int64(len(c.content))
		kept = append(kept, c)
	}
	return kept, tree
}

// inspect says what stands at name in the working tree, and why it cannot be recorded whole.
func (s State) inspect(ctx context.Context, name string) (change, string) {
	c := change{name: strings.TrimSuffix(name, "/")}
	info, err := os.Lstat(filepath.Join(s.Top, name))
	switch {
	case err != nil:
		return c, "" // deleted
	case info.Mode()&fs.ModeSymlink != 0:
		c.mode = "120000"
	case info.IsDir():
		c.commit = s.submodule(ctx, c.name)
		if c.commit == "" {
			return c, "a folder that is a repository without a commit"
		}
		c.mode = "160000"
		return c, "a repository of its own, of which the commit is recorded: " + c.commit
	case !info.Mode().IsRegular():
		return c, "neither a file nor a link"
	case info.Mode()&0o100 != 0:
		c.mode, c.size = "100755", info.Size()
	default:
		c.mode, c.size = "100644", info.Size()
	}
	return c, ""
}

// load reads the content, or says why it is left out.
func (c *change) load(top string, limits Limits, total int64, files int) string {
	path := filepath.Join(top, c.name)
	switch {
	case c.mode == "" || c.commit != "":
		return ""
	case c.mode == "120000":
		target, err := os.Readlink(path)
		if err != nil {
			return err.Error()
		}
		c.content = []byte(target)
		return ""
	case secretName(c.name):
		return "its name says that it may hold a secret"
	case c.size > limits.File:
		return fmt.Sprintf("larger than %d bytes", limits.File)
	case total+c.size > limits.Total:
		return fmt.Sprintf("the changed files together have more than %d bytes", limits.Total)
	case files >= limits.Files:
		return fmt.Sprintf("more than %d files changed", limits.Files)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	if kind := secretIn(content); kind != "" {
		return "it seems to hold " + kind
	}
	c.content = content
	return ""
}

// stream writes the commit as git fast-import reads it. Deletions come first, for a folder may stand
// where a file was.
func (s State) stream(list []change, ref, parent, message string) *bytes.Buffer {
	var b bytes.Buffer
	fmt.Fprintf(&b, "feature done\ncommit %s\ncommitter Lathe <lathe@localhost> %d +0000\n", ref, time.Now().Unix())
	fmt.Fprintf(&b, "data %d\n%s\n", len(message), message)
	switch {
	case s.Commit != "" && parent != "":
		fmt.Fprintf(&b, "from %s\nmerge %s\n", s.Commit, parent)
	case s.Commit != "":
		fmt.Fprintf(&b, "from %s\n", s.Commit)
	case parent != "":
		fmt.Fprintf(&b, "from %s\ndeleteall\n", parent)
	}
	for _, c := range list {
		if c.mode == "" {
			fmt.Fprintf(&b, "D %s\n", quote(c.name))
		}
	}
	for _, c := range list {
		switch {
		case c.commit != "":
			fmt.Fprintf(&b, "M %s %s %s\n", c.mode, c.commit, quote(c.name))
		case c.mode != "":
			fmt.Fprintf(&b, "M %s inline %s\ndata %d\n", c.mode, quote(c.name), len(c.content))
			b.Write(c.content)
			b.WriteByte('\n')
		}
	}
	b.WriteString("\ndone\n")
	return &b
}

// quote writes a path as git fast-import reads it.
func quote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(path) {
		switch c := path[i]; {
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
