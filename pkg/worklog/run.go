package worklog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/digest"
	"github.com/lathe-go/lathe/pkg/worklog/internal/flatten"
)

// A Run is one run of a worklog: one that is being written, or an earlier one. Its methods may be called
// from any goroutine, and on a nil Run, which records nothing.
//
// No method that records returns an error. See the package's documentation for the reason.
type Run struct {
	folder *Folder
	id     metric.RunID
	name   string
	began  time.Time
	report func(error)
	silent bool // keeps no output

	mu  sync.Mutex             // serialises opening and ending
	w   atomic.Pointer[writer] // nil while nothing is being written
	err error                  // guarded by mu: the first failure

	coded chan struct{} // guarded by mu: closed when the code of the last life is recorded

	digests   *digest.Cache // guarded by mu: of files, opened by the first one
	unchecked []use         // guarded by mu: what is to be compared with earlier runs
	checked   chan struct{} // guarded by mu: closed when that is done; nil if there is nothing
	before    map[string]seen

	reading sync.Mutex // guards what was read of the log
	agg     *aggregate
	size    int64 // of the log when agg was read
	card    *card // what the index says of a run whose agg is nil
}

// An Option of Start adds to what a run records of itself.
type Option func(*options)

type options struct {
	folder *Folder
	seed   *int64
	tags   []string
	notes  []string
	facts  map[string]string
	report func(error)

	question, hypothesis string
	silent               bool
}

// In keeps the run in folder, in place of the one that Find finds.
func In(folder *Folder) Option { return func(o *options) { o.folder = folder } }

// Seed records the seed of a run whose parameters have no field named Seed.
func Seed(seed int64) Option { return func(o *options) { o.seed = &seed } }

// Tags marks the run with words to find it by.
func Tags(tags ...string) Option { return func(o *options) { o.tags = append(o.tags, tags...) } }

// Question records what the run is to find out.
func Question(text string) Option { return func(o *options) { o.question = text } }

// Hypothesis records what is expected of the run, so that its verdict can be held against it.
func Hypothesis(text string) Option { return func(o *options) { o.hypothesis = text } }

// Why begins the run with a note, for what is neither its question nor its hypothesis.
func Why(note string) Option { return func(o *options) { o.notes = append(o.notes, note) } }

// NoOutput keeps what is printed while the run is open out of its record.
func NoOutput() Option { return func(o *options) { o.silent = true } }

// Backend records the name of the device that the run computes on.
func Backend(name string) Option {
	return func(o *options) { o.facts = map[string]string{"backend": name} }
}

// OnLoss calls report once, in place of printing to standard error, if the run cannot be written.
// It must not call the run's methods.
func OnLoss(report func(error)) Option { return func(o *options) { o.report = report } }

