package exchange

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lathe-go/lathe/pkg/display/frame"
	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// written writes a file of the given name to a new folder.
func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// one imports a source of one run and returns it.
func one(t *testing.T, folder *worklog.Folder, path string) (*worklog.Run, Result) {
	t.Helper()
	results, err := Import(folder, path)
	if err != nil || len(results) != 1 {
		t.Fatalf("%s: %v, error %v, want one run", path, results, err)
	}
	run, err := folder.Load(results[0].Run)
	if err != nil {
		t.Fatal(err)
	}
	return run, results[0]
}

// listed writes points one by one; NaN is equal to itself there.
func listed(t *testing.T, run *worklog.Run) string {
	t.Helper()
	points, err := run.Points("")
	if err != nil {
		t.Fatal(err)
	}
	return list(points)
}

func list(points []metric.Point) string {
	var out []string
	for _, p := range points {
		out = append(out, fmt.Sprintf("%s %d %v %d", p.Name, p.Step, p.Value, p.Time.UnixMicro()))
	}
	return strings.Join(out, "\n")
}

const second = 1_000_000

func TestEventFilesOfRealWriters(t *testing.T) {
	var curve []string
	for i, v := range []string{"1", "0.5", "0.3333333432674408", "0.25", "NaN"} {
		curve = append(curve, fmt.Sprintf("train/loss %d %s %d", i, v, int64(1700000000+i)*second+second/4))
	}
	for file, want := range map[string][]string{
		"tensorboard.tfevents":  curve,                                                                                 // scalars as tensors
		"tensorboardx.tfevents": append(slices.Clone(curve), fmt.Sprintf("acc 4 +Inf %d", 1700000004*second+second/2)), // simple values
	} {
		folder := worklog.Open(t.TempDir())
		run, _ := one(t, folder, filepath.Join("testdata", file))
		if got := listed(t, run); got != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant:\n%s", file, got, strings.Join(want, "\n"))
		}
		s := run.Summary()
		if s.State != worklog.Lost || s.Env.Facts["imported as"] != "tensorboard" || !s.Began.Equal(time.UnixMicro(1700000000*second+second/4)) ||
			s.Duration < 4*time.Second || s.Duration > 5*time.Second {
			t.Errorf("%s: %s, facts %v, began %v, took %v", file, s.State, s.Env.Facts, s.Began, s.Duration)
		}
		if _, again := one(t, folder, filepath.Join("testdata", file)); !again.Known || again.Run != run.ID() {
			t.Errorf("%s: imported again as %+v", file, again)
		}
	}
}

func TestEventFileCutAnywhere(t *testing.T) {
	content, err := os.ReadFile("testdata/tensorboard.tfevents")
	if err != nil {
		t.Fatal(err)
	}
	var ends []int // of the records that hold a point
	whole := readEvents([][]byte{content})
	for at := range content {
		n := len(readEvents([][]byte{content[:at+1]}).points)
		for n > len(ends) {
			ends = append(ends, at+1)
		}
		if n < len(ends) {
			t.Fatalf("%d points up to byte %d, and fewer up to %d", len(ends), ends[len(ends)-1], at+1)
		}
	}
	if len(ends) != len(whole.points) || len(ends) != 5 || ends[4] != len(content) {
		t.Fatalf("points end at %v of %d bytes", ends, len(content))
	}
	for at := range content {
		want := 0
		for want < len(ends) && ends[want] <= at {
			want++
		}
		cut := readEvents([][]byte{content[:at]})
		if list(cut.points) != list(whole.points[:want]) {
			t.Errorf("cut at %d: %d points, want %d", at, len(cut.points), want)
		}
		for bit := range 8 {
			flipped := bytes.Clone(content)
			flipped[at] ^= 1 << bit
			if got := readEvents([][]byte{flipped}); list(got.points) != list(whole.points[:want]) || got.damage == "" {
				t.Errorf("bit %d of byte %d flipped: %d points, want %d", bit, at, len(got.points), want)
			}
		}
	}
}

