package notebook

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// A Parameter is a variable that a parameters cell declares.
type Parameter struct {
	Name    string `json:"name"`
	Type    string `json:"type"`    // if the declaration shows it, else ""
	Default string `json:"default"` // the expression that it starts with; "" is none
	Help    string `json:"help"`    // the comment beside the declaration, or above it

	constant bool
}

// declared returns the names that the top level of a cell declares, constants too. A cell mixes
// declarations and statements, which go/parser does not read, so this looks at its tokens.
func declared(source string) []Parameter {
	var all []Parameter
	c := scan(source)
	for _, s := range split(c.lexemes, token.SEMICOLON) {
		switch {
		case len(s) == 0:
		case s[0].tok == token.VAR || s[0].tok == token.CONST:
			all = append(all, c.declaration(s)...)
		default:
			all = append(all, c.names(s, token.DEFINE)...)
		}
	}
	return all
}

// declaration returns the names of a var or const declaration, grouped or not.
func (c *scanned) declaration(s []lexeme) []Parameter {
	specs := [][]lexeme{s[1:]}
	if len(s) > 2 && s[1].tok == token.LPAREN {
		specs = split(s[2:len(s)-1], token.SEMICOLON)
	}
	var all []Parameter
	for _, spec := range specs {
		for _, p := range c.names(spec, token.ASSIGN) {
			p.constant = s[0].tok == token.CONST
			all = append(all, p)
		}
	}
	return all
}

// names returns the identifiers at the start of s, separated by commas. For := the list must be
// followed by it; a specification of a declaration may have a type and need not have a value.
func (c *scanned) names(s []lexeme, assign token.Token) []Parameter {
	var all []Parameter
	i := 0
	for ; i < len(s) && s[i].tok == token.IDENT; i += 2 {
		all = append(all, Parameter{Name: s[i].text, Help: c.help(s)})
		if i+1 >= len(s) || s[i+1].tok != token.COMMA {
			i++
			break
		}
	}
	at := slices.IndexFunc(s, func(l lexeme) bool { return l.tok == assign })
	if assign == token.DEFINE && at != i {
		return nil
	}
	declaredType, values := s[min(i, len(s)):], [][]lexeme(nil)
	if at >= i {
		declaredType, values = s[i:at], split(s[at+1:], token.COMMA)
	}
	for i := range all {
		all[i].Type = c.text(declaredType)
		if len(values) == len(all) {
			all[i].Default = c.text(values[i])
		}
		if all[i].Type == "" {
			all[i].Type = shownType(all[i].Default)
		}
	}
	return all
}

// shownType returns the type of an expression if it can be read off: that of a literal, or of a
// conversion to a type that Go declares itself.
func shownType(expression string) string {
	x, err := parser.ParseExpr(expression)
	if err != nil {
		return ""
	}
	if sign, ok := x.(*ast.UnaryExpr); ok && (sign.Op == token.SUB || sign.Op == token.ADD) {
		x = sign.X
	}
	switch x := x.(type) {
	case *ast.BasicLit:
		return map[token.Token]string{token.INT: "int", token.FLOAT: "float64", token.IMAG: "complex128", token.CHAR: "rune", token.STRING: "string"}[x.Kind]
	case *ast.Ident:
		if x.Name == "true" || x.Name == "false" {
			return "bool"
		}
	case *ast.CompositeLit:
		if x.Type != nil {
			return expression[x.Type.Pos()-1 : x.Type.End()-1]
		}
	case *ast.CallExpr:
		if f, ok := x.Fun.(*ast.Ident); ok && (numeric[f.Name] || f.Name == "string" || f.Name == "bool") {
			return f.Name
		}
	}
	return ""
}

// numeric holds the numeric types that Go declares itself.
var numeric = func() map[string]bool {
	names := make(map[string]bool)
	for _, name := range strings.Fields("int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 uintptr byte rune float32 float64 complex64 complex128") {
		names[name] = true
	}
	return names
}()

// A lexeme is a token with its text and place.
type lexeme struct {
	tok      token.Token
	text     string
	pos, end int
	line     int
}

// A scanned is the source of a cell as tokens.
type scanned struct {
	source  string
	lexemes []lexeme
	beside  map[int]string // the comments that stand behind something, by line
	alone   map[int]string // the comments that have the line for themselves
}

// scan reads the tokens of a cell. Lines of directives are left out.
func scan(source string) *scanned {
	lines := strings.Split(source, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "%") || strings.HasPrefix(line, "!") {
			lines[i] = ""
		}
	}
	c := &scanned{source: strings.Join(lines, "\n"), beside: make(map[int]string), alone: make(map[int]string)}
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(c.source))
	var s scanner.Scanner
	s.Init(file, []byte(c.source), func(token.Position, string) {}, scanner.ScanComments)
	last := 0 // the line of the last token that is no comment
	for {
		pos, tok, text := s.Scan()
		line := file.Line(pos)
		switch tok {
		case token.EOF:
			return c
		case token.COMMENT:
			where := c.alone
			if line == last {
				where = c.beside
			}
			where[line] = strings.TrimSpace(strings.TrimSuffix(strings.TrimLeft(text, "/*"), "*/"))
			continue
		}
		length := len(text)
		if text == "" {
			length = len(tok.String())
		}
		start := file.Offset(pos)
		c.lexemes = append(c.lexemes, lexeme{tok, text, start, min(start+length, len(c.source)), line})
		if tok != token.SEMICOLON || text == ";" {
			last = line
		}
	}
}

// text returns the source of tokens that follow each other.
func (c *scanned) text(l []lexeme) string {
	if len(l) == 0 {
		return ""
	}
	return strings.TrimSpace(c.source[l[0].pos:l[len(l)-1].end])
}

// help returns the comment of a statement: behind it, or else in the lines above.
func (c *scanned) help(s []lexeme) string {
	if text := c.beside[s[len(s)-1].line]; text != "" {
		return text
	}
	var above []string
	for line := s[0].line - 1; c.alone[line] != ""; line-- {
		above = append(above, c.alone[line])
	}
	slices.Reverse(above)
	return strings.Join(above, " ")
}

// split cuts tokens at those of kind at that stand outside of brackets.
func split(all []lexeme, at token.Token) [][]lexeme {
	var parts [][]lexeme
	depth, start := 0, 0
	for i, l := range all {
		switch l.tok {
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		case at:
			if depth == 0 {
				parts = append(parts, all[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, all[start:])
}
