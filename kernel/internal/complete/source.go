package complete

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
)

// A document is what a source file says about one name.
type document struct {
	comment string
	source  string
}

// documents are the source files that were read, by path.
type documents map[string]*sourceFile

type sourceFile struct {
	text string
	fset *token.FileSet
	file *ast.File
}

// maxDocuments bounds how many files stay in memory.
const maxDocuments = 64

// of returns what the file at a position says of the declaration there. Export data has the positions of
// what a package exports.
func (d documents) of(p token.Position) (document, bool) {
	f := d.file(p.Filename)
	if f == nil {
		return document{}, false
	}
	return f.declaration(p.Line)
}

// file returns a source file, or nil if it cannot be read.
func (d documents) file(path string) *sourceFile {
	f := d[path]
	if f == nil {
		if f = readSource(path); f == nil {
			return nil
		}
		if len(d) >= maxDocuments {
			clear(d)
		}
		d[path] = f
	}
	return f
}

// predeclared returns what is said of a name that is declared by the language.
func (d documents) predeclared(goroot, name string) document {
	f := d.file(filepath.Join(goroot, "src", "builtin", "builtin.go"))
	if f == nil {
		return document{}
	}
	var doc document
	ast.Inspect(f.file, func(n ast.Node) bool {
		var ids []*ast.Ident
		switch n := n.(type) {
		case *ast.FuncDecl:
			ids = []*ast.Ident{n.Name}
		case *ast.TypeSpec:
			ids = []*ast.Ident{n.Name}
		case *ast.ValueSpec:
			ids = n.Names
		}
		for _, id := range ids {
			if id.Name == name {
				doc, _ = f.declaration(f.fset.Position(id.Pos()).Line)
			}
		}
		return len(ids) == 0
	})
	return doc
}

// declaration returns the innermost declaration at a line: what a file declares, a field or a method of an
// interface.
func (f *sourceFile) declaration(line int) (document, bool) {
	var found document
	whole := false // the declaration declares one thing
	ast.Inspect(f.file, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.BlockStmt, *ast.FuncType:
			return false
		}
		if line < f.fset.Position(n.Pos()).Line || line > f.fset.Position(n.End()).Line {
			return false
		}
		comment, declares := commentOf(n)
		if d, ok := n.(*ast.GenDecl); ok {
			whole = !d.Lparen.IsValid()
		}
		_, spec := n.(ast.Spec)
		if declares && !(spec && whole) {
			found.source = f.text[f.fset.Position(n.Pos()).Offset:f.fset.Position(n.End()).Offset]
		}
		if comment != "" && !(spec && whole && found.comment != "") {
			found.comment = comment
		} else if _, field := n.(*ast.Field); field && declares {
			found.comment = ""
		}
		_, function := n.(*ast.FuncDecl) // its receiver and parameters are no declarations to tell of
		return !function
	})
	return found, found.source != ""
}

// commentOf returns the comment of a node, and whether it is a declaration.
func commentOf(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return n.Doc.Text(), true
	case *ast.GenDecl:
		return n.Doc.Text(), true
	case *ast.TypeSpec:
		return n.Doc.Text() + n.Comment.Text(), true
	case *ast.ValueSpec:
		return n.Doc.Text() + n.Comment.Text(), true
	case *ast.Field:
		return n.Doc.Text() + n.Comment.Text(), len(n.Names) > 0
	}
	return "", false
}

func readSource(path string) *sourceFile {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	f := &sourceFile{text: string(text), fset: token.NewFileSet()}
	if f.file, err = parser.ParseFile(f.fset, path, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil
	}
	return f
}
