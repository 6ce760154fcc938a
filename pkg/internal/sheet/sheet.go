// Package sheet lets the reader of a page sort and filter a table. The table itself is whole without it:
// where no script runs, nothing of it is missing.
package sheet

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html"
	"strings"
)

//go:embed sheet.js
var source string

// A Sheet is a table that its reader may sort by a click on a heading and filter by what he types.
//
// Below a row of headings, columns are sorted as numbers where all cells are numbers, durations of Go
// or NaN, and else as text; cells that are empty or NaN come last. A cell that is to be sorted by
// something else than its text says that in the attribute data-key.
type Sheet struct {
	ID    string // names a table that is shown again and again, so that it stays sorted; else empty
	Unit  string // what a row is, as in "runs"
	Table string // a table element with one row of headings
	Foot  string // HTML below it
}

// HTML returns the sheet for a page.
func (s Sheet) HTML() string {
	id := s.ID
	if id == "" {
		h := fnv.New64a()
		h.Write([]byte(s.Table))
		id = fmt.Sprintf("%x", h.Sum64())
	}
	return fmt.Sprintf(`<div data-lathe-sheet="%s"><div style="overflow-x:auto">%s</div>%s</div><script>%s(%s,%s)</script>`,
		html.EscapeString(id), s.Table, s.Foot, strings.TrimSpace(source), script(id), script(s.Unit))
}

// script writes text as a string of JavaScript that cannot end the element it stands in.
func script(text string) string {
	b, _ := json.Marshal(text) // a string has a JSON form, and < is escaped in it
	return string(b)
}
