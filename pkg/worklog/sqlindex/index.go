package sqlindex

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/lathe-go/lathe/pkg/internal/filelock"
	"github.com/lathe-go/lathe/pkg/worklog"
)

// An Index is the SQLite file of one folder of runs. Its methods may be called from any goroutine.
type Index struct {
	// Progress, unless nil, is called by Update with how many of the logs to read are in the index by now. Set it
	// before the first call.
	Progress func(done, total int)

	folder *worklog.Folder
	file   string
	mu     sync.Mutex   // a connection is for one goroutine at a time
	db     *sqlite.Conn // writes
	ro     *sqlite.Conn // answers queries, and cannot write
}

// Open opens the index of a folder in the user's cache folder, and makes it if there is none. It does
// not read the logs: Update does.
func Open(ctx context.Context, folder *worklog.Folder) (*Index, error) {
	file, err := cacheFile(folder)
	if err != nil {
		return nil, fmt.Errorf("sqlindex: %w", err)
	}
	return OpenFile(ctx, folder, file)
}

// cacheFile names the index of a folder by the folder's path.
func cacheFile(folder *worklog.Folder) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(folder.Path())
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the same folder by another name
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(cache, "lathe", "worklog", fmt.Sprintf("%x.sqlite", sum[:12])), nil
}

// OpenFile opens the index that is kept in file.
func OpenFile(ctx context.Context, folder *worklog.Folder, file string) (*Index, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return nil, fmt.Errorf("sqlindex: %w", err)
	}
	x := &Index{folder: folder, file: file}
	err := x.connect(ctx)
	// Two processes that turn one new file to its journal mode do not wait for each other as others do.
	for began := time.Now(); time.Since(began) < patience(err) && ctx.Err() == nil; {
		x.Close()
		time.Sleep(20 * time.Millisecond)
		err = x.connect(ctx)
	}
	if broken(err) {
		err = x.reset(ctx, false)
	}
	if err != nil {
		x.Close()
		return nil, fmt.Errorf("sqlindex: open %s: %w", file, because(ctx, err))
	}
	return x, nil
}

// errVersion means that another version of this package made the file.
var errVersion = errors.New("another version")

// busyFor bounds the wait for other processes that open the same index.
const busyFor = 30 * time.Second

// patience returns how long to try again after err: another process may have the file, or be replacing it, which looks
// like a fault of the disk.
func patience(err error) time.Duration {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultBusy:
		return busyFor
	case sqlite.ResultIOErr:
		return busyFor / 10
	}
	return 0
}

// broken reports whether err calls for a new file.
func broken(err error) bool {
	code := sqlite.ErrCode(err).ToPrimary()
	return code == sqlite.ResultCorrupt || code == sqlite.ResultNotADB || errors.Is(err, errVersion)
}

// reset makes the index anew, unless another process did so meanwhile: to delete the file of one that uses it would
// leave that one with half of an index. With force it does so in any case.
func (x *Index) reset(ctx context.Context, force bool) error {
	lock, err := os.OpenFile(x.file+".lock", os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return err
	}
	defer lock.Close()
	for end := time.Now().Add(busyFor); !filelock.Try(lock); time.Sleep(20 * time.Millisecond) {
		if ctx.Err() != nil || time.Now().After(end) {
			return errors.Join(errors.New("another process makes it anew"), ctx.Err())
		}
	}
	x.disconnect()
	if !force {
		if err := x.connect(ctx); !broken(err) {
			return err
		}
		x.disconnect()
	}
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(x.file + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return x.connect(ctx)
}

// connect opens both connections. The one that writes does not wait for the disk: what a crash of the machine breaks
// is made again.
func (x *Index) connect(ctx context.Context) error {
	var err error
	if x.db, err = sqlite.OpenConn(x.file, sqlite.OpenReadWrite|sqlite.OpenCreate|sqlite.OpenWAL); err != nil {
		return err
	}
	defer during(ctx, x.db)()
	if err := sqlitex.ExecuteTransient(x.db, "PRAGMA synchronous = off", nil); err != nil {
		return err
	}
	if err := makeSchema(x.db); err != nil {
		return err
	}
	if x.ro, err = sqlite.OpenConn(x.file, sqlite.OpenReadOnly); err != nil {
		return err
	}
	defer during(ctx, x.ro)()
	x.ro.Limit(sqlite.LimitAttached, 0)
	for _, c := range []*sqlite.Conn{x.db, x.ro} {
		if err := sqlitex.ExecuteTransient(c, "PRAGMA cache_size = -65536", nil); err != nil {
			return err
		}
	}
	return sqlitex.ExecuteTransient(x.ro, "PRAGMA query_only = 1", nil)
}

// during lets ctx end what c does, waiting for other processes too, until the function that it returns is called.
func during(ctx context.Context, c *sqlite.Conn) func() {
	c.SetInterrupt(ctx.Done())
	return func() { c.SetInterrupt(nil) }
}

// because returns why something failed: what SQLite calls interrupted or locked when ctx has ended is ctx's error.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// makeSchema fills an empty file, in one transaction: another process may do the same.
func makeSchema(c *sqlite.Conn) (err error) {
	end, err := sqlitex.ImmediateTransaction(c)
	if err != nil {
		return err
	}
	defer end(&err)
	have, err := count(c, "PRAGMA user_version")
	if err != nil || have == version {
		return err
	}
	tables, err := count(c, "SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return err
	}
	if tables > 0 {
		return errVersion
	}
	return sqlitex.ExecuteScript(c, schema+fmt.Sprintf("PRAGMA user_version = %d;", version), nil)
}

// count returns the one number that a query answers.
func count(c *sqlite.Conn, query string) (n int64, err error) {
	err = sqlitex.ExecuteTransient(c, query, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		n = s.ColumnInt64(0)
		return nil
	}})
	return n, err
}

// File returns the name of the index's file.
func (x *Index) File() string { return x.file }

// Close closes the index.
func (x *Index) Close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.disconnect()
}

// disconnect closes the connections; x.mu is held.
func (x *Index) disconnect() error {
	var err error
	for _, c := range []**sqlite.Conn{&x.ro, &x.db} {
		if *c != nil {
			err = errors.Join(err, (*c).Close())
			*c = nil
		}
	}
	return err
}