func newOptions(opts []Option) options {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Start begins a run. The name says what is being tried and is shared by runs that belong together;
// params is any value that describes this one, commonly a struct, whose fields are recorded by path.
// The run lasts until End.
func Start(name string, params any, opts ...Option) *Run {
	o := newOptions(opts)
	now := time.Now()
	r := &Run{id: newID(now), name: name, began: now, report: o.report, silent: o.silent}
	s := start{ID: r.id, Name: name, Type: describe(params), Params: leaves(params), Seed: o.seed, Question: o.question, Hypothesis: o.hypothesis}
	if s.Seed == nil {
		s.Seed = seedOf(s.Params)
	}
	first := event{Time: now.UnixNano(), Start: &s, Tags: o.tags, Facts: o.facts}
	file, err := r.create(o.folder)
	if err != nil {
		r.fail(err)
		r.w.Store(newWriter(nil, func(error) {}))
		return r
	}
	first.Life = r.newLife(nil)
	w := newWriter(file, r.fail)
	w.records = append(w.records, magic...)
	w.event(first)
	for _, note := range o.notes {
		w.event(event{Note: note})
	}
	r.w.Store(w)
	r.watch(w)
	return r
}

// watch writes the beginning of a life of the run, and begins to record what is around it.
func (r *Run) watch(w *writer) {
	w.flush(false)
	r.recordCode(w)
	if x := w.witness.Load(); x != nil {
		x.again()
	} else {
		w.witness.Store(newWitness(w, time.Now(), r.silent))
	}
	w.wake() // the cells so far are recorded at once, beside the run
}

// create makes the log of a new run in folder, or in the one that Find finds.
func (r *Run) create(folder *Folder) (logFile, error) {
	if folder == nil {
		var err error
		if folder, err = Find(); err != nil {
			return nil, err
		}
	}
	r.folder = folder
	if err := folder.make(); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(folder.log(r.id), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, err
	}
	return locked(file)
}

// newLife describes this process. The code around it follows, see recordCode.
func (r *Run) newLife(from *metric.Step) *life {
	return &life{Owner: self(), Code: Code{Unknown: notYet}, Env: machine(), From: from}
}

// notYet stands in a life until its code is recorded, and stays where the process was killed before.
const notYet = "not recorded yet"

// fail keeps the first failure of the run and tells its user.
func (r *Run) fail(err error) {
	err = fmt.Errorf("worklog: run %s: %w", r.id, err)
	r.mu.Lock()
	first := r.err == nil
	if first {
		r.err = err
	}
	r.mu.Unlock()
	if !first {
		return
	}
	if r.report != nil {
		r.report(err)
		return
	}
	fmt.Fprintln(os.Stderr, err)
}

// idTime is how an ID begins, so that IDs stand in the order of time.
const idTime = "20060102-150405-"

// newID makes the name of a run that begins now: the time in UTC, and six letters against chance.
func newID(now time.Time) metric.RunID {
	return metric.RunID(now.UTC().Format(idTime) + strings.ToLower(rand.Text()[:6]))
}

// describe names the type of params.
func describe(params any) string {
	t := reflect.TypeOf(params)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return ""
	}
	return flatten.TypeName(t)
}

// leaves lists the parameters that params is made of.
func leaves(params any) []Param {
	var out []Param
	for _, l := range flatten.Of(params) {
		out = append(out, Param(l))
	}
	return out
}

// seedOf returns the parameter named Seed, if it is an integer.
func seedOf(params []Param) *int64 {
	for _, p := range params {
		if strings.EqualFold(p.Path, "seed") {
			if n, ok := p.Int(); ok {
				return &n
			}
		}
	}
	return nil
}

// ID returns the name of the run, unique in its folder.
func (r *Run) ID() metric.RunID {
	if r == nil {
		return ""
	}
	return r.id
}

// Name returns what Start was given.
func (r *Run) Name() string {
	if r == nil {
		return ""
	}
	return r.name
}

// Log records one value of a metric at a step. It takes well under a microsecond and does not allocate;
// the value is on its way to the file at most half a second later. A run that ended goes on.
func (r *Run) Log(step metric.Step, name string, value float64) {
	if w := r.writer(); w != nil {
		w.log(step, name, value)
	}
}

// LogMany records several values at one step.
func (r *Run) LogMany(step metric.Step, values map[string]float64) {
	if w := r.writer(); w != nil {
		w.logMany(step, values)
	}
}

// writer returns the writer of r, and opens the log again if the run ended or is an earlier one.
func (r *Run) writer() *writer {
	if r == nil {
		return nil
	}
	if w := r.w.Load(); w != nil {
		return w
	}
	return r.reopen(nil)
}

// Resume goes on with a run that stopped, in this process or an earlier one, at the given step: points
// of this step and later ones, which were logged after the last checkpoint, become void.
func (r *Run) Resume(step metric.Step) {
	if r == nil {
		return
	}
	if w := r.w.Load(); w != nil {
		w.flush(false)
		w.event(event{Life: r.newLife(&step)})
		r.watch(w)
		return
	}
	r.reopen(&step)
}

