package worklog

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
)

// describeAll says what a list of runs shows of each.
func describeAll(runs List) string {
	text := ""
	for _, r := range runs {
		s := r.Summary()
		s.Seed = nil // a pointer
		text += fmt.Sprintln(s)
	}
	return text
}

func TestIndexSaysWhatTheLogsSay(t *testing.T) {
	folder := Open(t.TempDir())
	var runs []*Run
	for i := range 12 {
		run := begin(t, folder, fmt.Sprint("name", i%3), config{Width: i, LR: float64(i) / 10}, Tags(fmt.Sprint("tag", i%2)))
		for step := range []int{10, 9000}[i%2] { // short and long logs
			run.Log(step, "loss", float64(i)+1/float64(step+1))
			run.Log(step, "odd/метрика", math.NaN())
		}
		if i%4 != 0 {
			run.End(nil)
		}
		runs = append(runs, run)
	}
	for round := range 3 {
		for _, query := range []string{"", "name1", "tag:tag1 Width>4", "loss<3", "loss=0.1", "state:running", "state:finished LR<=0.5", "Width=7"} {
			indexed, err := folder.Runs(query)
			if err != nil {
				t.Fatal(err)
			}
			hidden := filepath.Join(folder.Path(), indexName)
			if err := os.Rename(hidden, hidden+".aside"); err != nil {
				t.Fatal(err)
			}
			fresh, err := folder.Runs(query)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(hidden+".aside", hidden); err != nil {
				t.Fatal(err)
			}
			if a, b := describeAll(indexed), describeAll(fresh); a != b {
				t.Errorf("round %d, %q: the index says\n%.2000s\nthe logs say\n%.2000s", round, query, a, b)
			}
		}
		// What is written between the rounds makes cards out of date, with a name that the index has not seen.
		for i, run := range runs {
			if i%4 == 0 {
				run.Log(9000+round, fmt.Sprint("new", round), 1)
				run.Flush()
			}
		}
	}
}

func TestListsKnowWhatRunsUsedWithoutTheirLogs(t *testing.T) {
	folder := Open(t.TempDir())
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, []byte("12"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := begin(t, folder, "x", nil, Tags("old"))
	run.Data("digits", "aa")
	run.File(path)
	run.End(nil)
	only(t, folder) // which makes the index
	indexed := only(t, folder)
	if err := os.Remove(run.Path()); err != nil {
		t.Fatal(err)
	}
	s := indexed.brief()
	if s.ID != run.ID() || s.State != Finished || !s.Began.Equal(run.began) || fmt.Sprint(s.Tags, s.Data) != "[old] [{digits aa}]" ||
		len(s.Files) != 1 || s.Files[0].Path != path || len(s.Files[0].SHA256) != 64 {
		t.Errorf("a list knows %+v", s)
	}
}

func TestIndexIsBoundedAndMended(t *testing.T) {
	folder := Open(t.TempDir())
	run := begin(t, folder, "x", nil)
	path := filepath.Join(folder.Path(), indexName)
	for step := range 300 {
		run.Log(step, "loss", 1)
		run.Flush()
		only(t, folder)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 100<<10 {
		t.Errorf("after 300 lists of one run the index has %d bytes, error %v", info.Size(), err)
	}
	// Cut anywhere, with junk behind it, it costs no more than time, and is whole afterwards.
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, cut := range []int{0, 5, len(indexMagic), len(indexMagic) + 20, len(whole) / 2, len(whole) - 1} {
		if err := os.WriteFile(path, append(whole[:cut:cut], "\xff\x01junk"...), 0o600); err != nil {
			t.Fatal(err)
		}
		run.Log(i, "other", 1)
		run.Flush()
		if got := only(t, folder).Summary().Points; got != 301+i {
			t.Errorf("cut after %d bytes: %d points, want %d", cut, got, 301+i)
		}
		if x := openIndex(path); !x.whole || x.cards[run.ID()] == nil {
			t.Errorf("cut after %d bytes: the index is not whole again", cut)
		}
	}
}

// BenchmarkManyRuns lists 20,000 runs of 150 parameters and 50 metrics, or as many as LATHE_SCALE says,
// by a parameter and a metric, and makes a table of what is found.
func BenchmarkManyRuns(b *testing.B) {
	count := 2000
	if n, err := strconv.Atoi(os.Getenv("LATHE_SCALE")); err == nil {
		count = n
	}
	folder := Open(b.TempDir())
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range count {
		began := time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)
		s := Summary{ID: newID(began), Name: fmt.Sprint("sweep", i%20), State: Finished, Began: began, Ended: began.Add(time.Minute)}
		for p := range 150 {
			s.Params = append(s.Params, Param{Path: fmt.Sprintf("Model.Layer%d.P%d", p/10, p), Type: "float64", Value: fmt.Sprint(rng.IntN(1000))})
		}
		var points []metric.Point
		for m := range 200 {
			points = append(points, metric.Point{Name: fmt.Sprint("valid/loss", m%50), Step: m / 50, Time: began, Value: rng.Float64()})
		}
		if _, err := folder.Add(s, points); err != nil {
			b.Fatal(err)
		}
	}
	start := time.Now()
	if _, err := folder.Runs(); err != nil {
		b.Fatal(err)
	}
	b.Logf("the first list of %d runs: %v", count, time.Since(start))
	for b.Loop() {
		runs, err := folder.Runs("sweep3 valid/loss0<0.5 Model.Layer0.P0>=100")
		if err != nil || len(runs) == 0 {
			b.Fatal(len(runs), err)
		}
		runs.HTML()
	}
}
