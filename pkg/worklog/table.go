package worklog

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lathe-go/lathe/pkg/chart"
	"github.com/lathe-go/lathe/pkg/worklog/internal/page"
)

// A List is runs, those that began last first. As the value of a cell it shows as a table: what varies
// between the runs first, then their metrics, then when, from which commit and with which verdict. In
// JupyterLab a click on a heading sorts it, and a field above it takes words and comparisons, as Runs
// does. A table shows 200 runs at most; those after them are in runs[200:].
type List []*Run

const (
	maxRows    = 200 // of a table; a List may be longer
	maxVarying = 10  // parameters that get a column
	maxMetrics = 6   // metrics that get a column
)

// HTML returns the table for a page.
func (l List) HTML() string { return l.grid(time.Now()).HTML() }

// String returns the table as text.
func (l List) String() string { return l.grid(time.Now()).Text() }

// grid lays the runs out.
func (l List) grid(now time.Time) page.Grid {
	sums := make([]Summary, min(len(l), maxRows))
	parallel(len(sums), func(i int) { sums[i] = l[i].Summary() })
	if len(sums) == 0 {
		return page.Grid{Foot: []string{"no runs"}}
	}
	varying, same := split(sums)
	metrics := names(sums)
	g := page.Grid{Head: []string{"run", "name"}, Unit: "runs"}
	g.Head = append(g.Head, varying[:min(len(varying), maxVarying)]...)
	for i, name := range columns(metrics) {
		g.Head = append(g.Head, name+arrow(name))
		if i == 0 {
			g.Head = append(g.Head, "best", "")
		}
	}
	g.Head = append(g.Head, "took", "when", "commit", "state", "tags", "hypothesis", "verdict")
	for _, s := range sums {
		g.Rows = append(g.Rows, row(s, varying, metrics, now))
	}
	g.Foot = foot(same, varying, metrics, len(l))
	if shared := sharedName(sums); shared != "" {
		for _, cells := range g.Rows {
			cells[1] = page.Cell{} // said once, below the table
		}
		g.Foot = append([]string{fmt.Sprintf("%d runs of %s", len(l), shared)}, g.Foot...)
	}
	return g
}

// sharedName returns the name of all runs, if there is more than one of them and all have the same.
func sharedName(sums []Summary) string {
	for _, s := range sums {
		if s.Name != sums[0].Name || len(sums) == 1 {
			return ""
		}
	}
	return sums[0].Name
}

func row(s Summary, varying, metrics []string, now time.Time) []page.Cell {
	cells := []page.Cell{page.Plain(shortID(s)), page.Plain(s.Name)}
	for _, path := range varying[:min(len(varying), maxVarying)] {
		p, _ := s.Param(path)
		cells = append(cells, page.Plain(clip(p.Value, 32)))
	}
	for i, name := range columns(metrics) {
		m, ok := s.Metric(name)
		if i > 0 {
			cells = append(cells, metricCell(m, ok))
			continue
		}
		cells = append(cells, lastCell(m, ok), bestCell(m, ok), page.Cell{Text: m.shape.Text(), HTML: m.shape.SVG()})
	}
	state := string(s.State)
	if s.Error != "" {
		state += ": " + clip(s.Error, 40)
	}
	if s.Lost > 0 {
		state += fmt.Sprintf(" (%d points lost)", s.Lost)
	}
	if s.Damage > 0 {
		state += fmt.Sprintf(" (%d bytes damaged)", s.Damage)
	}
	when := page.Keyed(ago(s.Began, now), float64(s.Began.UnixMilli())/1e3)
	return append(cells, page.Keyed(took(s.Duration), s.Duration.Seconds()), when, page.Plain(s.Code.short()),
		page.Plain(state), page.Plain(clip(strings.Join(s.Tags, " "), 40)), page.Plain(clip(s.Hypothesis, 60)), page.Plain(clip(s.Verdict, 60)))
}

