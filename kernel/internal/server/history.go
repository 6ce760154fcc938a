package server

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// thisSession is the number of the session in the history: it is kept in memory, so it is the first.
const thisSession = 1

// history numbers the cells and keeps their code.
type history struct {
	mu      sync.Mutex
	entries []wire.HistoryEntry // that of cell n is at n-1
}

// current returns the number of the last counted cell.
func (h *history) current() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.entries)
}

// begin returns the number of a new cell. If it is not stored, the next cell gets the same.
func (h *history) begin(code string, store bool) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := len(h.entries) + 1
	if store {
		h.entries = append(h.entries, wire.HistoryEntry{Session: thisSession, Line: count, Input: code})
	}
	return count
}

// result notes the text of a stored cell's value; nil is none.
func (h *history) result(count int, text *string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries[count-1].Output = text
}

// historyReply answers with earlier cells.
func (s *Server) historyReply(_ context.Context, r *request) (any, error) {
	q, err := wire.ParseHistoryRequest(r.msg)
	if err != nil {
		return nil, err
	}
	entries, err := s.history.find(q)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].WithOutput = q.Output
	}
	return wire.HistoryReply{Status: "ok", History: entries}, nil
}

// find returns copies of the entries that q asks for, oldest first.
func (h *history) find(q wire.HistoryRequest) ([]wire.HistoryEntry, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found := []wire.HistoryEntry{}
	switch q.AccessType {
	case wire.HistoryTail:
		return append(found, last(h.entries, q.N)...), nil
	case wire.HistoryRange:
		if q.Session != 0 && q.Session != thisSession {
			return found, nil
		}
		stop := len(h.entries) + 1
		if q.Stop != nil {
			stop = min(stop, *q.Stop)
		}
		for n := max(1, q.Start); n < stop; n++ {
			found = append(found, h.entries[n-1])
		}
		return found, nil
	case wire.HistorySearch:
		return append(found, last(search(h.entries, q.Pattern, q.Unique), q.N)...), nil
	}
	return nil, fmt.Errorf("hist_access_type %q is none of tail, range and search", q.AccessType)
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
