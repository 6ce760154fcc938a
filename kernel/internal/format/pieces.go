package format

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
)

// A kind says how a piece of a cell is laid out.
type kind int

const (
	either  kind = iota // as what is next to it
	file                // as declarations of a file
	body                // as statements of a function
	foreign             // not at all
)

// A piece is a part of a cell that is laid out by itself.
type piece struct {
	kind kind
	text string // without blank lines around it
	at   int    // where it stands in the cell
	gap  string // what is before it: the end of a line, and a blank line if there are some
}

// A cutter cuts a cell into pieces.
type cutter struct {
	text   string
	done   int  // what is before belongs to pieces
	end    int  // of the text of the last piece
	kind   kind // of the piece that has begun
	pieces []piece
}

// pieces cuts the text of a cell, which parses, into lines that are kept, declarations and statements.
func pieces(text string) []piece {
	parts := cell.Parts(text)
	text = withoutStrays(text, parts)
	c := &cutter{text: text}
	end := 0 // of the part before
	for _, p := range parts {
		c.clauses(end, p.Start)
		switch k := kindOf(p.Kind); {
		case k == foreign:
			c.keep(lineStart(text, p.Start), p.End)
		case k == either || k == c.kind:
		default:
			if c.kind != either {
				c.cut(c.boundary(max(end, c.done), p.Start))
			}
			c.kind = k
		}
		end = p.End
	}
	c.clauses(end, len(text))
	c.cut(len(text))
	return c.pieces
}

// kindOf tells what a part of a cell wants to be laid out as.
func kindOf(k cell.Kind) kind {
	switch k {
	case cell.Import, cell.Func, cell.Type:
		return file
	case cell.Stmt:
		return body
	case cell.Directive:
		return foreign
	}
	return either
}

// cut makes a piece of the Go before an offset, if there is some.
func (c *cutter) cut(to int) {
	raw := c.text[c.done:to]
	text := strings.Trim(raw, " \t\r\n")
	start := c.done + strings.Index(raw, text)
	if text != "" {
		c.pieces = append(c.pieces, piece{c.kind, text, start, breakIn(c.text[c.end:start])})
		c.end = start + len(text)
	}
	c.done, c.kind = to, either
}

// keep makes a piece of whole lines that are kept as they are.
func (c *cutter) keep(from, to int) {
	c.cut(from)
	c.pieces = append(c.pieces, piece{foreign, c.text[from:to], from, breakIn(c.text[c.end:from])})
	c.done, c.end = to, to
}

// breakIn returns the end of the line, and a blank line if white space has some.
func breakIn(space string) string {
	if strings.Count(space, "\n") > 1 {
		return "\n\n"
	}
	return "\n"
}

// clause is a package clause, which a cell may have and which means nothing.
var clause = regexp.MustCompile(`package\s+[\pL_][\pL\p{Nd}_]*`)

// clauses keeps the package clauses between two parts.
func (c *cutter) clauses(from, to int) {
	for _, s := range clause.FindAllIndex(withoutComments(c.text, from, to), -1) {
		c.keep(from+s[0], from+s[1])
	}
}

// withoutStrays puts blanks in place of the semicolons between parts that end nothing: a file must have none.
func withoutStrays(text string, parts []cell.Part) string {
	b := []byte(text)
	end := 0
	for i := 0; i <= len(parts); i++ {
		start := len(text)
		if i < len(parts) {
			start = parts[i].Start
		}
		plain := string(withoutComments(text, end, start))
		needed := 0 < i && i < len(parts) && !strings.Contains(plain, "\n") || i > 0 && text[end-1] == ':' // of a label
		for at := range plain {
			if plain[at] != ';' {
				continue
			}
			if !needed {
				b[end+at] = ' '
			}
			needed = false
		}
		if i < len(parts) {
			end = parts[i].End
		}
	}
	return string(b)
}

// boundary returns where what is between two parts is cut: behind the semicolon or at the end of the line.
func (c *cutter) boundary(from, to int) int {
	plain := withoutComments(c.text, from, to)
	for _, separator := range []byte(";\n") {
		if i := bytes.IndexByte(plain, separator); i >= 0 {
			return from + i + 1
		}
	}
	return to
}

// withoutComments returns what is between two parts with blanks in place of its comments.
func withoutComments(text string, from, to int) []byte {
	plain := []byte(text[from:to])
	for _, s := range comments(text, from, to) {
		for i := s.Start; i < s.End; i++ {
			plain[i-from] = ' '
		}
	}
	return plain
}

// comments returns the comments in what is between two parts.
func comments(text string, from, to int) []cell.Span {
	var list []cell.Span
	for at := from; at < to; {
		size := 1
		switch {
		case strings.HasPrefix(text[at:to], "//"):
			size = len(text[at:to])
			if i := strings.IndexByte(text[at:to], '\n'); i >= 0 {
				size = i
			}
			list = append(list, cell.Span{Start: at, End: at + size})
		case strings.HasPrefix(text[at:to], "/*"):
			size = len(text[at:to])
			if i := strings.Index(text[at+2:to], "*/"); i >= 0 {
				size = i + 4
			}
			list = append(list, cell.Span{Start: at, End: at + size})
		}
		at += size
	}
	return list
}
