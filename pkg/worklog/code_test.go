package worklog

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lathe-go/lathe/pkg/metric"
)

// inRepository makes a repository with one commit the working directory. It returns a runner of git.
func inRepository(t *testing.T) func(args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here: ", err)
	}
	t.Chdir(t.TempDir())
	do := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@t"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	do("init", "-q", "-b", "main")
	put(t, "main.go", "package main\n")
	do("add", ".")
	do("commit", "-qm", "first")
	return do
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestARunKeepsItsCode(t *testing.T) {
	do := inRepository(t)
	folder := Open(filepath.Join(t.TempDir(), "log"))
	put(t, "new.go", "package main // new\n")
	put(t, ".env", "SECRET=1")
	run := begin(t, folder, "x", nil)
	run.End(nil)
	s := only(t, folder).Summary()
	if !s.Code.Dirty || s.Code.Commit != do("rev-parse", "HEAD") || s.Code.Branch != "main" || s.Code.Unknown != "" {
		t.Errorf("code: %+v", s.Code)
	}
	if got := do("rev-parse", "refs/worklog/"+string(run.ID())); got != s.Code.Record {
		t.Errorf("the reference is %s, want %s", got, s.Code.Record)
	}
	if len(s.Code.LeftOut) != 1 || s.Code.LeftOut[0].Path != ".env" || !strings.Contains(run.String(), ".env") {
		t.Errorf("left out: %+v", s.Code.LeftOut)
	}
	put(t, "new.go", "other")
	t.Chdir(t.TempDir()) // the run knows its repository
	out := filepath.Join(t.TempDir(), "out")
	restored, err := Restore(only(t, folder), out)
	if err != nil || restored.Files != 2 || !strings.Contains(restored.String(), ".env") {
		t.Errorf("restored %v, error %v", restored, err)
	}
	if text, err := os.ReadFile(filepath.Join(out, "new.go")); err != nil || string(text) != "package main // new\n" {
		t.Errorf("new.go is %q, error %v", text, err)
	}
	if _, err := Restore(run, out); err == nil {
		t.Error("a full folder was taken")
	}
}

func TestEachLifeRecordsItsCode(t *testing.T) {
	inRepository(t)
	folder := Open(filepath.Join(t.TempDir(), "log"))
	run := begin(t, folder, "x", nil)
	run.End(nil)
	first := only(t, folder).Summary().Code
	put(t, "main.go", "package other\n")
	run.Resume(3)
	run.Resume(4) // at once, while the code of the life before is being recorded
	run.End(nil)
	second := only(t, folder).Summary().Code
	if first.Dirty || !second.Dirty || first.Tree == second.Tree || second.Tree == "" {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}
}

func TestWithoutARepositoryARunGoesOn(t *testing.T) {
	folder := Open(t.TempDir())
	t.Chdir(t.TempDir())
	put(t, "go.mod", "module x\n")
	run := begin(t, folder, "x", nil)
	run.End(nil)
	if c := run.Summary().Code; c.Unknown != "" || c.Commit != "" || c.Module == "" {
		t.Errorf("code: %+v", c)
	}
	if _, err := Restore(run, t.TempDir()); err == nil || !strings.Contains(err.Error(), "no source tree") {
		t.Errorf("restore: %v", err)
	}
	inRepository(t)
	put(t, "b", "1")
	put(t, ".git/refs/worklog", "") // where a folder should be, so that no reference can be made
	run = begin(t, folder, "y", nil)
	run.End(nil)
	if c := run.Summary().Code; c.Unknown == "" || c.Commit == "" || c.Digest == "" || c.Record != "" || run.Err() != nil {
		t.Errorf("code: %+v, error %v", c, run.Err())
	}
}

func TestDiffNamesTheFiles(t *testing.T) {
	inRepository(t)
	folder := Open(filepath.Join(t.TempDir(), "log"))
	a := begin(t, folder, "x", nil)
	same := begin(t, folder, "x", nil)
	if got := Diff(a, same).List; len(got) != 0 {
		t.Errorf("the same code differs: %v", got)
	}
	put(t, "README.md", "text\n")
	put(t, "main.go", "package main\n\nfunc main() {}\n")
	b := begin(t, folder, "x", nil)
	got := Diff(a, b).List
	want := []Change{{"code", "main.go", "0 lines", "2 lines"}, {"code", "README.md", "", "1 line, only here"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %q, want %q", got, want)
	}
	patch, err := Patch(a, b)
	if err != nil || !strings.Contains(patch, "+func main() {}") {
		t.Errorf("patch %q, error %v", patch, err)
	}
	if _, err := Patch(a, nil); err == nil {
		t.Error("a patch against nothing")
	}
}

func TestCleanAndVerify(t *testing.T) {
	do := inRepository(t)
	folder, other := Open(filepath.Join(t.TempDir(), "log")), Open(filepath.Join(t.TempDir(), "other"))
	var runs []*Run
	for _, f := range []*Folder{folder, folder, other} {
		run := begin(t, f, "x", nil)
		run.End(nil)
		runs = append(runs, run)
	}
	if err := os.Remove(runs[2].Path()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(runs[0].Path()); err != nil {
		t.Fatal(err)
	}
	if n, faults, err := folder.Verify(t.Context()); n != 1 || len(faults) != 0 || err != nil {
		t.Errorf("%d runs, %v, error %v", n, faults, err)
	}
	c, err := folder.Clean(t.Context(), ".")
	if err != nil || len(c.Dropped) != 1 || metric.RunID(c.Dropped[0]) != runs[0].ID() || c.Kept != 1 || c.Others != 1 {
		t.Errorf("%+v, error %v", c, err)
	}
	if refs := do("for-each-ref", "--format=%(refname)", "refs/worklog"); strings.Count(refs, "\n") != 1 || strings.Contains(refs, string(runs[0].ID())) {
		t.Errorf("left are %q", refs)
	}
	do("update-ref", "-d", "refs/worklog/"+string(runs[1].ID()))
	do("gc", "-q", "--prune=now")
	if _, faults, err := folder.Verify(t.Context()); len(faults) != 1 || !strings.Contains(faults[0].What, "source tree") || err != nil {
		t.Errorf("%v, error %v", faults, err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "nothing")).Clean(t.Context(), "."); err == nil {
		t.Error("a folder that is not there was cleaned by")
	}
}