// foot says what the columns leave out.
func foot(same []Param, varying, metrics []string, runs int) []string {
	var out []string
	if len(same) > 0 {
		var parts []string
		for _, p := range same[:min(len(same), 30)] {
			parts = append(parts, p.Path+"="+clip(p.Value, 32))
		}
		if n := len(same) - 30; n > 0 {
			parts = append(parts, fmt.Sprintf("and %d more", n))
		}
		out = append(out, "the same in all: "+strings.Join(parts, " "))
	}
	for _, hidden := range []struct {
		what string
		n    int
	}{{"parameters that differ", len(varying) - maxVarying}, {"metrics", len(metrics) - len(columns(metrics))}} {
		if hidden.n > 0 {
			out = append(out, fmt.Sprintf("not shown: %d %s", hidden.n, hidden.what))
		}
	}
	if runs > maxRows {
		out = append(out, fmt.Sprintf("the newest %d of %d runs; the next are in runs[%d:], and terms such as since:24h or LR<=0.01 choose fewer",
			maxRows, runs, maxRows))
	}
	return out
}

// split returns the paths of the parameters that differ between runs, and the parameters that do not.
func split(sums []Summary) (varying []string, same []Param) {
	type seen struct {
		Param
		runs   int
		varies bool
	}
	var order []*seen
	byPath := map[string]*seen{}
	for _, s := range sums {
		for _, p := range s.Params {
			have := byPath[p.Path]
			if have == nil {
				have = &seen{Param: p}
				byPath[p.Path] = have
				order = append(order, have)
			}
			have.runs++
			have.varies = have.varies || have.Value != p.Value
		}
	}
	for _, p := range order {
		if p.varies || p.runs != len(sums) {
			varying = append(varying, p.Path)
		} else {
			same = append(same, p.Param)
		}
	}
	return varying, same
}

// held matches metrics of data that was held back from training, by which a run is judged before others.
var held = regexp.MustCompile(`(?i)(^|[^a-z])(valid|validation|val|test|eval|dev)([^a-z]|$)`)

// names returns the metrics of all runs: those by which runs are judged first, those of data that was held
// back foremost, then the others, and last those of single layers.
func names(sums []Summary) []string {
	var first, judged, others, inner []string
	seen := map[string]bool{}
	for _, s := range sums {
		for _, m := range s.Metrics {
			switch {
			case seen[m.Name]:
			case isInner(m.Name):
				inner = append(inner, m.Name)
			case Better(m.Name) != 0 && held.MatchString(m.Name):
				first = append(first, m.Name)
			case Better(m.Name) != 0:
				judged = append(judged, m.Name)
			default:
				others = append(others, m.Name)
			}
			seen[m.Name] = true
		}
	}
	return slices.Concat(first, judged, others, inner)
}

// isInner reports whether a metric is of a single layer, of which a run has many.
func isInner(name string) bool { return strings.HasPrefix(name, "internals/") }

// columns returns those of the metrics that get a column.
func columns(metrics []string) []string {
	n := slices.IndexFunc(metrics, isInner)
	if n < 1 {
		n = len(metrics) // no layers, or nothing else
	}
	return metrics[:min(n, maxMetrics)]
}

func arrow(name string) string { return [3]string{" ↓", "", " ↑"}[Better(name)+1] }

// metricCell shows the last value, and the best one where it is another.
func metricCell(m Series, ok bool) page.Cell {
	if !ok || m.Count == 0 {
		return page.Cell{}
	}
	c := lastCell(m, ok)
	if best := m.Best(); best.Step != m.Last.Step && !math.IsNaN(best.Value) {
		more := " (best " + number(best.Value) + ")"
		c.HTML = html.EscapeString(c.Text) + `<span style="opacity:.65">` + html.EscapeString(more) + `</span>`
		c.Text += more
	}
	return c
}

// lastCell shows the last value.
func lastCell(m Series, ok bool) page.Cell {
	if !ok || m.Count == 0 {
		return page.Cell{}
	}
	return page.Keyed(number(m.Last.Value), m.Last.Value)
}

