package server

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// What a journal keeps. Its file and the one before it bound what is read and what the disk holds.
const (
	journalSize = 8 << 20  // of the file, before it becomes the one before it
	maxInput    = 1 << 20  // of a cell's code
	maxResult   = 64 << 10 // of the text of its value
)

// A journal is the history of all kernels of a user: a file of one JSON object a line, to which each kernel
// appends in single writes. A session gets the number that follows the greatest in the file, under a lock,
// when its first cell runs. When the file is full it is renamed to end in ".1", in the place of an earlier
// one. Records begin with a line feed too, so that one which was cut costs none but itself.
type journal struct {
	path    string
	mu      sync.Mutex
	file    *os.File
	session int // 0 until the first cell
}

// A record is one line of a journal: a session that begins (no Line), the code of a cell, or its value.
type record struct {
	Session int     `json:"session"`
	Started string  `json:"started,omitempty"`
	Line    int     `json:"line,omitempty"`
	Input   *string `json:"input,omitempty"`
	Output  *string `json:"output,omitempty"`
}

// add appends a record of this session. What is too long to keep is left out.
func (j *journal) add(r record) error {
	if r.Input != nil && len(*r.Input) > maxInput || r.Output != nil && len(*r.Output) > maxResult {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.open()
	if err == nil && j.session == 0 {
		err = j.begin()
	}
	if err == nil {
		r.Session = j.session
		err = j.append(r)
	}
	if err != nil {
		return fmt.Errorf("server: history: %w", err)
	}
	return nil
}

// append writes one record.
func (j *journal) append(r record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(append([]byte("\n"), line...), '\n'))
	return err
}

// open makes file the one that has the path, as another kernel may have begun a new one, and begins a new
// one if it is full.
func (j *journal) open() error {
	if j.file != nil {
		if j.current() && !j.full() {
			return nil
		}
		j.file.Close()
		j.file = nil
	}
	if err := os.MkdirAll(filepath.Dir(j.path), 0o700); err != nil {
		return err
	}
	if err := j.reopen(); err != nil || !j.full() {
		return err
	}
	err := j.locked(func() error {
		if !j.full() { // another kernel was faster
			return nil
		}
		return os.Rename(j.path, j.path+".1")
	})
	if err != nil {
		return err
	}
	j.file.Close()
	return j.reopen()
}

// reopen opens the file that has the path.
func (j *journal) reopen() (err error) {
	j.file, err = os.OpenFile(j.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return err
}

// full says whether the file is.
func (j *journal) full() bool {
	is, err := j.file.Stat()
	return err == nil && is.Size() >= journalSize
}

// current says whether the file still has the path.
func (j *journal) current() bool {
	there, err := os.Stat(j.path)
	is, e := j.file.Stat()
	return err == nil && e == nil && os.SameFile(there, is)
}

// begin gives this session its number.
func (j *journal) begin() error {
	return j.locked(func() error {
		last, err := j.last()
		if err != nil {
			return err
		}
		j.session = last + 1
		return j.append(record{Session: j.session, Started: time.Now().UTC().Format(time.RFC3339)})
	})
}

// locked runs f while no other kernel numbers its session or begins a new file. If another has begun a new
// one meanwhile, f is run for that.
func (j *journal) locked(f func() error) error {
	for {
		fd := int(j.file.Fd())
		if err := syscall.Flock(fd, syscall.LOCK_EX); err != nil && !errors.Is(err, syscall.ENOTSUP) && !errors.Is(err, syscall.ENOLCK) {
			return &fs.PathError{Op: "lock", Path: j.path, Err: err}
		}
		if j.current() {
			defer syscall.Flock(fd, syscall.LOCK_UN)
			return f()
		}
		j.file.Close() // and unlocks it
		if err := j.reopen(); err != nil {
			return err
		}
	}
}

// lines calls f with each line of the file before and of the file.
func (j *journal) lines(f func(line []byte)) error {
	for _, path := range []string{j.path + ".1", j.path} {
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for line := range bytes.Lines(text) {
			f(line)
		}
	}
	return nil
}

// last returns the greatest number of a session. It looks at the beginning of each line alone.
func (j *journal) last() (last int, err error) {
	start := []byte(`{"session":`)
	err = j.lines(func(line []byte) {
		rest, ok := bytes.CutPrefix(line, start)
		if end := bytes.IndexAny(rest, ",}"); ok && end > 0 {
			if n, err := strconv.Atoi(string(rest[:end])); err == nil {
				last = max(last, n)
			}
		}
	})
	return last, err
}

// number returns the number of this session, or 0 before its first cell.
func (j *journal) number() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.session
}

// read returns the number of this session, or the one that it would get now, and the cells of all others.
// Lines that are no records are left out.
func (j *journal) read() (own int, found []wire.HistoryEntry, err error) {
	type key struct{ session, line int }
	at := map[key]int{}
	session, last := j.number(), 0
	err = j.lines(func(line []byte) {
		var r record
		if len(line) < 2 || json.Unmarshal(line, &r) != nil || r.Session < 1 || r.Session == session {
			return
		}
		if last = max(last, r.Session); r.Line < 1 {
			return
		}
		k := key{r.Session, r.Line}
		i, known := at[k]
		if r.Input != nil && !known {
			at[k] = len(found)
			found = append(found, wire.HistoryEntry{Session: r.Session, Line: r.Line, Input: *r.Input})
		}
		if r.Output != nil && known {
			found[i].Output = r.Output
		}
	})
	if session == 0 {
		session = last + 1
	}
	return session, found, err
}

// compareEntries orders cells by session and number.
func compareEntries(a, b wire.HistoryEntry) int {
	return cmp.Or(cmp.Compare(a.Session, b.Session), cmp.Compare(a.Line, b.Line))
}