func TestJSONLOfWandb(t *testing.T) {
	path := written(t, "history.jsonl", `{"_step": 0, "_timestamp": 1700000000.5, "loss": 2.5, "opt": {"lr": 0.1}, "note": "NaN \" is a word"}
{"_step": 1, "_timestamp": 1700000001.5, "loss": NaN, "grad": -Infinity, "_runtime": 3}
{"_step": 2, "_timestamp": 1700000002.5, "loss": "Infinity"}
{"_step": 3, "_timest`)
	run, result := one(t, worklog.Open(t.TempDir()), path)
	want := fmt.Sprintf("loss 0 2.5 %[1]d\nopt.lr 0 0.1 %[1]d\ngrad 1 -Inf %[2]d\nloss 1 NaN %[2]d\nloss 2 +Inf %[3]d",
		1700000000*second+second/2, 1700000001*second+second/2, 1700000002*second+second/2)
	if got := listed(t, run); got != want {
		t.Errorf("\n%s\nwant:\n%s", got, want)
	}
	if p, _ := run.Summary().Param("note"); p.Value != `NaN " is a word` {
		t.Errorf("note %q", p.Value)
	}
	if result.Damage == "" || run.Name() != "history" {
		t.Errorf("%+v", result)
	}
}

func TestJSONLOfPython(t *testing.T) {
	run, _ := one(t, worklog.Open(t.TempDir()), filepath.Join("testdata", "python.jsonl"))
	var want []string
	for i, v := range []string{"1", "0.5", "NaN", "+Inf", "-Inf"} {
		want = append(want, fmt.Sprintf("train/loss %d %s %d", i, v, int64(1700000000+i)*second+second/4))
	}
	if got := listed(t, run); got != strings.Join(want, "\n") {
		t.Errorf("\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestCSV(t *testing.T) {
	path := written(t, "log.csv", "\ufeffStep,Wall time,loss,acc,model,comment\n0,1700000000,1e400,,mlp,a\n10,1700000001,NaN,0.5,mlp,b\n20,17000")
	run, _ := one(t, worklog.Open(t.TempDir()), path)
	want := fmt.Sprintf("loss 0 +Inf %d\nloss 10 NaN %[2]d\nacc 10 0.5 %[2]d", 1700000000*second, 1700000001*second)
	if got := listed(t, run); got != want {
		t.Errorf("\n%s\nwant:\n%s", got, want)
	}
	if s := run.Summary(); len(s.Params) != 1 || s.Params[0].Value != "mlp" {
		t.Errorf("parameters %v", s.Params)
	}
	for name, content := range map[string]string{"empty": "", "words": "a,b\nc,d\n", "binary": "\x00\x01\xff"} {
		if results, err := Import(worklog.Open(t.TempDir()), written(t, "x.csv", content)); err == nil {
			t.Errorf("%s: imported as %v", name, results)
		}
	}
}

// mlflowStore returns a new store with what MLflow itself wrote.
func mlflowStore(t *testing.T) (path string, db *sqlite.Conn) {
	t.Helper()
	content, err := os.ReadFile("testdata/mlflow.sql")
	path = filepath.Join(t.TempDir(), "mlflow.db")
	if err == nil {
		db, err = sqlite.OpenConn(path)
	}
	if err == nil {
		err = sqlitex.ExecuteScript(db, string(content), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return path, db
}

func execute(t *testing.T, db *sqlite.Conn, script string) {
	t.Helper()
	if err := sqlitex.ExecuteScript(db, script, nil); err != nil {
		t.Fatal(err)
	}
}

// load returns the run of a result.
func load(t *testing.T, folder *worklog.Folder, r Result) (*worklog.Run, worklog.Summary) {
	t.Helper()
	run, err := folder.Load(r.Run)
	if err != nil {
		t.Fatal(err)
	}
	return run, run.Summary()
}

func TestMLflow(t *testing.T) {
	path, _ := mlflowStore(t)
	folder := worklog.Open(t.TempDir())
	results, err := Import(folder, path)
	if err != nil || len(results) != 3 {
		t.Fatalf("%v, error %v", results, err)
	}
	run, s := load(t, folder, results[0])
	const from = int64(1795786437000) * 1000
	want := fmt.Sprintf("loss 0 2.5 %d\nloss 1 NaN %d\nloss 2 +Inf %d\nloss 3 -Inf %d\nloss 4 0.25 %d\nacc 4 0.5 %d",
		from+834_000, from+909_000, from+1_011_000, from+1_088_000, from+1_171_000, from+1_236_000)
	if got := listed(t, run); got != want {
		t.Errorf("\n%s\nwant:\n%s", got, want)
	}
	if big, _ := s.Param("big"); s.Name != "digits" || s.State != worklog.Finished || s.Duration != 735*time.Millisecond || big.Value != "9223372036854775807" ||
		len(s.Notes) != 1 || s.Notes[0].Text != "a try" || !slices.Equal(s.Tags, []string{"team=vision"}) || s.Env.Facts["mlflow.user"] != "ada" {
		t.Errorf("%+v", s)
	}
	if _, s := load(t, folder, results[1]); s.State != worklog.Failed {
		t.Errorf("the run that failed is %s", s.State)
	}
	if _, s := load(t, folder, results[2]); s.State == worklog.Finished || s.Points != 1 {
		t.Errorf("the run that goes on is %s, %d points", s.State, s.Points)
	}
}

func TestMLflowLater(t *testing.T) {
	path, db := mlflowStore(t)
	folder := worklog.Open(t.TempDir())
	first, err := Import(folder, path)
	if err != nil {
		t.Fatal(err)
	}
	run, _ := load(t, folder, first[2])
	run.Verdict("mine")
	run.Note("my own")
	execute(t, db, `INSERT INTO metrics VALUES ('loss', 0.5, 1795786440000, '8d4e1a7a016b485a90391e4e90bf4b9a', 1, 0),
			('acc', 0.75, 1795786439092, '8d4e1a7a016b485a90391e4e90bf4b9a', 0, 0);
		INSERT INTO params VALUES ('lr', '0.2', '8d4e1a7a016b485a90391e4e90bf4b9a');
		INSERT INTO tags VALUES ('team', 'audio', '8d4e1a7a016b485a90391e4e90bf4b9a');
		UPDATE runs SET status = 'KILLED', end_time = 1795786441000 WHERE name = 'going';
		INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id) VALUES ('dd', 'new', 'RUNNING', 1795786450000, 'active', 1)`)
	for try, want := range []string{"0 0 2 0", "0 0 0 0"} { // points added to each run
		results, err := Import(folder, path)
		if err != nil || len(results) != 4 {
			t.Fatalf("%v, error %v", results, err)
		}
		var added []string
		for i, r := range results {
			added = append(added, fmt.Sprint(r.Added))
			if r.Known != (i < 3 || try > 0) || i < 3 && r.Run != first[i].Run {
				t.Errorf("%+v, before %+v", r, first[i])
			}
		}
		if got := strings.Join(added, " "); got != want {
			t.Errorf("%s points are added, want %s", got, want)
		}
	}
	run, s := load(t, folder, first[2])
	if lr, _ := s.Param("lr"); s.State != worklog.Interrupted || s.Points != 3 || lr.Value != "0.2" || s.Verdict != "mine" || s.Lives != 1 ||
		len(s.Notes) != 1 || !slices.Equal(s.Tags, []string{"team=audio"}) || s.Ended.UnixMilli() != 1795786441000 || s.Damage != 0 {
		t.Errorf("%+v", s)
	}
	if got := listed(t, run); !strings.Contains(got, "loss 1 0.5 1795786440000000") {
		t.Errorf("\n%s", got)
	}
}

// A session is the notebook that a run is in.
type session []frame.Cell

func (session) Send(frame.Frame) error        { return nil }
func (s session) Cells(from int) []frame.Cell { return s[from:] }

// recorded returns a run that used what a run can record.
func recorded(t *testing.T, folder *worklog.Folder) *worklog.Run {
	t.Chdir(t.TempDir()) // not in this repository, which would keep the code of the run
	cell := func(n int, text string) frame.Cell {
		return frame.Cell{Number: uint64(n), Name: fmt.Sprintf("In[%d]", n), Text: text, Time: time.Unix(int64(n), 0)}
	}
	frame.Attach(session{cell(1, "x := <-ch // `a`\n"), cell(2, "fit(x)"), cell(3, "x := <-ch // `a`\n")})
	defer frame.Attach(nil)
	run := worklog.Start("digits <b>|mlp|</b>", struct {
		LR   float64
		Big  int64
		Path string
	}{math.Inf(1), math.MaxInt64, "a|b"}, worklog.In(folder), worklog.Seed(7), worklog.Tags("one", "two"), worklog.Why("a <note>"),
		worklog.Question("does <it> learn?"), worklog.Hypothesis("it does"))
	fmt.Fprintln(run.Tee(io.Discard), "epoch <1>")
	for i, v := range []float64{2, math.NaN(), 0.1, math.Inf(-1)} {
		run.Log(i, "loss", v)
		run.LogMany(i, map[string]float64{"acc": float64(i) / 3, "lr, |quoted\"": v})
	}
	run.Data("train", "abc")
	run.File(written(t, "model", "weights"))
	run.Verdict("it *does*")
	run.End(nil)
	return run
}

func TestJSONRoundTrip(t *testing.T) {
	folder := worklog.Open(t.TempDir())
	run := recorded(t, folder)
	var first, second bytes.Buffer
	if err := JSON(&first, []*worklog.Run{run}); err != nil {
		t.Fatal(err)
	}
	path := written(t, "runs.json", first.String())
	back, _ := one(t, worklog.Open(t.TempDir()), path)
	if err := JSON(&second, []*worklog.Run{back}); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("\n%s\nbecame\n%s", first.String(), second.String())
	}
	if got, want := sorted(listed(t, back)), sorted(listed(t, run)); got != want {
		t.Errorf("\n%s\nwant:\n%s", got, want)
	}
	if _, result := one(t, folder, path); !result.Known {
		t.Error("a run comes a second time into its own folder")
	}
}

// sorted sorts lines: the order of what was logged at one moment is not kept.
func sorted(lines string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(lines, "\n")), "\n")
}

func TestCSVRoundTrip(t *testing.T) {
	run := recorded(t, worklog.Open(t.TempDir()))
	var b bytes.Buffer
	if err := CSV(&b, []*worklog.Run{run}); err != nil {
		t.Fatal(err)
	}
	back, _ := one(t, worklog.Open(t.TempDir()), written(t, "points.csv", b.String()))
	if got, want := sorted(listed(t, back)), sorted(listed(t, run)); got != want || back.ID() != run.ID() {
		t.Errorf("%s:\n%s\nwant %s:\n%s", back.ID(), got, run.ID(), want)
	}
}

func TestPages(t *testing.T) {
	run := recorded(t, worklog.Open(t.TempDir()))
	var page, text bytes.Buffer
	if err := HTML(&page, []*worklog.Run{run, run}); err != nil {
		t.Fatal(err)
	}
	if err := Markdown(&text, []*worklog.Run{run}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<svg", "does &lt;it&gt; learn?", "it *does*", "9223372036854775807", "digits &lt;b&gt;", "two", "Environment", "abc",
		"Hypothesis: it does", "x := &lt;-ch", "<summary>In[1] ", ", In[3] ", "epoch &lt;1&gt;"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "src=", "href=", "http:", "https:", "<b>", "<it>"} {
		if strings.Contains(page.String(), never) {
			t.Errorf("the page has %q", never)
		}
	}
	for _, want := range []string{`# digits &lt;b>\|mlp\|&lt;/b>`, "## Metrics", "| --- |", `it \*does\*`, `a\|b`, "×", "```go\nx := <-ch // `a`\n```", "```\nepoch <1>\n```"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the Markdown lacks %q:\n%s", want, text.String())
		}
	}
}

