package sqlindex

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// Update brings the index up to date with the logs and returns how many runs it read. A log that cannot
// be read is passed over and named by the error, beside the others.
func (x *Index) Update(ctx context.Context) (int, error) {
	n, err := x.update(ctx)
	if broken(err) {
		if err = x.reset(ctx); err == nil {
			n, err = x.update(ctx)
		}
	}
	if err != nil {
		return n, fmt.Errorf("sqlindex: update: %w", err)
	}
	return n, nil
}

// A mark is what the index knows of a log.
type mark struct {
	id          int64
	size, mtime int64
	running     bool
}

func (m mark) current(l worklog.Log) bool {
	return m.id != 0 && !m.running && m.size == l.Size && m.mtime == l.ModTime.UnixNano()
}

func (x *Index) update(ctx context.Context) (int, error) {
	logs, err := x.folder.Logs()
	if err != nil {
		return 0, err
	}
	known, err := marks(ctx, x.db)
	if err != nil || !differ(logs, known) {
		return 0, err
	}
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	if known, err = marks(ctx, tx); err != nil { // another process may have been faster
		return 0, err
	}
	w := &filler{ctx: context.WithoutCancel(ctx), tx: tx, stmts: statements{}, words: map[string]int64{}}
	var stale []worklog.Log
	for _, l := range logs {
		if !known[l.ID].current(l) {
			stale = append(stale, l)
		}
	}
	bad := w.fill(ctx, x.folder, stale, known)
	w.drop(logs, known)
	if w.err != nil {
		return 0, w.err
	}
	return len(stale), errors.Join(tx.Commit(), bad)
}

// differ reports whether logs and index are not the same.
func differ(logs []worklog.Log, known map[metric.RunID]mark) bool {
	for _, l := range logs {
		if !known[l.ID].current(l) {
			return true
		}
	}
	return len(logs) != len(known)
}

// A querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func marks(ctx context.Context, db querier) (map[metric.RunID]mark, error) {
	rows, err := db.QueryContext(ctx, "SELECT run, id, size, mtime, state = 'running' FROM run")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := map[metric.RunID]mark{}
	for rows.Next() {
		var run metric.RunID
		var m mark
		if err := rows.Scan(&run, &m.id, &m.size, &m.mtime, &m.running); err != nil {
			return nil, err
		}
		known[run] = m
	}
	return known, rows.Err()
}

// statements are prepared once, by their text.
type statements map[string]*sql.Stmt

// A filler writes rows in one transaction. After its first error it does nothing more.
type filler struct {
	ctx   context.Context // without cancellation, which would cost the driver a goroutine for each row
	tx    *sql.Tx
	stmts statements
	words map[string]int64 // names of parameters and metrics that have a number
	wide  [2][]wideRow     // parameters and metrics that wait for flush
	err   error
}

// A wideRow is a row of a table that is clustered by name: rows go in sorted, so that neighbours share a page.
type wideRow struct {
	word int64
	args []any
}

// exec runs one prepared statement and returns the row that it inserted.
func (w *filler) exec(query string, args ...any) int64 {
	if w.err != nil {
		return 0
	}
	stmt := w.stmts[query]
	if stmt == nil {
		if stmt, w.err = w.tx.PrepareContext(w.ctx, query); w.err != nil {
			return 0
		}
		w.stmts[query] = stmt
	}
	res, err := stmt.ExecContext(w.ctx, args...)
	if err != nil {
		w.err = err
		return 0
	}
	id, err := res.LastInsertId()
	w.err = err
	return id
}

// word returns the number of a name.
func (w *filler) word(name string) int64 {
	if id, ok := w.words[name]; ok || w.err != nil {
		return id
	}
	w.exec("INSERT OR IGNORE INTO word(word) VALUES (?)", name)
	var id int64
	if w.err == nil {
		w.err = w.tx.QueryRowContext(w.ctx, "SELECT id FROM word WHERE word = ?", name).Scan(&id)
	}
	w.words[name] = id
	return id
}

// A reading is the summary of a log.
type reading struct {
	log worklog.Log
	sum worklog.Summary
	err error
}

// fill reads stale logs and writes their rows, oldest first.
func (w *filler) fill(ctx context.Context, folder *worklog.Folder, stale []worklog.Log, known map[metric.RunID]mark) error {
	var bad error
	for batch := range ahead(ctx, folder, stale) {
		for _, r := range batch {
			switch {
			case r.err != nil:
				bad = errors.Join(bad, r.err)
			case r.sum.ID != "":
				w.run(r, known[r.log.ID].id)
			}
		}
		w.flush()
	}
	if w.err == nil {
		w.err = ctx.Err()
	}
	return bad
}

