package repotest

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPackagesAreDocumented(t *testing.T) {
	tr := loaded(t)
	docs := map[string]string{}
	for _, s := range tr.sources {
		if s.test {
			continue
		}
		if _, ok := docs[s.dir]; !ok {
			docs[s.dir] = ""
		}
		if s.file.Doc != nil {
			docs[s.dir] += s.file.Doc.Text()
		}
	}
	for dir, doc := range docs {
		if !strings.HasPrefix(doc, "Package ") && !strings.HasPrefix(doc, "Command ") {
			t.Errorf("%s: no file of the package begins with a comment %q", dir, "Package … does …")
		}
	}
}

// The methods of errors need no comment: what they do is fixed.
func TestExportedNamesAreDocumented(t *testing.T) {
	tr := loaded(t)
	for _, s := range tr.sources {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				known := d.Recv != nil && (d.Name.Name == "Error" || d.Name.Name == "Unwrap")
				if d.Name.IsExported() && d.Doc == nil && !known && exportedReceiver(d) {
					t.Errorf("%s: %s has no comment", tr.at(d.Pos()), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, name := range undocumented(d) {
					t.Errorf("%s: %s has no comment", tr.at(name.Pos()), name.Name)
				}
			}
		}
	}
}

// exportedReceiver reports whether a function is no method, or one of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			exported = id.IsExported()
			return false
		}
		_, index := n.(*ast.IndexExpr)
		_, list := n.(*ast.IndexListExpr)
		_, star := n.(*ast.StarExpr)
		return index || list || star
	})
	return exported
}

// undocumented returns the exported names of a declaration that neither have a comment nor stand in a
// group that has one.
func undocumented(d *ast.GenDecl) []*ast.Ident {
	if d.Tok == token.IMPORT {
		return nil
	}
	var names []*ast.Ident
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
				names = append(names, spec.Name)
			}
		case *ast.ValueSpec:
			if d.Doc != nil || spec.Doc != nil || spec.Comment != nil {
				continue
			}
			for _, name := range spec.Names {
				if name.IsExported() {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

func TestPackageNamesSayWhatTheyHold(t *testing.T) {
	empty := []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "tools"}
	for _, s := range loaded(t).sources {
		if slices.Contains(empty, s.file.Name.Name) {
			t.Errorf("%s: the name %q says nothing about what the package holds", s.path, s.file.Name.Name)
		}
	}
}

// The README's tree is the first map of the repository that a reader sees.
func TestReadmeNamesEveryPackage(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(loaded(t).root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, tree, _ := strings.Cut(string(readme), "## What is where")
	tree, _, _ = strings.Cut(tree, "\n## ")
	for _, parent := range []string{"kernel/internal", "pkg"} {
		entries, err := os.ReadDir(filepath.Join(loaded(t).root, parent))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			word := regexp.MustCompile(`\b` + e.Name() + `\b`)
			if e.IsDir() && e.Name() != "internal" && !word.MatchString(tree) {
				t.Errorf("README.md does not say what %s/%s is", parent, e.Name())
			}
		}
	}
}
