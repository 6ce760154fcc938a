package display

import (
	"fmt"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxDepth  = 6   // of values inside values
	maxInner  = 16  // elements shown of a slice or map inside another value
	maxOuter  = 100 // elements shown of a slice or map by itself
	maxInText = 200 // runes shown of a string inside another value
	cellSize  = 240 // bytes after which a printer stops in a cell of a table
)

// A printer writes one value as text, within bounds. Its zero value is ready.
type printer struct {
	buf  strings.Builder
	path []visit // the values that enclose the one being written
	max  int     // stop adding elements beyond this many bytes; 0 means maxPlain
}

type visit struct {
	typ reflect.Type
	ptr uintptr
}

// visitOf identifies what can contain itself; everything else gets the zero visit.
func visitOf(v reflect.Value) visit {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return visit{v.Type(), v.Pointer()}
	}
	return visit{}
}

// top writes v as a whole output: with the size and type of what holds elements, and in the words of
// its own methods where it has them.
func (p *printer) top(v reflect.Value) string {
	if s, ok := ownText(v); ok {
		return withShape(v, s)
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			break
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return bytesText(v)
		}
		p.path = append(p.path, visitOf(v))
		p.list(v, maxOuter)
		if n := v.Len(); n > maxOuter {
			fmt.Fprintf(&p.buf, "\n%s of %d elements%s", v.Type(), n, statistics(v))
		}
		return p.buf.String()
	case reflect.Func, reflect.Chan:
		return longText(v)
	}
	p.value(v)
	return p.buf.String()
}

// value writes v inside whatever was written before.
func (p *printer) value(v reflect.Value) {
	if len(p.path) > 0 {
		if s, ok := ownText(v); ok {
			p.buf.WriteString(cut(firstLine(s), maxInText))
			return
		}
	}
	switch v.Kind() {
	case reflect.Invalid:
		p.buf.WriteString("nil")
	case reflect.String:
		p.buf.WriteString(strconv.Quote(cut(v.String(), maxInText)))
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if v.IsNil() {
			p.typedNil(v)
			return
		}
		p.enclosed(v)
	case reflect.Array, reflect.Struct:
		p.enclosed(v)
	case reflect.Interface:
		p.value(v.Elem())
	case reflect.Func, reflect.Chan:
		if v.IsNil() {
			p.typedNil(v)
			return
		}
		p.buf.WriteString(v.Type().String())
	default:
		fmt.Fprint(&p.buf, v) // fmt prints the value that a reflect.Value holds
	}
}

func (p *printer) typedNil(v reflect.Value) {
	switch {
	case len(p.path) > 0:
		p.buf.WriteString("nil")
	case v.Kind() == reflect.Map || v.Kind() == reflect.Slice:
		fmt.Fprintf(&p.buf, "%s(nil)", v.Type())
	default:
		fmt.Fprintf(&p.buf, "(%s)(nil)", v.Type())
	}
}

// enclosed writes a value that holds others, unless it is among those that enclose it.
func (p *printer) enclosed(v reflect.Value) {
	at := visitOf(v)
	if at.ptr != 0 && slices.Contains(p.path, at) {
		p.buf.WriteString("↩ (itself)")
		return
	}
	if len(p.path) >= maxDepth || p.full() {
		p.buf.WriteString("…")
		return
	}
	p.path = append(p.path, at)
	defer func() { p.path = p.path[:len(p.path)-1] }()
	switch v.Kind() {
	case reflect.Pointer:
		p.buf.WriteByte('&')
		p.value(v.Elem())
	case reflect.Struct:
		p.fields(v)
	case reflect.Map:
		p.entries(v)
	default:
		p.list(v, maxInner)
	}
}

func (p *printer) full() bool {
	limit := p.max
	if limit == 0 {
		limit = maxPlain
	}
	return p.buf.Len() > limit
}

func (p *printer) fields(v reflect.Value) {
	t := v.Type()
	if t.Name() != "" {
		p.buf.WriteString(typeName(t))
	}
	p.buf.WriteByte('{')
	for i := range t.NumField() {
		if i > 0 {
			p.buf.WriteString(", ")
		}
		if p.full() {
			p.buf.WriteString("…")
			break
		}
		p.buf.WriteString(t.Field(i).Name + ": ")
		p.value(v.Field(i))
	}
	p.buf.WriteByte('}')
}

func (p *printer) entries(v reflect.Value) {
	p.buf.WriteString("map[")
	for i, k := range sortedMapKeys(v) {
		if i > 0 {
			p.buf.WriteByte(' ')
		}
		if i == maxInner || p.full() {
			fmt.Fprintf(&p.buf, "… %d more", v.Len()-i)
			break
		}
		p.value(k)
		p.buf.WriteByte(':')
		p.value(v.MapIndex(k))
	}
	p.buf.WriteByte(']')
}

// list writes the elements of a slice or array: all of them up to limit, else the ends.
func (p *printer) list(v reflect.Value, limit int) {
	n := v.Len()
	p.buf.WriteByte('[')
	for i := 0; i < n; i++ {
		if i > 0 {
			p.buf.WriteByte(' ')
		}
		if p.full() {
			fmt.Fprintf(&p.buf, "… %d more", n-i)
			break
		}
		if n > limit && i == limit*3/4 {
			skip := n - limit
			fmt.Fprintf(&p.buf, "… %d more … ", skip)
			i += skip
		}
		p.value(v.Index(i))
	}
	p.buf.WriteByte(']')
}

