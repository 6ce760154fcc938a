package worklog

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lathe-go/lathe/pkg/internal/filelock"
	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/framed"
)

// A Folder holds the logs of runs, one file each.
type Folder struct{ path string }

// Open returns the worklog in the folder path, which need not exist yet.
func Open(path string) *Folder { return &Folder{path} }

// Find returns the worklog of the working directory: $LATHE_WORKLOG, or .lathe/worklog in the nearest
// folder upward that is the root of a module or a repository, or else in the working directory.
func Find() (*Folder, error) {
	if path := os.Getenv("LATHE_WORKLOG"); path != "" {
		return Open(path), nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("worklog: find the folder: %w; set LATHE_WORKLOG", err)
	}
	return Open(filepath.Join(root(dir), ".lathe", "worklog")), nil
}

// root returns the nearest folder from dir upward that holds a module or a repository, or dir.
func root(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		for _, mark := range []string{"go.mod", "go.work", ".git"} {
			if _, err := os.Stat(filepath.Join(at, mark)); err == nil {
				return at
			}
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

// Path returns where the folder is.
func (f *Folder) Path() string { return f.path }

const suffix = ".log"

func (f *Folder) log(id metric.RunID) string { return filepath.Join(f.path, string(id)+suffix) }

// make creates the folder. A new one hides itself from git, so that a worklog never makes the code that
// it records look changed.
func (f *Folder) make() error {
	if err := os.MkdirAll(f.path, 0o777); err != nil {
		return err
	}
	ignore := filepath.Join(f.path, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		return os.WriteFile(ignore, []byte("*\n"), 0o666)
	}
	return nil
}

// ids lists the runs in f, those that began last first.
func (f *Folder) ids() ([]metric.RunID, error) {
	entries, err := os.ReadDir(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no run was begun yet
	}
	if err != nil {
		return nil, fmt.Errorf("worklog: list runs: %w", err)
	}
	var ids []metric.RunID
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && e.Type().IsRegular() {
			ids = append(ids, metric.RunID(name))
		}
	}
	slices.Reverse(ids)
	return ids, nil
}

// Run returns the run whose ID is, begins with or ends with id.
func (f *Folder) Run(id string) (*Run, error) {
	runs, err := f.Runs()
	if err != nil {
		return nil, err
	}
	var found []*Run
	for _, r := range runs {
		switch have := string(r.id); {
		case have == id:
			return r, nil
		case id != "" && (strings.HasPrefix(have, id) || strings.HasSuffix(have, id)):
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("worklog: no run %q in %s", id, f.path)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("worklog: %d runs in %s are called %q; give more letters of one", len(found), f.path, id)
}

var errBusy = errors.New("another writer has the run open")

// errDeleted is why a log is not written any more whose file was deleted: nobody could read it.
var errDeleted = errors.New("the log was deleted")

// locked makes file this process's to write.
func locked(file *os.File) (logFile, error) {
	if !filelock.Try(file) {
		return nil, errors.Join(errBusy, file.Close())
	}
	return file, nil
}

// patience is how long is waited for another process that has a log for the moment that a remark takes.
const patience = 2 * time.Second

// openLog opens the log of a run to go on with it.
func openLog(f *Folder, id metric.RunID) (logFile, error) {
	file, err := os.OpenFile(f.log(id), os.O_APPEND|os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); !filelock.Try(file); time.Sleep(5 * time.Millisecond) {
		if err := writerOf(f.log(id)); err != nil || time.Now().After(end) {
			return nil, errors.Join(cmp.Or(err, errBusy), file.Close())
		}
	}
	if err := repair(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// writerOf returns who goes on writing the log at path, as an error, or nil if its run is over.
func writerOf(path string) error {
	agg, err := summarize(path, nil)
	if err != nil || agg.now(self(), time.Now()).State != Running {
		return nil
	}
	return fmt.Errorf("%w: process %d on %s; end it there first", errBusy, agg.Owner.PID, agg.Owner.Host)
}

// annotate adds one event to the log of a run that this value does not write. Where another writer has
// it open, the event goes between that one's: a short append is one write, and writes do not mix.
func annotate(f *Folder, id metric.RunID, e event) error {
	if f == nil {
		return errors.New("the run was never written")
	}
	file, err := os.OpenFile(f.log(id), os.O_APPEND|os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err = settle(file); err == nil {
		e.Aside = true
		err = appendWhole(file, appendEvent(nil, e))
	}
	return errors.Join(err, file.Close())
}

// settle returns when the log ends with a whole record, so that what is appended can be read. Who can lock it cuts a
// torn end off. Who cannot waits: another is about to do that, and would cut off what follows too, or is in the
// middle of a write.
func settle(file *os.File) error {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if filelock.Try(file) {
			return repair(file)
		}
		if valid, size, err := extent(file); err != nil || valid == size || time.Now().After(end) {
			return err
		}
	}
}

// appendWhole appends a record, or takes back what could not be written whole.
func appendWhole(file *os.File, record []byte) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	n, err := file.Write(record)
	if err == nil {
		return nil
	}
	if now, bad := file.Stat(); bad == nil && now.Size() == info.Size()+int64(n) { // nobody wrote behind it
		err = errors.Join(err, file.Truncate(info.Size()))
	}
	return err
}

// extent returns up to where the records of a log are valid, and its size when reading began.
func extent(file *os.File) (valid, size int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, 0, err
	}
	size = info.Size()
	log := io.NewSectionReader(file, 0, size)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(log, head); err != nil || string(head) != magic {
		return 0, size, fmt.Errorf("%s does not begin as a worklog does", filepath.Base(file.Name()))
	}
	records := framed.NewReader(log)
	for ok := true; ok; {
		_, _, ok = records.Next()
	}
	return int64(len(magic)) + records.Valid(), size, records.Err()
}

// repair cuts off what follows the valid records of a log, so that new ones can be read. What it cuts off is kept
// beside the log. The log is locked, but remarks of others may be on their way: only an end that stays as it is
// is a torn one.
func repair(file *os.File) error {
	valid, size, err := extent(file)
	for err == nil && valid < size {
		time.Sleep(5 * time.Millisecond)
		before := size
		if valid, size, err = extent(file); size == before {
			break
		}
	}
	if err != nil || valid == size {
		return err
	}
	aside, err := os.CreateTemp(filepath.Dir(file.Name()), filepath.Base(file.Name())+".damaged-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(aside, io.NewSectionReader(file, valid, size-valid))
	if err = errors.Join(err, aside.Close()); err != nil {
		return err
	}
	return file.Truncate(valid)
}

// A Log is the file of a run as the disk has it.
type Log struct {
	ID      metric.RunID
	Size    int64 // in bytes
	ModTime time.Time
}

// Logs lists the files of the runs without reading them, those that began last first.
func (f *Folder) Logs() ([]Log, error) {
	ids, err := f.ids()
	if err != nil {
		return nil, err
	}
	logs := make([]Log, 0, len(ids))
	for _, id := range ids {
		info, err := os.Stat(f.log(id))
		if err != nil {
			continue // it was removed since
		}
		logs = append(logs, Log{id, info.Size(), info.ModTime()})
	}
	return logs, nil
}

// ErrEmpty is the error of Load for a log that holds no run: its process was killed before the first
// record was out.
var ErrEmpty = errEmpty

// Load returns the run whose ID is id, without a look at the others.
func (f *Folder) Load(id metric.RunID) (*Run, error) {
	r := &Run{folder: f, id: id}
	if err := r.read(); err != nil {
		return nil, fmt.Errorf("worklog: run %s: %w", id, err)
	}
	r.name, r.began = r.agg.Summary.Name, r.agg.Summary.Began
	return r, nil
}

// safeID is what an ID from elsewhere must look like to become the name of a file.
var safeID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,99}$`)

// Content is what the Summary of a run leaves out.
type Content struct {
	Points []metric.Point
	Cells  []Cell
	Output Output
}

// Add writes a whole run that was recorded elsewhere: what s says of it, and its points. The ID is kept
// where it is free and fit to name a file. A state other than finished, failed and interrupted is not
// written: such a run is lost.
func (f *Folder) Add(s Summary, points []metric.Point) (*Run, error) {
	return f.AddWhole(s, Content{Points: points})
}

// AddWhole writes a run as Add does, with all its content.
func (f *Folder) AddWhole(s Summary, c Content) (*Run, error) {
	if _, err := os.Stat(f.log(s.ID)); err == nil || !safeID.MatchString(string(s.ID)) {
		s.ID = newID(s.Began)
	}
	if err := f.make(); err != nil {
		return nil, fmt.Errorf("worklog: add a run: %w", err)
	}
	temp, err := os.CreateTemp(f.path, string(s.ID)+".*.new")
	if err != nil {
		return nil, fmt.Errorf("worklog: add a run: %w", err)
	}
	_, err = temp.Write(whole(s, c))
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), f.log(s.ID))
	}
	if err != nil {
		return nil, fmt.Errorf("worklog: add run %s: %w", s.ID, errors.Join(err, os.Remove(temp.Name())))
	}
	return f.Load(s.ID)
}

// whole returns the log of a run that is over.
func whole(s Summary, c Content) []byte {
	began, ended := s.Began.UnixNano(), s.Ended.UnixNano()
	first := event{Time: began, Tags: s.Tags, Facts: s.Env.Facts}
	first.Start = &start{ID: s.ID, Name: s.Name, Type: s.Type, Params: s.Params, Seed: s.Seed, Question: s.Question, Hypothesis: s.Hypothesis}
	first.Life = &life{Code: s.Code, Env: s.Env}
	buf := appendEvent([]byte(magic), first)
	for i := range s.Files {
		buf = appendEvent(buf, event{Time: began, File: &s.Files[i]})
	}
	for i := range s.Data {
		buf = appendEvent(buf, event{Time: began, Data: &s.Data[i]})
	}
	waiting := make([]point, 0, len(c.Points))
	for _, p := range c.Points {
		waiting = append(waiting, point{p.Name, p.Step, p.Time.UnixNano(), math.Float64bits(p.Value)})
	}
	buf = new(pointEncoder).appendPoints(content(buf, c, s.Began), waiting)
	for _, n := range s.Notes {
		buf = appendEvent(buf, event{Time: n.Time.UnixNano(), Note: n.Text, Aside: true})
	}
	if s.Verdict != "" {
		buf = appendEvent(buf, event{Time: ended, Verdict: s.Verdict, Aside: true})
	}
	last := event{Time: ended}
	if s.State == Finished || s.State == Failed || s.State == Interrupted {
		last.End = &ending{s.State, s.Error}
	}
	return appendEvent(buf, last)
}

// Extend brings a run that Add wrote up to what its source says by now. Points that are not there yet are added. If
// the source took points back, so does the run: those of that step and later ones become void, and what the source
// has from there on is added. Parameters, notes, tags, data and the state follow; what was added to the run here
// stays. It returns how many points were added. A run that a process went on with is left as it is.
func (f *Folder) Extend(s Summary, points []metric.Point) (added int, err error) {
	run, err := f.Load(s.ID)
	if err != nil {
		return 0, err
	}
	old := run.Summary()
	have, err := run.Points("")
	if err != nil {
		return 0, err
	}
	if run.agg.Owner != (owner{}) {
		return 0, fmt.Errorf("worklog: extend run %s: process %d on %s went on with it", s.ID, run.agg.Owner.PID, run.agg.Owner.Host)
	}
	file, err := openLog(f, s.ID)
	if err != nil {
		return 0, fmt.Errorf("worklog: extend run %s: %w", s.ID, err)
	}
	records, added := extension(old, s, have, points)
	_, err = file.Write(records)
	if err = errors.Join(err, file.Close()); err != nil {
		return 0, fmt.Errorf("worklog: extend run %s: %w", s.ID, err)
	}
	return added, nil
}

// extension returns the records that follow those of old to make it s, and how many points are in them.
func extension(old, s Summary, have, want []metric.Point) (buf []byte, added int) {
	fresh, from := difference(have, want)
	ended := s.Ended.UnixNano()
	if !slices.Equal(old.Params, s.Params) {
		start := &start{ID: old.ID, Name: old.Name, Type: old.Type, Params: s.Params, Seed: old.Seed, Question: old.Question, Hypothesis: old.Hypothesis}
		buf = appendEvent(buf, event{Time: old.Began.UnixNano(), Start: start, Aside: true})
	}
	if from != nil {
		at := ended
		if len(fresh) > 0 {
			at = fresh[0].time
		}
		buf = appendEvent(buf, event{Time: at, Life: &life{Code: old.Code, Env: old.Env, From: from}, Aside: true})
	}
	buf = new(pointEncoder).appendPoints(buf, fresh)
	for _, n := range s.Notes {
		if !slices.ContainsFunc(old.Notes, func(o Remark) bool { return o.Text == n.Text }) {
			buf = appendEvent(buf, event{Time: n.Time.UnixNano(), Note: n.Text, Aside: true})
		}
	}
	for _, t := range s.Tags {
		if !slices.Contains(old.Tags, t) {
			buf = appendEvent(buf, event{Time: ended, Tags: []string{t}, Aside: true})
		}
	}
	for i, d := range s.Data {
		if !slices.Contains(old.Data, d) {
			buf = appendEvent(buf, event{Time: ended, Data: &s.Data[i], Aside: true})
		}
	}
	last := event{Time: ended}
	if s.State == Finished || s.State == Failed || s.State == Interrupted {
		last.End = &ending{s.State, s.Error}
	}
	return appendEvent(buf, last), len(fresh)
}

// difference returns the points of want that are not in have. If some of have are not in want, from is the first step
// of these; then every point from there on is to be added.
func difference(have, want []metric.Point) (fresh []point, from *metric.Step) {
	same := 0
	for same < min(len(have), len(want)) && rounded(have[same]) == rounded(want[same]) {
		same++
	}
	if same == len(have) { // as of any source that only grows
		have, want = nil, want[same:]
	}
	count := map[point]int{}
	for _, p := range have {
		count[rounded(p)]++
	}
	for _, p := range want {
		count[rounded(p)]--
	}
	for p, n := range count {
		if n > 0 && (from == nil || p.step < *from) {
			from = &p.step
		}
	}
	for i := len(want) - 1; i >= 0; i-- { // of equal ones the first are there
		p := rounded(want[i])
		if from != nil && p.step >= *from {
			fresh = append(fresh, p)
		} else if count[p] < 0 {
			count[p]++
			fresh = append(fresh, p)
		}
	}
	slices.Reverse(fresh)
	return fresh, from
}

// rounded returns p as a log keeps it, to the microsecond.
func rounded(p metric.Point) point {
	return point{p.Name, p.Step, p.Time.UnixMicro() * 1000, math.Float64bits(p.Value)}
}
