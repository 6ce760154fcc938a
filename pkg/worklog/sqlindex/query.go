package sqlindex

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

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
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ro == nil {
		return Table{}, fmt.Errorf("sqlindex: %w", errClosed)
	}
	defer during(ctx, x.ro)()
	stmt, rest, err := x.ro.PrepareTransient(query)
	if err != nil {
		return Table{}, fmt.Errorf("sqlindex: %w", err)
	}
	defer stmt.Finalize()
	if strings.TrimSpace(query[len(query)-rest:]) != "" {
		return Table{}, fmt.Errorf("sqlindex: one query at a time, without %q", query[len(query)-rest:])
	}
	if err := bind(stmt, args); err != nil {
		return Table{}, fmt.Errorf("sqlindex: %w", err)
	}
	t, err := readAll(stmt)
	if err != nil {
		return t, fmt.Errorf("sqlindex: %w", because(ctx, err))
	}
	return t, nil
}

var errClosed = errors.New("the index is closed")

// readAll reads the rows of an answer.
func readAll(stmt *sqlite.Stmt) (Table, error) {
	t := Table{Columns: make([]string, stmt.ColumnCount())}
	for i := range t.Columns {
		t.Columns[i] = stmt.ColumnName(i)
	}
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return t, err
		}
		row := make([]any, len(t.Columns))
		for i := range row {
			row[i] = column(stmt, i)
		}
		t.Rows = append(t.Rows, row)
	}
}

// column returns a value as it is stored.
func column(stmt *sqlite.Stmt, i int) any {
	switch stmt.ColumnType(i) {
	case sqlite.TypeInteger:
		return stmt.ColumnInt64(i)
	case sqlite.TypeFloat:
		return stmt.ColumnFloat(i)
	case sqlite.TypeText:
		return stmt.ColumnText(i)
	case sqlite.TypeBlob:
		b := make([]byte, stmt.ColumnLen(i))
		stmt.ColumnBytes(i, b)
		return b
	}
	return nil
}

// bind gives a statement its arguments.
func bind(stmt *sqlite.Stmt, args []any) error {
	if n := stmt.BindParamCount(); n != len(args) {
		return fmt.Errorf("%d arguments for %d parameters of the query", len(args), n)
	}
	for i, arg := range args {
		at := i + 1
		switch v := reflect.ValueOf(arg); v.Kind() {
		case reflect.Invalid:
			stmt.BindNull(at)
		case reflect.Bool:
			stmt.BindBool(at, v.Bool())
		case reflect.String:
			stmt.BindText(at, v.String())
		case reflect.Float32, reflect.Float64:
			bindReal(stmt, at, v.Float())
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			stmt.BindInt64(at, v.Int())
		default:
			return fmt.Errorf("argument %d is of type %T; give a text, a number, a bool or nil", at, arg)
		}
	}
	return nil
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
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil {
		return fmt.Errorf("sqlindex: %w", errClosed)
	}
	defer during(ctx, x.db)()
	for _, id := range ids {
		if err := x.loadRun(id); err != nil {
			return fmt.Errorf("sqlindex: load points of run %s: %w", id, because(ctx, err))
		}
	}
	return nil
}

// missing returns the number of a run whose points are not loaded, or 0.
func missing(c *sqlite.Conn, id metric.RunID) (run int64, err error) {
	err = sqlitex.Execute(c, "SELECT id FROM run WHERE run = ? AND loaded IS NULL", &sqlitex.ExecOptions{
		Args: []any{string(id)},
		ResultFunc: func(s *sqlite.Stmt) error {
			run = s.ColumnInt64(0)
			return nil
		},
	})
	return run, err
}

func (x *Index) loadRun(id metric.RunID) (err error) {
	if run, err := missing(x.db, id); err != nil || run == 0 {
		return err
	}
	r, err := x.folder.Load(id)
	if err != nil {
		return err
	}
	points, err := r.Points("")
	if err != nil {
		return err
	}
	end, err := sqlitex.ImmediateTransaction(x.db)
	if err != nil {
		return err
	}
	defer end(&err)
	run, err := missing(x.db, id)
	if err != nil || run == 0 {
		return err // another process loaded it meanwhile
	}
	w := newFiller(x.db)
	for _, p := range points {
		w.exec("INSERT INTO point VALUES (?, ?, ?, ?, ?, ?)", run, w.place(p.Name).word, p.Step, stamp(p.Time), p.Value, odd(p.Value))
	}
	w.exec("UPDATE run SET loaded = 1 WHERE id = ?", run)
	return w.err
}
