// Package page makes what a worklog puts on a page: tables, and outlines of series small enough to
// stand in them.
package page

import (
	"html"
	"strings"
	"unicode/utf8"
)

// A Cell is one field of a table, as text and, where that is not its escaped text, as HTML.
type Cell struct{ Text, HTML string }

// Plain returns a cell of text.
func Plain(s string) Cell { return Cell{Text: s} }

// A Grid is a table that is ready to be written. Columns that no row fills are left out.
type Grid struct {
	Head []string // may be all empty
	Rows [][]Cell
	Foot []string // lines below the table
}

// dropEmpty removes the columns that no row fills.
func (g Grid) dropEmpty() Grid {
	out := Grid{Foot: g.Foot, Rows: make([][]Cell, len(g.Rows))}
	for c, head := range g.Head {
		filled := false
		for _, row := range g.Rows {
			filled = filled || row[c].Text != "" || row[c].HTML != ""
		}
		if !filled {
			continue
		}
		out.Head = append(out.Head, head)
		for i, row := range g.Rows {
			out.Rows[i] = append(out.Rows[i], row[c])
		}
	}
	return out
}

// headed reports whether any column has a name.
func (g Grid) headed() bool { return strings.Join(g.Head, "") != "" }

// HTML returns the table for a page.
func (g Grid) HTML() string {
	g = g.dropEmpty()
	var b strings.Builder
	b.WriteString(`<div style="overflow-x:auto">`)
	if len(g.Rows) > 0 {
		g.writeTable(&b)
	}
	for _, line := range g.Foot {
		b.WriteString(`<div style="font-size:85%;opacity:.7">` + html.EscapeString(line) + `</div>`)
	}
	b.WriteString(`</div>`)
	return b.String()
}

func (g Grid) writeTable(b *strings.Builder) {
	b.WriteString(`<table style="border-collapse:collapse;font-size:90%">`)
	if g.headed() {
		b.WriteString(`<thead><tr>`)
		for _, head := range g.Head {
			b.WriteString(`<th style="text-align:left;padding:2px 8px;border-bottom:1px solid currentColor">`)
			b.WriteString(html.EscapeString(head) + `</th>`)
		}
		b.WriteString(`</tr></thead>`)
	}
	b.WriteString(`<tbody>`)
	for _, row := range g.Rows {
		b.WriteString(`<tr>`)
		for _, c := range row {
			form := c.HTML
			if form == "" {
				form = html.EscapeString(c.Text)
			}
			b.WriteString(`<td style="text-align:left;padding:2px 8px;` + wrapping(c.Text) + `">` + form + `</td>`)
		}
		b.WriteString(`</tr>`)
	}
	b.WriteString(`</tbody></table>`)
}

// wrapping lets long texts take several lines, so that the columns after them stay in sight.
func wrapping(text string) string {
	if utf8.RuneCountInString(text) > 40 {
		return "min-width:16em;max-width:48em"
	}
	return "white-space:nowrap"
}

// Text returns the table with its columns aligned by blanks.
func (g Grid) Text() string {
	g = g.dropEmpty()
	width := make([]int, len(g.Head))
	for i, head := range g.Head {
		width[i] = utf8.RuneCountInString(head)
		for _, row := range g.Rows {
			width[i] = max(width[i], utf8.RuneCountInString(row[i].Text))
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
	if len(g.Rows) > 0 && g.headed() {
		line(func(i int) string { return g.Head[i] })
	}
	for _, row := range g.Rows {
		line(func(i int) string { return row[i].Text })
	}
	for _, l := range g.Foot {
		b.WriteString(l + "\n")
	}
	return b.String()
}
