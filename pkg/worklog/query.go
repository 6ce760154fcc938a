package worklog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lathe-go/lathe/pkg/display"
	"github.com/lathe-go/lathe/pkg/metric"
)

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
	x := openIndex(filepath.Join(f.path, indexName))
	seen := make([]sight, len(ids))
	here, now := self(), time.Now()
	told := progress{bar: display.NewProgress("reading logs", int64(len(ids)), "run"), start: now}
	parallel(len(ids), func(i int) {
		seen[i] = f.see(x, ids[i], q, here, now)
		told.one()
	})
	told.close()
	var out List
	var found []finding
	var bad error
	for i, s := range seen {
		if s.err != nil {
			bad = errors.Join(bad, fmt.Errorf("worklog: run %s: %w", ids[i], s.err))
		}
		if s.fresh {
			found = append(found, s.finding)
		}
		if s.run != nil {
			out = append(out, s.run)
		}
	}
	x.save(ids, found)
	slices.SortStableFunc(out, func(a, b *Run) int { return b.began.Compare(a.began) })
	return out, bad
}

// parallel calls each with 0 to n-1 on all processors.
func parallel(n int, each func(i int)) {
	workers := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < n; i += workers {
				each(i)
			}
		})
	}
	group.Wait()
}

// A progress shows itself after a second, which only an index that is to be made takes.
type progress struct {
	bar   *display.Progress
	start time.Time
	done  atomic.Int64
	shown atomic.Bool
}

func (p *progress) one() {
	n := p.done.Add(1)
	if n%64 == 0 && time.Since(p.start) > time.Second {
		p.shown.Store(true)
		p.bar.Set(n)
	}
}

func (p *progress) close() {
	if p.shown.Load() {
		p.bar.Set(p.done.Load())
		p.bar.Close()
	}
}

// A sight is what a list sees of one log.
type sight struct {
	run     *Run // nil if it does not meet the query
	finding      // if it is fresh: the index does not know it so
	fresh   bool
	err     error
}

// see looks at one log, and reads it where the index does not know it as it is.
func (f *Folder) see(x *index, id metric.RunID, q query, here owner, now time.Time) (s sight) {
	info, err := os.Stat(f.log(id))
	if errors.Is(err, fs.ErrNotExist) {
		return s
	}
	if err != nil {
		return sight{err: err}
	}
	c := x.cards[id]
	if c != nil && c.size == info.Size() && c.time == info.ModTime().UnixNano() {
		if q.match(x.facts(c, here, now), now) {
			s.run = &Run{folder: f, id: id, name: c.name, began: c.began, size: c.size, card: c}
		}
		return s
	}
	var prev *aggregate
	if c != nil {
		prev = c.body.aggregate()
	}
	if prev != nil && info.Size() < prev.Offset {
		prev = nil // it was cut since
	}
	agg, err := summarize(f.log(id), prev)
	if errors.Is(err, errEmpty) || errors.Is(err, fs.ErrNotExist) {
		return s
	}
	if err != nil {
		return sight{err: err}
	}
	s.finding, s.fresh = finding{id, info, agg}, true
	if sum := agg.now(here, now); q.match(sum.facts(), now) {
		s.run = &Run{folder: f, id: id, name: sum.Name, began: sum.Began, agg: agg, size: info.Size()}
	}
	return s
}

// facts are what a query asks of a run.
type facts struct {
	name   string
	state  State
	began  time.Time
	tags   []string
	lookup func(key string) (string, bool) // the text of a parameter, or else of the last value of a metric
}

func (s Summary) facts() facts { return facts{s.Name, s.State, s.Began, s.Tags, s.lookup} }

// facts returns those of a card.
func (x *index) facts(c *card, here owner, now time.Time) facts {
	state := c.state
	if state == Running && !c.owner.alive(here, c.ended, now) {
		state = Lost
	}
	return facts{c.name, state, c.began, c.tags, func(key string) (string, bool) { return x.lookup(c, key) }}
}

// A query is a list of conditions, all of which must hold.
type query []func(f facts, now time.Time) bool

func (q query) match(f facts, now time.Time) bool {
	for _, holds := range q {
		if !holds(f, now) {
			return false
		}
	}
	return true
}

// parseQuery reads terms that stand apart by blanks.
func parseQuery(terms []string) (query, error) {
	var q query
	for _, term := range strings.Fields(strings.Join(terms, " ")) {
		holds, err := parseTerm(term)
		if err != nil {
			return nil, fmt.Errorf("worklog: query %q: %w", term, err)
		}
		q = append(q, holds)
	}
	return q, nil
}

func parseTerm(term string) (func(facts, time.Time) bool, error) {
	if i := strings.IndexAny(term, "<>=!"); i > 0 {
		return parseComparison(term, i)
	}
	key, value, ok := strings.Cut(term, ":")
	if !ok {
		if _, err := path.Match(term, ""); err != nil {
			return nil, err
		}
		return func(s facts, _ time.Time) bool {
			ok, _ := path.Match(term, s.name) // the pattern is good, see above
			return ok || s.name == term
		}, nil
	}
	switch key {
	case "tag":
		return func(s facts, _ time.Time) bool { return slices.Contains(s.tags, value) }, nil
	case "state":
		return func(s facts, _ time.Time) bool { return string(s.state) == value }, nil
	case "since":
		d, err := time.ParseDuration(value)
		if err != nil {
			return nil, err
		}
		return func(s facts, now time.Time) bool { return now.Sub(s.began) <= d }, nil
	}
	return nil, fmt.Errorf("there is tag:, state: and since:, not %q", key+":")
}

func parseComparison(term string, at int) (func(facts, time.Time) bool, error) {
	key, rest := term[:at], term[at:]
	for _, op := range []string{"<=", ">=", "!=", "=", "<", ">"} {
		want, ok := strings.CutPrefix(rest, op)
		if !ok || want == "" {
			continue
		}
		return func(s facts, _ time.Time) bool {
			have, ok := s.lookup(key)
			return ok && compare(have, op, want)
		}, nil
	}
	return nil, fmt.Errorf("write a comparison as LR<=0.01")
}

// lookup returns the text of a parameter, or else of the last value of a metric.
func (s Summary) lookup(key string) (string, bool) {
	if p, ok := s.Param(key); ok {
		return p.Value, true
	}
	if m, ok := s.Metric(key); ok {
		return strconv.FormatFloat(m.Last.Value, 'g', -1, 64), true
	}
	return "", false
}

// compare compares numbers as numbers and anything else as text, which has no order.
func compare(have, op, want string) bool {
	a, errA := strconv.ParseFloat(have, 64)
	b, errB := strconv.ParseFloat(want, 64)
	if errA != nil || errB != nil {
		return op == "=" && have == want || op == "!=" && have != want
	}
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "!=":
		return a != b
	}
	return a == b
}
