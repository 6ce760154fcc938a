package notebook

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// The tags of the cell that declares parameters and of the one that sets them, as papermill has them.
const (
	tagParameters = "parameters"
	tagInjected   = "injected-parameters"
)

// A Param is a value for a name that the cell tagged "parameters" declares.
type Param struct {
	Name  string
	Value string // as typed: a Go literal, or text
}

// ParseParam reads "name=value".
func ParseParam(s string) (Param, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || !token.IsIdentifier(name) {
		return Param{}, fmt.Errorf("parameter %q is not of the form name=value", s)
	}
	return Param{name, value}, nil
}

// Inject puts a cell tagged "injected-parameters" after the cell tagged "parameters" that assigns
// params; one of an earlier call is replaced. The names must be variables that the parameters cell
// declares.
func (nb *Notebook) Inject(params []Param) error {
	if len(params) == 0 {
		return nil
	}
	at := slices.IndexFunc(nb.Cells, func(c *Cell) bool { return c.Type == Code && c.HasTag(tagParameters) })
	if at < 0 {
		return errors.New(`the notebook takes no parameters: none of its code cells is tagged "parameters"`)
	}
	source, err := assignments(declared(nb.Cells[at].Source), params)
	if err != nil {
		return err
	}
	nb.Cells = slices.DeleteFunc(nb.Cells, func(c *Cell) bool { return c.HasTag(tagInjected) })
	at = slices.IndexFunc(nb.Cells, func(c *Cell) bool { return c.Type == Code && c.HasTag(tagParameters) })
	cell := &Cell{Type: Code, Source: source, Metadata: map[string]any{"tags": []any{tagInjected}}}
	if nb.Minor >= 5 {
		cell.ID = nb.freeID(tagInjected)
	}
	nb.Cells = slices.Insert(nb.Cells, at+1, cell)
	return nil
}

// freeID returns name, or name with a number that no cell has yet.
func (nb *Notebook) freeID(name string) string {
	id := name
	for n := 2; slices.ContainsFunc(nb.Cells, func(c *Cell) bool { return c.ID == id }); n++ {
		id = name + "-" + strconv.Itoa(n)
	}
	return id
}

// assignments returns the source of the cell that sets params.
func assignments(vars []variable, params []Param) (string, error) {
	var b strings.Builder
	b.WriteString("// Set for this run.")
	for _, p := range params {
		i := slices.IndexFunc(vars, func(v variable) bool { return v.name == p.Name })
		if i < 0 {
			return "", fmt.Errorf("the notebook has no parameter %q; it has %s", p.Name, listNames(vars))
		}
		if vars[i].constant {
			return "", fmt.Errorf("parameter %q is a constant and cannot be set; declare it with := or var", p.Name)
		}
		fmt.Fprintf(&b, "\n%s = %s", p.Name, literal(p.Value, vars[i].text))
	}
	return b.String(), nil
}

// listNames lists the names of variables for an error.
func listNames(vars []variable) string {
	var names []string
	for _, v := range vars {
		if !v.constant && !slices.Contains(names, v.name) {
			names = append(names, v.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ", ")
}

// literal returns value as a Go expression. A value that is no Go literal is quoted, and so is a
// number or truth value that goes to a variable holding text.
func literal(value string, text bool) string {
	x, err := parser.ParseExpr(value)
	if err != nil {
		return strconv.Quote(value)
	}
	if sign, ok := x.(*ast.UnaryExpr); ok && (sign.Op == token.SUB || sign.Op == token.ADD) {
		x = sign.X
	}
	switch x := x.(type) {
	case *ast.BasicLit:
		if !text || x.Kind == token.STRING {
			return value
		}
	case *ast.Ident:
		if !text && (x.Name == "true" || x.Name == "false") {
			return value
		}
	}
	return strconv.Quote(value)
}

// A variable is a name that a parameters cell declares.
type variable struct {
	name     string
	constant bool
	text     bool // it starts as a string literal
}

// declared returns the names that the top level of a cell declares. A cell mixes declarations and
// statements, which go/parser does not read, so this looks at its tokens.
func declared(source string) []variable {
	var vars []variable
	for _, s := range statements(source) {
		switch {
		case len(s) == 0:
		case s[0].tok == token.VAR || s[0].tok == token.CONST:
			vars = append(vars, declaration(s)...)
		default:
			vars = append(vars, names(s, token.DEFINE)...)
		}
	}
	return vars
}

// declaration returns the names of a var or const declaration, grouped or not.
func declaration(s []lexeme) []variable {
	specs := [][]lexeme{s[1:]}
	if len(s) > 2 && s[1].tok == token.LPAREN {
		specs = split(s[2 : len(s)-1])
	}
	var vars []variable
	for _, spec := range specs {
		for _, v := range names(spec, token.ASSIGN) {
			v.constant = s[0].tok == token.CONST
			vars = append(vars, v)
		}
	}
	return vars
}

// names returns the identifiers at the start of s, separated by commas. For := the list must be
// followed by it; a specification of a declaration need not have a value.
func names(s []lexeme, assign token.Token) []variable {
	var vars []variable
	i := 0
	for ; i < len(s) && s[i].tok == token.IDENT; i += 2 {
		vars = append(vars, variable{name: s[i].text})
		if i+1 >= len(s) || s[i+1].tok != token.COMMA {
			i++
			break
		}
	}
	value := slices.IndexFunc(s, func(l lexeme) bool { return l.tok == assign })
	if assign == token.DEFINE && value != i {
		return nil
	}
	if len(vars) == 1 && value >= 0 && len(s) == value+2 {
		vars[0].text = s[value+1].tok == token.STRING
	}
	return vars
}

// A lexeme is a token with its text.
type lexeme struct {
	tok  token.Token
	text string
}

// statements returns the tokens of each top-level statement of a cell. Lines of directives are left
// out.
func statements(source string) [][]lexeme {
	lines := strings.Split(source, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "%") || strings.HasPrefix(line, "!") {
			lines[i] = ""
		}
	}
	src := []byte(strings.Join(lines, "\n"))
	fset := token.NewFileSet()
	var s scanner.Scanner
	s.Init(fset.AddFile("", -1, len(src)), src, func(token.Position, string) {}, 0)
	var all []lexeme
	for {
		_, tok, text := s.Scan()
		if tok == token.EOF {
			return split(all)
		}
		all = append(all, lexeme{tok, text})
	}
}

// split cuts tokens at the semicolons that stand outside of brackets.
func split(all []lexeme) [][]lexeme {
	var parts [][]lexeme
	depth, start := 0, 0
	for i, l := range all {
		switch l.tok {
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			depth--
		case token.SEMICOLON:
			if depth == 0 {
				parts = append(parts, all[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, all[start:])
}
