package sqlindex

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// Update brings the index up to date with the logs and returns how many runs it read. A log that cannot
// be read is passed over and named by the error, beside the others.
func (x *Index) Update(ctx context.Context) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n, err := x.update(ctx)
	for _, force := range []bool{false, true} {
		if !broken(err) {
			break
		}
		if err = x.reset(ctx, force); err == nil {
			n, err = x.update(ctx)
		}
	}
	if err != nil {
		return n, fmt.Errorf("sqlindex: update: %w", because(ctx, err))
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
	if x.db == nil {
		return 0, errClosed
	}
	defer during(ctx, x.db)()
	logs, err := x.folder.Logs()
	if err != nil {
		return 0, err
	}
	known, err := marks(x.db)
	if err != nil || !differ(logs, known) {
		return 0, err
	}
	n, bad, err := x.take(ctx, logs)
	return n, errors.Join(err, bad)
}

// take writes what changed in the logs, in one transaction. It returns how many logs it read and, in bad, why others
// were passed over.
func (x *Index) take(ctx context.Context, logs []worklog.Log) (n int, bad, err error) {
	end, err := sqlitex.ImmediateTransaction(x.db)
	if err != nil {
		return 0, nil, err
	}
	defer end(&err)
	known, err := marks(x.db) // another process may have been faster
	if err != nil {
		return 0, nil, err
	}
	var stale []worklog.Log
	for _, l := range logs {
		if !known[l.ID].current(l) {
			stale = append(stale, l)
		}
	}
	w := newFiller(x.db)
	for batch := range ahead(ctx, x.folder, stale) {
		for _, r := range batch {
			switch n++; {
			case r.err != nil:
				bad = errors.Join(bad, r.err)
			case r.sum.ID != "":
				w.run(r, known[r.log.ID].id)
			}
		}
		w.flush()
		if x.Progress != nil && w.err == nil {
			x.Progress(n, len(stale))
		}
	}
	w.drop(logs, known)
	return n, bad, errors.Join(w.err, ctx.Err())
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

func marks(c *sqlite.Conn) (map[metric.RunID]mark, error) {
	known := map[metric.RunID]mark{}
	err := sqlitex.Execute(c, "SELECT run, id, size, mtime, state = 'running' FROM run", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		known[metric.RunID(s.ColumnText(0))] = mark{s.ColumnInt64(1), s.ColumnInt64(2), s.ColumnInt64(3), s.ColumnBool(4)}
		return nil
	}})
	return known, err
}

// ahead reads logs in batches while earlier ones are being written, oldest first; all must be received.
func ahead(ctx context.Context, folder *worklog.Folder, logs []worklog.Log) <-chan []reading {
	const batch = 1024 // as many rows of one name go in together; it bounds the memory too
	out := make(chan []reading, 1)
	go func() {
		defer close(out)
		for end := len(logs); end > 0 && ctx.Err() == nil; end -= batch {
			out <- readLogs(folder, logs[max(0, end-batch):end])
		}
	}()
	return out
}

// readLogs reads logs, last first, on all processors.
func readLogs(folder *worklog.Folder, logs []worklog.Log) []reading {
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
				out[i].prepare()
			}
		})
	}
	group.Wait()
	return out
}
