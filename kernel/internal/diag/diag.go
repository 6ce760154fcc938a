// Package diag holds diagnostics: what is wrong with the text of a cell, in the cell's own
// coordinates. A diagnostic is data; only the edge of the program makes it into text.
package diag

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Diagnostic is one problem in a cell.
type Diagnostic struct {
	Cell   string // as users see it, "In[3]"
	Text   string // the cell's text
	Offset int    // in bytes, into Text
	Msg    string
}

// List is an error that holds the diagnostics of one cell, in the order of their places.
type List []Diagnostic

// Error returns the first diagnostic and how many there are.
func (l List) Error() string {
	switch len(l) {
	case 0:
		return "no diagnostics"
	case 1:
		return l[0].String()
	}
	return fmt.Sprintf("%s (and %d more)", l[0], len(l)-1)
}

// Sort orders the list by cell and place. Of several problems at one place the first stays: a statement
// may be looked at twice, and then its problem has two wordings.
func (l List) Sort() List {
	slices.SortStableFunc(l, func(a, b Diagnostic) int {
		if c := strings.Compare(a.Cell, b.Cell); c != 0 {
			return c
		}
		return a.Offset - b.Offset
	})
	return slices.CompactFunc(l, func(a, b Diagnostic) bool {
		return a.Cell == b.Cell && a.Offset == b.Offset
	})
}

// Position returns the line and column of the problem; both start at 1, columns count characters.
func (d Diagnostic) Position() (line, column int) {
	before := d.Text[:min(max(d.Offset, 0), len(d.Text))]
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[start:])
}

// String returns "In[3]:2:7: message".
func (d Diagnostic) String() string {
	line, column := d.Position()
	return fmt.Sprintf("%s:%d:%d: %s", d.Cell, line, column, d.Msg)
}

// Excerpt returns the line of the problem with a caret below the place.
func (d Diagnostic) Excerpt() string {
	line, column := d.Position()
	return Line(d.Text, line) + "\n" + caretIndent(Line(d.Text, line), column) + "^"
}

// caretIndent returns white space as wide as the line before column; tabs stay tabs.
func caretIndent(line string, column int) string {
	var b strings.Builder
	for i, r := range []rune(line) {
		if i >= column-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Line returns line n of text, counted from 1, or "" if there is none.
func Line(text string, n int) string {
	for range n - 1 {
		_, rest, ok := strings.Cut(text, "\n")
		if !ok {
			return ""
		}
		text = rest
	}
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimRight(line, "\r")
}
