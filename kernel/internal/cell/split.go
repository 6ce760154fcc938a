package cell

import (
	"fmt"
	"go/scanner"
	"go/token"
	"strings"
)

// A span is one top-level part of a cell before it is parsed.
type span struct {
	Span
	kind Kind
}

// A splitter walks over the tokens of a cell. Brackets are counted; where none is open, a semicolon
// (also one that Go inserts at the end of a line) ends a part.
type splitter struct {
	text  string
	spans []span
	head  []token.Token // the first tokens of the part, enough to tell what it is
	start int           // of the part; -1 between parts
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
	}, 0)
	for {
		pos, tok, lit := s.Scan()
		at := from + file.Offset(pos)
		if tok == token.EOF {
			return len(sp.text), nil
		}
		if sp.start < 0 && sp.isDirective(at, tok) {
			end := at + lineLength(sp.text[at:])
			sp.spans = append(sp.spans, span{Span{at, end}, Directive})
			return end, nil
		}
		if sp.token(at, tok, lit) || sp.lenient {
			continue
		}
		return 0, &syntaxError{at, sp.problem}
	}
}

// isDirective tells whether a part that begins at the offset with tok is a directive.
func (sp *splitter) isDirective(at int, tok token.Token) bool {
	if sp.text[at] != '%' && sp.text[at] != '!' {
		return false
	}
	line := sp.text[strings.LastIndexByte(sp.text[:at], '\n')+1 : at]
	return strings.TrimSpace(line) == ""
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
		if tok == token.PACKAGE {
			sp.problem = "a cell has no package clause; remove it"
			return false
		}
		sp.start, sp.head = at, sp.head[:0]
	}
	if len(sp.head) < maxHead {
		sp.head = append(sp.head, tok)
	}
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

// end ends the part that is open, if one is.
func (sp *splitter) end(at int) {
	if sp.start < 0 {
		return
	}
	s := span{trimmed(sp.text, Span{sp.start, at}), kindOf(sp.head)}
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
