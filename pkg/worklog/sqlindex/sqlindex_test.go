package sqlindex

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// synthetic fills a new folder with runs of so many parameters and metrics.
func synthetic(t testing.TB, runs, params, metrics int) *worklog.Folder {
	t.Helper()
	folder := worklog.Open(t.TempDir())
	for r := range runs {
		began := time.Unix(1_700_000_000+int64(r), 0)
		s := worklog.Summary{Name: "sweep", Began: began, Ended: began.Add(time.Minute), State: worklog.Finished, Tags: []string{"t" + fmt.Sprint(r%7)}}
		for p := range params {
			s.Params = append(s.Params, worklog.Param{Path: fmt.Sprintf("Group.P%03d", p), Type: "float64", Value: fmt.Sprint(float64(r*31%997) / float64(p+1))})
		}
		var points []metric.Point
		for m := range metrics {
			points = append(points, metric.Point{Name: fmt.Sprintf("m%02d/loss", m), Step: 1, Time: began, Value: float64(r*17%1009) + float64(m)})
		}
		if _, err := folder.Add(s, points); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func open(t testing.TB, folder *worklog.Folder) *Index {
	t.Helper()
	x, err := OpenFile(t.Context(), folder, filepath.Join(t.TempDir(), "index.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func update(t testing.TB, x *Index, want int) {
	t.Helper()
	n, err := x.Update(t.Context())
	if err != nil || n != want {
		t.Fatalf("%d runs read, error %v, want %d", n, err, want)
	}
}

func answer(t testing.TB, x *Index, query string) string {
	t.Helper()
	table, err := x.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	var rows []string
	for _, r := range table.Rows {
		rows = append(rows, strings.Trim(fmt.Sprint(r), "[]"))
	}
	return strings.Join(rows, ";")
}

// page is a filtered, sorted first page of a list of runs.
const page = `SELECT p.run, p.value, m.last, m.best FROM params p JOIN metrics m ON m.run = p.run
	WHERE p.param = 'Group.P002' AND p.number < 100 AND m.metric = 'm07/loss' ORDER BY m.last DESC, p.run LIMIT 50`

func TestTablesHoldTheRuns(t *testing.T) {
	t.Chdir(t.TempDir()) // not in this repository, which would keep the code of the run
	folder := worklog.Open(t.TempDir())
	run := worklog.Start("digits", struct {
		LR    float64
		Big   int64
		Worst float64
		Seed  int
	}{0.1, math.MaxInt64, math.Inf(1), 7}, worklog.In(folder), worklog.Tags("a", "b"), worklog.Why("does it learn?"))
	for i, v := range []float64{2, math.NaN(), 0.5, math.Inf(-1)} {
		run.Log(i, "loss", v)
	}
	run.Data("train", "abc")
	run.Verdict("it does")
	run.End(nil)
	x := open(t, folder)
	update(t, x, 1)
	for query, want := range map[string]string{
		"select name, state, seed, verdict, lives from runs":                 "digits finished 7 it does 1",
		"select value from params where param = 'Big'":                       "9223372036854775807",
		"select value, number > 1e308 from params where param='Worst'":       "+Inf 1",
		"select count, nonfinite, best, odd from metrics":                    "4 2 0.5 -Inf",
		"select tag from tags order by 1":                                    "a;b",
		"select note from notes":                                             "does it learn?",
		"select kind, name, sha256 from files":                               "data train abc",
		"select count(*) from points":                                        "0",
		"select count(*) from runs where began > datetime('now', '-1 hour')": "1",
	} {
		if got := answer(t, x, query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	const points = "select step, value, odd from points order by step"
	if err := x.LoadFor(t.Context(), points); err != nil {
		t.Fatal(err)
	}
	if got, want := answer(t, x, points), "0 2 <nil>;1 <nil> NaN;2 0.5 <nil>;3 -Inf -Inf"; got != want {
		t.Errorf("points %q, want %q", got, want)
	}
}

func TestUpdateReadsWhatChanged(t *testing.T) {
	folder := synthetic(t, 5, 3, 2)
	x := open(t, folder)
	update(t, x, 5)
	update(t, x, 0)
	logs, err := folder.Logs()
	if err != nil {
		t.Fatal(err)
	}
	run, err := folder.Load(logs[2].ID)
	if err != nil {
		t.Fatal(err)
	}
	run.Tag("new")
	update(t, x, 1)
	if got := answer(t, x, "select count(*) from params"); got != "15" {
		t.Errorf("%s parameters after an update, want 15", got)
	}
	if got := answer(t, x, "select run from tags where tag = 'new'"); got != string(logs[2].ID) {
		t.Errorf("tag of %q, want %q", got, logs[2].ID)
	}
	if err := os.Remove(run.Path()); err != nil {
		t.Fatal(err)
	}
	update(t, x, 0)
	if got := answer(t, x, "select count(*) from runs"); got != "4" {
		t.Errorf("%s runs after one is gone, want 4", got)
	}
}

func TestDamagedIndexIsMadeAnew(t *testing.T) {
	folder := synthetic(t, 3, 2, 2)
	for name, content := range map[string]string{
		"text": strings.Repeat("no database at all. ", 500), "nothing": "",
		"cut": "SQLite format 3\x00\x10\x00\x02\x02",
	} {
		file := filepath.Join(t.TempDir(), "x.sqlite")
		if err := os.WriteFile(file, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		x, err := OpenFile(t.Context(), folder, file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		update(t, x, 3)
		if got := answer(t, x, "select count(*) from runs"); got != "3" {
			t.Errorf("%s: %s runs", name, got)
		}
		x.Close()
	}
}

func TestQueriesOnlyRead(t *testing.T) {
	folder := synthetic(t, 2, 1, 1)
	x := open(t, folder)
	update(t, x, 2)
	other := filepath.Join(t.TempDir(), "other.sqlite")
	for _, query := range []string{
		"delete from run", "pragma query_only = 0", "vacuum into '" + other + "'", "attach '" + other + "' as o",
		"with a as (select 1) delete from run",
		"select 1; delete from run", "select 1; pragma query_only = 0; delete from run",
		"select 1; attach '" + other + "' as o; create table o.t(a)", "select 1; vacuum into '" + other + "'",
	} {
		if _, err := x.Query(t.Context(), query); err == nil {
			t.Errorf("%s is answered", query)
		}
	}
	if got := answer(t, x, "/* all */ SELECT count(*) FROM runs"); got != "2" {
		t.Errorf("%s runs are left", got)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a query made a file")
	}
}

func TestSeveralReadersUpdateOneIndex(t *testing.T) {
	folder := synthetic(t, 40, 5, 5)
	file := filepath.Join(t.TempDir(), "x.sqlite")
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			x, err := OpenFile(context.Background(), folder, file)
			if err != nil {
				t.Error(err)
				return
			}
			defer x.Close()
			if _, err := x.Update(context.Background()); err != nil {
				t.Error(err)
			}
			if err := x.LoadFor(context.Background(), "from points"); err != nil {
				t.Error(err)
			}
			got, err := x.Query(context.Background(), "select (select count(*) from runs), (select count(*) from points)")
			if want := [][]any{{int64(40), int64(200)}}; err != nil || !reflect.DeepEqual(got.Rows, want) {
				t.Errorf("%v, error %v, want %v", got.Rows, err, want)
			}
		})
	}
	group.Wait()
}

// TestScale measures what a list of many runs takes: 200 runs, or as many as LATHE_SCALE says.
func TestScale(t *testing.T) {
	runs := 200
	if text := os.Getenv("LATHE_SCALE"); text != "" {
		fmt.Sscan(text, &runs)
	}
	folder := synthetic(t, runs, 150, 50)
	x := open(t, folder)
	began := time.Now()
	update(t, x, runs)
	t.Logf("%d runs of 150 parameters and 50 metrics: rebuilt in %v", runs, time.Since(began))
	for range 3 {
		began = time.Now()
		table, err := x.Query(t.Context(), page)
		t.Logf("a filtered, sorted first page in %v", time.Since(began))
		if err != nil || len(table.Rows) != 50 {
			t.Fatalf("%d rows, error %v", len(table.Rows), err)
		}
	}
	began = time.Now()
	update(t, x, 0)
	t.Logf("nothing to update, found in %v", time.Since(began))
}

func TestAnUpdateThatIsCancelledChangesNothing(t *testing.T) {
	folder := synthetic(t, 30, 5, 5)
	x := open(t, folder)
	ctx, cancel := context.WithCancel(t.Context())
	var told []int
	x.Progress = func(done, total int) {
		told = append(told, done, total)
		cancel()
	}
	if _, err := x.Update(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
	if got := answer(t, x, "select count(*) from runs"); got != "0" {
		t.Errorf("%s runs are in the index", got)
	}
	if want := []int{30, 30}; !slices.Equal(told, want) {
		t.Errorf("progress %v, want %v", told, want)
	}
	x.Progress = nil
	update(t, x, 30)
	if got := answer(t, x, "select count(*) from metrics"); got != "150" {
		t.Errorf("%s metrics, want 150", got)
	}
}

func TestWaitingForAnotherWriterEndsWithTheContext(t *testing.T) {
	folder := synthetic(t, 1, 1, 1)
	x := open(t, folder)
	other, err := sqlite.OpenConn(x.File())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	end, err := sqlitex.ImmediateTransaction(other)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := x.Update(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that the time is over", err)
	}
	end(&err)
	update(t, x, 1)
}

func TestArgumentsAndClosing(t *testing.T) {
	x := open(t, synthetic(t, 2, 1, 1))
	update(t, x, 2)
	type name string
	got, err := x.Query(t.Context(), "select ?, ?, ?, ?, ?", name("a"), 7, math.NaN(), true, nil)
	if want := [][]any{{"a", int64(7), nil, int64(1), nil}}; err != nil || !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("%v, error %v, want %v", got.Rows, err, want)
	}
	for _, args := range [][]any{{}, {1, 2}, {struct{}{}}} {
		if _, err := x.Query(t.Context(), "select ?", args...); err == nil {
			t.Errorf("arguments %v are taken", args)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Query(t.Context(), "select 1"); err == nil {
		t.Error("a closed index answers")
	}
	if _, err := x.Update(t.Context()); err == nil {
		t.Error("a closed index is updated")
	}
}

// updaterEnv, when set, makes this test binary a process that updates the index of the folder and in the file that it
// names, and prints what the index then answers.
const updaterEnv = "SQLINDEX_TEST_UPDATER"

func TestMain(m *testing.M) {
	if what := os.Getenv(updaterEnv); what != "" {
		fmt.Println(updater(strings.Split(what, string(os.PathListSeparator))))
		return
	}
	os.Exit(m.Run())
}

func updater(what []string) (string, error) {
	ctx := context.Background()
	x, err := OpenFile(ctx, worklog.Open(what[0]), what[1])
	if err != nil {
		return "", err
	}
	defer x.Close()
	if _, err := x.Update(ctx); err != nil {
		return "", err
	}
	t, err := x.Query(ctx, "select (select count(*) from runs), (select count(*) from params), (select count(*) from metrics)")
	return fmt.Sprint(t.Rows), err
}

func TestTwoProcessesMakeOneIndex(t *testing.T) {
	folder := synthetic(t, 100, 20, 10)
	for round := range 6 {
		file := filepath.Join(t.TempDir(), "x.sqlite")
		if round%2 == 1 { // both find it damaged
			if err := os.WriteFile(file, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), updaterEnv+"="+folder.Path()+string(os.PathListSeparator)+file)
				out, err := cmd.CombinedOutput()
				if want := "[[100 2000 1000]] <nil>"; err != nil || strings.TrimSpace(string(out)) != want {
					t.Errorf("round %d: %s, error %v, want %s", round, out, err, want)
				}
			})
		}
		group.Wait()
	}
}
