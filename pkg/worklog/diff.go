package worklog

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/pkg/worklog/internal/lines"
	"github.com/lathe-go/lathe/pkg/worklog/internal/page"
)

// A Change is one thing that is not the same in two runs. An empty side has no such thing.
type Change struct {
	What string // "code", "cell", "data", "parameter", "environment" or "metric"
	Path string // which one, for instance "Optimizer.LR"
	A, B string
}

// Changes are the differences between two runs, as Diff lists them, the likeliest cause first: code, the cells of
// the notebook, data, parameters with the seed as the last of them, environment, and then what came of it all, the
// metrics. As the value of a cell they show as a table, with the lines below it in which cells differ.
type Changes struct {
	A, B Summary
	List []Change

	edits []cellEdit
}

// A cellEdit is how one cell became another.
type cellEdit struct {
	what string
	diff lines.Diff
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
	if err := c.compareCells(a, b); err != nil {
		c.List = append(c.List, Change{"cell", "unknown", err.Error(), ""})
	}
	c.compare("data", dataMap(c.A), dataMap(c.B), nil)
	c.compare("parameter", paramMap(c.A), paramMap(c.B), byEffect(order(c.A, c.B)))
	c.compare("environment", envMap(c.A.Env), envMap(c.B.Env), nil)
	c.compare("metric", metricMap(c.A), metricMap(c.B), names([]Summary{c.A, c.B}))
	return c
}

// A distinct cell is one text of a session, under the name of its last execution.
type distinctCell struct {
	Cell
	lines []string
	used  bool // it is the earlier form of another
}

// distinct returns the texts of cells in the order of their last executions.
func distinct(cells []Cell) []*distinctCell {
	var out []*distinctCell
	seen := map[string]bool{}
	for _, c := range slices.Backward(cells) {
		if !seen[c.Digest] {
			seen[c.Digest] = true
			out = append(out, &distinctCell{Cell: c, lines: lines.Split(c.Text)})
		}
	}
	slices.Reverse(out)
	return out
}

// without returns the cells of a whose texts are not in b.
func without(a, b []*distinctCell) []*distinctCell {
	return slices.DeleteFunc(slices.Clone(a), func(c *distinctCell) bool {
		return slices.ContainsFunc(b, func(o *distinctCell) bool { return o.Digest == c.Digest })
	})
}

// compareCells lists the cells that only one of the sessions has executed, each beside the one that it is most
// like; where all texts are the same, the order of their executions counts.
func (c *Changes) compareCells(a, b *Run) error {
	cellsA, errA := a.Cells()
	cellsB, errB := b.Cells()
	if err := errors.Join(errA, errB); err != nil || len(cellsA) == 0 || len(cellsB) == 0 {
		return err
	}
	all, later := distinct(cellsA), distinct(cellsB)
	onlyA, onlyB := without(all, later), without(later, all)
	for _, cell := range onlyB {
		old := cell.likest(onlyA)
		if old == nil {
			old = cell.likest(all)
		}
		if old == nil {
			c.List = append(c.List, Change{"cell", cell.Name, "", cell.source()})
			continue
		}
		old.used = true
		name := cell.Name
		if old.Name != name {
			name += ", was " + old.Name
		}
		d := lines.Compare(old.lines, cell.lines)
		c.List = append(c.List, Change{"cell", name, strings.Join(d.A, "\n"), strings.Join(d.B, "\n")})
		c.edits = append(c.edits, cellEdit{name, d})
	}
	for _, cell := range onlyA {
		if !cell.used {
			c.List = append(c.List, Change{"cell", cell.Name, cell.source(), ""})
		}
	}
	if len(onlyA)+len(onlyB) == 0 {
		c.compareOrder(cellsA, cellsB, all)
	}
	return nil
}

// compareOrder says in which order the same cells ran, by the names that the first session has for them.
func (c *Changes) compareOrder(a, b []Cell, texts []*distinctCell) {
	name := map[string]string{}
	for _, t := range texts {
		name[t.Digest] = t.Name
	}
	order := func(cells []Cell) string {
		var names []string
		for _, cell := range cells {
			names = append(names, name[cell.Digest])
		}
		return strings.Join(names, " ")
	}
	if before, after := order(a), order(b); before != after {
		c.List = append(c.List, Change{"cell", "order", before, after})
	}
}

// likest returns the cell of list that shares most lines with c, at least half of them, and is no other cell's
// earlier form; nil if there is none.
func (c *distinctCell) likest(list []*distinctCell) *distinctCell {
	var best *distinctCell
	most := 0.5
	for _, o := range slices.Backward(list[max(0, len(list)-maxCompared):]) {
		if o.used || len(o.lines)+len(c.lines) == 0 {
			continue
		}
		part := 2 * float64(lines.Compare(o.lines, c.lines).Same) / float64(len(o.lines)+len(c.lines))
		if len(o.lines) == 1 && len(c.lines) == 1 && alike(o.Text, c.Text) {
			part = 1
		}
		if part >= most && (best == nil || part > most) {
			best, most = o, part
		}
	}
	return best
}

// maxCompared bounds how many cells one is compared with.
const maxCompared = 200

// alike reports whether two lines begin with the same word and share half their words.
func alike(a, b string) bool {
	wordsA, wordsB := strings.Fields(a), strings.Fields(b)
	if len(wordsA) == 0 || len(wordsB) == 0 || wordsA[0] != wordsB[0] {
		return false
	}
	return 4*lines.Compare(wordsA, wordsB).Same >= len(wordsA)+len(wordsB)
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
	m := map[string]string{"go": e.Go, "os": e.OS, "host": e.Host, "cpu": e.CPU, "memory": bytesText(e.Memory)}
	if e.CPUs > 0 { // a run that was imported knows of none
		m["cpus"] = strconv.Itoa(e.CPUs)
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

// HTML returns the changes as a table for a page, and the lines in which cells differ.
func (c Changes) HTML() string {
	var b strings.Builder
	b.WriteString(c.grid().HTML())
	for _, e := range c.edits {
		b.WriteString(`<details open><summary>` + html.EscapeString(e.what) + `</summary><pre style="margin:2px 8px;overflow-x:auto">`)
		for _, l := range e.diff.Short(3) {
			style := map[byte]string{'-': ` style="background:rgba(220,60,60,.2)"`, '+': ` style="background:rgba(60,180,75,.2)"`}[l.Sign]
			fmt.Fprintf(&b, "<span%s>%c %s</span>\n", style, l.Sign, html.EscapeString(l.Line))
		}
		b.WriteString(`</pre></details>`)
	}
	return b.String()
}

// String returns the changes as a table of text, and the lines in which cells differ.
func (c Changes) String() string {
	var b strings.Builder
	b.WriteString(c.grid().Text())
	for _, e := range c.edits {
		fmt.Fprintf(&b, "\n%s\n", e.what)
		for _, l := range e.diff.Short(3) {
			fmt.Fprintf(&b, "%c %s\n", l.Sign, l.Line)
		}
	}
	return b.String()
}
