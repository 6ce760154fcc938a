package exchange

import (
	"strconv"
	"time"

	"github.com/lathe-go/lathe/pkg/worklog"
)

// Table lays runs out with a column for everything: the parameters that vary between them first, then each metric's
// last and best value, when, from which commit and with which verdict, and the parameters that are the same last.
func Table(runs []*worklog.Run) (head []string, rows [][]string) {
	var sums []worklog.Summary
	for _, r := range runs {
		sums = append(sums, r.Summary())
	}
	varying, same := paths(sums)
	metrics := metricNames(sums)
	head = append([]string{"run", "name"}, varying...)
	for _, m := range metrics {
		head = append(head, m, m+" best")
	}
	head = append(append(head, "seconds", "began", "commit", "state", "question", "hypothesis", "verdict"), same...)
	for _, s := range sums {
		row := []string{string(s.ID), s.Name}
		row = append(row, values(s, varying)...)
		for _, name := range metrics {
			last, best := "", ""
			if m, ok := s.Metric(name); ok {
				last, best = exact(m.Last.Value), exact(m.Best().Value)
			}
			row = append(row, last, best)
		}
		row = append(row, exact(s.Duration.Seconds()), s.Began.UTC().Format(time.RFC3339), s.Code.Commit, string(s.State), s.Question, s.Hypothesis, s.Verdict)
		rows = append(rows, append(row, values(s, same)...))
	}
	return head, rows
}

func exact(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func values(s worklog.Summary, paths []string) []string {
	have := map[string]string{}
	for _, p := range s.Params {
		have[p.Path] = p.Value
	}
	var out []string
	for _, path := range paths {
		out = append(out, have[path])
	}
	return out
}

// paths returns the parameters that differ between runs, or that some lack, and those that do not.
func paths(sums []worklog.Summary) (varying, same []string) {
	type seen struct {
		value  string
		runs   int
		varies bool
	}
	var order []string
	all := map[string]*seen{}
	for _, s := range sums {
		for _, p := range s.Params {
			have := all[p.Path]
			if have == nil {
				have = &seen{value: p.Value}
				all[p.Path] = have
				order = append(order, p.Path)
			}
			have.runs++
			have.varies = have.varies || have.value != p.Value
		}
	}
	for _, path := range order {
		if all[path].varies || all[path].runs != len(sums) {
			varying = append(varying, path)
		} else {
			same = append(same, path)
		}
	}
	return varying, same
}

func metricNames(sums []worklog.Summary) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range sums {
		for _, m := range s.Metrics {
			if !seen[m.Name] {
				seen[m.Name] = true
				out = append(out, m.Name)
			}
		}
	}
	return out
}
