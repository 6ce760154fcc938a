package worklog

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A query is a list of conditions, all of which must hold.
type query []func(s Summary, now time.Time) bool

func (q query) match(s Summary, now time.Time) bool {
	for _, holds := range q {
		if !holds(s, now) {
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

func parseTerm(term string) (func(Summary, time.Time) bool, error) {
	if i := strings.IndexAny(term, "<>=!"); i > 0 {
		return parseComparison(term, i)
	}
	key, value, ok := strings.Cut(term, ":")
	if !ok {
		if _, err := path.Match(term, ""); err != nil {
			return nil, err
		}
		return func(s Summary, _ time.Time) bool {
			ok, _ := path.Match(term, s.Name) // the pattern is good, see above
			return ok || s.Name == term
		}, nil
	}
	switch key {
	case "tag":
		return func(s Summary, _ time.Time) bool { return slices.Contains(s.Tags, value) }, nil
	case "state":
		return func(s Summary, _ time.Time) bool { return string(s.State) == value }, nil
	case "since":
		d, err := time.ParseDuration(value)
		if err != nil {
			return nil, err
		}
		return func(s Summary, now time.Time) bool { return now.Sub(s.Began) <= d }, nil
	}
	return nil, fmt.Errorf("there is tag:, state: and since:, not %q", key+":")
}

func parseComparison(term string, at int) (func(Summary, time.Time) bool, error) {
	key, rest := term[:at], term[at:]
	for _, op := range []string{"<=", ">=", "!=", "=", "<", ">"} {
		want, ok := strings.CutPrefix(rest, op)
		if !ok || want == "" {
			continue
		}
		return func(s Summary, _ time.Time) bool {
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