// ownText returns what the Error or String method of v says, if it has one that may be called.
func ownText(v reflect.Value) (string, bool) {
	if !v.IsValid() || !v.CanInterface() || isNil(v) || v.Kind() == reflect.Interface {
		return "", false
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.Format("2006-01-02 15:04:05.999999999 -0700 MST"), true
	case error:
		return guard(v, "Error", x.Error), true
	case fmt.Stringer:
		return guard(v, "String", x.String), true
	}
	if m := method(v, "String"); m.IsValid() {
		if f, ok := m.Interface().(func() string); ok {
			return guard(v, "String", f), true
		}
	}
	return "", false
}

// guard calls f and turns a panic into text that says so.
func guard(v reflect.Value, name string, f func() string) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = fmt.Sprintf("(method %s of %s: panic: %v)", name, v.Type(), r)
		}
	}()
	return f()
}

// withShape puts the shape of a tensor-like value before its text, unless that says it, as a text that
// begins like an array type does: [2][3]float32.
func withShape(v reflect.Value, text string) string {
	shape := shapeOf(v)
	saysIt := len(text) > 1 && text[0] == '[' && text[1] >= '0' && text[1] <= '9'
	if shape == "" || saysIt || strings.Contains(text, shape) {
		return text
	}
	return shape + ": " + text
}

// shapeOf returns the text of the shape of a tensor-like value, one with a method Shape.
func shapeOf(v reflect.Value) (s string) {
	m := v.MethodByName("Shape")
	if !m.IsValid() || m.Type().NumIn() != 0 || m.Type().NumOut() != 1 {
		return ""
	}
	defer func() {
		if recover() != nil {
			s = ""
		}
	}()
	return fmt.Sprint(m.Call(nil)[0].Interface())
}

// longText describes a function by its name, place and signature, a channel by what it holds.
func longText(v reflect.Value) string {
	switch {
	case v.IsNil():
		return fmt.Sprintf("(%s)(nil)", v.Type())
	case v.Kind() == reflect.Chan:
		return fmt.Sprintf("%s (%d waiting, capacity %d)", v.Type(), v.Len(), v.Cap())
	}
	text := v.Type().String()
	if f := runtime.FuncForPC(v.Pointer()); f != nil {
		file, line := f.FileLine(v.Pointer())
		text += fmt.Sprintf("\n%s, %s:%d", f.Name(), file, line)
	}
	return text
}

// bytesText writes bytes as text if they are, else in hexadecimal.
func bytesText(v reflect.Value) string {
	b := make([]byte, v.Len())
	reflect.Copy(reflect.ValueOf(b), v)
	if len(b) > 0 && utf8.Valid(b) && !strings.ContainsFunc(string(b), unprintable) {
		return string(b)
	}
	shown := b[:min(len(b), 256)]
	text := fmt.Sprintf("%s of %d bytes: % x", v.Type(), len(b), shown)
	if len(shown) < len(b) {
		text += fmt.Sprintf(" … %d more", len(b)-len(shown))
	}
	return text
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }

// statistics sums up a long list of numbers, so that the part not shown is not a blind spot.
func statistics(v reflect.Value) string {
	lo, hi, sum, bad, n := math.Inf(1), math.Inf(-1), 0.0, 0, v.Len()
	for i := range n {
		x, ok := number(v.Index(i))
		switch {
		case !ok:
			return ""
		case math.IsNaN(x) || math.IsInf(x, 0):
			bad++
			continue
		}
		lo, hi, sum = min(lo, x), max(hi, x), sum+x
	}
	if bad == n {
		return fmt.Sprintf(": all %d are NaN or infinite", n)
	}
	text := fmt.Sprintf(": min %.6g, max %.6g, mean %.6g", lo, hi, sum/float64(n-bad))
	if bad > 0 {
		text += fmt.Sprintf(", %d NaN or infinite", bad)
	}
	return text
}

func number(v reflect.Value) (float64, bool) {
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanUint():
		return float64(v.Uint()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}

// cut shortens s to about n bytes, at a rune, with a notice of how much is missing.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s… (%d more bytes)", s[:end], len(s)-end)
}

func firstLine(s string) string {
	line, rest, more := strings.Cut(s, "\n")
	if more && strings.TrimSpace(rest) != "" {
		return line + " …"
	}
	return line
}

// typeName returns the name of a type as its user writes it: types of a cell have no package.
func typeName(t reflect.Type) string {
	if strings.HasPrefix(t.PkgPath(), "cell/") || t.PkgPath() == "main" {
		return t.Name()
	}
	return t.String()
}

// sortedMapKeys returns the keys of a map in an order that does not change from one showing to the next.
func sortedMapKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		for a.Kind() == reflect.Interface && b.Kind() == reflect.Interface && !a.IsNil() && !b.IsNil() {
			a, b = a.Elem(), b.Elem()
		}
		if x, ok := number(a); ok {
			if y, ok := number(b); ok {
				switch {
				case x < y:
					return -1
				case x > y:
					return 1
				}
				return 0
			}
		}
		if a.Kind() == reflect.String && b.Kind() == reflect.String {
			return strings.Compare(a.String(), b.String())
		}
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	return keys
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