func TestPageOfTheCode(t *testing.T) {
	s := worklog.Summary{Name: "x", Began: time.Unix(1, 0), Ended: time.Unix(2, 0), State: worklog.Finished}
	s.Code = worklog.Code{Tree: "deadbeef", Record: "cafe", LeftOut: []worklog.LeftOut{{Path: "big.bin", Size: 9, Why: "too large"}}, LeftMore: 3}
	run, err := worklog.Open(t.TempDir()).Add(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := HTML(&page, []*worklog.Run{run}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"deadbeef", "cafe", "big.bin, 9 bytes: too large", "3 more"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestAnImportedRunHasNoProcessors(t *testing.T) {
	folder := worklog.Open(t.TempDir())
	run, _ := one(t, folder, written(t, "a.csv", "step,loss\n0,1\n"))
	if text := run.String(); strings.Contains(text, "cpus") {
		t.Errorf("it has:\n%s", text)
	}
}

func TestFolderOfManyForms(t *testing.T) {
	dir := t.TempDir()
	for to, from := range map[string]string{"a/events.out.tfevents.1": "tensorboard", "b/events.out.tfevents.1": "tensorboardx"} {
		content, err := os.ReadFile(filepath.Join("testdata", from+".tfevents"))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, to)), 0o777)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), content, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{"c.csv": "step,x\n1,2\n", "bad.json": "[]", "readme.txt": "no run"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	results, err := Import(worklog.Open(t.TempDir()), dir)
	var names []string
	for _, r := range results {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"a", "b", "c"}) || err == nil || !strings.Contains(err.Error(), "bad.json") {
		t.Errorf("runs %v, error %v", names, err)
	}
}

// What is not valid at the end of an event file changes nothing of what is before it, and no form stops the program.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"tensorboard", "tensorboardx"} {
		content, err := os.ReadFile(filepath.Join("testdata", name+".tfevents"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("step,loss\n1,2\n"))
	f.Add([]byte(`{"_step":1,"loss":NaN}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		valid := records(data, func([]byte) {})
		if got, want := list(readEvents([][]byte{data}).points), list(readEvents([][]byte{data[:valid]}).points); got != want {
			t.Errorf("%q, and %q without the damage", got, want)
		}
		new(eventReader).event(data)
		readJSONL(data, time.Unix(0, 0))
		readCSV(data, time.Unix(0, 0))
		readJSON(data)
	})
}
