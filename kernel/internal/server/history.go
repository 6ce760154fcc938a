package server

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// history numbers the cells of this session and keeps their code, and that of other sessions in a journal.
type history struct {
	journal *journal // nil keeps this session alone, in memory

	mu      sync.Mutex
	entries []wire.HistoryEntry // that of cell n is at n-1; their session is not filled in
}

// KeepHistory keeps the cells of this kernel in a file, beside those of earlier kernels and of others that
// run, and answers requests for the history from all of them. It is called before Serve. The file is opened
// when the first cell runs.
func (s *Server) KeepHistory(path string) { s.history.journal = &journal{path: path} }

// current returns the number of the last counted cell.
func (h *history) current() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.entries)
}

// count returns the number of a new cell. If it is not stored, the next cell gets the same.
func (h *history) count(code string, store bool) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := len(h.entries) + 1
	if store {
		h.entries = append(h.entries, wire.HistoryEntry{Line: count, Input: code})
	}
	return count
}

// note keeps the value of a stored cell.
func (h *history) note(count int, text *string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries[count-1].Output = text
}

// begin returns the number of a new cell, and writes it down if it is to be stored.
func (s *Server) begin(code string, store bool) int {
	count := s.history.count(code, store)
	if store {
		s.writeDown(record{Line: count, Input: &code})
	}
	return count
}

// result notes the text of a stored cell's value; nil is none.
func (s *Server) result(count int, text *string) {
	s.history.note(count, text)
	if text != nil {
		s.writeDown(record{Line: count, Output: text})
	}
}

// writeDown adds a record to the journal, if there is one. A cell runs without it too.
func (s *Server) writeDown(r record) {
	if j := s.history.journal; j != nil {
		if err := j.add(r); err != nil {
			s.reports.printf(s.log, "history", "%v", err)
		}
	}
}

// historyReply answers with earlier cells.
func (s *Server) historyReply(_ context.Context, r *request) (any, error) {
	q, err := wire.ParseHistoryRequest(r.msg)
	if err != nil {
		return nil, err
	}
	entries, err := s.find(q)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].WithOutput = q.Output
	}
	return wire.HistoryReply{Status: "ok", History: entries}, nil
}

// find returns copies of the entries that q asks for, oldest first.
func (s *Server) find(q wire.HistoryRequest) ([]wire.HistoryEntry, error) {
	all, own, err := s.history.all()
	if err != nil {
		s.reports.printf(s.log, "history", "server: history: %v", err)
	}
	found := []wire.HistoryEntry{}
	switch q.AccessType {
	case wire.HistoryTail:
		return append(found, last(all, q.N)...), nil
	case wire.HistoryRange:
		session := q.Session
		if session <= 0 {
			session += own
		}
		for _, e := range all {
			if e.Session == session && e.Line >= q.Start && (q.Stop == nil || e.Line < *q.Stop) {
				found = append(found, e)
			}
		}
		return found, nil
	case wire.HistorySearch:
		return append(found, last(search(all, q.Pattern, q.Unique), q.N)...), nil
	}
	return nil, fmt.Errorf("hist_access_type %q is none of tail, range and search", q.AccessType)
}

// all returns the entries of all sessions, in their order, and the number of this session. Without a journal
// that can be read it is the first, and alone.
func (h *history) all() (entries []wire.HistoryEntry, own int, err error) {
	own = 1
	if h.journal != nil {
		own, entries, err = h.journal.read()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.entries {
		e.Session = own
		entries = append(entries, e)
	}
	slices.SortStableFunc(entries, compareEntries)
	return entries, own, err
}

// last returns the last n entries, or all if n is nil.
func last(entries []wire.HistoryEntry, n *int) []wire.HistoryEntry {
	if n == nil {
		return entries
	}
	return entries[len(entries)-max(0, min(*n, len(entries))):]
}

// search returns the entries whose code matches pattern; with unique, of equal ones the last.
func search(entries []wire.HistoryEntry, pattern string, unique bool) []wire.HistoryEntry {
	if pattern == "" {
		pattern = "*"
	}
	var found []wire.HistoryEntry
	seen := map[string]bool{}
	for _, e := range slices.Backward(entries) {
		if !glob(pattern, e.Input) || unique && seen[e.Input] {
			continue
		}
		seen[e.Input] = true
		found = append(found, e)
	}
	slices.Reverse(found)
	return found
}

// glob says whether pattern, in which * stands for any text and ? for any character, matches the whole
// of text. It takes time proportional to the product of their lengths.
func glob(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, retry := -1, 0 // where the last * is, and where in t to go on if what follows it fails
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, retry = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
