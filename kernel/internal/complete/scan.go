package complete

import (
	"go/scanner"
	"go/token"
	"strings"
	"unicode"
	"unicode/utf8"
)

// byteOffset turns an offset in code points into one in bytes.
func byteOffset(text string, points int) int {
	for i := range text {
		if points == 0 {
			return i
		}
		points--
	}
	return len(text)
}

// isWord tells whether a rune may be part of a name.
func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// wordStart returns where the name that ends at an offset begins.
func wordStart(text string, at int) int {
	for at > 0 {
		r, n := utf8.DecodeLastRuneInString(text[:at])
		if !isWord(r) {
			break
		}
		at -= n
	}
	return at
}

// wordEnd returns where the name that an offset stands in ends.
func wordEnd(text string, at int) int {
	for at < len(text) {
		r, n := utf8.DecodeRuneInString(text[at:])
		if !isWord(r) {
			break
		}
		at += n
	}
	return at
}

// needsName tells whether a name must follow the offset for the text to be Go: it stands behind a dot, and
// what comes next is no name or stands on another line.
func needsName(text string, at int) bool {
	return wordStart(text, at) == at && wordEnd(text, at) == at && dotBefore(text, at) >= 0
}

// dotBefore returns where the dot stands that is before an offset, with nothing but blanks between, or -1.
func dotBefore(text string, at int) int {
	text = strings.TrimRight(text[:at], " \t\r\n")
	if !strings.HasSuffix(text, ".") || strings.HasSuffix(text, "..") {
		return -1
	}
	return len(text) - 1
}

// A place says where a cursor stands, as far as tokens tell.
type place int

const (
	inCode place = iota
	inString
	inComment
)

// placeOf tells whether an offset stands in a string or a comment.
func placeOf(text string, at int) place {
	found := inCode
	tokens(text, func(from int, tok token.Token, lit string) bool {
		to := from + len(lit)
		switch {
		case from >= at:
			return false
		case tok == token.COMMENT && (at < to || at == to && strings.HasPrefix(lit, "//")):
			found = inComment
		case (tok == token.STRING || tok == token.CHAR) && (at < to || len(lit) == 1 || lit[len(lit)-1] != lit[0]) && at <= to:
			found = inString
		}
		return true
	})
	return found
}

// tokens calls f with each token of text until f returns false.
func tokens(text string, f func(from int, tok token.Token, lit string) bool) {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(text))
	s.Init(file, []byte(text), func(token.Position, string) {}, scanner.ScanComments)
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF || !f(file.Offset(pos), tok, lit) {
			return
		}
	}
}

// selectors returns the names that a dot follows and that follow no dot, with what comes after it: they may
// be packages. What stands before a missing name is there without it.
func selectors(text string) map[string][]string {
	list := map[string][]string{}
	var last, before token.Token
	name, after := "", ""
	tokens(text, func(_ int, tok token.Token, lit string) bool {
		switch {
		case tok == token.COMMENT:
			return true
		case tok == token.IDENT && last == token.PERIOD:
			if after != "" && lit != "_" {
				list[after] = append(list[after], lit)
			}
			name = ""
		case tok == token.IDENT:
			name = lit
		}
		after = ""
		if tok == token.PERIOD && last == token.IDENT && name != "" && before != token.PERIOD {
			if after = name; list[name] == nil {
				list[name] = []string{}
			}
		}
		before, last = last, tok
		return true
	})
	return list
}

// closers returns what closes the brackets that text leaves open, and the block that a statement wants.
func closers(text string) string {
	var open []byte
	clause, block := false, false
	tokens(text, func(_ int, tok token.Token, _ string) bool {
		switch tok {
		case token.IF, token.FOR, token.SWITCH, token.SELECT:
			clause = clause || len(open) == 0
		case token.LPAREN:
			open = append(open, ')')
		case token.LBRACK:
			open = append(open, ']')
		case token.LBRACE:
			block = block || len(open) == 0
			open = append(open, '}')
		case token.RPAREN, token.RBRACK, token.RBRACE:
			open = open[:max(0, len(open)-1)]
		}
		return true
	})
	var b strings.Builder
	for i := len(open) - 1; i >= 0; i-- {
		if open[i] == '}' {
			b.WriteByte('\n')
		}
		b.WriteByte(open[i])
	}
	if clause && !block {
		b.WriteString(" {\n}")
	}
	return b.String()
}

// operand returns the expression that ends at an offset, before a dot: names, selectors, calls and indices.
func operand(text string, end int) string {
	at := end
	for {
		at = len(strings.TrimRight(text[:at], " \t"))
		start := wordStart(text, at)
		if start < at {
			at = start
		} else if at > 0 && (text[at-1] == ')' || text[at-1] == ']' || text[at-1] == '}') {
			if start = opening(text, at-1); start < 0 {
				return ""
			}
			at = start
			if at > 0 && (isWord(rune(text[at-1])) || text[at-1] == ')' || text[at-1] == ']') {
				continue
			}
		} else if at > 0 && text[at-1] == '"' {
			at = strings.LastIndexByte(text[:at-1], '"')
			return text[max(at, 0):end]
		}
		if at == 0 || text[at-1] != '.' {
			return text[at:end]
		}
		at--
	}
}

// opening returns where the bracket is opened that closes at an offset, or -1.
func opening(text string, at int) int {
	depth := 0
	for i := at; i >= 0; i-- {
		switch text[i] {
		case ')', ']', '}':
			depth++
		case '(', '[', '{':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
