// Package format lays out the text of cells as gofmt lays out files. What is not Go stays as it is, and so
// does what a cell means.
package format

import (
	"bytes"
	"cmp"
	"errors"
	"go/parser"
	"go/printer"
	"go/scanner"
	"go/token"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/cell"
	"github.com/lathe-go/lathe/kernel/internal/diag"
)

// maxRounds bounds how often a text is laid out: comments may need a second look to come to rest.
const maxRounds = 5

// Cell returns the text of a cell as gofmt would write it. Directives are kept, with what they take of the
// cell for themselves. A text that does not parse gives a diag.List.
func Cell(text string) (string, error) {
	for range maxRounds {
		next, err := once(text)
		if err != nil || next == text {
			return next, err
		}
		text = next
	}
	return text, nil
}

func once(text string) (string, error) {
	c, err := cell.Parse("", text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	last := -1 // where the last line of Go ends
	list := pieces(text)
	for i, p := range list {
		if out.Len() > 0 {
			out.WriteString(p.gap)
		}
		if p.kind == foreign {
			out.WriteString(p.text)
			continue
		}
		laid, err := layOut(p)
		if err != nil {
			return "", diag.List{{Text: text, Offset: min(p.at+err.at, len(text)), Msg: err.msg}}
		}
		if tok, _ := lastToken(laid); tok == token.COLON && i+1 < len(list) {
			laid = closed(laid)
		}
		out.WriteString(laid)
		last = out.Len()
	}
	result := out.String()
	if c.Silenced() && last >= 0 {
		result = closed(result)
	}
	return result, nil
}

func lineStart(text string, at int) int { return strings.LastIndexByte(text[:at], '\n') + 1 }

// A problem is one at an offset into a piece.
type problem struct {
	at  int
	msg string
}

// layOut returns a piece of Go as gofmt prints it. What a cell's parts do not hold, and so nobody has parsed,
// are comments.
func layOut(p piece) (string, *problem) {
	before, after, indent := "package p\n\n", "\n", 0
	if p.kind == body {
		before, after, indent = "package p\n\nfunc _() {\n", "\n\n}\n", -1
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", before+p.text+after, parser.ParseComments|parser.SkipObjectResolution)
	var list scanner.ErrorList
	if errors.As(err, &list) {
		return "", &problem{max(0, list[0].Pos.Offset-len(before)), list[0].Msg}
	}
	// As go/format sets it up; the last is its way to write numbers alike.
	config := printer.Config{Mode: printer.UseSpaces | printer.TabIndent | 1<<30, Tabwidth: 8, Indent: indent}
	var b bytes.Buffer
	if err := config.Fprint(&b, fset, file); err != nil {
		return "", &problem{0, err.Error()}
	}
	text := strings.TrimPrefix(b.String(), "package p\n")
	if p.kind == body {
		text = strings.TrimPrefix(strings.TrimLeft(text, "\n"), "func _() {")
		text = strings.TrimSuffix(strings.TrimRight(text, "\n"), "}")
	}
	return strings.Trim(text, " \t\n"), nil
}

// closed puts a semicolon behind the last token: it keeps a value from being shown, and ends a label.
func closed(text string) string {
	_, end := lastToken(text)
	return text[:end] + ";" + text[end:]
}

// lastToken returns the last token of a text, and where it ends.
func lastToken(text string) (last token.Token, end int) {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(text))
	s.Init(file, []byte(text), nil, 0)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			return last, end
		}
		if tok != token.SEMICOLON || lit == ";" {
			last, end = tok, file.Offset(pos)+len(cmp.Or(lit, tok.String()))
		}
	}
}
