package source

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// A repo is a repository for a test, and its commands.
type repo struct {
	t   *testing.T
	top string
}

func newRepo(t *testing.T) repo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here: ", err)
	}
	r := repo{t, filepath.Join(t.TempDir(), "top")}
	if err := os.Mkdir(r.top, 0o777); err != nil {
		t.Fatal(err)
	}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r repo) git(args ...string) string {
	r.t.Helper()
	cmd := exec.Command("git", append([]string{"-C", r.top, "-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r repo) write(name, text string) {
	r.t.Helper()
	file := filepath.Join(r.top, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(text), 0o666)); err != nil {
		r.t.Fatal(err)
	}
}

func (r repo) do(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r repo) path(name string) string { return filepath.Join(r.top, name) }

func (r repo) commit() {
	r.t.Helper()
	r.git("add", "-A")
	r.git("commit", "-qm", "a commit")
}

func (r repo) record(dir string) (State, Tree) {
	r.t.Helper()
	s, err := Look(r.t.Context(), dir)
	r.do(err)
	tree, err := Record(r.t.Context(), s, "run", "message", Normal)
	r.do(err)
	return s, tree
}

// files reads all files below dir but those of git: modes, content and links.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		if d.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(p)
			m[name] = "link " + target
			return err
		}
		text, err := os.ReadFile(p)
		m[name] = info.Mode().String() + " " + string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// untouched returns what must be the same before and after.
func (r repo) untouched() []string {
	r.t.Helper()
	index, err := os.ReadFile(r.git("rev-parse", "--path-format=absolute", "--git-path", "index"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	status := exec.Command("git", "-C", r.top, "--no-optional-locks", "status", "--porcelain=v2", "--branch")
	out, err := status.Output()
	r.do(err)
	head, err := os.ReadFile(r.git("rev-parse", "--path-format=absolute", "--git-path", "HEAD"))
	r.do(err)
	return []string{string(index), string(out), string(head), r.git("stash", "list"), r.git("for-each-ref", "refs/heads", "refs/tags", "refs/stash")}
}

var cases = []struct {
	name string
	make func(r repo) (dir string) // the folder to record from, "" for the top
}{
	{"clean", func(r repo) string { r.write("a", "1"); r.commit(); return "" }},
	{"no commit, no file", func(r repo) string { return "" }},
	{"no commit", func(r repo) string {
		r.write("a b", "1")
		r.write("c", "2")
		r.git("add", "c")
		r.write("c", "3")
		return ""
	}},
	{"staged, unstaged, untracked, deleted, renamed", func(r repo) string {
		for _, name := range []string{"staged", "unstaged", "both", "deleted", "dropped", "old", "kept"} {
			r.write(name, "this is the text of "+name)
		}
		r.commit()
		r.write("staged", "2")
		r.write("both", "2")
		r.git("add", "staged", "both")
		r.write("both", "3")
		r.write("unstaged", "2")
		r.write("deep/er/new", "x")
		r.git("rm", "-q", "dropped")
		r.do(os.Remove(r.path("deleted")))
		r.git("mv", "old", "new name")
		return ""
	}},
	{"a change of the same size in the same moment", func(r repo) string { r.write("a", "1"); r.commit(); r.write("a", "2"); return "" }},
	{"names", func(r repo) string {
		r.write("a b", "1")
		r.write("kept\nline", "0")
		r.commit()
		for _, name := range []string{"new\nline", `qu"ote`, `back\slash`, "tab\there", "ünï", " blank ", "-dash", ":colon", "\xff\xfe", "'"} {
			r.write(name, "text of "+name)
		}
		r.write("kept\nline", "1")
		return ""
	}},
	{"links and modes", func(r repo) string {
		r.write("tool", "1")
		r.write("plain", "1")
		r.write("was file", "1")
		r.do(os.Symlink("plain", r.path("link")))
		r.commit()
		r.do(os.Chmod(r.path("tool"), 0o755))
		r.do(os.Remove(r.path("link")))
		r.do(os.Symlink("nowhere at all", r.path("link")))
		r.do(os.Remove(r.path("was file")))
		r.do(os.Symlink("/", r.path("was file")))
		r.do(os.Symlink("../out\nside", r.path("new link")))
		return ""
	}},
	{"a folder for a file and a file for a folder", func(r repo) string {
		r.write("a", "1")
		r.write("b/c", "1")
		r.commit()
		r.do(os.Remove(r.path("a")))
		r.write("a/in", "2")
		r.do(os.RemoveAll(r.path("b")))
		r.write("b", "2")
		return ""
	}},
	{"line endings that git converts", func(r repo) string {
		r.write(".gitattributes", "*.txt text eol=crlf\n*.auto text=auto\n*.id ident\n*.up filter=up\n")
		r.git("config", "filter.up.clean", "tr a-z A-Z")
		r.write("crlf.txt", "a\r\nb\r\n")
		r.write("mixed.auto", "a\r\nb\n")
		r.write("i.id", "$Id: mine $\n")
		r.write("f.up", "lower\n")
		r.commit()
		r.write("new.auto", "x\r\ny\n")
		return ""
	}},
	{"autocrlf", func(r repo) string {
		r.git("config", "core.autocrlf", "input")
		r.write("a", "1\r\n2\n")
		r.commit()
		return ""
	}},
	{"a file taken as unchanged", func(r repo) string {
		r.write("a", "1")
		r.commit()
		r.git("update-index", "--assume-unchanged", "a")
		r.write("a", "22")
		return ""
	}},
	{"intent to add", func(r repo) string {
		r.write("a", "1")
		r.commit()
		r.write("b", "2")
		r.git("add", "-N", "b")
		return ""
	}},
	{"a merge in conflict", func(r repo) string {
		r.write("a", "1\n")
		r.commit()
		r.git("checkout", "-qb", "other")
		r.write("a", "2\n")
		r.commit()
		r.git("checkout", "-q", "main")
		r.write("a", "3\n")
		r.commit()
		if out, err := exec.Command("git", "-C", r.top, "merge", "other").CombinedOutput(); err == nil {
			r.t.Fatalf("the merge went well: %s", out)
		}
		return ""
	}},
	{"from a folder below", func(r repo) string { r.write("a", "1"); r.commit(); r.write("sub/b", "2"); return r.path("sub") }},
	{"many files", func(r repo) string {
		for _, a := range "abcdefghijklmnop" {
			for _, b := range "abcdefghijklmnop" {
				r.write(string(a)+"/"+string(b), string(a)+string(b))
			}
		}
		return ""
	}},
}

func TestATreeComesBackByteForByte(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRepo(t)
			dir := c.make(r)
			if dir == "" {
				dir = r.top
			}
			r.roundTrip(dir)
		})
	}
}

