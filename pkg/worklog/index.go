package worklog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/lathe-go/lathe/pkg/internal/filelock"
	"github.com/lathe-go/lathe/pkg/metric"
	"github.com/lathe-go/lathe/pkg/worklog/internal/framed"
)

// The index keeps the aggregate of each log with the size and time that the log had, so that a list
// reads only what was written since the last one. It can be deleted at any time: it is made of the logs.
const indexName = "index"

// An entry is one log in the index; a later entry of the same log replaces an earlier one.
type entry struct {
	ID   metric.RunID `json:"id"`
	Size int64        `json:"size"`
	Time int64        `json:"time"`
	Agg  *aggregate   `json:"agg"`
}

// Runs returns the runs that meet every term, those that began last first. See Runs, the function, for
// the terms. A log that cannot be opened is passed over and named by the error, beside the others.
func (f *Folder) Runs(terms ...string) (List, error) {
	q, err := parseQuery(terms)
	if err != nil {
		return nil, err
	}
	ids, err := f.ids()
	if err != nil {
		return nil, err
	}
	known, records := f.loadIndex()
	var out List
	var fresh []entry
	var bad error
	here, now := self(), time.Now()
	for _, id := range ids {
		e, isFresh, err := f.refresh(id, known[id])
		switch {
		case errors.Is(err, errEmpty) || errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			bad = errors.Join(bad, fmt.Errorf("worklog: run %s: %w", id, err))
			continue
		}
		known[id] = e
		if isFresh {
			fresh = append(fresh, e)
		}
		if s := e.Agg.now(here, now); q.match(s, now) {
			out = append(out, &Run{folder: f, id: id, name: s.Name, began: s.Began, agg: e.Agg, size: e.Size})
		}
	}
	f.saveIndex(ids, known, fresh, records)
	slices.SortStableFunc(out, func(a, b *Run) int { return b.began.Compare(a.began) })
	return out, bad
}

// refresh brings the entry of a run up to the log's present size.
func (f *Folder) refresh(id metric.RunID, e entry) (_ entry, fresh bool, err error) {
	info, err := os.Stat(f.log(id))
	if err != nil {
		return e, false, err
	}
	size, when := info.Size(), info.ModTime().UnixNano()
	if e.Agg != nil && e.Size == size && e.Time == when {
		return e, false, nil
	}
	if e.Agg != nil && size < e.Agg.Offset {
		e.Agg = nil // it was cut since
	}
	agg, err := summarize(f.log(id), e.Agg)
	if err != nil {
		return e, false, err
	}
	return entry{id, size, when, agg}, true, nil
}

// loadIndex returns what the index knows and how many records it holds. An index that cannot be read
// knows nothing.
func (f *Folder) loadIndex() (map[metric.RunID]entry, int) {
	known := map[metric.RunID]entry{}
	file, err := os.Open(filepath.Join(f.path, indexName))
	if err != nil {
		return known, 0
	}
	defer file.Close()
	var payloads [][]byte
	var offset int64
	eachRecord(file, &offset, func(_ int64, _ byte, payload []byte) error { // what fails is made again
		payloads = append(payloads, bytes.Clone(payload))
		return nil
	})
	for _, e := range decodeEntries(payloads) {
		if e.Agg != nil {
			known[e.ID] = e
		}
	}
	return known, len(payloads)
}

// decodeEntries reads entries on all processors, because that is most of the time that a list takes.
// An entry that cannot be read has no aggregate.
func decodeEntries(payloads [][]byte) []entry {
	entries := make([]entry, len(payloads))
	workers := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(payloads); i += workers {
				if json.Unmarshal(payloads[i], &entries[i]) != nil {
					entries[i] = entry{}
				}
			}
		})
	}
	group.Wait()
	return entries
}

// saveIndex adds fresh entries to the index, or writes it anew when most of it is out of date. An index
// that cannot be written only costs time.
func (f *Folder) saveIndex(ids []metric.RunID, known map[metric.RunID]entry, fresh []entry, records int) {
	if len(fresh) == 0 {
		return
	}
	path := filepath.Join(f.path, indexName)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o666)
	if err != nil {
		return
	}
	defer file.Close()
	if !filelock.Try(file) {
		return
	}
	if records > 0 && records+len(fresh) <= 2*len(ids)+64 && repair(file) == nil {
		file.Write(encodeIndex(nil, fresh))
		return
	}
	var all []entry
	for _, id := range ids {
		if e := known[id]; e.Agg != nil {
			all = append(all, e)
		}
	}
	temp, err := os.CreateTemp(f.path, indexName+".*.new")
	if err != nil {
		return
	}
	_, err = temp.Write(encodeIndex([]byte(magic), all))
	temp.Chmod(0o644) // others may read the folder too
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
}

func encodeIndex(buf []byte, entries []entry) []byte {
	for _, e := range entries {
		payload, err := json.Marshal(e)
		if err != nil {
			continue // then the log is read again next time
		}
		buf = framed.Append(buf, kindEvent, payload)
	}
	return buf
}
