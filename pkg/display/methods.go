package display

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// richMethods are the methods by which a value brings a form of its own.
var richMethods = []struct{ name, mime string }{
	{"HTML", mimeHTML},
	{"Markdown", mimeMarkdown},
	{"LaTeX", mimeLaTeX},
	{"SVG", mimeSVG},
	{"PNG", mimePNG},
	{"JPEG", mimeJPEG},
}

// addMethods adds to data what the methods of v make, and returns a note for each one that failed.
func addMethods(data map[string]any, v any) (notes []string) {
	note := func(name string, err error) {
		notes = append(notes, fmt.Sprintf("(method %s of %T: %v)", name, v, err))
	}
	if out, ok, err := call(v, "MIMEBundle"); err != nil {
		note("MIMEBundle", err)
	} else if ok {
		for mime, form := range stringMap(out) {
			data[mime] = wireValue(mime, form)
		}
	}
	for _, m := range richMethods {
		if _, have := data[m.mime]; have {
			continue
		}
		out, ok, err := call(v, m.name)
		if err != nil {
			note(m.name, err)
		} else if ok {
			if s := wireValue(m.mime, out); s != "" {
				data[m.mime] = s
			}
		}
	}
	return notes
}

// call calls the method of v with the given name, if it takes nothing and returns a string, bytes or a
// map, with or without an error. A method on the pointer counts too: it is called on a copy. A panic
// becomes an error.
func call(v any, name string) (out any, ok bool, err error) {
	m := method(reflect.ValueOf(v), name)
	if !m.IsValid() || !isForm(m.Type(), name) {
		return nil, false, nil
	}
	defer func() {
		if r := recover(); r != nil {
			out, ok, err = nil, false, fmt.Errorf("panic: %v", r)
		}
	}()
	res := m.Call(nil)
	if len(res) == 2 && !res[1].IsNil() {
		return nil, false, res[1].Interface().(error)
	}
	return res[0].Interface(), true, nil
}

func method(v reflect.Value, name string) reflect.Value {
	if m := v.MethodByName(name); m.IsValid() || v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		return m
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	return p.MethodByName(name)
}

// isForm tells whether a method of type t returns a form: of several for MIMEBundle, else of one.
func isForm(t reflect.Type, name string) bool {
	if t.NumIn() != 0 || t.NumOut() < 1 || t.NumOut() > 2 {
		return false
	}
	if t.NumOut() == 2 && t.Out(1) != reflect.TypeFor[error]() {
		return false
	}
	o := t.Out(0)
	if name == "MIMEBundle" {
		return o.Kind() == reflect.Map && o.Key().Kind() == reflect.String
	}
	return o.Kind() == reflect.String || o.Kind() == reflect.Slice && o.Elem().Kind() == reflect.Uint8
}

func stringMap(m any) map[string]any {
	out := map[string]any{}
	for it := reflect.ValueOf(m).MapRange(); it.Next(); {
		out[it.Key().String()] = it.Value().Interface()
	}
	return out
}

// wireValue returns a form as a bundle holds it: text as a string, binary types in base64, JSON types
// as a value that encoding/json can write.
func wireValue(mime string, form any) any {
	v := reflect.ValueOf(form)
	isText := v.Kind() == reflect.String
	isBytes := v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8
	switch {
	case isJSON(mime) && isBytes:
		return json.RawMessage(v.Bytes())
	case isJSON(mime):
		return form
	case isText:
		return v.String()
	case isBytes && isBinary(mime):
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case isBytes:
		return string(v.Bytes())
	}
	return fmt.Sprint(form)
}

func isJSON(mime string) bool { return mime == mimeJSON || strings.HasSuffix(mime, "+json") }

func isBinary(mime string) bool {
	return mime == "application/pdf" || strings.HasPrefix(mime, "image/") && mime != mimeSVG ||
		strings.HasPrefix(mime, "audio/") || strings.HasPrefix(mime, "video/")
}
