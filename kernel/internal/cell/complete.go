package cell

import (
	"go/scanner"
	"go/token"
	"strings"
)

// Completeness says whether a cell's text can run as it stands.
type Completeness string

// What a text can be.
const (
	Complete   Completeness = "complete"
	Incomplete Completeness = "incomplete"
	Invalid    Completeness = "invalid"
)

// IsComplete tells whether text can run, needs more lines, or cannot become right by more lines. For
// an incomplete text it proposes the indentation of the next line.
func IsComplete(text string) (Completeness, string) {
	code, more := withoutDirectives(text)
	if more {
		return Incomplete, ""
	}
	open, unfinished := openBrackets(code)
	if open > 0 || unfinished {
		return Incomplete, strings.Repeat("\t", open)
	}
	_, err := Parse("", text)
	if err == nil {
		return Complete, ""
	}
	if open == 0 && endsInOperator(code) {
		return Incomplete, "\t"
	}
	return Invalid, ""
}

// withoutDirectives puts blanks in place of the directives of text, which are no Go, and tells whether the
// last one wants more lines: its line is continued, or it has a body, which an empty line ends.
func withoutDirectives(text string) (code string, more bool) {
	b := []byte(text)
	for _, p := range Parts(text) {
		if p.Kind != Directive {
			continue
		}
		for i := p.Start; i < p.End; i++ {
			if b[i] != '\n' {
				b[i] = ' '
			}
		}
		line := strings.TrimPrefix(p.In(text), gonbPrefix)
		more = hasBody(line) && !strings.HasSuffix(line, "\n") || !hasBody(line) && strings.HasSuffix(line, `\`)
	}
	return string(b), more
}

// openBrackets counts the brackets that text leaves open, and tells whether it ends within a raw
// string or a comment. The count is -1 where one closes that is not the last to have been opened: more
// lines cannot mend that.
func openBrackets(text string) (open int, unfinished bool) {
	closing := map[token.Token]token.Token{token.LPAREN: token.RPAREN, token.LBRACK: token.RBRACK, token.LBRACE: token.RBRACE}
	var wanted []token.Token
	wrong := false
	scanTokens(text, func(tok token.Token) {
		switch tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			wanted = append(wanted, closing[tok])
		case token.RPAREN, token.RBRACK, token.RBRACE:
			last := len(wanted) - 1
			if last < 0 || wanted[last] != tok {
				wrong = true
				return
			}
			wanted = wanted[:last]
		}
	}, func(msg string) {
		if msg == "raw string literal not terminated" || msg == "comment not terminated" {
			unfinished = true
		}
	})
	if wrong {
		return -1, unfinished
	}
	return len(wanted), unfinished
}

// endsInOperator tells whether the last token wants something after it.
func endsInOperator(text string) bool {
	last := token.ILLEGAL
	scanTokens(text, func(tok token.Token) { last = tok }, func(string) {})
	switch last {
	case token.RPAREN, token.RBRACK, token.RBRACE, token.SEMICOLON, token.INC, token.DEC, token.ELLIPSIS:
		return false
	}
	return last.IsOperator()
}

// scanTokens calls token for each token of text but inserted semicolons, and problem for each error.
func scanTokens(text string, each func(token.Token), problem func(msg string)) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", -1, len(text)), []byte(text), func(_ token.Position, msg string) { problem(msg) }, 0)
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			return
		}
		if tok != token.SEMICOLON || lit == ";" {
			each(tok)
		}
	}
}