// roundTrip records the tree around dir and restores it.
func (r repo) roundTrip(dir string) Tree {
	r.t.Helper()
	before, want := r.untouched(), files(r.t, r.top)
	s, tree := r.record(dir)
	if after := r.untouched(); !reflect.DeepEqual(before, after) {
		r.t.Errorf("before %q\nafter %q", before, after)
	}
	out := filepath.Join(r.t.TempDir(), "out")
	_, _, err := Restore(r.t.Context(), s.Repository, tree.Commit, out)
	r.do(err)
	if got := files(r.t, out); !reflect.DeepEqual(got, want) {
		r.t.Errorf("got  %q\nwant %q", got, want)
	}
	if lost, err := Check(r.t.Context(), s.Repository, tree.Commit); err != nil || len(lost) > 0 {
		r.t.Errorf("lost %q, error %v", lost, err)
	}
	return tree
}

func TestAWorkingTreeOfItsOwn(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1")
	r.commit()
	side := filepath.Join(t.TempDir(), "side")
	r.git("worktree", "add", "-q", side)
	w := repo{t, side}
	w.write("b", "2")
	tree := w.roundTrip(side)
	if got := r.git("rev-parse", "refs/worklog/run"); got != tree.Commit {
		t.Errorf("the repository has %s, want %s", got, tree.Commit)
	}
}

func TestSubmodulesAreRecordedByCommit(t *testing.T) {
	inner := newRepo(t)
	inner.write("x", "1")
	inner.commit()
	r := newRepo(t)
	r.git("submodule", "add", "-q", inner.top, "sub")
	r.commit()
	r.write("sub/x", "dirty")
	r.write("own/y", "1")
	own := repo{t, r.path("own")}
	own.git("init", "-q")
	own.commit()
	r.write("empty/z", "1")
	repo{t, r.path("empty")}.git("init", "-q")
	s, tree := r.record(r.top)
	for name, want := range map[string]string{"sub": inner.git("rev-parse", "HEAD"), "own": own.git("rev-parse", "HEAD")} {
		if got := r.git("rev-parse", tree.Commit+":"+name); got != want {
			t.Errorf("%s is at %s, want %s", name, got, want)
		}
	}
	left := map[string]bool{}
	for _, l := range tree.LeftOut {
		left[path.Clean(l.Path)] = true
	}
	if want := (map[string]bool{"sub": true, "own": true, "empty": true}); !reflect.DeepEqual(left, want) {
		t.Errorf("left out %v, want %v", left, want)
	}
	_, inside, err := Restore(t.Context(), s.Repository, tree.Commit, filepath.Join(t.TempDir(), "out"))
	if err != nil || len(inside) != 2 {
		t.Errorf("inside are %v, error %v", inside, err)
	}
	sub := repo{t, r.path("sub")} // from within, it is a repository as any other
	sub.roundTrip(sub.top)
}

