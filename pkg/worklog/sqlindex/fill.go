package sqlindex

import (
	"math"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// A filler writes rows in one transaction. After its first error it does nothing more.
type filler struct {
	conn    *sqlite.Conn
	words   map[string]int // names of parameters and metrics that have a number, by their place in waiting
	waiting []rows         // by name
	stmts   map[string]*sqlite.Stmt
	err     error
}

// rows are the parameters and metrics of one name that wait for flush. The tables are clustered by name: rows of one
// name go in together, because neighbours share a page.
type rows struct {
	word    int64
	params  []paramRow
	metrics []metricRow
}

type paramRow struct {
	run         int64
	kind, value string
	number      float64 // NaN if the text is none
}

// A metricRow is a series without its shape.
type metricRow struct {
	run                  int64
	count, nonfinite     int
	last, best, min, max worklog.Value
}

// A reading is the summary of a log, and what the long tables need of it.
type reading struct {
	log     worklog.Log
	sum     worklog.Summary
	params  []paramRow
	metrics []metricRow
	err     error
}

// prepare makes the rows. It is called by those who read, of whom there may be several: one alone writes.
func (r *reading) prepare() {
	r.params = make([]paramRow, len(r.sum.Params))
	for i, p := range r.sum.Params {
		number, ok := p.Float()
		if !ok {
			number = math.NaN()
		}
		r.params[i] = paramRow{0, p.Type, p.Value, number}
	}
	r.metrics = make([]metricRow, len(r.sum.Metrics))
	for i, m := range r.sum.Metrics {
		r.metrics[i] = metricRow{0, m.Count, m.NonFinite, m.Last, m.Best(), m.Min, m.Max}
	}
}

func newFiller(c *sqlite.Conn) *filler {
	return &filler{conn: c, words: map[string]int{}, stmts: map[string]*sqlite.Stmt{}}
}

// prepare returns a statement, whose text is one of few.
func (w *filler) prepare(query string) *sqlite.Stmt {
	stmt := w.stmts[query]
	if stmt == nil && w.err == nil {
		if stmt, w.err = w.conn.Prepare(query); w.err == nil {
			w.stmts[query] = stmt
		}
	}
	return stmt
}

// step runs a statement that answers nothing.
func (w *filler) step(stmt *sqlite.Stmt) {
	if _, err := stmt.Step(); err != nil && w.err == nil {
		w.err = err
	}
	if err := stmt.Reset(); err != nil && w.err == nil {
		w.err = err
	}
}

// exec runs one statement and returns the row that it inserted.
func (w *filler) exec(query string, args ...any) int64 {
	stmt := w.prepare(query)
	if w.err != nil {
		return 0
	}
	if w.err = bind(stmt, args); w.err != nil {
		return 0
	}
	w.step(stmt)
	return w.conn.LastInsertRowID()
}

// place returns where the rows of a name wait.
func (w *filler) place(name string) *rows {
	i, ok := w.words[name]
	if !ok {
		w.exec("INSERT OR IGNORE INTO word(word) VALUES (?)", name)
		i = len(w.waiting)
		w.words[name] = i
		w.waiting = append(w.waiting, rows{word: w.number(name)})
	}
	return &w.waiting[i]
}

// number returns the number of a name that has one.
func (w *filler) number(name string) (id int64) {
	stmt := w.prepare("SELECT id FROM word WHERE word = ?")
	if w.err != nil {
		return 0
	}
	stmt.BindText(1, name)
	found, err := stmt.Step()
	if found {
		id = stmt.ColumnInt64(0)
	}
	if err == nil {
		err = stmt.Reset()
	}
	w.err = err
	return id
}

// stamp writes a time as SQLite's date functions read it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// odd returns the text of what is not finite, or nil.
func odd(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "+Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	}
	return nil
}

var insertRun = "INSERT INTO run VALUES (?" + strings.Repeat(", ?", 28) + ")"

// run takes one run in place of what stands under its old number, if it had one.
func (w *filler) run(r reading, old int64) {
	w.remove(old)
	s := r.sum
	var id, seed any
	if old != 0 {
		id = old
	}
	if s.Seed != nil {
		seed = *s.Seed
	}
	run := w.exec(insertRun,
		id, string(r.log.ID), r.log.Size, r.log.ModTime.UnixNano(), nil,
		s.Name, s.Type, string(s.State), s.Error, stamp(s.Began), stamp(s.Ended), s.Duration.Seconds(), seed,
		s.Question, s.Hypothesis, s.Verdict, s.Lives, s.Points, s.Lost, s.Damage,
		s.Code.Commit, s.Code.Branch, s.Code.Dirty, s.Env.Host, s.Env.Go, s.Env.OS, s.Env.CPU, s.Env.CPUs, s.Env.Memory)
	for i, p := range s.Params {
		at := w.place(p.Path)
		r.params[i].run = run
		at.params = append(at.params, r.params[i])
	}
	for i, m := range s.Metrics {
		at := w.place(m.Name)
		r.metrics[i].run = run
		at.metrics = append(at.metrics, r.metrics[i])
	}
	for _, t := range s.Tags {
		w.exec("INSERT INTO tag VALUES (?, ?)", run, t)
	}
	for _, n := range s.Notes {
		w.exec("INSERT INTO note VALUES (?, ?, ?)", run, stamp(n.Time), n.Text)
	}
	for _, f := range s.Files {
		w.exec("INSERT INTO file VALUES (?, ?, ?, ?, ?, 'file', NULL)", run, f.Path, f.Size, stamp(f.ModTime), f.SHA256)
	}
	for _, d := range s.Data {
		w.exec("INSERT INTO file VALUES (?, NULL, NULL, NULL, ?, 'data', ?)", run, d.Digest, d.Name)
	}
}

// flush inserts the waiting parameters and metrics. Of two of one name the first stays.
func (w *filler) flush() {
	params := w.prepare("INSERT OR IGNORE INTO param VALUES (?, ?, ?, ?, ?)")
	metrics := w.prepare("INSERT OR IGNORE INTO metric VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	for i := range w.waiting {
		at := &w.waiting[i]
		for _, p := range at.params {
			if w.err == nil {
				p.bind(params, at.word)
				w.step(params)
			}
		}
		for _, m := range at.metrics {
			if w.err == nil {
				m.bind(metrics, at.word)
				w.step(metrics)
			}
		}
		clear(at.params)
		at.params, at.metrics = at.params[:0], at.metrics[:0]
	}
}

// bind gives a statement the columns of p one by one: an any for each would be most of what filling allocates.
func (p paramRow) bind(stmt *sqlite.Stmt, word int64) {
	stmt.BindInt64(1, word)
	stmt.BindInt64(2, p.run)
	stmt.BindText(3, p.kind)
	stmt.BindText(4, p.value)
	bindReal(stmt, 5, p.number)
}

func (m metricRow) bind(stmt *sqlite.Stmt, word int64) {
	stmt.BindInt64(1, word)
	stmt.BindInt64(2, m.run)
	stmt.BindInt64(3, int64(m.count))
	stmt.BindInt64(4, int64(m.nonfinite))
	bindReal(stmt, 5, m.last.Value)
	stmt.BindInt64(6, int64(m.last.Step))
	if text, ok := odd(m.last.Value).(string); ok {
		stmt.BindText(7, text)
	} else {
		stmt.BindNull(7)
	}
	for i, v := range []worklog.Value{m.best, m.min, m.max} {
		bindReal(stmt, 8+2*i, v.Value)
		stmt.BindInt64(9+2*i, int64(v.Step))
	}
}

// bindReal binds a number, which is NULL where it is NaN.
func bindReal(stmt *sqlite.Stmt, i int, f float64) {
	if math.IsNaN(f) {
		stmt.BindNull(i)
		return
	}
	stmt.BindFloat(i, f)
}

// remove deletes the rows of a run.
func (w *filler) remove(id int64) {
	if id == 0 {
		return
	}
	for _, statement := range removals {
		w.exec(statement, id)
	}
}

// drop deletes the runs whose logs are gone.
func (w *filler) drop(logs []worklog.Log, known map[metric.RunID]mark) {
	there := make(map[metric.RunID]bool, len(logs))
	for _, l := range logs {
		there[l.ID] = true
	}
	for id, m := range known {
		if !there[id] {
			w.remove(m.id)
		}
	}
}
