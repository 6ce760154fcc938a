package sqlindex

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"github.com/lathe-go/lathe/pkg/worklog"
)

// An Index is the SQLite file of one folder of runs. Its methods may be called from any goroutine.
type Index struct {
	folder *worklog.Folder
	file   string
	db     *sql.DB // writes
	ro     *sql.DB // answers queries, and cannot write
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
	for end := time.Now().Add(busyFor); busy(err) && time.Now().Before(end) && ctx.Err() == nil; {
		x.Close()
		time.Sleep(20 * time.Millisecond)
		err = x.connect(ctx)
	}
	if broken(err) {
		err = x.reset(ctx)
	}
	if err != nil {
		x.Close()
		return nil, fmt.Errorf("sqlindex: open %s: %w", file, err)
	}
	return x, nil
}

// errVersion means that another version of this package made the file.
var errVersion = errors.New("another version")

// The primary result codes of SQLite for a file that another process has, that is damaged, or none of its own.
const (
	codeBusy    = 5
	codeCorrupt = 11
	codeNotADB  = 26
)

// busyFor bounds the wait for other processes that open the same index.
const busyFor = 30 * time.Second

// busy reports whether err says that another process has the file.
func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == codeBusy
}

// broken reports whether err calls for a new file.
func broken(err error) bool {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()&0xff == codeCorrupt || e.Code()&0xff == codeNotADB
	}
	return errors.Is(err, errVersion)
}

// reset makes the index anew.
func (x *Index) reset(ctx context.Context) error {
	x.Close()
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(x.file + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return x.connect(ctx)
}

func dsn(file, params string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: params}).String()
}

func (x *Index) connect(ctx context.Context) error {
	const pragmas = "_pragma=busy_timeout(60000)&_pragma=journal_mode(wal)&_pragma=synchronous(off)&_pragma=cache_size(-65536)&_txlock=immediate"
	var err error
	if x.db, err = sql.Open("sqlite", dsn(x.file, pragmas)); err != nil {
		return err
	}
	x.db.SetMaxOpenConns(1)
	if err := x.makeSchema(ctx); err != nil {
		return err
	}
	x.ro, err = sql.Open("sqlite", dsn(x.file, "mode=ro&_pragma=busy_timeout(60000)&_pragma=query_only(1)&_pragma=cache_size(-65536)"))
	return err
}

// makeSchema fills an empty file, in one transaction: another process may do the same.
func (x *Index) makeSchema(ctx context.Context) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var have, tables int
	err = tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have)
	if err == nil {
		err = tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables)
	}
	switch {
	case err != nil:
		return err
	case have == version:
		return nil
	case tables > 0:
		return errVersion
	}
	if _, err := tx.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}

// File returns the name of the index's file.
func (x *Index) File() string { return x.file }

// Close closes the index.
func (x *Index) Close() error {
	var err error
	for _, db := range []*sql.DB{x.ro, x.db} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return err
}
