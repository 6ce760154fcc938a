// Package vet finds in the code of a cell what compiles and is most likely a mistake: a format that does not
// fit its arguments, a lock that is copied, a result that nobody uses.
//
// It runs the analyzers of `go vet` and gopls that speak of such mistakes alone. Left out are those that speak
// of style or of what a notebook is made for: fields without names, variables that hide others or are not
// read, code below a return.
package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"runtime"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/appends"
	"golang.org/x/tools/go/analysis/passes/assign"
	"golang.org/x/tools/go/analysis/passes/atomic"
	"golang.org/x/tools/go/analysis/passes/bools"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/analysis/passes/deepequalerrors"
	"golang.org/x/tools/go/analysis/passes/defers"
	"golang.org/x/tools/go/analysis/passes/errorsas"
	"golang.org/x/tools/go/analysis/passes/httpresponse"
	"golang.org/x/tools/go/analysis/passes/ifaceassert"
	"golang.org/x/tools/go/analysis/passes/lostcancel"
	"golang.org/x/tools/go/analysis/passes/nilfunc"
	"golang.org/x/tools/go/analysis/passes/printf"
	"golang.org/x/tools/go/analysis/passes/shift"
	"golang.org/x/tools/go/analysis/passes/sigchanyzer"
	"golang.org/x/tools/go/analysis/passes/slog"
	"golang.org/x/tools/go/analysis/passes/sortslice"
	"golang.org/x/tools/go/analysis/passes/stdmethods"
	"golang.org/x/tools/go/analysis/passes/stringintconv"
	"golang.org/x/tools/go/analysis/passes/structtag"
	"golang.org/x/tools/go/analysis/passes/timeformat"
	"golang.org/x/tools/go/analysis/passes/unmarshal"
	"golang.org/x/tools/go/analysis/passes/unusedresult"
	"golang.org/x/tools/go/analysis/passes/waitgroup"
)

// analyzers returns what is looked for.
func analyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		appends.Analyzer, assign.Analyzer, atomic.Analyzer, bools.Analyzer, copylock.Analyzer, deepequalerrors.Analyzer,
		defers.Analyzer, errorsas.Analyzer, httpresponse.Analyzer, ifaceassert.Analyzer, lostcancel.Analyzer,
		nilfunc.Analyzer, printf.Analyzer, shift.Analyzer, sigchanyzer.Analyzer, slog.Analyzer, sortslice.Analyzer,
		stdmethods.Analyzer, stringintconv.Analyzer, structtag.Analyzer, timeformat.Analyzer, unmarshal.Analyzer,
		unusedresult.Analyzer, waitgroup.Analyzer,
	}
}

// NewInfo returns an Info with all that the type checker must find out for Check.
func NewInfo() *types.Info {
	return &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Instances: map[*ast.Ident]types.Instance{}, FileVersions: map[*ast.File]string{},
	}
}

// Code is what is looked at: files of a package that has been type-checked without an error.
type Code struct {
	Fset  *token.FileSet
	Files []*ast.File
	Types *types.Package
	Info  *types.Info
}

// A Finding is most likely a mistake.
type Finding struct {
	Pos token.Pos
	Msg string
}

// Check returns what is found in code, which it only reads. An analyzer that fails finds nothing.
func Check(c Code) []Finding {
	r := &run{code: c, results: map[*analysis.Analyzer]any{}, objects: map[objectFact]analysis.Fact{}, packages: map[packageFact]analysis.Fact{}}
	for _, a := range analyzers() {
		r.need(a)
	}
	return r.found
}

// A run is one look at code.
type run struct {
	code     Code
	results  map[*analysis.Analyzer]any // of those that have run; an error for one that has failed
	objects  map[objectFact]analysis.Fact
	packages map[packageFact]analysis.Fact
	found    []Finding
}

// need runs an analyzer, after those that it builds on, unless it has run. It returns why it cannot.
func (r *run) need(a *analysis.Analyzer) error {
	if result, ran := r.results[a]; ran {
		err, _ := result.(error)
		return err
	}
	results := map[*analysis.Analyzer]any{}
	for _, b := range a.Requires {
		if err := r.need(b); err != nil {
			r.results[a] = err
			return err
		}
		results[b] = r.results[b]
	}
	result, err := r.analyze(a, results)
	if err != nil {
		r.results[a] = err
		return err
	}
	r.results[a] = result
	return nil
}

// analyze runs one analyzer. A panic in it is an error: a cell is not to fail for it.
func (r *run) analyze(a *analysis.Analyzer, results map[*analysis.Analyzer]any) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", a.Name, p)
		}
	}()
	return a.Run(&analysis.Pass{
		Analyzer: a, Fset: r.code.Fset, Files: r.code.Files, Pkg: r.code.Types, TypesInfo: r.code.Info,
		TypesSizes: types.SizesFor("gc", runtime.GOARCH), ResultOf: results,
		Report: func(d analysis.Diagnostic) { r.found = append(r.found, Finding{d.Pos, d.Message}) },
		ReadFile: func(name string) ([]byte, error) {
			return nil, fmt.Errorf("%s: cells have no files", name)
		},
		ImportObjectFact:  r.importObjectFact,
		ExportObjectFact:  func(obj types.Object, f analysis.Fact) { r.objects[objectFact{obj, kindOf(f)}] = f },
		ImportPackageFact: r.importPackageFact,
		ExportPackageFact: func(f analysis.Fact) { r.packages[packageFact{r.code.Types, kindOf(f)}] = f },
		AllObjectFacts:    func() []analysis.ObjectFact { return nil },
		AllPackageFacts:   func() []analysis.PackageFact { return nil },
	})
}