// ahead reads logs in batches while earlier ones are being written; all must be received.
func ahead(ctx context.Context, folder *worklog.Folder, logs []worklog.Log) <-chan []reading {
	const batch = 256 // bounds the memory
	out := make(chan []reading, 1)
	go func() {
		defer close(out)
		for end := len(logs); end > 0 && ctx.Err() == nil; end -= batch {
			out <- readAll(folder, logs[max(0, end-batch):end])
		}
	}()
	return out
}

// readAll reads logs, last first, on all processors.
func readAll(folder *worklog.Folder, logs []worklog.Log) []reading {
	out := make([]reading, len(logs))
	workers := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	for n := range workers {
		group.Go(func() {
			for i := n; i < len(logs); i += workers {
				l := logs[len(logs)-1-i]
				out[i].log = l
				run, err := folder.Load(l.ID)
				if errors.Is(err, worklog.ErrEmpty) {
					continue
				}
				if err != nil {
					out[i].err = err
					continue
				}
				out[i].sum = run.Summary()
			}
		})
	}
	group.Wait()
	return out
}

// stamp writes a time as SQLite's date functions read it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// number returns f for a REAL column, and the text of what is not finite.
func number(f float64) (value, odd any) {
	switch {
	case math.IsNaN(f):
		return nil, "NaN"
	case math.IsInf(f, 1):
		return f, "+Inf"
	case math.IsInf(f, -1):
		return f, "-Inf"
	}
	return f, nil
}

var insertRun = "INSERT INTO run VALUES (?" + strings.Repeat(", ?", 28) + ")"

// run writes the rows of one run in place of those under its old number, if it had one.
func (w *filler) run(r reading, old int64) {
	w.remove(old)
	s := r.sum
	var seed any
	if s.Seed != nil {
		seed = *s.Seed
	}
	var id any
	if old != 0 {
		id = old
	}
	run := w.exec(insertRun,
		id, string(r.log.ID), r.log.Size, r.log.ModTime.UnixNano(), nil,
		s.Name, s.Type, string(s.State), s.Error, stamp(s.Began), stamp(s.Ended), s.Duration.Seconds(), seed,
		s.Question, s.Hypothesis, s.Verdict, s.Lives, s.Points, s.Lost, s.Damage,
		s.Code.Commit, s.Code.Branch, s.Code.Dirty, s.Env.Host, s.Env.Go, s.Env.OS, s.Env.CPU, s.Env.CPUs, s.Env.Memory)
	w.params(run, s)
	w.metrics(run, s)
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

func (w *filler) params(run int64, s worklog.Summary) {
	for _, p := range s.Params {
		var n any
		if f, ok := p.Float(); ok {
			n, _ = number(f)
		}
		word := w.word(p.Path)
		w.wide[0] = append(w.wide[0], wideRow{word, []any{word, run, p.Type, p.Value, n}})
	}
}

func (w *filler) metrics(run int64, s worklog.Summary) {
	for _, m := range s.Metrics {
		last, odd := number(m.Last.Value)
		top := m.Best()
		best, _ := number(top.Value)
		lo, _ := number(m.Min.Value)
		hi, _ := number(m.Max.Value)
		word := w.word(m.Name)
		w.wide[1] = append(w.wide[1], wideRow{word, []any{word, run, m.Count, m.NonFinite,
			last, m.Last.Step, odd, best, top.Step, lo, m.Min.Step, hi, m.Max.Step}})
	}
}

// flush inserts the waiting parameters and metrics.
func (w *filler) flush() {
	for i, table := range []string{"param", "metric"} {
		rows := w.wide[i]
		slices.SortStableFunc(rows, func(a, b wideRow) int { return cmp.Compare(a.word, b.word) })
		var args []any
		for _, r := range rows {
			args = append(args, r.args...)
		}
		if len(rows) > 0 {
			w.insert(table, len(rows[0].args), args)
		}
		w.wide[i] = rows[:0]
	}
}

// insert inserts rows of so many columns, several with one statement, because a call of the driver costs more
// than a row. Many would cost more again: it looks for each argument among all. The first of equal rows stays;
// replacing one would have SQLite keep a journal for each statement.
func (w *filler) insert(table string, columns int, args []any) {
	const atOnce = 16
	row := "(?" + strings.Repeat(", ?", columns-1) + ")"
	for len(args) > 0 {
		n := min(len(args)/columns, atOnce)
		w.exec("INSERT OR IGNORE INTO "+table+" VALUES "+row+strings.Repeat(", "+row, n-1), args[:n*columns]...)
		args = args[n*columns:]
	}
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
