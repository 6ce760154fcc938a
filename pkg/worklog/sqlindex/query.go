package sqlindex

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lathe-go/lathe/pkg/metric"
)

// A Table is the answer to a query.
type Table struct {
	Columns []string
	Rows    [][]any // of int64, float64, string, []byte and nil
}

// reads matches the beginnings of statements that only read. What a statement does beyond is stopped by the
// connection, which cannot write and to which no other file can be attached.
var reads = regexp.MustCompile(`(?i)^(\s|--[^\n]*\n|/\*(?s:.*?)\*/)*(select|with|values|explain)\b`)

// Query answers one SQL query that reads. It does not update the index. See the package's documentation
// for the tables.
func (x *Index) Query(ctx context.Context, query string, args ...any) (Table, error) {
	if !reads.MatchString(query) {
		return Table{}, fmt.Errorf("sqlindex: a query begins with SELECT, WITH, VALUES or EXPLAIN: the index only answers")
	}
	conn, err := x.ro.Conn(ctx)
	if err != nil {
		return Table{}, fmt.Errorf("sqlindex: %w", err)
	}
	defer conn.Close()
	if _, err := sqlite.Limit(conn, sqlite3.SQLITE_LIMIT_ATTACHED, 0); err != nil {
		return Table{}, fmt.Errorf("sqlindex: %w", err)
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return Table{}, fmt.Errorf("sqlindex: %w", err)
	}
	defer rows.Close()
	var t Table
	if t.Columns, err = rows.Columns(); err != nil {
		return t, fmt.Errorf("sqlindex: %w", err)
	}
	for rows.Next() {
		row := make([]any, len(t.Columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return t, fmt.Errorf("sqlindex: %w", err)
		}
		t.Rows = append(t.Rows, row)
	}
	if err := rows.Err(); err != nil {
		return t, fmt.Errorf("sqlindex: %w", err)
	}
	return t, nil
}

var wordPoints = regexp.MustCompile(`(?i)\bpoints\b`)

// LoadFor loads the points that a query asks for: those of the runs whose IDs it names, of all runs if
// it names none, and nothing if it does not name the table points. A column of runs is called points
// too; write runs.points, and nothing is loaded for it.
func (x *Index) LoadFor(ctx context.Context, query string) error {
	if !wordPoints.MatchString(strings.ReplaceAll(strings.ToLower(query), "runs.points", "")) {
		return nil
	}
	logs, err := x.folder.Logs()
	if err != nil {
		return fmt.Errorf("sqlindex: load points: %w", err)
	}
	var all, named []metric.RunID
	for _, l := range logs {
		all = append(all, l.ID)
		if strings.Contains(query, string(l.ID)) {
			named = append(named, l.ID)
		}
	}
	if len(named) > 0 {
		all = named
	}
	return x.LoadPoints(ctx, all...)
}

// LoadPoints loads the points of runs that the index knows, where they are not loaded yet.
func (x *Index) LoadPoints(ctx context.Context, ids ...metric.RunID) error {
	for _, id := range ids {
		if err := x.loadRun(ctx, id); err != nil {
			return fmt.Errorf("sqlindex: load points of run %s: %w", id, err)
		}
	}
	return nil
}

func (x *Index) loadRun(ctx context.Context, id metric.RunID) error {
	const missing = "SELECT id FROM run WHERE run = ? AND loaded IS NULL"
	var run int64
	if x.db.QueryRowContext(ctx, missing, id).Scan(&run) != nil {
		return nil // it is loaded, or no run
	}
	r, err := x.folder.Load(id)
	if err != nil {
		return err
	}
	points, err := r.Points("")
	if err != nil {
		return err
	}
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if tx.QueryRowContext(ctx, missing, id).Scan(&run) != nil {
		return nil // another process loaded it meanwhile
	}
	w := &filler{ctx: context.WithoutCancel(ctx), tx: tx, stmts: statements{}, words: map[string]int64{}}
	for chunk := range slices.Chunk(points, 4096) {
		var args []any
		for _, p := range chunk {
			value, odd := number(p.Value)
			args = append(args, run, w.word(p.Name), p.Step, stamp(p.Time), value, odd)
		}
		w.insert("point", 6, args)
	}
	w.exec("UPDATE run SET loaded = 1 WHERE id = ?", run)
	if w.err != nil {
		return w.err
	}
	return tx.Commit()
}
