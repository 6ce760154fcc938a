package session

import (
	"context"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/compose"
	"github.com/lathe-go/lathe/kernel/internal/diag"
)

// tiers order the packages that a name may stand for: where the name alone does not decide, Lathe's own
// packages come before the standard library, and that before the others.
var tiers = []func(path string) bool{
	func(p string) bool { return strings.HasPrefix(p, "github.com/lathe-go/lathe/pkg/") },
	func(p string) bool { return !strings.Contains(strings.SplitN(p, "/", 2)[0], ".") },
	func(p string) bool {
		return strings.HasPrefix(p, "github.com/gomlx/") && !strings.HasPrefix(p, "github.com/gomlx/go-xla/")
	},
	func(string) bool { return true },
}

// resolveImports imports the packages that the cell names without importing them. Two that fit equally
// are an error that names both.
func (s *Session) resolveImports(ctx context.Context, a *compose.Analysis) error {
	for _, p := range sortedNames(a.Paths) {
		if err := s.addPackage(ctx, p); err != nil {
			return diag.List{{Cell: a.Cell.Name, Text: a.Cell.Text, Offset: a.Paths[p], Msg: err.Error()}}
		}
	}
	a.NameImports(func(p string) (string, bool) {
		name, ok := s.builder.Names()[p]
		return name, ok
	})
	declared := a.Declares()
	for name, p := range a.Imports.Named {
		if at, own := a.Paths[p]; declared[name] && own {
			return diag.List{{Cell: a.Cell.Name, Text: a.Cell.Text, Offset: at, Msg: name + " is declared in this cell as well: import the package by another name"}}
		}
	}
	// What the cell declares comes before what earlier cells have imported, and what lives before what they
	// have not imported themselves.
	maps.DeleteFunc(a.Imports.Named, func(name, _ string) bool { return declared[name] })
	for name, selectors := range a.Selectors() {
		if declared[name] || s.live[name] != nil || a.Imports.Named[name] != "" || universe(name) {
			continue
		}
		switch fits := s.packagesFor(ctx, name, selectors); len(fits) {
		case 0: // the type checker says that it is undefined
		case 1:
			if err := s.addPackage(ctx, fits[0]); err != nil {
				return diag.List{at(a, name, err.Error())}
			}
			a.Imports.Named[name] = fits[0]
		default:
			return diag.List{ambiguous(a, name, fits)}
		}
	}
	return nil
}

// packagesFor returns the packages of that name that export all of the selectors, of the first tier
// that has one.
func (s *Session) packagesFor(ctx context.Context, name string, selectors []string) []string {
	if name == "unsafe" {
		return []string{name}
	}
	var named []string
	for p, n := range s.builder.Names() {
		if n == name && !strings.Contains(p, "/internal/") && !strings.HasSuffix(p, "/internal") && n != "main" {
			named = append(named, p)
		}
	}
	for p, n := range s.modulePackages(ctx) {
		if n == name && !slices.Contains(named, p) {
			named = append(named, p)
		}
	}
	slices.Sort(named)
	if len(named) > 1 {
		if fit := slices.DeleteFunc(slices.Clone(named), func(p string) bool { return !s.exports(p, selectors) }); len(fit) > 0 {
			named = fit
		}
	}
	for _, tier := range tiers {
		if list := slices.DeleteFunc(slices.Clone(named), func(p string) bool { return !tier(p) }); len(list) > 0 {
			return list
		}
	}
	return nil
}

// exportsName tells whether a package exports a name.
func (s *Session) exportsName(path, name string) bool {
	return token.IsExported(name) && s.exports(path, []string{name})
}

// exports tells whether a package exports all of the names.
func (s *Session) exports(p string, names []string) bool {
	pkg, err := s.imports.Import(p)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(names, func(n string) bool {
		obj := pkg.Scope().Lookup(n)
		return obj == nil || !obj.Exported()
	})
}

func ambiguous(a *compose.Analysis, name string, fits []string) diag.Diagnostic {
	for i := range fits {
		fits[i] = strconv.Quote(fits[i])
	}
	return at(a, name, name+" may be package "+strings.Join(fits, " or ")+": import the one that you mean")
}

// at returns a diagnostic at the first place where a cell mentions a name.
func at(a *compose.Analysis, name, msg string) diag.Diagnostic {
	d := diag.Diagnostic{Cell: a.Cell.Name, Text: a.Cell.Text, Msg: msg}
	for _, it := range a.Cell.Items {
		for _, id := range it.Free {
			if id.Name == name {
				d.Offset = it.Offset(id.Pos())
				return d
			}
		}
	}
	return d
}
