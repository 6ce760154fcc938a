package worklog

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/pkg/worklog/internal/page"
)

// A Change is one thing that is not the same in two runs. An empty side has no such thing.
type Change struct {
	What string // "parameter", "code", "data", "environment" or "metric"
	Path string // which one, for instance "Optimizer.LR"
	A, B string
}

// Changes are the differences between two runs, as Diff lists them, the likeliest cause first: code, data,
// parameters with the seed as the last of them, environment, and then what came of it all, the metrics. As the value of a cell they show as a table.
type Changes struct {
	A, B Summary
	List []Change
}

// Diff returns what differs between two runs. Either may be nil, such as the run before the first.
func Diff(a, b *Run) Changes {
	a.awaitCode()
	b.awaitCode()
	c := Changes{A: a.Summary(), B: b.Summary()}
	if a == nil || b == nil {
		return c
	}
	c.compareCode(a, b)
	c.compare("data", dataMap(c.A), dataMap(c.B), nil)
	c.compare("parameter", paramMap(c.A), paramMap(c.B), byEffect(order(c.A, c.B)))
	c.compare("environment", envMap(c.A.Env), envMap(c.B.Env), nil)
	c.compare("metric", metricMap(c.A), metricMap(c.B), names([]Summary{c.A, c.B}))
	return c
}

// compare lists the keys whose values differ, in the given order and the others sorted.
func (c *Changes) compare(what string, a, b map[string]string, first []string) {
	keys := slices.Clone(first)
	seen := map[string]bool{}
	for _, k := range keys {
		seen[k] = true
	}
	for _, m := range []map[string]string{a, b} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !seen[k] {
				keys = append(keys, k)
				seen[k] = true
			}
		}
	}
	for _, k := range keys {
		if a[k] != b[k] {
			c.List = append(c.List, Change{what, k, a[k], b[k]})
		}
	}
}

// telling matches the parameters that commonly decide how a run goes.
var telling = regexp.MustCompile(`(?i)(^|\.)(lr|.*(learning.?rate|optimi[sz]er|loss|schedule|batch|width|hidden|depth|layers|dropout|decay|augment|steps|epochs).*)$`)

// byEffect moves parameters that commonly decide how a run goes to the front and the seed to the end.
func byEffect(paths []string) []string {
	rank := func(path string) int {
		switch {
		case strings.EqualFold(path[strings.LastIndexByte(path, '.')+1:], "seed"):
			return 2
		case telling.MatchString(path):
			return 0
		}
		return 1
	}
	slices.SortStableFunc(paths, func(a, b string) int { return rank(a) - rank(b) })
	return paths
}

func order(a, b Summary) []string {
	var out []string
	for _, p := range slices.Concat(a.Params, b.Params) {
		if !slices.Contains(out, p.Path) {
			out = append(out, p.Path)
		}
	}
	return out
}

func paramMap(s Summary) map[string]string {
	m := map[string]string{}
	for _, p := range s.Params {
		m[p.Path] = p.Value
	}
	if s.Seed != nil {
		if p, ok := s.Param("Seed"); !ok || p.Value != strconv.FormatInt(*s.Seed, 10) {
			m["seed"] = strconv.FormatInt(*s.Seed, 10)
		}
	}
	return m
}

func dataMap(s Summary) map[string]string {
	m := map[string]string{}
	for _, d := range s.Data {
		m[d.Name] = d.Digest
	}
	return m
}

func codeMap(c Code) map[string]string {
	m := map[string]string{"commit": c.Commit, "branch": c.Branch, "content": cmp.Or(c.Tree, c.Digest)}
	m["changed files"] = strings.Join(c.Changed, " ")
	m["go.mod and go.sum"] = c.Module
	return m
}

func envMap(e Env) map[string]string {
	m := map[string]string{
		"go": e.Go, "os": e.OS, "host": e.Host, "cpu": e.CPU, "cpus": fmt.Sprint(e.CPUs), "memory": bytesText(e.Memory),
	}
	maps.Copy(m, e.Modules)
	maps.Copy(m, e.Facts)
	return m
}

func metricMap(s Summary) map[string]string {
	m := map[string]string{}
	for _, series := range s.Metrics {
		m[series.Name] = metricCell(series, true).Text
	}
	return m
}

// bytesText writes a size for people.
func bytesText(n int64) string {
	if n == 0 {
		return ""
	}
	v, unit := float64(n), 0
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	return strconv.FormatFloat(v, 'g', 4, 64) + " " + [5]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
}

func (c Changes) grid() page.Grid {
	if c.A.ID == "" || c.B.ID == "" {
		return page.Grid{Foot: []string{"there is no other run to compare with"}}
	}
	g := page.Grid{Head: []string{"what", "which", shortID(c.A), shortID(c.B)}}
	for _, ch := range c.List {
		g.Rows = append(g.Rows, []page.Cell{page.Plain(ch.What), page.Plain(ch.Path), page.Plain(brief(ch.A)), page.Plain(brief(ch.B))})
	}
	if len(c.List) == 0 {
		g.Foot = []string{"the two runs are the same in all that was recorded"}
	}
	return g
}

// brief shortens a value to what a table has room for: of a digest, enough to tell it from another.
func brief(s string) string {
	if len(s) >= 32 && strings.Trim(s, "0123456789abcdef") == "" {
		return s[:12] + "…"
	}
	return clip(s, 60)
}

// HTML returns the changes as a table for a page.
func (c Changes) HTML() string { return c.grid().HTML() }

// String returns the changes as a table of text.
func (c Changes) String() string { return c.grid().Text() }