func TestWhatIsLeftOutIsNamed(t *testing.T) {
	r := newRepo(t)
	r.write("config.txt", "old")
	r.commit()
	key := "-----BEGIN RSA " + "PRIVATE KEY-----\n"
	r.write("config.txt", "key = "+"AKIA"+"ABCDEFGHIJKLMNOP\n")
	r.write(".env", "A=1")
	r.write("deep/server.pem", "x")
	r.write("notes.md", key)
	r.write("big.bin", strings.Repeat("x", 1000))
	r.write("main.go", "package main")
	r.do(exec.Command("mkfifo", r.path("pipe")).Run())
	s, err := Look(t.Context(), r.top)
	r.do(err)
	tree, err := Record(t.Context(), s, "run", "m", Limits{File: 500, Total: 600, Files: 100})
	r.do(err)
	left := map[string]string{}
	for _, l := range tree.LeftOut {
		left[l.Path] = l.Why
	}
	for name, why := range map[string]string{
		"config.txt": "AWS", ".env": "name", "deep/server.pem": "name", "notes.md": "private key", "big.bin": "500",
	} {
		if !strings.Contains(left[name], why) {
			t.Errorf("%s is left out for %q, want %q", name, left[name], why)
		}
	}
	if got := r.git("ls-tree", "-r", "--name-only", tree.Commit); got != "config.txt\nmain.go" {
		t.Errorf("the tree has %q", got)
	}
	if got := r.git("show", tree.Commit+":config.txt"); got != "old" {
		t.Errorf("config.txt is %q, want it as committed", got)
	}
	for _, l := range tree.LeftOut {
		if strings.Contains(l.Why, "ABCDEF") {
			t.Errorf("a secret stands in %q", l.Why)
		}
	}
}

func TestLimitsOfAllFiles(t *testing.T) {
	r := newRepo(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		r.write(name, strings.Repeat(name, 100))
	}
	s, err := Look(t.Context(), r.top)
	r.do(err)
	for _, limits := range []Limits{{1000, 250, 10}, {1000, 1000, 2}} {
		tree, err := Record(t.Context(), s, "run", "m", limits)
		r.do(err)
		if len(tree.LeftOut) != 2 || tree.LeftOut[0].Size != 100 {
			t.Errorf("%+v: left out %+v, want two", limits, tree.LeftOut)
		}
	}
}

