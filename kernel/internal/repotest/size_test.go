package repotest

import (
	"bytes"
	"go/ast"
	"slices"
	"testing"
)

// The ceilings. A thing that outgrows one wants to be two things.
const (
	maxFunction     = 120 // lines of a function
	longFunction    = 60  // lines that few functions may pass
	maxLongShare    = 0.03
	maxP90          = 40 // lines that nine functions of ten stay below
	maxFile         = 600
	maxPackageFiles = 15
	maxMethods      = 6 // of an interface
	maxParams       = 5 // of a function; more want a struct
)

func TestFunctionsAreShort(t *testing.T) {
	tr := loaded(t)
	var lengths []int
	long := 0
	for _, s := range tr.sources {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			n := tr.line(f.End()) - tr.line(f.Pos()) + 1
			lengths = append(lengths, n)
			if n > maxFunction {
				t.Errorf("%s: %s has %d lines, more than %d", tr.at(f.Pos()), f.Name.Name, n, maxFunction)
			}
			if n > longFunction {
				long++
				t.Logf("%s: %s has %d lines", tr.at(f.Pos()), f.Name.Name, n)
			}
		}
	}
	slices.Sort(lengths)
	median, p90 := lengths[len(lengths)/2], lengths[len(lengths)*9/10]
	t.Logf("%d functions: median %d lines, nine of ten at most %d, %d over %d", len(lengths), median, p90, long, longFunction)
	if p90 > maxP90 {
		t.Errorf("nine functions of ten have up to %d lines, want %d", p90, maxP90)
	}
	if share := float64(long) / float64(len(lengths)); share > maxLongShare {
		t.Errorf("%.1f %% of the functions have more than %d lines, want %.0f %%", 100*share, longFunction, 100*maxLongShare)
	}
}

func TestFilesAndPackagesAreSmall(t *testing.T) {
	files := map[string]int{}
	for _, s := range loaded(t).sources {
		if n := bytes.Count(s.text, []byte("\n")); n > maxFile {
			t.Errorf("%s has %d lines, more than %d", s.path, n, maxFile)
		}
		if !s.test {
			files[s.dir]++
		}
	}
	for dir, n := range files {
		if n > maxPackageFiles {
			t.Errorf("%s has %d files besides its tests, more than %d", dir, n, maxPackageFiles)
		}
	}
}

// dictated names functions whose parameters are not ours to choose: package testing calls this one.
const dictated = "CoordinateFuzzing"

func TestSignaturesAreSmall(t *testing.T) {
	tr := loaded(t)
	for _, s := range tr.sources {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.InterfaceType:
				if count := n.Methods.NumFields(); count > maxMethods {
					t.Errorf("%s: an interface of %d methods, more than %d", tr.at(n.Pos()), count, maxMethods)
				}
			case *ast.FuncDecl:
				if count := n.Type.Params.NumFields(); count > maxParams && n.Name.Name != dictated {
					t.Errorf("%s: %s has %d parameters, more than %d", tr.at(n.Pos()), n.Name.Name, count, maxParams)
				}
			}
			return true
		})
	}
}
