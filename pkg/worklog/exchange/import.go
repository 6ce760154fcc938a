package exchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// dataName names the digest of its source among the data of an imported run.
const dataName = "import"

// A Result says what became of one run of a source.
type Result struct {
	Source string // its file or folder
	Run    metric.RunID
	Name   string
	Points int    // of the source
	Known  bool   // it was imported before
	Added  int    // points that a known run did not have
	Damage string // why the rest of the source was not read
}

// foreign is a run as a reader of some form found it.
type foreign struct {
	worklog.Summary
	points []metric.Point
	cells  []worklog.Cell
	output worklog.Output
	origin string // names the run in its source, if the source does
	digest string // of its source; "" if the reader knows no better than the file's
	grown  string // the digest of an import of which the source is a continuation
	damage string // why not all was read
}

// A source is one thing to import: a file, or the event files of one folder.
type source struct {
	path  string
	files []string
}

// Import adds the runs that path holds to folder: a file, or all files that it knows below a folder. A run that was
// imported before is brought up to date, see worklog.Folder.Extend: one of MLflow by its ID, any other if its file
// begins as it was then. What cannot be imported is named by the error, beside the results for the others.
func Import(folder *worklog.Folder, path string) ([]Result, error) {
	sources, err := sourcesOf(path)
	if err != nil {
		return nil, fmt.Errorf("exchange: import %s: %w", path, err)
	}
	have, err := imported(folder)
	if err != nil {
		return nil, fmt.Errorf("exchange: import %s: %w", path, err)
	}
	var out []Result
	var bad error
	for _, s := range sources {
		results, err := s.add(folder, have)
		out = append(out, results...)
		if err != nil {
			bad = errors.Join(bad, fmt.Errorf("exchange: import %s: %w", s.path, err))
		}
	}
	return out, bad
}

// isEvents reports whether a name is one of TensorBoard's event files.
func isEvents(path string) bool { return strings.Contains(filepath.Base(path), "tfevents") }

// sourcesOf lists what is to import at path. Event files of one folder are one run.
func sourcesOf(path string) ([]source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []source{{path, []string{path}}}, nil
	}
	var out []source
	err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		switch {
		case isEvents(at):
			dir := filepath.Dir(at)
			if n := len(out); n > 0 && out[n-1].path == dir {
				out[n-1].files = append(out[n-1].files, at)
			} else {
				out = append(out, source{dir, []string{at}})
			}
		case slices.Contains([]string{".csv", ".jsonl", ".json", ".db", ".sqlite"}, filepath.Ext(at)):
			out = append(out, source{at, []string{at}})
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = errors.New("it holds no *tfevents*, .csv, .jsonl, .json, .db or .sqlite file")
	}
	return out, err
}

// imports are the runs that were imported before, by the digest and by the name in the source.
type imports struct {
	digests, origins map[string]metric.RunID
}

// originFact names a run in its source.
const originFact = "imported run"

func imported(folder *worklog.Folder) (imports, error) {
	have := imports{map[string]metric.RunID{}, map[string]metric.RunID{}}
	runs, err := folder.Runs()
	if err != nil {
		return have, err
	}
	for _, r := range runs {
		s := r.Summary()
		for _, d := range s.Data {
			if d.Name == dataName {
				have.digests[d.Digest] = r.ID()
			}
		}
		if origin := s.Env.Facts[originFact]; origin != "" {
			have.origins[origin] = r.ID()
		}
	}
	return have, nil
}

// find returns the run that f was imported as before, and whether it is as f is now.
func (have imports) find(f foreign) (id metric.RunID, current bool) {
	if id := have.digests[f.digest]; id != "" {
		return id, true
	}
	if id := have.origins[f.origin]; id != "" && f.origin != "" {
		return id, false
	}
	return have.digests[f.grown], false
}

// beginnings returns the digests of earlier imports with which content begins, by the number of the run in it.
func (have imports) beginnings(content []byte) map[int]string {
	sums := map[int]string{}
	out := map[int]string{}
	longest := map[int]int{}
	for digest := range have.digests {
		var hash string
		var size, run int
		if n, _ := fmt.Sscanf(strings.NewReplacer("+", " ", "#", " ").Replace(digest), "%s %d %d", &hash, &size, &run); n < 3 || size >= len(content) || size <= longest[run] {
			continue
		}
		if sums[size] == "" {
			sum := sha256.Sum256(content[:size])
			sums[size] = hex.EncodeToString(sum[:])
		}
		if sums[size] == hash {
			out[run], longest[run] = digest, size
		}
	}
	return out
}

// add imports one source.
func (s source) add(folder *worklog.Folder, have imports) ([]Result, error) {
	form, runs, err := s.read(have)
	if err != nil {
		return nil, err
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("no run in it (read as %s)", form)
	}
	var out []Result
	for _, f := range runs {
		if len(f.points)+len(f.Params)+len(f.Notes) == 0 && f.ID == "" && form != "mlflow" {
			return out, fmt.Errorf("no value in it (read as %s)%s", form, strings.TrimSuffix("; "+f.damage, "; "))
		}
		f.complete(s, form)
		r, err := f.take(folder, have)
		if err != nil {
			return out, err
		}
		r.Source = s.path
		out = append(out, r)
	}
	return out, nil
}

