package vet

import (
	"go/types"
	"reflect"

	"golang.org/x/tools/go/analysis"
)

// Facts are what analyzers note of an object, such as that a function formats like fmt.Printf. Those of the
// packages that a cell imports are not known.
type (
	objectFact struct {
		obj  types.Object
		kind reflect.Type
	}
	packageFact struct {
		pkg  *types.Package
		kind reflect.Type
	}
)

func kindOf(f analysis.Fact) reflect.Type { return reflect.TypeOf(f) }

func (r *run) importObjectFact(obj types.Object, to analysis.Fact) bool {
	return copyFact(to, r.objects[objectFact{obj, kindOf(to)}])
}

func (r *run) importPackageFact(pkg *types.Package, to analysis.Fact) bool {
	return copyFact(to, r.packages[packageFact{pkg, kindOf(to)}])
}

// copyFact makes the fact that to points to what from points to, if there is one.
func copyFact(to, from analysis.Fact) bool {
	if from != nil {
		reflect.ValueOf(to).Elem().Set(reflect.ValueOf(from).Elem())
	}
	return from != nil
}
