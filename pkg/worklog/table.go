package worklog

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A List is runs, those that began last first. As the value of a cell it shows as a table: what varies
// between the runs first, then their metrics, then when, from which commit and with which verdict.
type List []*Run

const (
	maxRows    = 100 // of a table; a List may be longer
	maxVarying = 10  // parameters that get a column
	maxMetrics = 6   // metrics that get a column
)

// A cell is one field of a table, as text and, where that is not its escaped text, as HTML.
type cell struct{ text, html string }

func plain(s string) cell { return cell{text: s} }

// A grid is a table that is ready to be written.
type grid struct {
	head []string
	rows [][]cell
	foot []string
}

// HTML returns the table for a page.
func (l List) HTML() string { return l.grid(time.Now()).html() }

// String returns the table as text.
func (l List) String() string { return l.grid(time.Now()).text() }

// grid lays the runs out.
func (l List) grid(now time.Time) grid {
	var sums []Summary
	for _, r := range l[:min(len(l), maxRows)] {
		sums = append(sums, r.Summary())
	}
	if len(sums) == 0 {
		return grid{foot: []string{"no runs"}}
	}
	varying, same := split(sums)
	metrics := names(sums)
	g := grid{head: []string{"run", "name"}}
	g.head = append(g.head, varying[:min(len(varying), maxVarying)]...)
	for i, name := range metrics[:min(len(metrics), maxMetrics)] {
		g.head = append(g.head, name+arrow(name))
		if i == 0 {
			g.head = append(g.head, "")
		}
	}
	g.head = append(g.head, "took", "when", "commit", "state", "verdict")
	for _, s := range sums {
		g.rows = append(g.rows, row(s, varying, metrics, now))
	}
	g.foot = foot(same, varying, metrics, len(l))
	return g
}

func row(s Summary, varying, metrics []string, now time.Time) []cell {
	cells := []cell{plain(shortID(s)), plain(s.Name)}
	for _, path := range varying[:min(len(varying), maxVarying)] {
		p, _ := s.Param(path)
		cells = append(cells, plain(clip(p.Value, 32)))
	}
	for i, name := range metrics[:min(len(metrics), maxMetrics)] {
		m, ok := s.Metric(name)
		cells = append(cells, metricCell(m, ok))
		if i == 0 {
			cells = append(cells, cell{m.shape.text(), m.shape.svg()})
		}
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
	return append(cells, plain(took(s.Duration)), plain(ago(s.Began, now)), plain(s.Code.short()),
		plain(state), plain(clip(s.Verdict, 60)))
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
	}{{"parameters that differ", len(varying) - maxVarying}, {"metrics", len(metrics) - maxMetrics}, {"older runs", runs - maxRows}} {
		if hidden.n > 0 {
			out = append(out, fmt.Sprintf("not shown: %d %s", hidden.n, hidden.what))
		}
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

// names returns the metrics of all runs: those by which runs are judged first, then the others.
func names(sums []Summary) []string {
	var judged, others []string
	seen := map[string]bool{}
	for _, s := range sums {
		for _, m := range s.Metrics {
			switch {
			case seen[m.Name]:
			case Better(m.Name) != 0:
				judged = append(judged, m.Name)
			default:
				others = append(others, m.Name)
			}
			seen[m.Name] = true
		}
	}
	return append(judged, others...)
}

func arrow(name string) string { return [3]string{" ↓", "", " ↑"}[Better(name)+1] }

// metricCell shows the last value, and the best one where it is another.
func metricCell(m Series, ok bool) cell {
	if !ok || m.Count == 0 {
		return cell{}
	}
	s := number(m.Last.Value)
	if best := m.Best(); best.Step != m.Last.Step && !math.IsNaN(best.Value) {
		s += " (best " + number(best.Value) + ")"
	}
	return plain(s)
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

// dropEmpty removes the columns that no row fills.
func (g grid) dropEmpty() grid {
	out := grid{foot: g.foot, rows: make([][]cell, len(g.rows))}
	for c, head := range g.head {
		filled := false
		for _, row := range g.rows {
			filled = filled || row[c].text != "" || row[c].html != ""
		}
		if !filled {
			continue
		}
		out.head = append(out.head, head)
		for i, row := range g.rows {
			out.rows[i] = append(out.rows[i], row[c])
		}
	}
	return out
}

// headed reports whether any column has a name.
func (g grid) headed() bool { return strings.Join(g.head, "") != "" }

func (g grid) html() string {
	g = g.dropEmpty()
	var b strings.Builder
	b.WriteString(`<div style="overflow-x:auto">`)
	if len(g.rows) > 0 {
		b.WriteString(`<table style="border-collapse:collapse;font-size:90%">`)
		if g.headed() {
			b.WriteString(`<thead><tr>`)
			for _, head := range g.head {
				b.WriteString(`<th style="text-align:left;padding:2px 8px;border-bottom:1px solid currentColor">` + html.EscapeString(head) + `</th>`)
			}
			b.WriteString(`</tr></thead>`)
		}
		b.WriteString(`<tbody>`)
		for _, row := range g.rows {
			b.WriteString(`<tr>`)
			for _, c := range row {
				form := c.html
				if form == "" {
					form = html.EscapeString(c.text)
				}
				b.WriteString(`<td style="text-align:left;padding:2px 8px;white-space:nowrap">` + form + `</td>`)
			}
			b.WriteString(`</tr>`)
		}
		b.WriteString(`</tbody></table>`)
	}
	for _, line := range g.foot {
		b.WriteString(`<div style="font-size:85%;opacity:.7">` + html.EscapeString(line) + `</div>`)
	}
	b.WriteString(`</div>`)
	return b.String()
}

func (g grid) text() string {
	g = g.dropEmpty()
	width := make([]int, len(g.head))
	for i, head := range g.head {
		width[i] = utf8.RuneCountInString(head)
		for _, row := range g.rows {
			width[i] = max(width[i], utf8.RuneCountInString(row[i].text))
		}
	}
	var b strings.Builder
	line := func(field func(i int) string) {
		var l strings.Builder
		for i, w := range width {
			s := field(i)
			l.WriteString(s + strings.Repeat(" ", w-utf8.RuneCountInString(s)+2))
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	if len(g.rows) > 0 && g.headed() {
		line(func(i int) string { return g.head[i] })
	}
	for _, row := range g.rows {
		line(func(i int) string { return row[i].text })
	}
	for _, l := range g.foot {
		b.WriteString(l + "\n")
	}
	return b.String()
}