// take adds f to folder, or brings the run that it was imported as up to date.
func (f *foreign) take(folder *worklog.Folder, have imports) (Result, error) {
	r := Result{Name: f.Name, Points: len(f.points), Damage: f.damage}
	id, current := have.find(*f)
	switch {
	case id == "":
		if r.Run, r.Known = f.present(folder); r.Known {
			return r, nil
		}
		run, err := folder.AddWhole(f.Summary, worklog.Content{Points: f.points, Cells: f.cells, Output: f.output})
		if err != nil {
			return r, err
		}
		r.Run = run.ID()
	case current:
		r.Run, r.Known = id, true
		return r, nil
	default:
		r.Run, r.Known = id, true
		f.ID = id
		var err error
		if r.Added, err = folder.Extend(f.Summary, f.points); err != nil {
			return r, err
		}
	}
	have.digests[f.digest] = r.Run
	if f.origin != "" {
		have.origins[f.origin] = r.Run
	}
	return r, nil
}

// ownID is what a worklog calls its runs. Such a name is no other run's.
var ownID = regexp.MustCompile(`^\d{8}-\d{6}-[a-z2-7]{6}$`)

// present reports whether folder has the run that f came from, and takes an ID that is none from f.
func (f *foreign) present(folder *worklog.Folder) (metric.RunID, bool) {
	if !ownID.MatchString(string(f.ID)) {
		f.ID = ""
		return "", false
	}
	_, err := folder.Load(f.ID)
	return f.ID, err == nil
}

// read reads the runs of s, each with a digest and a name.
func (s source) read(have imports) (form string, runs []foreign, err error) {
	var content []byte
	var modified time.Time
	for _, file := range s.files {
		info, err := os.Stat(file)
		if err != nil {
			return "", nil, err
		}
		modified = info.ModTime()
	}
	if isSQLite(s.files[0]) {
		runs, err = readMLflow(s.files[0])
		return "mlflow", runs, err
	}
	var whole [][]byte
	for _, file := range s.files {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", nil, err
		}
		whole, content = append(whole, b), append(content, b...)
	}
	switch head := bytes.TrimSpace(content[:min(len(content), 4096)]); {
	case isEvents(s.files[0]):
		form, runs = "tensorboard", []foreign{readEvents(whole)}
	case jsonHead.Match(head):
		form = "json"
		runs, err = readJSON(content)
	case bytes.HasPrefix(head, []byte("{")):
		form, runs = "jsonl", []foreign{readJSONL(content, modified)}
	default:
		form = "csv"
		runs, err = readCSV(content, modified)
	}
	sum := sha256.Sum256(content)
	grown := have.beginnings(content)
	for i := range runs {
		if runs[i].digest == "" {
			runs[i].digest = fmt.Sprintf("%s+%d#%d", hex.EncodeToString(sum[:]), len(content), i)
			runs[i].grown = grown[i]
		}
	}
	return form, runs, err
}

// complete fills in what a reader leaves open.
func (f *foreign) complete(s source, form string) {
	if f.Name == "" {
		f.Name = strings.TrimSuffix(filepath.Base(s.path), filepath.Ext(s.path))
		if abs, err := filepath.Abs(s.path); err == nil && f.Name == "" {
			f.Name = filepath.Base(abs)
		}
	}
	slices.SortStableFunc(f.points, func(a, b metric.Point) int { return a.Time.Compare(b.Time) })
	if n := len(f.points); n > 0 {
		if first := f.points[0].Time; f.Began.IsZero() || first.Before(f.Began) {
			f.Began = first
		}
		if last := f.points[n-1].Time; last.After(f.Ended) {
			f.Ended = last
		}
	}
	if len(f.Notes) > 0 && f.Began.IsZero() {
		f.Began = f.Notes[0].Time
	}
	if f.Began.IsZero() {
		f.Began = time.Now()
	}
	if f.Ended.Before(f.Began) {
		f.Ended = f.Began
	}
	if form == "json" && ownID.MatchString(string(f.ID)) {
		return // it is the same run in another folder
	}
	f.Env.Facts = maps.Clone(f.Env.Facts)
	if f.Env.Facts == nil {
		f.Env.Facts = map[string]string{}
	}
	from := s.path
	if abs, err := filepath.Abs(from); err == nil {
		from = abs
	}
	f.Env.Facts["imported from"], f.Env.Facts["imported as"] = from, form
	if f.origin != "" {
		f.Env.Facts[originFact] = f.origin
	}
	f.Data = append(f.Data, worklog.Data{Name: dataName, Digest: f.digest})
}

// unix returns the time of so many seconds since 1970, to the microsecond.
func unix(seconds float64) time.Time {
	if !(seconds > -1e11 && seconds < 1e11) { // what a clock cannot show, NaN too
		return time.Time{}
	}
	return time.UnixMicro(int64(seconds*1e6 + 0.5))
}
