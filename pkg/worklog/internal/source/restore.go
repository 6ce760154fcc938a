package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// An item is one path of a tree.
type item struct{ mode, object, name string }

// items lists a tree with all below it.
func items(ctx context.Context, repository, tree string) ([]item, error) {
	out, err := git(ctx, nil, "--git-dir", repository, "ls-tree", "-r", "-z", "--full-tree", tree)
	if err != nil {
		return nil, err
	}
	var list []item
	for _, e := range fields(out) {
		head, name, _ := strings.Cut(e, "\t")
		parts := strings.Fields(head) // mode, type, object
		if len(parts) != 3 {
			return nil, fmt.Errorf("git ls-tree: cannot read %q", head)
		}
		list = append(list, item{parts[0], parts[2], name})
	}
	return list, nil
}

// batch asks git cat-file for the objects of list that are files or links, in their order.
func batch(ctx context.Context, repository, how string, list []item) ([]byte, error) {
	var ask strings.Builder
	for _, it := range list {
		if it.mode != "160000" {
			ask.WriteString(it.object + "\n")
		}
	}
	return git(ctx, strings.NewReader(ask.String()), "--git-dir", repository, "cat-file", how)
}

// Has reports whether a repository has a commit.
func Has(ctx context.Context, repository, commit string) bool {
	_, err := git(ctx, nil, "--git-dir", repository, "cat-file", "-e", commit+"^{tree}")
	return err == nil
}

// Check reads the list of a recorded tree and returns the names whose content the repository has lost.
func Check(ctx context.Context, repository, commit string) ([]string, error) {
	list, err := items(ctx, repository, commit)
	if err != nil {
		return nil, err
	}
	out, err := batch(ctx, repository, "--batch-check", list)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	var lost []string
	for _, it := range list {
		if it.mode == "160000" {
			continue
		}
		if !lines.Scan() || strings.HasSuffix(lines.Text(), " missing") {
			lost = append(lost, it.name)
		}
	}
	return lost, nil
}

// Restore writes a recorded tree into the folder dir, which must be empty or not exist, and returns how
// many files it wrote. Nothing is converted, and nothing is written outside dir. It also
// returns the repositories in the tree, of which it makes the empty folder alone.
func Restore(ctx context.Context, repository, commit, dir string) (files int, inner []LeftOut, err error) {
	list, err := items(ctx, repository, commit)
	if err != nil {
		return 0, nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, nil, err
	}
	if len(entries) > 0 {
		return 0, nil, fmt.Errorf("the folder %s is not empty", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, nil, err
	}
	defer root.Close()
	content, err := batch(ctx, repository, "--batch", list)
	if err != nil {
		return 0, nil, err
	}
	r := bufio.NewReader(bytes.NewReader(content))
	for _, it := range list {
		if err := it.write(root, r); err != nil {
			return files, inner, fmt.Errorf("%q: %w", it.name, err)
		}
		if it.mode == "160000" {
			inner = append(inner, LeftOut{Path: it.name, Why: "a repository of its own, at commit " + it.object})
			continue
		}
		files++
	}
	return files, inner, nil
}

// write puts one item into root; its content comes next in r.
func (it item) write(root *os.Root, r *bufio.Reader) error {
	if err := root.MkdirAll(path.Dir(it.name), 0o777); err != nil {
		return err
	}
	if it.mode == "160000" {
		return root.MkdirAll(it.name, 0o777)
	}
	head, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	var object, kind string
	var size int64
	if _, err := fmt.Sscanf(head, "%s %s %d\n", &object, &kind, &size); err != nil {
		return errors.New("its content is lost: " + strings.TrimSpace(head))
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(r, text); err != nil {
		return err
	}
	if _, err := r.Discard(1); err != nil {
		return err
	}
	switch it.mode {
	case "120000":
		return root.Symlink(string(text), it.name)
	case "100755":
		return root.WriteFile(it.name, text, 0o777)
	}
	return root.WriteFile(it.name, text, 0o666)
}
