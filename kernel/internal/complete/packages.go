package complete

import (
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/build"
)

// packages are what a cell may import. The types of those that were asked for stay in memory.
type packages struct {
	exports build.Exports
	module  map[string]string // packages of the notebook's module that are not compiled yet
	fset    *token.FileSet
	gc      types.Importer
	// stay are packages that virtual files import if nothing else has their name, name to path: those that
	// cells have named. For gopls, a change of the imports is much work.
	stay map[string]string
}

// usual are the packages that hardly a notebook does without.
var usual = []string{"errors", "fmt", "math", "os", "slices", "sort", "strconv", "strings", "time",
	"github.com/lathe-go/lathe/pkg/display"}

func newPackages(fset *token.FileSet) *packages {
	p := &packages{fset: fset, stay: map[string]string{}}
	for _, u := range usual {
		p.stay[path.Base(u)] = u
	}
	p.gc = importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return p.exports.Open(path) })
	return p
}

func (p *packages) names() map[string]string { return p.exports.Names }

// known tells whether a package is there.
func (p *packages) known(path string) bool {
	return p.exports.Names[path] != "" || p.module[path] != ""
}

// Import returns the package that source imports by that path, in its last version.
func (p *packages) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	return p.gc.Import(p.exports.SymbolPath(path))
}

// tier orders the packages that a name may stand for, as the session does.
func tier(path string) int {
	first, _, _ := strings.Cut(path, "/")
	switch {
	case strings.HasPrefix(path, "github.com/lathe-go/lathe/pkg/"):
		return 0
	case !strings.Contains(first, "."):
		return 1
	case strings.HasPrefix(path, "github.com/gomlx/") && !strings.HasPrefix(path, "github.com/gomlx/go-xla/"):
		return 2
	}
	return 3
}

// importable tells whether a cell can import a package.
func importable(path, name string) bool {
	return name != "main" && !strings.Contains("/"+path+"/", "/internal/")
}

// named returns the packages with that name of the first tier that has some; those that export what is
// selected come first, and all of them are given if none does.
func (p *packages) named(name string, selected []string) []string {
	var list []string
	for path, n := range p.exports.Names {
		if n == name && importable(path, n) {
			list = append(list, path)
		}
	}
	for path, n := range p.module {
		if n == name && importable(path, n) && !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	if len(list) > 1 {
		fit := slices.DeleteFunc(slices.Clone(list), func(path string) bool { return !p.export(path, selected) })
		if len(fit) > 0 {
			list = fit
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		if d := tier(a) - tier(b); d != 0 {
			return d
		}
		if d := len(a) - len(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i := range list {
		if tier(list[i]) != tier(list[0]) {
			return list[:i]
		}
	}
	return list
}

// export tells whether a package exports names that begin so: the last may be typed in half.
func (p *packages) export(path string, prefixes []string) bool {
	pkg, err := p.Import(path)
	if err != nil {
		return false
	}
	names := pkg.Scope().Names()
	return !slices.ContainsFunc(prefixes, func(prefix string) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return token.IsExported(n) && strings.HasPrefix(n, prefix) })
	})
}
