package cell

import (
	"cmp"
	"fmt"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// A span is one top-level part of a cell before it is parsed.
type span struct {
	Span
	kind Kind
	late bool // it is a directive that takes the whole cell, and something precedes it
}

// A splitter walks over the tokens of a cell. Brackets are counted; where none is open, a semicolon
// (also one that Go inserts at the end of a line) ends a part.
type splitter struct {
	text  string
	spans []span
	head  []token.Token // the first tokens of the part, enough to tell what it is
	start int           // of the part; -1 between parts
	last  int           // where its last token ends; a comment that ends its line is not part of it
	depth int
	// clause is set in a statement with clauses, such as a for: semicolons may stand within it, so only
	// the end of a line after its body ends it.
	clause, body bool
	problem      string // why token returned false
	lenient      bool   // tokens that can stand nowhere are no matter
}

// maxHead is how many tokens of a part are kept: a method's receiver may be long.
const maxHead = 64

// split cuts text into its top-level parts.
func split(text string) ([]span, *syntaxError) {
	return (&splitter{text: text, start: -1}).split()
}

func (sp *splitter) split() ([]span, *syntaxError) {
	text := sp.text
	for from := 0; from < len(text); {
		next, err := sp.scan(from)
		if err != nil {
			return nil, err
		}
		from = next
	}
	sp.end(len(text))
	return sp.spans, nil
}

// scan scans text from the offset on, up to and with a directive's line, or to the end. It returns
// where to go on: what follows a directive is scanned afresh, since a directive is no Go.
func (sp *splitter) scan(from int) (next int, err *syntaxError) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(sp.text)-from)
	s.Init(file, []byte(sp.text[from:]), func(pos token.Position, msg string) {
		// The parser reports it again, in its context, unless the text is cut here.
	}, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		at := from + file.Offset(pos)
		if tok == token.EOF {
			return len(sp.text), nil
		}
		if n := sp.directive(at); n > 0 {
			d := span{Span: Span{at, at + n}, kind: Directive}
			d.late = len(sp.spans) > 0 && hasBody(strings.TrimPrefix(d.In(sp.text), gonbPrefix))
			sp.spans = append(sp.spans, d)
			return at + n, nil
		}
		if tok == token.COMMENT || sp.token(at, tok, lit) || sp.lenient {
			continue
		}
		return 0, &syntaxError{at, sp.problem}
	}
}

// directive returns the length of the directive that begins at the offset, or 0 if none does.
func (sp *splitter) directive(at int) int {
	before := sp.text[strings.LastIndexByte(sp.text[:at], '\n')+1 : at]
	if sp.start >= 0 || strings.TrimSpace(before) != "" {
		return 0
	}
	return directiveLength(sp.text[at:])
}

// token takes one token into account. It returns false for one that can stand nowhere.
func (sp *splitter) token(at int, tok token.Token, lit string) bool {
	if tok == token.SEMICOLON && sp.depth == 0 && !(sp.clause && (lit == ";" || !sp.body)) {
		if sp.start >= 0 {
			sp.end(at)
		}
		return true
	}
	if sp.start < 0 {
		if tok == token.PACKAGE && !sp.first() {
			sp.problem = "a package clause stands at the start of a cell, where it has no effect; remove it"
			return false
		}
		sp.start, sp.head = at, sp.head[:0]
	}
	if len(sp.head) < maxHead {
		sp.head = append(sp.head, tok)
	}
	sp.last = sp.endOf(at, cmp.Or(lit, tok.String()))
	switch tok {
	case token.IF, token.FOR, token.SWITCH:
		sp.clause = sp.clause || sp.depth == 0
	case token.LPAREN, token.LBRACK, token.LBRACE:
		sp.body = sp.body || tok == token.LBRACE && sp.depth == 0
		sp.depth++
	case token.RPAREN, token.RBRACK, token.RBRACE:
		if sp.depth--; sp.depth < 0 {
			sp.depth = 0
			sp.problem = fmt.Sprintf("unexpected %s: nothing is open here", tok)
			return false
		}
	}
	return true
}

// endOf returns where the token at the offset ends. What the scanner calls a raw string lacks the carriage
// returns that are in the text.
func (sp *splitter) endOf(at int, token string) int {
	if token[0] != '`' {
		return at + len(token)
	}
	if i := strings.IndexByte(sp.text[at+1:], '`'); i >= 0 {
		return at + 1 + i + 1
	}
	return len(sp.text)
}

// first tells whether nothing but directives precedes.
func (sp *splitter) first() bool {
	return !slices.ContainsFunc(sp.spans, func(s span) bool { return s.kind != Directive })
}

// end ends the part that is open, if one is. A package clause is left out: a cell is of no package, but what
// is written for other tools may begin with one.
func (sp *splitter) end(at int) {
	if sp.start < 0 {
		return
	}
	if sp.head[0] == token.PACKAGE && len(sp.head) == 2 && sp.head[1] == token.IDENT {
		sp.start, sp.depth, sp.clause, sp.body = -1, 0, false, false
		return
	}
	s := span{Span: trimmed(sp.text, Span{sp.start, min(at, sp.last)}), kind: kindOf(sp.head)}
	sp.start, sp.depth, sp.clause, sp.body = -1, 0, false, false
	sp.spans = append(sp.spans, s)
}

// kindOf tells what a part is by its first tokens.
func kindOf(head []token.Token) Kind {
	switch head[0] {
	case token.IMPORT:
		return Import
	case token.TYPE:
		return Type
	case token.CONST:
		return Const
	case token.VAR:
		return Var
	case token.FUNC:
		if declaresFunc(head[1:]) {
			return Func
		}
	}
	return Stmt
}

// declaresFunc tells a function or method declaration from a statement that begins with a function
// literal, by the tokens after "func".
func declaresFunc(head []token.Token) bool {
	if len(head) == 0 {
		return true // incomplete; the parser says so
	}
	if head[0] != token.LPAREN {
		return head[0] == token.IDENT
	}
	depth := 0
	for i, tok := range head {
		switch tok {
		case token.LPAREN:
			depth++
		case token.RPAREN:
			depth--
		}
		if depth == 0 {
			return i+2 < len(head) && head[i+1] == token.IDENT && head[i+2] == token.LPAREN
		}
	}
	return false
}

// lineLength returns the length of the first line of text, without its end.
func lineLength(text string) int {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return i
	}
	return len(text)
}
