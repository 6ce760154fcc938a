package display

import (
	"fmt"
	"html"
	"image"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lathe-go/lathe/pkg/internal/sheet"
)

const (
	maxRows    = 60 // rows shown of a table
	maxColumns = 30
	sortedFrom = 6 // rows from which a table with headings can be sorted and filtered on the page
)

// A grid is a table on its way to the page: a heading, columns, and rows of the same length.
type grid struct {
	caption string
	head    []string // empty for a list of names and values
	rows    [][]entry
	notice  string // what was left out
}

// An entry is one cell of a table.
type entry struct {
	text   string
	html   string // if set, stands for text on the page
	number bool   // aligned to the right
}

// Table returns rows as a table: a slice of structs or of pointers to them (a column for each exported
// field), a slice of maps with string keys (a column for each key), a slice of slices, a map or a
// struct. Columns, if given, are the ones to show, in their order. In JupyterLab, six rows or more with
// headings can be sorted by a click on one of these, and filtered by words and comparisons.
func Table(rows any, columns ...string) Object {
	g, ok := gridOf(rows)
	if !ok {
		return Object{BundleOf(rows)}
	}
	g.choose(columns)
	return Raw(map[string]any{mimeHTML: g.html(), mimePlain: g.text()})
}

// gridOf returns v as a grid if its kind calls for one.
func gridOf(value any) (*grid, bool) {
	v := reflect.ValueOf(value)
	if _, ok := ownText(v); ok {
		return nil, false
	}
	pointer := ""
	for v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct {
		v, pointer = v.Elem(), "*"
	}
	switch v.Kind() {
	case reflect.Struct:
		return structGrid(v, pointer+typeName(v.Type()))
	case reflect.Map:
		return mapGrid(v)
	case reflect.Slice, reflect.Array:
		return listGrid(v)
	}
	return nil, false
}

func structGrid(v reflect.Value, caption string) (*grid, bool) {
	g := &grid{caption: caption}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			g.rows = append(g.rows, []entry{{text: f.Name}, entryOf(v.Field(i))})
		}
	}
	if hidden := v.NumField() - len(g.rows); hidden > 0 {
		g.notice = fmt.Sprintf("and %d unexported fields", hidden)
	}
	return g, len(g.rows) > 0
}

func mapGrid(v reflect.Value) (*grid, bool) {
	keys := sortedMapKeys(v)
	if len(keys) == 0 {
		return nil, false
	}
	g := &grid{caption: fmt.Sprintf("%s of %d", v.Type(), len(keys))}
	keys = g.limit(len(keys), func(i int) reflect.Value { return keys[i] })
	values := make([]reflect.Value, len(keys))
	for i, k := range keys {
		values[i] = v.MapIndex(k)
	}
	cols, ok := columnsOf(values)
	if ok {
		g.head = append([]string{"key"}, cols...)
	}
	for i, k := range keys {
		row := []entry{{text: plainEntry(k).text}}
		if ok {
			row = append(row, rowOf(values[i], cols)...)
		} else {
			row = append(row, entryOf(values[i]))
		}
		g.rows = append(g.rows, row)
	}
	return g, true
}

// listGrid makes a row for each element that has columns: structs, maps with string keys, slices.
func listGrid(v reflect.Value) (*grid, bool) {
	n := v.Len()
	if n == 0 || !hasColumns(v.Type().Elem()) {
		return nil, false
	}
	g := &grid{caption: fmt.Sprintf("%s of %d", v.Type(), n)}
	elems := g.limit(n, v.Index)
	cols, ok := columnsOf(elems)
	if !ok {
		return matrixGrid(g, elems)
	}
	g.head = append([]string{""}, cols...)
	for i, e := range elems {
		index := entry{text: fmt.Sprint(originalIndex(i, n)), number: true}
		g.rows = append(g.rows, append([]entry{index}, rowOf(e, cols)...))
	}
	return g, true
}

// matrixGrid makes a grid of a slice of slices whose elements are plain.
func matrixGrid(g *grid, elems []reflect.Value) (*grid, bool) {
	width := 0
	for _, e := range elems {
		e = target(e)
		if !e.IsValid() || e.Kind() != reflect.Slice && e.Kind() != reflect.Array || hasColumns(e.Type().Elem()) {
			return nil, false
		}
		if e.Type().Elem().Kind() == reflect.Uint8 {
			return nil, false
		}
		width = max(width, e.Len())
	}
	shown := min(width, maxColumns)
	if shown < width {
		g.addNotice(fmt.Sprintf("%d more columns", width-shown))
	}
	for _, e := range elems {
		e = target(e)
		row := make([]entry, shown)
		for i := range min(shown, e.Len()) {
			row[i] = entryOf(e.Index(i))
		}
		g.rows = append(g.rows, row)
	}
	return g, width > 0
}