func TestSecrets(t *testing.T) {
	for name, want := range map[string]bool{
		".env": true, ".env.local": true, ".env.example": false, "a/id_rsa": true, "id_ed25519.pub": false, "aws_credentials": true,
		"credentials.json": true, "credentials.go": false, "hf_token": true, "token.txt": true, "tokenizer.json": false,
		"tokens.go": false, "x.PEM": true, "main.go": false, "secrets.yaml": true, "monkey": false, "environment.yml": false,
	} {
		if got := secretName(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for _, pattern := range secretNames {
		if _, err := path.Match(pattern, ""); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	many := strings.Repeat("aB3d", 20)
	for _, text := range []string{"-----BEGIN " + "PRIVATE KEY-----", "-----BEGIN OPENSSH " + "PRIVATE KEY-----", "k=gh" + "p_" + many,
		"'sk-" + "proj-" + many, "hf" + "_" + many, "x AI" + "za" + many, "ey" + "J" + many + ".eyJ" + many + "." + many} {
		if secretIn([]byte("first\n"+text+"\n")) == "" {
			t.Errorf("no secret seen in %q", text)
		}
	}
	for _, text := range []string{"", "a task-list-of-things-that-we-have-to-do-today", "-----BEGIN CERTIFICATE-----", "hf_hub_download(repo_id)", "pypi-server"} {
		if kind := secretIn([]byte(text)); kind != "" {
			t.Errorf("%s seen in %q", kind, text)
		}
	}
}

func TestHooksDoNotRun(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1")
	r.commit()
	for _, hook := range []string{"reference-transaction", "post-index-change", "pre-commit", "post-commit"} {
		r.do(os.WriteFile(r.path(".git/hooks/"+hook), []byte("#!/bin/sh\ntouch '"+r.path("ran")+"'\n"), 0o755))
	}
	r.write("b", "2")
	r.record(r.top)
	if _, err := os.Stat(r.path("ran")); err == nil {
		t.Error("a hook ran")
	}
}

func TestTreesOutliveGarbageCollection(t *testing.T) {
	for _, base := range []bool{true, false} {
		r := newRepo(t)
		if base {
			r.write("a", "1")
			r.commit()
		}
		r.write("b", "1")
		s, first := r.record(r.top)
		r.write("b", "2")
		_, second := r.record(r.top)
		r.do(os.Remove(r.path("b")))
		r.write("c", "3")
		_, third := r.record(r.top)
		if base {
			r.git("commit", "-q", "--amend", "--allow-empty", "-m", "another")
			r.git("reflog", "expire", "--expire=now", "--all")
		}
		r.git("gc", "-q", "--prune=now")
		for i, tree := range []Tree{first, second, third} {
			if lost, err := Check(t.Context(), s.Repository, tree.Commit); err != nil || len(lost) > 0 {
				t.Errorf("tree %d: lost %q, error %v", i, lost, err)
			}
		}
		if got := r.git("ls-tree", "-r", "--name-only", third.Commit); strings.Contains(got, "b") {
			t.Errorf("the last tree has %q", got)
		}
	}
}

func TestWhyNothingIsKnown(t *testing.T) {
	if _, err := Look(t.Context(), t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("outside: %v", err)
	}
	r := newRepo(t)
	r.write("a", "1")
	r.commit()
	r.write("b", "1")
	s, err := Look(t.Context(), r.top)
	r.do(err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Record(ended, s, "run", "m", Normal); !errors.Is(err, context.Canceled) {
		t.Errorf("out of time: %v", err)
	}
	// A file where a folder of objects would be stops writing even for root, whom modes do not stop.
	r.do(os.RemoveAll(r.path(".git/refs/worklog")))
	r.write(".git/refs/worklog", "")
	if _, err := Record(t.Context(), s, "run", "m", Normal); err == nil {
		t.Error("a repository that cannot be written was written")
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Look(t.Context(), r.top); err == nil || !strings.Contains(err.Error(), "no git") {
		t.Errorf("without git: %v", err)
	}
}

func TestRestoreRefusesAFullFolder(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1")
	s, tree := r.record(r.top)
	dir := t.TempDir()
	r.do(os.WriteFile(filepath.Join(dir, "mine"), nil, 0o666))
	if _, _, err := Restore(t.Context(), s.Repository, tree.Commit, dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("the folder has %v", got)
	}
}

func TestLostContentIsFound(t *testing.T) {
	r := newRepo(t)
	r.write("a", "1")
	s, tree := r.record(r.top)
	object := r.git("rev-parse", tree.Commit+":a")
	r.do(os.Remove(r.path(".git/objects/" + object[:2] + "/" + object[2:])))
	if lost, err := Check(t.Context(), s.Repository, tree.Commit); err != nil || len(lost) != 1 || lost[0] != "a" {
		t.Errorf("lost %q, error %v", lost, err)
	}
	if _, _, err := Restore(t.Context(), s.Repository, tree.Commit, filepath.Join(t.TempDir(), "out")); err == nil {
		t.Error("it was restored all the same")
	}
}

func TestCompareAndDrop(t *testing.T) {
	r := newRepo(t)
	r.write("README.md", "1\n2\n3\n4\n")
	r.write("main.go", "1\n")
	r.write("data.csv", "1\n")
	r.write("tool", "1\n")
	s, a := r.record(r.top)
	r.write("README.md", "5\n6\n7\n8\n")
	r.write("main.go", "2\n3\n")
	r.write("data.csv", "2\x00\n")
	r.do(os.Chmod(r.path("tool"), 0o755))
	r.write("new.go", "x\n")
	_, b := r.record(r.top)
	got, err := Compare(t.Context(), s.Repository, a.Commit, b.Commit)
	want := []Difference{
		{"main.go", Side{"100644", 1}, Side{"100644", 2}},
		{"new.go", Side{"", 0}, Side{"100644", 1}},
		{"tool", Side{"100644", 0}, Side{"100755", 0}},
		{"data.csv", Side{"100644", -1}, Side{"100644", -1}},
		{"README.md", Side{"100644", 4}, Side{"100644", 4}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, error %v", got, err)
	}
	patch, err := Patch(t.Context(), s.Repository, a.Commit, b.Commit)
	if err != nil || !strings.Contains(patch, "+++ b/main.go") {
		t.Errorf("patch %q, error %v", patch, err)
	}
	refs, err := List(t.Context(), s.Repository)
	if err != nil || len(refs) != 1 || refs[0].Name != "run" || strings.TrimSpace(refs[0].Message) != "message" {
		t.Fatalf("refs %+v, error %v", refs, err)
	}
	r.do(Drop(t.Context(), s.Repository, refs))
	if refs, err := List(t.Context(), s.Repository); err != nil || len(refs) != 0 {
		t.Errorf("left: %+v, error %v", refs, err)
	}
}

func TestQuote(t *testing.T) {
	if got, want := quote("a\"b\\c\nd"), `"a\"b\\c\012d"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !bytes.Contains((State{}).stream(nil, "r", "", "m").Bytes(), []byte("done\n")) {
		t.Error("the stream has no end")
	}
}
