package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// module is the import path of this repository.
const module = "github.com/lathe-go/lathe"

// A source is one Go file.
type source struct {
	path string // relative to the root, with slashes
	dir  string // of path
	test bool
	file *ast.File
	text []byte
}

// A tree is every Go file of the repository.
type tree struct {
	root    string
	fset    *token.FileSet
	sources []source
}

// load reads the repository once for all tests.
var load = sync.OnceValues(func() (*tree, error) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, fset: token.NewFileSet()}
	err = walk(root, func(path string) error {
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(t.fset, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		if !ast.IsGenerated(file) {
			t.sources = append(t.sources, source{path, filepath.ToSlash(filepath.Dir(path)), strings.HasSuffix(path, "_test.go"), file, text})
		}
		return nil
	})
	return t, err
})

// walk calls f with the path of every file of the repository, relative to root. It leaves out what
// git ignores and the data of tests.
func walk(root string, f func(path string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "out", ".lathe", ".venv", "testdata", ".ipynb_checkpoints", "__pycache__"}, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		return f(filepath.ToSlash(rel))
	})
}

// loaded returns the tree.
func loaded(t *testing.T) *tree {
	t.Helper()
	tr, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.sources) < 20 {
		t.Fatalf("found %d Go files, which cannot be all", len(tr.sources))
	}
	return tr
}

// line returns the line of a position.
func (tr *tree) line(pos token.Pos) int { return tr.fset.Position(pos).Line }

// at names a position.
func (tr *tree) at(pos token.Pos) string {
	p := tr.fset.Position(pos)
	p.Column = 0
	return p.String()
}
