package cell

import (
	"go/ast"
	"go/token"
	"strings"
)

// A Program is how a cell is run as a program, as its directives say.
type Program struct {
	Args []string // what follows the program's name in os.Args
	Main int      // where %% or %main stands, before which flags are parsed; -1 if there is none
	Exec Span     // the name of the function that %exec calls; empty if there is none
	Test *Line    // the %test that asks for the cell's tests, or nil
}

// findProgram sets the cell's Program, if it is one.
func (c *Cell) findProgram() {
	p := &Program{Main: -1}
	found := false
	for _, it := range c.Items {
		if it.Kind != Directive {
			found = found || isMain(it)
			continue
		}
		line := ParseLine(it.In(c.Text))
		words := Words(line.Rest)
		switch line.Name {
		case "%%", "%main":
			p.Main = it.End
			if len(words) > 0 {
				p.Args = words
			}
		case "%args":
			p.Args = words
		case "%exec":
			if len(words) == 0 || !token.IsIdentifier(words[0]) {
				continue // the directive says what is wrong
			}
			at := it.Start + indexWord(it.In(c.Text), "%exec", words[0])
			p.Exec, p.Args = Span{at, at + len(words[0])}, words[1:]
		case "%test":
			p.Test = &line
			continue
		default:
			continue
		}
		found = true
	}
	if found || p.Test != nil {
		c.Program = p
	}
}

// indexWord returns where the word stands that follows a directive's name.
func indexWord(text, name, word string) int {
	at := strings.Index(text, name) + len(name)
	return at + strings.Index(text[at:], word)
}

// isMain tells whether an item declares the function that is called when the cell runs.
func isMain(it *Item) bool {
	f, ok := it.Node.(*ast.FuncDecl)
	return ok && f.Name.Name == "main" && Called(f)
}

// Called tells whether a function declaration has nothing that a caller would have to know: no receiver, no
// parameters and no results.
func Called(f *ast.FuncDecl) bool {
	return f.Recv == nil && f.Body != nil && f.Type.TypeParams == nil && f.Type.Params.NumFields() == 0 && f.Type.Results.NumFields() == 0
}
