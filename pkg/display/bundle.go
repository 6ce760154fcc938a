package display

import (
	"fmt"
	"image"
	"reflect"
	"strings"

	"github.com/lathe-go/lathe/pkg/display/frame"
)

const (
	mimePlain    = "text/plain"
	mimeHTML     = "text/html"
	mimeMarkdown = "text/markdown"
	mimeLaTeX    = "text/latex"
	mimeSVG      = "image/svg+xml"
	mimePNG      = "image/png"
	mimeJPEG     = "image/jpeg"
	mimeJSON     = "application/json"
)

// maxPlain bounds the plain text of a value, in bytes.
const maxPlain = 64 << 10

// A Bundler makes every form in which a value is shown, by MIME type: the widest of the methods that
// [BundleOf] looks for. Binary forms are []byte; text/plain may be left out.
type Bundler interface {
	MIMEBundle() map[string]any
}

// BundleOf returns v in every form in which a page can show it. It is the rule by which the value of a
// cell's last expression is shown. It never fails: a method of v that panics or returns an error is
// reported in the plain text, values that contain themselves are cut, and long ones are shortened with
// a notice of what was left out.
//
// A string is shown as its text, without quotes, because who ends a cell with a string wants to read
// it; strings inside other values are quoted, so that their ends can be seen.
func BundleOf(v any) frame.Bundle {
	switch x := v.(type) {
	case nil:
		return frame.Bundle{Data: map[string]any{mimePlain: "nil"}}
	case frame.Bundle:
		return x
	case Object:
		return x.bundle
	case Widget:
		if !isNil(reflect.ValueOf(v)) {
			return x.shared().bundle()
		}
	}
	b := frame.Bundle{Data: map[string]any{}}
	var notes []string
	if !isNil(reflect.ValueOf(v)) {
		notes = addMethods(b.Data, v)
	}
	given, _ := b.Data[mimePlain].(string)
	delete(b.Data, mimePlain)
	if len(b.Data) == 0 {
		given = addByKind(&b, v, given)
	}
	if given == "" {
		given = plainText(v, b.Data)
	}
	b.Data[mimePlain] = withNotes(cut(given, maxPlain), notes)
	return b
}

// addByKind adds the forms that follow from what v is, for a value that brings none of its own. It
// returns the plain text that goes with them, or plain if they have none.
func addByKind(b *frame.Bundle, v any, plain string) string {
	switch x := v.(type) {
	case HTML:
		b.Data[mimeHTML] = string(x)
	case Markdown:
		b.Data[mimeMarkdown] = string(x)
	case LaTeX:
		b.Data[mimeLaTeX] = string(x)
	case SVG:
		b.Data[mimeSVG] = string(x)
	case PNG:
		b.Data[mimePNG] = wireValue(mimePNG, []byte(x))
	case JPEG:
		b.Data[mimeJPEG] = wireValue(mimeJPEG, []byte(x))
	case image.Image:
		return addImages(b, []image.Image{x})
	default:
		if text, ok := tensorBundle(b.Data, v); ok {
			return text
		}
		if images := imagesOf(v); len(images) > 0 {
			return addImages(b, images)
		}
		if g, ok := gridOf(v); ok {
			b.Data[mimeHTML] = g.html()
			if plain == "" {
				return g.text()
			}
		}
	}
	return plain
}

// plainText returns the plain text of v, given its richer forms.
func plainText(v any, data map[string]any) string {
	switch x := v.(type) {
	case string:
		if x == "" {
			return `""`
		}
		return x
	case HTML, Markdown, LaTeX, SVG, PNG, JPEG:
		return plainFromRich(data, fmt.Sprintf("%T", v))
	}
	var p printer
	return p.top(reflect.ValueOf(v))
}

// plainFromRich describes rich forms in words where there is no better text.
func plainFromRich(data map[string]any, what string) string {
	for _, mime := range []string{mimeMarkdown, mimeLaTeX} {
		if s, ok := data[mime].(string); ok && s != "" {
			return s
		}
	}
	if s, ok := data[mimeHTML].(string); ok {
		if t := textOfHTML(s); t != "" {
			return t
		}
	}
	return "(" + what + ": " + strings.Join(sortedKeys(data), ", ") + ")"
}

func withNotes(plain string, notes []string) string {
	if len(notes) == 0 {
		return plain
	}
	return plain + "\n" + strings.Join(notes, "\n")
}

// isNil tells whether v is nil in the sense of its kind.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
		return v.IsNil()
	}
	return false
}