// reopen begins a new life of r. If another process writes the run, this one records nothing.
func (r *Run) reopen(from *metric.Step) *writer {
	r.mu.Lock()
	if w := r.w.Load(); w != nil {
		r.mu.Unlock()
		return w
	}
	file, err := openLog(r.folder, r.id)
	w := newWriter(nilIfNot(file, err), r.fail)
	r.w.Store(w)
	r.mu.Unlock()
	if err != nil {
		r.fail(err)
		return w
	}
	w.event(event{Life: r.newLife(from)})
	r.watch(w)
	return w
}

func nilIfNot(file logFile, err error) logFile {
	if err != nil {
		return nil
	}
	return file
}

// Flush returns when everything logged so far is on the disk.
func (r *Run) Flush() {
	if r == nil {
		return
	}
	if w := r.w.Load(); w != nil {
		w.gather()
		w.flush(true)
	}
}

// End ends the run: finished if err is nil, interrupted if it is a cancelled context, else failed. It
// returns when everything is on the disk. Ending twice changes nothing; logging again goes on.
func (r *Run) End(err error) {
	if r == nil {
		return
	}
	r.awaitUses()
	r.mu.Lock()
	w := r.w.Swap(nil)
	r.mu.Unlock()
	if w == nil {
		return
	}
	end := &ending{State: Finished}
	switch {
	case errors.Is(err, context.Canceled):
		end.State = Interrupted
	case err != nil:
		end.State = Failed
	}
	if err != nil {
		end.Error = err.Error()
	}
	w.flush(false)
	r.awaitCode()
	if x := w.witness.Load(); x != nil {
		x.end(time.Now())
	}
	w.event(event{End: end})
	w.close()
	if r.Err() != nil {
		// A log that could not be written stays shut: trying again would only report again.
		r.w.Store(w)
	}
}

// Err returns the first failure to write the run, or nil.
func (r *Run) Err() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Note adds a remark, to this run or an earlier one.
func (r *Run) Note(text string) { r.append(event{Note: text}) }

// Verdict records what the run showed; the last one counts.
func (r *Run) Verdict(text string) { r.append(event{Verdict: text}) }

// Tag adds words to find the run by.
func (r *Run) Tag(tags ...string) { r.append(event{Tags: tags}) }

// Fact records something about the surroundings of the run, for instance "backend" and its name.
func (r *Run) Fact(name, value string) { r.append(event{Facts: map[string]string{name: value}}) }

// Data records which data the run used: a name and a digest of the content. If an earlier run of this name used
// other data under the same name, a warning is printed and noted.
func (r *Run) Data(name, digest string) {
	if r == nil {
		return
	}
	d := Data{Name: name, Digest: digest}
	r.append(event{Data: &d})
	if r.w.Load() != nil {
		r.uses(dataUse(d))
	}
}

// File records the size, the time and the SHA-256 of a file that the run read or made, as it is now. It
// reads the whole file, unless this user's runs have done so and its times have not changed since. If the file is
// older than the run, and an earlier run read another content there, a warning is printed and noted.
func (r *Run) File(path string) {
	if r == nil {
		return
	}
	f, err := ledger(r.cache(), path)
	if err != nil {
		f.Error = err.Error()
	}
	r.append(event{File: &f})
	if r.w.Load() != nil && err == nil && f.ModTime.Before(r.began) {
		r.uses(fileUse(f))
	}
}

// Digest records, as the fact of that name, the SHA-256 of a file that is part of the software and not of the data,
// such as a plugin. Like File it does not read a file again that has not changed.
func (r *Run) Digest(name, path string) {
	if r == nil {
		return
	}
	f, err := ledger(r.cache(), path)
	if err != nil {
		f.SHA256 = "unknown: " + err.Error()
	}
	r.Fact(name, f.SHA256)
}

// cache returns what is known of files.
func (r *Run) cache() *digest.Cache {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.digests == nil {
		r.digests = digest.Open()
	}
	return r.digests
}

// append writes e to the log: through the writer of a run that is open, else at the end of its file.
func (r *Run) append(e event) {
	if r == nil {
		return
	}
	if w := r.w.Load(); w != nil {
		w.event(e)
		w.flush(false)
		return
	}
	if err := annotate(r.folder, r.id, e); err != nil {
		r.fail(err)
	}
}

