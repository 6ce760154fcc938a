package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// delimiter stands between the identities and the signature.
var delimiter = []byte("<IDS|MSG>")

// partNames names the four signed frames of a message, in their order.
var partNames = [...]string{"header", "parent_header", "metadata", "content"}

// Why frames are not a message. Errors of Decode wrap one of them.
var (
	ErrDelimiter = errors.New("no <IDS|MSG> frame")
	ErrShort     = errors.New("too few frames")
	ErrSignature = errors.New("wrong signature")
	ErrJSON      = errors.New("not a JSON object")
	ErrHeader    = errors.New("incomplete header")
)

// Decode reads the frames of one message and checks its signature. The message shares their memory.
func Decode(frames [][]byte, key Key) (Message, error) {
	at := delimiterAt(frames)
	if at < 0 {
		return Message{}, fmt.Errorf("wire: decode %d frames: %w", len(frames), ErrDelimiter)
	}
	if len(frames) < at+2+len(partNames) {
		return Message{}, fmt.Errorf("wire: decode %d frames: %w", len(frames), ErrShort)
	}
	signature, parts := frames[at+1], frames[at+2:at+2+len(partNames)]
	if !key.verify(signature, parts) {
		return Message{}, fmt.Errorf("wire: decode: %w", ErrSignature)
	}
	for i, p := range parts {
		if !isObject(p) {
			return Message{}, fmt.Errorf("wire: decode %s: %w", partNames[i], ErrJSON)
		}
	}
	m := Message{
		Identities: frames[:at:at],
		Origin:     parts[0],
		Parent:     parts[1],
		Metadata:   parts[2],
		Content:    parts[3],
		Buffers:    frames[at+2+len(partNames):],
	}
	if key.Signs() {
		m.Signature = string(signature)
	}
	if err := json.Unmarshal(m.Origin, &m.Header); err != nil {
		return Message{}, fmt.Errorf("wire: decode header: %w: %w", ErrHeader, err)
	}
	if m.Header.MsgID == "" || m.Header.MsgType == "" {
		return Message{}, fmt.Errorf("wire: decode header: %w: msg_id and msg_type must be there", ErrHeader)
	}
	return m, nil
}

// isObject says whether p is a JSON object. Its text must be UTF-8: parts of it go on to other frontends,
// whose readers are strict.
func isObject(p []byte) bool {
	if len(p) == 2 && p[0] == '{' && p[1] == '}' { // most parents and metadata
		return true
	}
	start := bytes.TrimLeft(p, " \t\r\n")
	return len(start) > 0 && start[0] == '{' && utf8.Valid(p) && json.Valid(p)
}

// delimiterAt returns the index of the delimiter, or -1.
func delimiterAt(frames [][]byte) int {
	for i, f := range frames {
		if bytes.Equal(f, delimiter) {
			return i
		}
	}
	return -1
}

// Encode signs m and returns its frames, identities first. Absent JSON parts become {}.
func Encode(m Message, key Key) ([][]byte, error) {
	header, err := json.Marshal(m.Header)
	if err != nil {
		return nil, fmt.Errorf("wire: encode header of %s: %w", m.Header.MsgType, err)
	}
	parts := [][]byte{header, object(m.Parent), object(m.Metadata), object(m.Content)}
	frames := make([][]byte, 0, len(m.Identities)+2+len(parts)+len(m.Buffers))
	frames = append(frames, m.Identities...)
	frames = append(frames, delimiter, key.sign(parts))
	frames = append(frames, parts...)
	return append(frames, m.Buffers...), nil
}

// object returns raw, or an empty object in its place.
func object(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte("{}")
	}
	return raw
}

// New makes a message of session with content, caused by parent; a nil parent causes none.
func New(msgType, session string, parent *Message, content any) (Message, error) {
	raw, err := json.Marshal(content)
	if err != nil {
		return Message{}, fmt.Errorf("wire: content of %s: %w", msgType, err)
	}
	m := Message{Header: NewHeader(msgType, session), Content: raw}
	if parent != nil {
		m.Parent = parent.Origin
	}
	return m, nil
}
