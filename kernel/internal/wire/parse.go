package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// parseInto is parse for a value that already holds its defaults.
func parseInto(m Message, v any, required ...string) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(m.Content, &fields); err != nil {
		return &FieldError{m.Header.MsgType, "", err}
	}
	for _, name := range required {
		if raw, ok := fields[name]; !ok || bytes.Equal(raw, []byte("null")) {
			return &FieldError{m.Header.MsgType, name, fmt.Errorf("absent")}
		}
	}
	if err := json.Unmarshal(m.Content, v); err != nil {
		name := ""
		if t, ok := err.(*json.UnmarshalTypeError); ok {
			name = t.Field
		}
		return &FieldError{m.Header.MsgType, name, err}
	}
	return nil
}

// clampCursor returns pos within the code points of code.
func clampCursor(code string, pos int) int {
	return max(0, min(pos, utf8.RuneCountInString(code)))
}
