// Package page makes what a worklog puts on a page: tables, and outlines of series small enough to
// stand in them.
package page

import (
	"html"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lathe-go/lathe/pkg/internal/sheet"
)

// A Cell is one field of a table, as text and, where that is not its escaped text, as HTML.
type Cell struct {
	Text, HTML string
	Key        string // what it is sorted and compared by, if not the text
}

// Plain returns a cell of text.
func Plain(s string) Cell { return Cell{Text: s} }

// Keyed returns a cell of text that stands for a number.
func Keyed(s string, key float64) Cell {
	return Cell{Text: s, Key: strconv.FormatFloat(key, 'g', -1, 64)}
}

// key returns what c is sorted and compared by.
func (c Cell) key() string {
	if c.Key != "" {
		return c.Key
	}
	return c.Text
}

// A Grid is a table that is ready to be written. Columns that no row fills are left out.
type Grid struct {
	Head []string // may be all empty
	Rows [][]Cell
	Foot []string // lines below the table
	Unit string   // what a row is, as in "runs", if the reader of the page may sort and filter the rows
	ID   string   // names a grid with a unit that is shown again and again
}

// dropEmpty removes the columns that no row fills.
func (g Grid) dropEmpty() Grid {
	out := g
	out.Head, out.Rows = nil, make([][]Cell, len(g.Rows))
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
	var table, foot strings.Builder
	if len(g.Rows) > 0 {
		g.writeTable(&table)
	}
	for _, line := range g.Foot {
		foot.WriteString(`<div style="font-size:85%;opacity:.7">` + html.EscapeString(line) + `</div>`)
	}
	if g.Unit != "" && g.headed() && (len(g.Rows) > 1 || g.ID != "") {
		return sheet.Sheet{ID: g.ID, Unit: g.Unit, Table: table.String(), Foot: foot.String()}.HTML()
	}
	return `<div style="overflow-x:auto">` + table.String() + foot.String() + `</div>`
}

// numeric reports whether a column holds numbers alone, or what stands for numbers, so that its cells are
// easier to compare when they end below each other.
func (g Grid) numeric(column int) bool {
	some := false
	for _, row := range g.Rows {
		key := row[column].key()
		if key == "" {
			continue
		}
		if _, err := strconv.ParseFloat(key, 64); err != nil {
			return false
		}
		some = true
	}
	return some
}

// classes returns the class of each column.
func (g Grid) classes() []string {
	out := make([]string, len(g.Head))
	for i := range out {
		if g.headed() && g.numeric(i) {
			out[i] = "n"
		}
	}
	return out
}

// style holds for all tables of this package; with a style of its own in each cell, a table of some hundred
// rows would be twice as long. Columns of class n are of numbers, cells of class w of long texts, which
// take several lines, so that the columns after them stay in sight. The class stands there twice to outdo
// the styles of JupyterLab and nbconvert.
const style = `<style>table.lathe-grid{border-collapse:collapse;font-size:90%}` +
	`table.lathe-grid.lathe-grid th,table.lathe-grid.lathe-grid td{text-align:left;padding:2px 8px;white-space:nowrap}` +
	`table.lathe-grid.lathe-grid th{border-bottom:1px solid currentColor}` +
	`table.lathe-grid.lathe-grid .n.n{text-align:right;font-variant-numeric:tabular-nums}` +
	`table.lathe-grid.lathe-grid .w.w{white-space:normal;min-width:16em;max-width:48em}</style>`

func (g Grid) writeTable(b *strings.Builder) {
	b.WriteString(style + `<table class="lathe-grid">`)
	classes := g.classes()
	if g.headed() {
		b.WriteString(`<thead><tr>`)
		for i, head := range g.Head {
			b.WriteString(`<th scope="col"` + attribute("class", classes[i]) + `>` + html.EscapeString(head) + `</th>`)
		}
		b.WriteString(`</tr></thead>`)
	}
	b.WriteString(`<tbody>`)
	for _, row := range g.Rows {
		b.WriteString(`<tr>`)
		for i, c := range row {
			c.write(b, classes[i])
		}
		b.WriteString(`</tr>`)
	}
	b.WriteString(`</tbody></table>`)
}

func (c Cell) write(b *strings.Builder, class string) {
	form := c.HTML
	if form == "" {
		form = html.EscapeString(c.Text)
	}
	if utf8.RuneCountInString(c.Text) > 64 {
		class = "w"
	}
	b.WriteString(`<td` + attribute("class", class) + attribute("data-key", c.Key) + `>` + form + `</td>`)
}

// attribute returns an attribute of an element, or nothing without a value.
func attribute(name, value string) string {
	if value == "" {
		return ""
	}
	return " " + name + `="` + html.EscapeString(value) + `"`
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
