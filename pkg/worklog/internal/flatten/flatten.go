// Package flatten describes any value as a list of leaves: paths, types and texts.
package flatten

import (
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A Leaf is a value without parts: its path, the name of its type and its text, see worklog.Param.
type Leaf struct{ Path, Type, Value string }

const (
	maxLeaves = 2000 // a struct with more leaves than this is data, not a setting
	maxDepth  = 16   // and a deeper one is a graph
)

// versionMark is what the kernel adds to the name of a type that a later cell declares again.
var versionMark = regexp.MustCompile(`ᵛ\d+($|[\],;}])`)

// TypeName returns t's name as the user wrote it.
func TypeName(t reflect.Type) string {
	name := t.Name()
	if name == "" {
		name = t.String()
	}
	return versionMark.ReplaceAllString(name, "$1")
}

// secretName matches fields whose text is never written down.
var secretName = regexp.MustCompile(`(?i)(passw(or)?d|secret|credential|api_?key|access_?key|private_?key|(auth|access|api|hf|refresh|bearer)_?token|^token$)`)

// Of lists the leaves of v: fields of structs in their order, keys of maps sorted, elements of
// slices. A field tagged `worklog:"-"` is left out, and the text of a field with a name such as
// Password is replaced.
func Of(v any) []Leaf {
	f := flattener{}
	if v != nil {
		f.walk("", reflect.ValueOf(v), 0)
	}
	return f.leaves
}

type flattener struct{ leaves []Leaf }

func (f *flattener) leaf(path, typ, value string) {
	if path == "" {
		path = "value"
	}
	if len(f.leaves) < maxLeaves {
		f.leaves = append(f.leaves, Leaf{Path: path, Type: typ, Value: strings.ToValidUTF8(value, "\uFFFD")})
	}
}

func (f *flattener) walk(path string, v reflect.Value, depth int) {
	if len(f.leaves) >= maxLeaves {
		return
	}
	if depth > maxDepth {
		f.leaf(path, TypeName(v.Type()), "…")
		return
	}
	if isSecret(path, v) {
		f.leaf(path, TypeName(v.Type()), "(kept out of the worklog)")
		return
	}
	if text, ok := scalar(v); ok {
		f.leaf(path, TypeName(v.Type()), text)
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			f.leaf(path, TypeName(v.Type()), "nil")
			return
		}
		f.walk(path, v.Elem(), depth+1)
	case reflect.Struct:
		f.structure(path, v, depth)
	case reflect.Map:
		f.mapping(path, v, depth)
	case reflect.Slice, reflect.Array:
		f.list(path, v, depth)
	default:
		f.leaf(path, TypeName(v.Type()), opaque(v))
	}
}

func (f *flattener) structure(path string, v reflect.Value, depth int) {
	t := v.Type()
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Name == "_" || field.Tag.Get("worklog") == "-" {
			continue
		}
		at := join(path, field.Name)
		if field.Anonymous && field.Type.Kind() == reflect.Struct {
			at = path // embedded fields are written as they are selected
		}
		f.walk(at, v.Field(i), depth+1)
	}
}

func (f *flattener) mapping(path string, v reflect.Value, depth int) {
	type entry struct {
		key   string
		value reflect.Value
	}
	var entries []entry
	for it := v.MapRange(); it.Next(); {
		key, ok := scalar(it.Key())
		if !ok {
			key = opaque(it.Key())
		}
		entries = append(entries, entry{key, it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	for _, e := range entries {
		f.walk(join(path, e.key), e.value, depth+1)
	}
}

// list writes a list of scalars as one leaf, since its length and order are one decision, and any
// other list element by element.
func (f *flattener) list(path string, v reflect.Value, depth int) {
	var texts []string
	for i := range min(v.Len(), maxLeaves) {
		text, ok := scalar(v.Index(i))
		if !ok {
			break
		}
		texts = append(texts, text)
	}
	if len(texts) == min(v.Len(), maxLeaves) {
		if v.Len() > maxLeaves {
			texts = append(texts, fmt.Sprintf("… %d elements", v.Len()))
		}
		f.leaf(path, versionMark.ReplaceAllString(v.Type().String(), "$1"), "["+strings.Join(texts, " ")+"]")
		return
	}
	for i := range v.Len() {
		if len(f.leaves) >= maxLeaves {
			return
		}
		f.walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i), depth+1)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// isSecret reports whether v is text whose name says that it should stay unknown. Numbers are no
// secrets: a count of tokens is a setting.
func isSecret(path string, v reflect.Value) bool {
	name := path[strings.LastIndexByte(path, '.')+1:]
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Array:
		return secretName.MatchString(name)
	}
	return false
}

// scalar returns the text of a value that is one thing: a number, a string, or a type that can write
// itself as text.
func scalar(v reflect.Value) (string, bool) {
	if text, ok := ownText(v); ok {
		return text, true
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.FormatUint(v.Uint(), 10), true
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()), true
	case reflect.Complex64, reflect.Complex128:
		return strconv.FormatComplex(v.Complex(), 'g', -1, v.Type().Bits()), true
	case reflect.String:
		return v.String(), true
	}
	return "", false
}

// ownText asks a value that knows its text. A defined number with a String method, such as a
// time.Duration or an enumeration, is written with it; a float never, because its digits would be lost.
// A method that panics is passed over: a record of parameters is no reason to fail.
func ownText(v reflect.Value) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	if !v.CanInterface() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return "", false
	}
	switch x := v.Interface().(type) {
	case *big.Float:
		return x.Text('p', 0), true
	case encoding.TextMarshaler:
		if text, err := x.MarshalText(); err == nil {
			return string(text), true
		}
	case fmt.Stringer:
		if v.CanInt() || v.CanUint() {
			return x.String(), true
		}
	}
	return "", false
}

// opaque names a value that has no text: a function by its name, anything else by its type.
func opaque(v reflect.Value) string {
	if v.Kind() == reflect.Func && !v.IsNil() {
		if fn := runtime.FuncForPC(v.Pointer()); fn != nil {
			return versionMark.ReplaceAllString(fn.Name(), "$1")
		}
	}
	return TypeName(v.Type())
}