// bestCell shows the best value of a metric by which runs are judged.
func bestCell(m Series, ok bool) page.Cell {
	if best := m.Best(); ok && m.Count > 0 && Better(m.Name) != 0 && !math.IsNaN(best.Value) {
		return page.Keyed(number(best.Value), best.Value)
	}
	return page.Cell{}
}

// number writes a value with the digits that a table has room for.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

// shortID returns the part of the ID that people type.
func shortID(s Summary) string {
	id := string(s.ID)
	return id[strings.LastIndexByte(id, '-')+1:]
}

func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return t.Local().Format("2006-01-02 15:04")
}

// clip shortens s to n runes on one line.
func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// boardMetrics is how many metrics get a column.
const boardMetrics = 4

func (b *Board) grid() page.Grid {
	on := b.shown()
	if len(on) == 0 {
		return page.Grid{Foot: []string{"waiting for a run: " + cmp.Or(strings.Join(b.terms, " "), "none is at work")}}
	}
	var sums []Summary
	for _, f := range on {
		sums = append(sums, f.sum)
	}
	varying, _ := split(sums)
	varying = varying[:min(len(varying), maxVarying)]
	metrics := slices.DeleteFunc(names(sums), func(name string) bool { return name == b.metric })
	metrics = metrics[:min(len(metrics), boardMetrics-1)]
	if b.metric != "" {
		metrics = append([]string{b.metric}, metrics...)
	}
	g := page.Grid{Head: []string{"run", "name", "state"}, Unit: "runs", ID: b.id}
	g.Head = append(append(g.Head, varying...), "step", "steps/s", "left")
	for i, name := range metrics {
		g.Head = append(g.Head, name+arrow(name))
		if i == 0 {
			g.Head = append(g.Head, "")
		}
	}
	g.Head = append(g.Head, "took")
	shared := sharedName(sums)
	for _, f := range on {
		g.Rows = append(g.Rows, f.row(varying, metrics, shared))
	}
	g.Foot = b.foot(shared)
	return g
}

// row lays out one run; what all runs are called stands below the table.
func (f *followed) row(varying, metrics []string, shared string) []page.Cell {
	s := f.sum
	name := s.Name
	if name == shared {
		name = ""
	}
	cells := []page.Cell{page.Plain(shortID(s)), page.Plain(name), stateCell(s)}
	for _, path := range varying {
		p, _ := s.Param(path)
		cells = append(cells, page.Plain(clip(p.Value, 32)))
	}
	total, rate, left := f.pace()
	step, speed, remaining := page.Cell{}, page.Cell{}, page.Cell{}
	if s.Points > 0 {
		step = page.Keyed(strconv.Itoa(f.agg.Top), float64(f.agg.Top))
		if total > 0 {
			step.Text += "/" + strconv.Itoa(total)
		}
	}
	if rate > 0 {
		speed = page.Keyed(strconv.FormatFloat(rate, 'g', 3, 64), rate)
	}
	if left > 0 {
		remaining = page.Keyed(took(left), left.Seconds())
	}
	cells = append(cells, step, speed, remaining)
	for i, name := range metrics {
		m, ok := s.Metric(name)
		cells = append(cells, lastCell(m, ok))
		if i == 0 {
			cells = append(cells, page.Cell{Text: m.shape.Text(), HTML: m.shape.SVG()})
		}
	}
	return append(cells, page.Keyed(took(s.Duration), s.Duration.Seconds()))
}

// stateColours are those of the dot before a state. They can be told apart on light and dark.
var stateColours = map[State]string{Running: "#2f9e44", Finished: "#868e96", Interrupted: "#e67700", Failed: "#e03131", Lost: "#e03131"}

func stateCell(s Summary) page.Cell {
	c := page.Plain(string(s.State))
	if s.Error != "" {
		c.Text += ": " + clip(s.Error, 40)
	}
	c.HTML = fmt.Sprintf(`<span style="color:%s">●</span> %s`, stateColours[s.State], html.EscapeString(c.Text))
	return c
}