// limit returns at most maxRows of n elements, from both ends, and notes what it leaves out.
func (g *grid) limit(n int, at func(int) reflect.Value) []reflect.Value {
	out := make([]reflect.Value, 0, min(n, maxRows))
	for i := range min(n, maxRows) {
		out = append(out, at(originalIndex(i, n)))
	}
	if n > maxRows {
		g.addNotice(fmt.Sprintf("%d more rows between %d and %d", n-maxRows, maxRows/2-1, n-maxRows/2))
	}
	return out
}

// originalIndex tells which of n elements the i-th shown row is.
func originalIndex(i, n int) int {
	if n > maxRows && i >= maxRows/2 {
		return n - maxRows + i
	}
	return i
}

func (g *grid) addNotice(s string) {
	if g.notice != "" {
		g.notice += "; "
	}
	g.notice += s
}

// hasColumns tells whether values of type t may be rows.
func hasColumns(t reflect.Type) bool {
	if t.Implements(reflect.TypeFor[image.Image]()) || t.Implements(reflect.TypeFor[fmt.Stringer]()) ||
		t.Implements(reflect.TypeFor[error]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[fmt.Stringer]()) {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
		return t.Kind() == reflect.Struct
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Array:
		return true
	case reflect.Map:
		return t.Key().Kind() == reflect.String
	}
	return false
}

// target follows pointers and interfaces to the value that holds the columns.
func target(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v
}

// columnsOf returns the columns that rows have together: the fields of structs in their order, or the
// sorted keys of maps.
func columnsOf(rows []reflect.Value) ([]string, bool) {
	var cols []string
	keys := map[string]bool{}
	for _, r := range rows {
		if r.IsValid() && !hasColumns(r.Type()) {
			return nil, false
		}
		r = target(r)
		switch r.Kind() {
		case reflect.Invalid:
		case reflect.Struct:
			if cols == nil {
				cols = exported(r.Type())
			}
		case reflect.Map:
			for _, k := range r.MapKeys() {
				keys[k.String()] = true
			}
		default:
			return nil, false
		}
	}
	if cols == nil {
		for k := range keys {
			cols = append(cols, k)
		}
		slices.Sort(cols)
	}
	return cols, len(cols) > 0
}

func exported(t reflect.Type) []string {
	cols := []string{}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() {
			cols = append(cols, f.Name)
		}
	}
	return cols
}

func rowOf(v reflect.Value, cols []string) []entry {
	v = target(v)
	row := make([]entry, len(cols))
	for i, c := range cols {
		switch v.Kind() {
		case reflect.Struct:
			if f, ok := v.Type().FieldByName(c); ok && len(f.Index) == 1 {
				row[i] = entryOf(v.FieldByIndex(f.Index))
			}
		case reflect.Map:
			row[i] = entryOf(v.MapIndex(reflect.ValueOf(c).Convert(v.Type().Key())))
		}
	}
	return row
}

// entryOf returns v as a cell of a table; a value with a method HTML brings its own.
func entryOf(v reflect.Value) entry {
	e := plainEntry(v)
	if v.IsValid() && v.CanInterface() && !isNil(v) {
		if h, ok := v.Interface().(HTML); ok {
			e.html, e.text = string(h), textOfHTML(string(h))
		} else if out, ok, err := call(v.Interface(), "HTML"); ok && err == nil {
			e.html = fmt.Sprint(out)
		}
	}
	return e
}

func plainEntry(v reflect.Value) entry {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if !v.IsValid() {
		return entry{}
	}
	_, isNumber := number(v)
	if s, ok := ownText(v); ok {
		return entry{text: cut(firstLine(s), maxInText), number: isNumber}
	}
	if v.Kind() == reflect.String {
		return entry{text: cut(v.String(), maxInText)}
	}
	p := printer{max: cellSize, path: []visit{{}}}
	p.value(v)
	return entry{text: p.buf.String(), number: isNumber}
}

// choose keeps the given columns, in their order.
func (g *grid) choose(columns []string) {
	if len(columns) == 0 || len(g.head) == 0 {
		return
	}
	index := make([]int, len(columns))
	for i, c := range columns {
		index[i] = slices.Index(g.head, c)
	}
	for r, row := range g.rows {
		kept := make([]entry, len(columns))
		for i, j := range index {
			if j >= 0 {
				kept[i] = row[j]
			}
		}
		g.rows[r] = kept
	}
	g.head = columns
}

