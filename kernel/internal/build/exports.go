package build

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
)

// Exports are the packages that cells may import at one moment. They do not change when packages are
// added.
type Exports struct {
	Toolchain Toolchain         // which has compiled them
	Names     map[string]string // import path to package name
	files     map[string]string // the path that a package is compiled under to its export data
	current   map[string]string // import path to the path of the last version, where that is another
}

// Exports returns the packages of b as they are now.
func (b *Builder) Exports() Exports {
	e := Exports{Toolchain: b.base.Toolchain, Names: maps.Clone(b.names), files: maps.Clone(b.exports), current: map[string]string{}}
	for path, p := range b.added {
		if p.version > 1 {
			e.current[path] = p.symbolPath()
		}
	}
	return e
}

// Open opens the export data of a package; it serves as a lookup function for go/importer.
func (e Exports) Open(path string) (io.ReadCloser, error) {
	file, ok := e.files[path]
	if !ok {
		return nil, fmt.Errorf("package %s is neither in the base library nor added", path)
	}
	return os.Open(file)
}

// ModulePackages is what Builder.ModulePackages is, for any goroutine.
func (e Exports) ModulePackages(ctx context.Context, dir string) (map[string]string, error) {
	return e.Toolchain.modulePackages(ctx, dir)
}

// SymbolPath returns the path under which the last version of a package is compiled.
func (e Exports) SymbolPath(path string) string {
	if p := e.current[path]; p != "" {
		return p
	}
	return path
}
