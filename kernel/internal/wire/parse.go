package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// A FieldError is content that lacks a field or has it in the wrong type.
type FieldError struct {
	MsgType string
	Field   string // "" when the content as a whole is wrong
	Err     error
}

// Error names the message, the field and the fault.
func (e *FieldError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("wire: content of %s: %v", e.MsgType, e.Err)
	}
	return fmt.Sprintf("wire: content of %s: field %q: %v", e.MsgType, e.Field, e.Err)
}

// Unwrap returns the fault.
func (e *FieldError) Unwrap() error { return e.Err }

// parse reads the content of m, in which the required fields must be present and not null.
func parse[T any](m Message, required ...string) (T, error) {
	var v T
	return v, parseInto(m, &v, required...)
}

// parseInto is parse for a pointer to a struct that already holds its defaults.
func parseInto(m Message, v any, required ...string) error {
	if err := json.Unmarshal(m.Content, v); err != nil {
		name := ""
		if t, ok := err.(*json.UnmarshalTypeError); ok {
			name = t.Field
		}
		return &FieldError{m.Header.MsgType, name, err}
	}
	for _, name := range required {
		if isZero(v, name) && !hasField(m.Content, name) {
			return &FieldError{m.Header.MsgType, name, fmt.Errorf("absent")}
		}
	}
	return nil
}

// isZero says whether the field of the struct behind v that JSON knows by name has its zero value: only
// then it may have been absent.
func isZero(v any, name string) bool {
	s := reflect.ValueOf(v).Elem()
	for i := range s.NumField() {
		if tag, _, _ := strings.Cut(s.Type().Field(i).Tag.Get("json"), ","); tag == name {
			return s.Field(i).IsZero()
		}
	}
	return true
}

// hasField says whether a JSON object has a field that is not null.
func hasField(object []byte, name string) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return false
	}
	raw, there := fields[name]
	return there && !bytes.Equal(raw, []byte("null"))
}

// clampCursor returns pos within the code points of code.
func clampCursor(code string, pos int) int {
	return max(0, min(pos, utf8.RuneCountInString(code)))
}
