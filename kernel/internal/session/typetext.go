package session

import (
	"fmt"
	"go/types"
	"strings"

	"github.com/lathe-go/lathe/kernel/internal/build"
	"github.com/lathe-go/lathe/kernel/internal/compose"
)

// A namer names packages in the text of a type, and gathers the imports that the text needs.
type namer struct {
	pkg     *types.Package
	imports *compose.Imports
}

func (n *namer) qualify(p *types.Package) string {
	if p == n.pkg {
		return ""
	}
	for i := 1; ; i++ {
		name := p.Name()
		if i > 1 {
			name = fmt.Sprintf("%sʹ%d", name, i)
		}
		switch n.imports.Named[name] {
		case "":
			n.imports.Named[name] = build.UnversionedPath(p.Path())
			return name
		case build.UnversionedPath(p.Path()):
			return name
		}
	}
}

// unnameable says why a type cannot be written down in another file than the one it comes from, or "".
func (n *namer) unnameable(t types.Type, seen []types.Type) string {
	for _, s := range seen {
		if s == t {
			return ""
		}
	}
	seen = append(seen, t)
	switch t := t.(type) {
	case *types.Alias:
		return n.unnameableObject(t.Obj(), t.TypeArgs(), seen)
	case *types.Named:
		return n.unnameableObject(t.Obj(), t.TypeArgs(), seen)
	case *types.Struct:
		for f := range t.Fields() {
			if f.Pkg() != n.pkg && !f.Exported() {
				return fmt.Sprintf("its type has the field %s, which only package %s can name", f.Name(), f.Pkg().Path())
			}
		}
	}
	for _, part := range parts(t) {
		if why := n.unnameable(part, seen); why != "" {
			return why
		}
	}
	return ""
}

func (n *namer) unnameableObject(obj *types.TypeName, args *types.TypeList, seen []types.Type) string {
	switch {
	case obj.Pkg() == nil:
	case obj.Pkg() != n.pkg && !obj.Exported():
		return fmt.Sprintf("its type %s.%s has no name outside its package", obj.Pkg().Name(), obj.Name())
	case obj.Pkg() == n.pkg && obj.Parent() != n.pkg.Scope():
		return fmt.Sprintf("its type %s is declared within a function", compose.Plain(obj.Name()))
	}
	for i := range args.Len() {
		if why := n.unnameable(args.At(i), seen); why != "" {
			return why
		}
	}
	return ""
}

// parts returns the types that an unnamed type is made of.
func parts(t types.Type) []types.Type {
	switch t := t.(type) {
	case *types.Pointer:
		return []types.Type{t.Elem()}
	case *types.Slice:
		return []types.Type{t.Elem()}
	case *types.Array:
		return []types.Type{t.Elem()}
	case *types.Chan:
		return []types.Type{t.Elem()}
	case *types.Map:
		return []types.Type{t.Key(), t.Elem()}
	case *types.Struct:
		var list []types.Type
		for f := range t.Fields() {
			list = append(list, f.Type())
		}
		return list
	case *types.Signature:
		var list []types.Type
		for _, tuple := range []*types.Tuple{t.Params(), t.Results()} {
			for v := range tuple.Variables() {
				list = append(list, v.Type())
			}
		}
		return list
	case *types.Interface:
		var list []types.Type
		for m := range t.ExplicitMethods() {
			list = append(list, m.Type())
		}
		for e := range t.EmbeddedTypes() {
			list = append(list, e)
		}
		return list
	}
	return nil
}

// layout returns a text that is equal for types of the same layout: types of the session stand in it
// by what they are made of, all the way down; types of packages that do not change, by name.
func layout(t types.Type, changes func(*types.Package) bool) string {
	var b strings.Builder
	writeLayout(&b, t, changes, map[types.Type]int{})
	return b.String()
}

func writeLayout(b *strings.Builder, t types.Type, changes func(*types.Package) bool, seen map[types.Type]int) {
	t = types.Unalias(t)
	named, ok := t.(*types.Named)
	if ok && !changes(named.Obj().Pkg()) && named.TypeArgs().Len() == 0 {
		b.WriteString(types.TypeString(t, nil))
		return
	}
	if ok {
		if n, again := seen[t]; again {
			fmt.Fprintf(b, "#%d", n)
			return
		}
		seen[t] = len(seen)
		t = named.Underlying()
	}
	switch t := t.(type) {
	case *types.Basic:
		b.WriteString(t.Name())
		return
	case *types.Array:
		fmt.Fprintf(b, "[%d]", t.Len())
	case *types.Chan:
		fmt.Fprintf(b, "chan%d", t.Dir())
	case *types.Struct:
		for i := range t.NumFields() {
			fmt.Fprintf(b, "%s %v %q;", t.Field(i).Name(), t.Field(i).Embedded(), t.Tag(i))
		}
	case *types.Interface:
		for m := range t.Methods() {
			b.WriteString(m.Name() + ";")
		}
	case *types.Signature:
		fmt.Fprintf(b, "func%d %v", t.Params().Len(), t.Variadic())
	}
	fmt.Fprintf(b, "%T(", t)
	for _, part := range parts(t) {
		writeLayout(b, part, changes, seen)
		b.WriteByte(',')
	}
	b.WriteByte(')')
}
