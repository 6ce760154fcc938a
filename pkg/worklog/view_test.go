package worklog

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/display"
)

// three makes three runs that differ in their width.
func three(t *testing.T) *Folder {
	folder := Open(t.TempDir())
	for i, width := range []int{16, 32, 64} {
		run := begin(t, folder, "mlp", config{Width: width, LR: 0.5, Seed: 1})
		for step := range 20 {
			run.Log(step, "epoch", 1)
			run.Log(step, "valid/loss", math.Abs(float64(step-10))+float64(i))
		}
		run.End(nil)
	}
	begin(t, folder, "cnn", nil, Tags("other")).End(fmt.Errorf("no memory"))
	return folder
}

func TestQueries(t *testing.T) {
	folder := three(t)
	for query, want := range map[string]int{
		"": 4, "mlp": 3, "m*": 3, "tag:other": 1, "state:failed": 1, "mlp Width>16 Width<=32": 1, "Width!=16": 2,
		"LR=0.5": 3, "valid/loss<11": 2, "since:1h": 4, "since:0s": 0, "nobody": 0, "Nothing=1": 0,
	} {
		runs, err := folder.Runs(query)
		if err != nil || len(runs) != want {
			t.Errorf("%q: %d runs, error %v; want %d", query, len(runs), err, want)
		}
	}
	for _, query := range []string{"since:soon", "colour:red", "LR<", "[", "LR!0"} {
		if _, err := folder.Runs(query); err == nil {
			t.Errorf("%q is understood", query)
		}
	}
}

func TestTableShowsWhatVariesFirst(t *testing.T) {
	runs, err := three(t).Runs("mlp")
	if err != nil {
		t.Fatal(err)
	}
	text := runs.String()
	head := strings.Fields(strings.SplitN(text, "\n", 2)[0])
	if want := []string{"run", "Width", "valid/loss", "↓", "best", "epoch", "took", "when"}; !slices.Equal(head[:8], want) {
		t.Errorf("columns %q, want %q first", head, want)
	}
	for _, want := range []string{" 11 ", " 2 ", "3 runs of mlp", "the same in all: LR=0.5 Seed=1", "finished", "▁"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	page := runs.HTML()
	if !strings.Contains(page, "<svg") || strings.Contains(page, "http") {
		t.Errorf("the page lacks a picture or points outside:\n%s", page)
	}
	if got := (List{}).String(); got != "no runs\n" {
		t.Errorf("an empty list: %q", got)
	}
}

func TestValuesShowOnThePage(t *testing.T) {
	runs, err := three(t).Runs("mlp")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{runs, runs[0], Diff(runs[1], runs[0])} { // the loss differs, so each names it
		b := display.BundleOf(v)
		page, _ := b.Data["text/html"].(string)
		text, _ := b.Data["text/plain"].(string)
		if !strings.Contains(page, "<table") || !strings.Contains(text, "valid/loss") || strings.Contains(text, "<") {
			t.Errorf("%T shows as %.300s\nand in text as\n%s", v, page, text)
		}
	}
	display.BundleOf((*Run)(nil)) // must not panic
}

func TestPageEscapesWhatUsersWrite(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "<b>name", map[string]string{"a": "<i>"})
	run.Verdict("<script>alert(1)")
	run.Log(0, "<u>loss", 1)
	run.End(nil)
	begin(t, folder, "other", nil).End(nil) // a table of two can be sorted, by a script of its own
	runs, _ := folder.Runs()
	for _, page := range []string{runs.HTML(), run.HTML(), Diff(run, run).HTML()} {
		for _, tag := range []string{"<b>", "<i>", "<script>alert", "<u>"} {
			if strings.Contains(page, tag) {
				t.Errorf("%s stands in %s", tag, page)
			}
		}
	}
	if !strings.Contains(run.String(), "<script>alert") {
		t.Errorf("no verdict in %s", run.String())
	}
}

func TestDiffFindsEachChangeAlone(t *testing.T) {
	folder := Open(t.TempDir())
	first := begin(t, folder, "x", config{Width: 1}, Backend("cpu"))
	first.Data("digits", "aa")
	same := begin(t, folder, "x", config{Width: 1}, Backend("cpu"))
	same.Data("digits", "aa")
	if got := Diff(first, same).List; len(got) != 0 {
		t.Errorf("two equal runs differ: %v", got)
	}
	for _, c := range []struct {
		make func() *Run
		want Change
	}{
		{func() *Run { return begin(t, folder, "x", config{Width: 2}, Backend("cpu")) }, Change{"parameter", "Width", "1", "2"}},
		{func() *Run { return begin(t, folder, "x", config{Width: 1}, Backend("gpu")) }, Change{"environment", "backend", "cpu", "gpu"}},
		{func() *Run {
			r := begin(t, folder, "x", config{Width: 1}, Backend("cpu"))
			r.Log(0, "loss", 2)
			return r
		}, Change{"metric", "loss", "", "2"}},
	} {
		run := c.make()
		run.Data("digits", "aa")
		if got := Diff(first, run).List; len(got) != 1 || got[0] != c.want {
			t.Errorf("got %v, want %v", got, c.want)
		}
	}
	other := begin(t, folder, "x", config{Width: 1}, Backend("cpu"))
	other.Data("digits", "bb")
	if got := Diff(first, other).List; len(got) != 1 || got[0] != (Change{"data", "digits", "aa", "bb"}) {
		t.Errorf("data: %v", got)
	}
	if got := first.Previous(); got != nil {
		t.Errorf("before the first run there is %s", got.ID())
	}
	if got := other.Previous(); got == nil || got.ID() == other.ID() {
		t.Error("no run before the last")
	}
	if text := Diff(first, first.Previous()).String(); !strings.Contains(text, "no other run") {
		t.Errorf("got %q", text)
	}
}