// text returns g in columns of equal width.
func (g *grid) text() string {
	lines := g.rows
	if len(g.head) > 0 {
		head := make([]entry, len(g.head))
		for i, h := range g.head {
			head[i] = entry{text: h, number: g.isNumeric(i)}
		}
		lines = append([][]entry{head}, g.rows...)
	}
	var widths []int
	for _, row := range lines {
		for i, e := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(oneLine(e.text)))
		}
	}
	var b strings.Builder
	b.WriteString(g.caption + "\n")
	for _, row := range lines {
		var line strings.Builder
		for i, e := range row {
			text := oneLine(e.text)
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if e.number && len(g.head) > 0 {
				text = pad + text
			} else {
				text += pad
			}
			line.WriteString("  " + text)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if g.notice != "" {
		b.WriteString("  … " + g.notice + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

func oneLine(s string) string { return strings.Join(strings.FieldsFunc(s, isBreak), " ") }

func isBreak(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }

func (g *grid) isNumeric(col int) bool {
	for _, row := range g.rows {
		if row[col].number {
			return true
		}
	}
	return false
}

// Styles come from the page where it has them, with values that read on light and dark where not.
const (
	tableStyle   = "border-collapse:collapse;margin:0.3em 0;font-size:var(--jp-code-font-size,13px);color:var(--jp-content-font-color1,inherit)"
	captionStyle = "text-align:left;caption-side:top;padding:0 0 0.3em;font-size:90%;color:var(--jp-content-font-color2,inherit)"
	headStyle    = "padding:0.25em 0.8em;font-weight:600;border-bottom:1px solid var(--jp-border-color1,rgba(128,128,128,.6));"
	cellStyle    = "padding:0.2em 0.8em;vertical-align:top;border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.25));"
	leftStyle    = "text-align:left"
	rightStyle   = "text-align:right;font-variant-numeric:tabular-nums"
)

// html returns g as a table with inline styles.
func (g *grid) html() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<table style="%s"><caption style="%s">%s</caption>`, tableStyle, captionStyle, html.EscapeString(g.caption))
	if len(g.head) > 0 {
		b.WriteString("<thead><tr>")
		for i, h := range g.head {
			fmt.Fprintf(&b, `<th style="%s">%s</th>`, headStyle+align(g.isNumeric(i)), html.EscapeString(h))
		}
		b.WriteString("</tr></thead>")
	}
	b.WriteString("<tbody>")
	for _, row := range g.rows {
		b.WriteString("<tr>")
		for i, e := range row {
			g.cellHTML(&b, i, e)
		}
		b.WriteString("</tr>")
	}
	b.WriteString("</tbody></table>")
	foot := ""
	if g.notice != "" {
		foot = fmt.Sprintf(`<div style="%s">… %s</div>`, captionStyle, html.EscapeString(g.notice))
	}
	if len(g.head) > 0 && len(g.rows) >= sortedFrom {
		return sheet.Sheet{Unit: "rows", Table: b.String(), Foot: foot}.HTML()
	}
	return b.String() + foot
}

func (g *grid) cellHTML(b *strings.Builder, col int, e entry) {
	content := e.html
	if content == "" {
		content = strings.ReplaceAll(html.EscapeString(e.text), "\n", "<br>")
	}
	if len(g.head) == 0 && col == 0 {
		fmt.Fprintf(b, `<th style="%s">%s</th>`, cellStyle+"font-weight:600;"+leftStyle, content)
		return
	}
	fmt.Fprintf(b, `<td style="%s">%s</td>`, cellStyle+align(e.number && len(g.head) > 0), content)
}

func align(number bool) string {
	if number {
		return rightStyle
	}
	return leftStyle
}

// textOfHTML returns the text of a fragment of HTML, without its tags and scripts: enough to read it
// where no page can show it.
func textOfHTML(s string) string {
	var b strings.Builder
	for s != "" {
		before, rest, ok := strings.Cut(s, "<")
		b.WriteString(before)
		if !ok {
			break
		}
		tag, after, _ := strings.Cut(rest, ">")
		s = after
		name := strings.ToLower(tag)
		switch {
		case strings.HasPrefix(name, "script"), strings.HasPrefix(name, "style"), strings.HasPrefix(name, "svg"):
			end := "</" + strings.FieldsFunc(name, func(r rune) bool { return r < 'a' || r > 'z' })[0]
			if i := strings.Index(strings.ToLower(s), end); i >= 0 {
				_, s, _ = strings.Cut(s[i:], ">")
			}
		case strings.HasPrefix(name, "/td"), strings.HasPrefix(name, "/th"):
			b.WriteString("\t")
		case strings.HasPrefix(name, "br"), strings.HasPrefix(name, "/tr"), strings.HasPrefix(name, "/p"), strings.HasPrefix(name, "/div"), strings.HasPrefix(name, "/li"), strings.HasPrefix(name, "/h"):
			b.WriteString("\n")
		}
	}
	return strings.TrimSpace(html.UnescapeString(b.String()))
}