// Previous returns the run of the same name that began before this one, or nil.
func (r *Run) Previous() *Run {
	if r == nil || r.folder == nil {
		return nil
	}
	runs, err := r.folder.Runs()
	if err != nil {
		r.fail(err)
		return nil
	}
	for _, other := range runs { // newest first
		if other.name == r.name && other.id != r.id && other.began.Before(r.began) {
			return other
		}
	}
	return nil
}

// Path returns the file that holds the run.
func (r *Run) Path() string {
	if r == nil || r.folder == nil {
		return ""
	}
	return filepath.Clean(r.folder.log(r.id))
}

// Summary returns what is known of the run by now, without its points. It reads what was logged since
// the last call; of a run that could not be written it knows the name only.
func (r *Run) Summary() Summary {
	if r == nil {
		return Summary{}
	}
	if w := r.w.Load(); w != nil {
		w.flush(false)
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if err := r.read(); err != nil {
		return Summary{ID: r.id, Name: r.name, Began: r.began, Ended: r.began, State: Lost, Error: err.Error()}
	}
	return r.agg.now(self(), time.Now())
}

// brief returns what is known of a run of a list without reading its log: name, state, times, tags, data,
// and the paths and digests of files.
func (r *Run) brief() Summary {
	r.reading.Lock()
	defer r.reading.Unlock()
	switch c := r.card; {
	case r.agg != nil:
		return r.agg.Summary
	case c != nil:
		return Summary{ID: c.id, Name: c.name, State: c.state, Began: c.began, Ended: c.ended, Tags: c.tags, Files: c.files, Data: c.data}
	}
	return Summary{ID: r.id, Name: r.name, Began: r.began}
}

// read brings r.agg up to date; r.reading is held.
func (r *Run) read() error {
	if r.folder == nil {
		return errors.New("the run was never written")
	}
	info, err := os.Stat(r.folder.log(r.id))
	if err != nil {
		if r.agg != nil {
			return nil // the log is gone, what it said is known
		}
		return err
	}
	if r.agg == nil && r.card != nil {
		r.agg = r.card.body.aggregate()
	}
	r.card = nil
	if r.agg != nil && info.Size() == r.size {
		return nil
	}
	if r.agg != nil && info.Size() < r.agg.Offset {
		r.agg = nil
	}
	agg, err := summarize(r.folder.log(r.id), r.agg)
	if err != nil {
		r.agg = nil // it may have been read in part
		return err
	}
	r.agg, r.size = agg, info.Size()
	return nil
}

// Points returns the points of a metric in the order in which they were logged, or those of all metrics
// if name is empty. Points that a Resume made void are not among them.
func (r *Run) Points(name string) ([]metric.Point, error) {
	if r == nil {
		return nil, nil
	}
	if w := r.w.Load(); w != nil {
		w.flush(false)
	}
	r.reading.Lock()
	defer r.reading.Unlock()
	if err := r.read(); err != nil {
		return nil, fmt.Errorf("worklog: points of run %s: %w", r.id, err)
	}
	out, err := points(r.folder.log(r.id), name, r.agg.Cuts)
	if err != nil {
		return out, fmt.Errorf("worklog: points of run %s: %w", r.id, err)
	}
	return out, nil
}

// eachRecord calls each with every record of the log.
func (r *Run) eachRecord(each func(kind byte, payload []byte) error) error {
	if r == nil || r.folder == nil {
		return nil
	}
	if w := r.w.Load(); w != nil {
		w.gather()
		w.flush(false)
	}
	file, err := os.Open(r.folder.log(r.id))
	if err != nil {
		return fmt.Errorf("worklog: read run %s: %w", r.id, err)
	}
	defer file.Close()
	var offset int64
	if err := eachRecord(file, &offset, func(_ int64, kind byte, payload []byte) error { return each(kind, payload) }); err != nil {
		return fmt.Errorf("worklog: read run %s: %w", r.id, err)
	}
	return nil
}
