package notebook

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// literal returns what a person typed as a Go expression for a variable of type typ, which is "" if
// it is not known. A list or an object of JSON becomes one of Go. What is no Go literal is quoted, and
// so is a number or truth value that goes to a variable holding text.
func literal(value, typ string) (string, error) {
	if typ == "string" {
		if x, err := parser.ParseExpr(value); err == nil {
			if lit, ok := x.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				return value, nil
			}
		}
		return strconv.Quote(value), nil
	}
	if strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") {
		if v, err := decode(value); err == nil {
			return express(v, typ)
		}
	}
	if f := special(strings.ToLower(value)); f != "" && isFloat(typ) {
		return convert(f, typ), nil
	}
	x, err := parser.ParseExpr(value)
	if err != nil {
		return strconv.Quote(value), nil
	}
	if sign, ok := x.(*ast.UnaryExpr); ok && (sign.Op == token.SUB || sign.Op == token.ADD) {
		x = sign.X
	}
	switch x := x.(type) {
	case *ast.BasicLit:
		return value, nil
	case *ast.Ident:
		if x.Name == "true" || x.Name == "false" {
			return value, nil
		}
	}
	return strconv.Quote(value), nil
}

// decode reads one JSON value.
func decode(text string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

// express returns a value of a Setting as a Go expression for a variable of type typ, which is "" if
// it is not known; the value of a list or a dictionary then decides.
func express(v any, typ string) (string, error) {
	t, err := parser.ParseExpr(typ)
	if err != nil {
		t = nil
	}
	return expressAs(v, t, false)
}

// expressAs is express for a type that is parsed; elide tells that the type need not be said, as that
// of an element.
func expressAs(v any, typ ast.Expr, elide bool) (string, error) {
	name := named(typ)
	switch v := v.(type) {
	case nil:
		return "nil", nil
	case bool:
		return quoteFor(name, strconv.FormatBool(v)), nil
	case string:
		if name == "bool" && (v == "true" || v == "false") { // papermill takes such a word for text
			return v, nil
		}
		return strconv.Quote(v), nil
	case json.Number:
		kind := numberType(v)
		switch {
		case isAny(typ) && kind == "":
			return "", fmt.Errorf("no integer type of Go holds %s", v)
		case isAny(typ) && kind == "uint64":
			return convert(v.String(), kind), nil
		}
		return quoteFor(name, v.String()), nil
	case []any:
		return expressList(v, typ, elide)
	case map[string]any:
		if f, ok := v["$float"].(string); ok && len(v) == 1 {
			if name == "string" {
				return strconv.Quote(f), nil
			}
			return convert(special(f), name), nil
		}
		return expressMap(v, typ, elide)
	}
	return "", fmt.Errorf("a value of type %T cannot be written in Go", v)
}

// expressList returns a list as a composite literal.
func expressList(list []any, typ ast.Expr, elide bool) (string, error) {
	array, ok := typ.(*ast.ArrayType)
	if !ok {
		t, err := parser.ParseExpr(common([]any{list}))
		if err != nil {
			return "", err
		}
		array, elide = t.(*ast.ArrayType), false
	}
	var parts []string
	for _, v := range list {
		text, err := expressAs(v, array.Elt, true)
		if err != nil {
			return "", err
		}
		parts = append(parts, text)
	}
	return composite(array, elide, parts), nil
}

// expressMap returns a dictionary as a composite literal, in the order of its keys.
func expressMap(dict map[string]any, typ ast.Expr, elide bool) (string, error) {
	m, ok := typ.(*ast.MapType)
	if !ok {
		t, err := parser.ParseExpr(common([]any{dict}))
		if err != nil {
			return "", err
		}
		m, elide = t.(*ast.MapType), false
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		text, err := expressAs(dict[key], m.Value, true)
		if err != nil {
			return "", err
		}
		k := strconv.Quote(key)
		if kind := named(m.Key); numeric[kind] || kind == "bool" {
			k = key
		}
		parts = append(parts, k+": "+text)
	}
	return composite(m, elide, parts), nil
}

// composite returns a composite literal.
func composite(typ ast.Expr, elide bool, parts []string) string {
	text := "{" + strings.Join(parts, ", ") + "}"
	if elide {
		return text
	}
	return types.ExprString(typ) + text
}

// common returns the Go type that holds all of these values. Of lists and dictionaries it looks at what
// is in them, so that lists of lists fit too.
func common(vs []any) string {
	kinds := make(map[string]bool)
	var inner []any
	for _, v := range vs {
		switch v := v.(type) {
		case bool:
			kinds["bool"] = true
		case string:
			kinds["string"] = true
		case json.Number:
			kinds[numberType(v)] = true
		case []any:
			kinds["[]"] = true
			inner = append(inner, v...)
		case map[string]any:
			if _, ok := v["$float"]; ok && len(v) == 1 {
				kinds["float64"] = true
				break
			}
			kinds["map[string]"] = true
			inner = slices.AppendSeq(inner, maps.Values(v))
		default:
			kinds["any"] = true
		}
	}
	if kinds["float64"] {
		maps.DeleteFunc(kinds, func(kind string, _ bool) bool { return kind == "int" || kind == "uint64" || kind == "" })
	}
	if len(kinds) != 1 {
		return "any"
	}
	for kind := range kinds {
		if strings.HasSuffix(kind, "]") {
			return kind + common(inner)
		}
		if kind != "" {
			return kind
		}
	}
	return "any"
}

// numberType returns the type that a number has by itself: "int", "uint64" or "float64", or "" for an
// integer that is too large.
func numberType(n json.Number) string {
	if strings.ContainsAny(n.String(), ".eE") {
		return "float64"
	}
	if _, err := n.Int64(); err == nil {
		return "int"
	}
	if _, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return "uint64"
	}
	return ""
}

// special returns the Go expression of a number that has no literal, or "".
func special(name string) string {
	switch strings.TrimPrefix(name, "+") {
	case "nan":
		return "math.NaN()"
	case "inf", "infinity":
		return "math.Inf(1)"
	case "-inf", "-infinity":
		return "math.Inf(-1)"
	}
	return ""
}

// convert returns a float64 expression as one of type typ, if that is another numeric type.
func convert(expression, typ string) string {
	if numeric[typ] && typ != "float64" {
		return typ + "(" + expression + ")"
	}
	return expression
}

// isFloat reports whether typ is a floating-point type of Go's own.
func isFloat(typ string) bool { return typ == "float64" || typ == "float32" }

// quoteFor quotes a number or truth value for a variable that holds text.
func quoteFor(typ, value string) string {
	if typ == "string" {
		return strconv.Quote(value)
	}
	return value
}

// named returns the name of a type that is one name, or "".
func named(typ ast.Expr) string {
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// isAny reports whether typ takes a value of every type, so that a number has its own.
func isAny(typ ast.Expr) bool {
	i, ok := typ.(*ast.InterfaceType)
	return named(typ) == "any" || ok && len(i.Methods.List) == 0
}
