package exchange

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// isSQLite reports whether a file is an SQLite database.
func isSQLite(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 16)
	n, err := f.Read(head)
	return err == nil && bytes.Equal(head[:n], []byte("SQLite format 3\x00"))
}

// A store is an MLflow database that is being read.
type store struct{ db *sqlite.Conn }

// readMLflow reads the runs of MLflow's SQLite store but for those that were deleted.
func readMLflow(path string) (runs []foreign, err error) {
	db, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetBusyTimeout(10 * time.Second)
	defer sqlitex.Transaction(db)(&err) // MLflow may be writing: all that is read is of one moment
	s := store{db}
	if runs, err = s.runs(); err != nil {
		return nil, fmt.Errorf("it is no store of MLflow: %w", err)
	}
	for i := range runs {
		if err := s.fill(&runs[i]); err != nil {
			return runs[:i], err
		}
	}
	return runs, nil
}

// states says what MLflow's words for the state of a run mean. For others, nothing says how a run ended.
var states = map[string]worklog.State{"FINISHED": worklog.Finished, "FAILED": worklog.Failed, "KILLED": worklog.Interrupted}

func (s store) runs() ([]foreign, error) {
	var runs []foreign
	err := s.each(`SELECT r.run_uuid, coalesce(e.name, ''), coalesce(r.name, ''), coalesce(r.status, ''),
		coalesce(r.start_time, 0), coalesce(r.end_time, 0)
		FROM runs r LEFT JOIN experiments e ON e.experiment_id = r.experiment_id
		WHERE coalesce(r.lifecycle_stage, 'active') = 'active' ORDER BY r.start_time, r.run_uuid`, nil, func(row *sqlite.Stmt) error {
		id, experiment, name, status := row.ColumnText(0), row.ColumnText(1), row.ColumnText(2), row.ColumnText(3)
		began, ended := row.ColumnInt64(4), row.ColumnInt64(5)
		var f foreign
		f.digest, f.Name, f.State = id, experiment, states[status]
		if f.Name == "" {
			f.Name = name
		}
		f.origin = id
		f.Env.Facts = map[string]string{}
		if name != "" {
			f.Env.Facts["mlflow name"] = name
		}
		if began != 0 {
			f.Began = time.UnixMilli(began)
		}
		if ended != 0 {
			f.Ended = time.UnixMilli(ended)
		}
		runs = append(runs, f)
		return nil
	})
	return runs, err
}

// each calls f with every row of the answer to a query about a run, or about none.
func (s store) each(query string, run any, f func(*sqlite.Stmt) error) error {
	o := &sqlitex.ExecOptions{ResultFunc: f}
	if run != nil {
		o.Args = []any{run}
	}
	return sqlitex.Execute(s.db, query, o)
}

// fill reads what belongs to one run and makes its digest.
func (s store) fill(f *foreign) error {
	id := f.digest
	digest := sha256.New()
	fmt.Fprintf(digest, "%q %q %d %d\n", id, f.State, f.Began.UnixMilli(), f.Ended.UnixMilli())
	pair := func(take func(key, value string)) func(*sqlite.Stmt) error {
		return func(row *sqlite.Stmt) error {
			key, value := row.ColumnText(0), row.ColumnText(1)
			fmt.Fprintf(digest, "%q %q\n", key, value)
			take(key, value)
			return nil
		}
	}
	err := s.each("SELECT key, coalesce(value, '') FROM params WHERE run_uuid = ? ORDER BY key", id, pair(func(key, value string) {
		f.Params = append(f.Params, worklog.Param{Path: key, Type: "string", Value: value})
	}))
	if err != nil {
		return err
	}
	if err := s.each("SELECT key, coalesce(value, '') FROM tags WHERE run_uuid = ? ORDER BY key", id, pair(f.mlflowTag)); err != nil {
		return err
	}
	err = s.each("SELECT key, coalesce(value, 0), step, timestamp, is_nan FROM metrics WHERE run_uuid = ? ORDER BY timestamp, step, key", id, func(row *sqlite.Stmt) error {
		p := metric.Point{Name: row.ColumnText(0), Value: row.ColumnFloat(1), Step: row.ColumnInt(2)}
		when, isNaN := row.ColumnInt64(3), row.ColumnBool(4)
		p.Time, p.Value = time.UnixMilli(when), mlflowValue(p.Value, isNaN)
		fmt.Fprintf(digest, "%q %d %d %x\n", p.Name, p.Step, when, math.Float64bits(p.Value))
		f.points = append(f.points, p)
		return nil
	})
	f.digest = hex.EncodeToString(digest.Sum(nil))
	return err
}

// mlflowValue undoes what MLflow does to store a value: NaN is a mark, and an infinity the greatest float64.
func mlflowValue(v float64, isNaN bool) float64 {
	switch {
	case isNaN:
		return math.NaN()
	case v == math.MaxFloat64:
		return math.Inf(1)
	case v == -math.MaxFloat64:
		return math.Inf(-1)
	}
	return v
}

// mlflowTag takes a tag. MLflow's own are facts, but for the note and the commit.
func (f *foreign) mlflowTag(key, value string) {
	switch {
	case key == "mlflow.note.content":
		if value != "" {
			f.Notes = append(f.Notes, worklog.Remark{Time: f.Began, Text: value})
		}
	case key == "mlflow.source.git.commit":
		f.Code.Commit = value
	case key == "mlflow.source.git.branch":
		f.Code.Branch = value
	case key == "mlflow.user" || key == "mlflow.source.name":
		f.Env.Facts[key] = value
	case !strings.HasPrefix(key, "mlflow."):
		f.Tags = append(f.Tags, key+"="+value)
	}
}