func (b *Board) foot(shared string) []string {
	n := b.States()
	var parts []string
	for _, state := range []State{Running, Finished, Failed, Interrupted, Lost} {
		if n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	line := strings.Join(parts, ", ")
	if shared != "" {
		line = shared + ": " + line
	}
	if b.left > 0 {
		return []string{line, fmt.Sprintf("not shown: %d older runs", b.left)}
	}
	return []string{line}
}

// Parallel returns a chart of parallel coordinates: an axis for each parameter that varies, logarithmic
// where its values span more than two decades and of words where they are not numbers, and one for the
// best value of a metric. Runs without a finite value of the metric are left out.
func (l List) Parallel(name string) *chart.Chart {
	var sums []Summary
	for _, r := range l {
		s := r.Summary()
		if m, ok := s.Metric(name); ok && !math.IsNaN(m.Best().Value) && !math.IsInf(m.Best().Value, 0) {
			sums = append(sums, s)
		}
	}
	varying, _ := split(sums)
	varying = varying[:min(len(varying), maxVarying)]
	rows := make([]any, len(sums))
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, s := range sums {
		row := make([]any, 0, len(varying)+1)
		for _, path := range varying {
			p, _ := s.Param(path)
			row = append(row, p.Value)
		}
		m, _ := s.Metric(name)
		best := m.Best().Value
		lo, hi = min(lo, best), max(hi, best)
		rows[i] = map[string]any{"name": shortID(s), "value": append(row, best)}
	}
	var axes []any
	for i, path := range varying {
		axes = append(axes, parallelAxis(path, i, rows))
	}
	axes = append(axes, map[string]any{"dim": len(varying), "name": name})
	return chart.Echarts(coordinates{
		"title": map[string]any{"text": fmt.Sprintf("%s of %d runs", name, len(sums)), "left": "center"}, "tooltip": map[string]any{},
		"parallel": map[string]any{"top": 80, "left": 60, "right": 80}, "parallelAxis": axes,
		"visualMap": map[string]any{"type": "continuous", "show": false, "dimension": len(varying), "min": lo, "max": hi,
			"inRange": map[string]any{"color": shades(Better(name))}},
		"series": []any{map[string]any{"type": "parallel", "name": "runs", "data": rows, "lineStyle": map[string]any{"width": 2, "opacity": 0.6}}},
	})
}

// shades returns the colours of low to high values of a metric: strong ones where it is better.
func shades(better int) []any {
	colours := []any{"#0b3c8c", "#2a9d8f", "#e9c46a", "#f4a261"}
	if better > 0 {
		slices.Reverse(colours)
	}
	return colours
}

// coordinates is the option of a chart of parallel coordinates.
type coordinates map[string]any

// Validate does nothing: the option is complete.
func (c coordinates) Validate() {}

// JSON returns the option.
func (c coordinates) JSON() map[string]any { return c }

// parallelAxis makes the axis of column dim, and numbers of its values if all are numbers.
func parallelAxis(path string, dim int, rows []any) map[string]any {
	axis := map[string]any{"name": path, "dim": dim}
	var words []string
	lo, hi := math.Inf(1), math.Inf(-1)
	numbers := make([]float64, len(rows))
	for i, row := range rows {
		text := row.(map[string]any)["value"].([]any)[dim].(string)
		f, ok := Param{Value: text}.Float()
		if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
			hi = math.NaN()
		}
		numbers[i], lo, hi = f, min(lo, f), max(hi, f)
		if !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	if math.IsNaN(hi) {
		slices.Sort(words)
		axis["type"], axis["data"] = "category", words
		return axis
	}
	for i, row := range rows {
		row.(map[string]any)["value"].([]any)[dim] = numbers[i]
	}
	if lo > 0 && hi/lo > 100 {
		axis["type"] = "log"
	}
	return axis
}