func TestListsReadOnlyWhatIsNew(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	for step := range 10_000 { // a long log, whose aggregate the index keeps
		run.Log(step, "loss", float64(step))
	}
	run.Flush()
	first := only(t, folder).Summary()
	for step := 10_000; step < 10_100; step++ {
		run.Log(step, "loss", math.NaN())
	}
	run.End(nil)
	grown := only(t, folder).Summary()
	if err := os.Remove(filepath.Join(folder.Path(), indexName)); err != nil {
		t.Fatal(err)
	}
	fresh := only(t, folder).Summary()
	if first.Points != 10_000 || grown.Points != 10_100 || fmt.Sprint(grown) != fmt.Sprint(fresh) {
		t.Errorf("read on: %+v\nread anew: %+v", grown, fresh)
	}
	// The log is replaced by as many zeros of the same time: an unchanged log is not opened again.
	info, err := os.Stat(run.Path())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(run.Path(), make([]byte, info.Size()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(run.Path(), time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := only(t, folder).Summary(); got.Points != 10_100 {
		t.Errorf("%d points from the index, want 10,100", got.Points)
	}
	// And a damaged index is made again.
	if err := os.WriteFile(filepath.Join(folder.Path(), indexName), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if runs, err := folder.Runs(); err != nil || len(runs) != 0 {
		t.Errorf("%d runs in zeros, error %v", len(runs), err)
	}
}

func TestSeriesSurvivesItsText(t *testing.T) {
	s := Series{Name: "valid/löss"}
	for i := range 1000 {
		v := math.Sin(float64(i) / 100)
		if i%97 == 0 {
			v = math.Inf(-1)
		}
		s.add(i, v)
	}
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back Series
	if err := back.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	s.add(1000, 1)
	back.add(1000, 1)
	if !reflect.DeepEqual(s, back) {
		t.Errorf("%+v became %+v", s, back)
	}
	if s.Count != 1001 || s.NonFinite != 11 || !strings.Contains(s.shape.Text(), "×") {
		t.Errorf("%d points, %d not finite, %s", s.Count, s.NonFinite, s.shape.Text())
	}
	if err := back.UnmarshalText(text[:len(text)-3]); err == nil {
		t.Error("half a series is read")
	}
}

func TestBetterIsJudgedByName(t *testing.T) {
	for name, want := range map[string]int{"valid/loss": -1, "Accuracy": 1, "test error": -1, "f1": 1, "lr": 0, "step_time": 0} {
		if got := Better(name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestCodeStateOfARepository(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git here: ", err)
	}
	dir := t.TempDir()
	do := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@t"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := codeState(t.Context(), dir, "run", ""); !reflect.DeepEqual(got, Code{}) {
		t.Errorf("outside a repository: %+v", got)
	}
	do("init", "-q", "-b", "main")
	write("a file.go", "1")
	do("add", ".")
	do("commit", "-qm", "first")
	clean := codeState(t.Context(), dir, "run", "")
	if clean.Dirty || clean.Commit != do("rev-parse", "HEAD") || clean.Branch != "main" || clean.Digest != "" {
		t.Errorf("clean: %+v", clean)
	}
	write("a file.go", "2")
	write("new.go", "x")
	dirty := codeState(t.Context(), dir, "run", "")
	if !dirty.Dirty || !slices.Equal(dirty.Changed, []string{"a file.go", "new.go"}) || dirty.Commit != clean.Commit {
		t.Errorf("dirty: %+v", dirty)
	}
	write("new.go", "y")
	if other := codeState(t.Context(), dir, "run", ""); other.Tree == dirty.Tree {
		t.Error("another content has the same tree")
	}
	write("new.go", "x")
	if other := codeState(t.Context(), dir, "run", ""); other.Tree != dirty.Tree || dirty.Tree == "" {
		t.Error("the same content has another tree")
	}
	do("add", "new.go")
	do("mv", "a file.go", "b.go")
	if moved := codeState(t.Context(), dir, "run", ""); !slices.Equal(moved.Changed, []string{"b.go", "new.go"}) {
		t.Errorf("moved: %+v", moved)
	}
}

func TestTheFolderIsThatOfTheModule(t *testing.T) {
	t.Setenv("LATHE_WORKLOG", "")
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(deep, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "go.mod"), []byte("module x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	folder, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	want, _ := filepath.EvalSymlinks(top)
	if got, _ := filepath.EvalSymlinks(filepath.Dir(filepath.Dir(folder.Path()))); got != want {
		t.Errorf("the worklog is in %s, want it in %s", folder.Path(), top)
	}
	Start("x", nil).End(nil)
	if runs := Runs("x"); len(runs) != 1 {
		t.Errorf("%d runs, want 1", len(runs))
	}
	t.Setenv("LATHE_WORKLOG", filepath.Join(top, "elsewhere"))
	if runs := Runs(); len(runs) != 0 {
		t.Errorf("%d runs elsewhere, want none", len(runs))
	}
}
