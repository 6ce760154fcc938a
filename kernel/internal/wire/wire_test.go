package wire

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

var testKey = KeyOf("a key")

// raw is a message as frames, before it is spoilt by a test.
func raw(t *testing.T, key Key, content any) [][]byte {
	t.Helper()
	m, err := New("execute_request", "s1", nil, content)
	if err != nil {
		t.Fatal(err)
	}
	m.Identities = [][]byte{[]byte("peer")}
	m.Buffers = [][]byte{{1, 2}, {}}
	frames, err := Encode(m, key)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

func TestRoundTrip(t *testing.T) {
	for _, key := range []Key{{}, testKey} {
		m, err := Decode(raw(t, key, map[string]any{"code": "x"}), key)
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Identities[0]) != "peer" || m.Header.MsgType != "execute_request" || m.Header.Session != "s1" {
			t.Errorf("decoded %+v", m)
		}
		if !reflect.DeepEqual(m.Buffers, [][]byte{{1, 2}, {}}) {
			t.Errorf("buffers are %v", m.Buffers)
		}
		reply, err := New("execute_reply", "s2", &m, OKReply{"ok"})
		if err != nil {
			t.Fatal(err)
		}
		if reply.ParentID() != m.Header.MsgID {
			t.Errorf("parent is %q, want %q", reply.ParentID(), m.Header.MsgID)
		}
	}
}

// TestSignature compares with a signature made by another implementation of HMAC-SHA256.
func TestSignature(t *testing.T) {
	got := KeyOf("key").sign([][]byte{[]byte("The quick brown fox "), []byte("jumps over "), []byte("the lazy dog"), nil})
	if want := "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"; string(got) != want {
		t.Errorf("sign = %s, want %s", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	resign := func(f [][]byte) [][]byte { f[2] = testKey.sign(f[3:7]); return f }
	tests := []struct {
		name  string
		spoil func(f [][]byte) [][]byte
		want  error
	}{
		{"no frames", func(f [][]byte) [][]byte { return nil }, ErrDelimiter},
		{"no delimiter", func(f [][]byte) [][]byte { return append(f[:1], f[2:]...) }, ErrDelimiter},
		{"delimiter alone", func(f [][]byte) [][]byte { return f[1:2] }, ErrShort},
		{"no content", func(f [][]byte) [][]byte { return f[:6] }, ErrShort},
		{"empty signature", func(f [][]byte) [][]byte { f[2] = nil; return f }, ErrSignature},
		{"changed content", func(f [][]byte) [][]byte { f[6] = []byte(`{"code":"y"}`); return f }, ErrSignature},
		{"content is a list", func(f [][]byte) [][]byte { f[6] = []byte(`[]`); return resign(f) }, ErrJSON},
		{"content is null", func(f [][]byte) [][]byte { f[6] = []byte(`null`); return resign(f) }, ErrJSON},
		{"content is cut", func(f [][]byte) [][]byte { f[6] = []byte(`{"code":`); return resign(f) }, ErrJSON},
		{"content is not UTF-8", func(f [][]byte) [][]byte { f[6] = []byte("{\"code\":\"\xff\"}"); return resign(f) }, ErrJSON},
		{"content is too deep", func(f [][]byte) [][]byte {
			f[6] = []byte(`{"x":` + strings.Repeat("[", 1e6) + strings.Repeat("]", 1e6) + "}")
			return resign(f)
		}, ErrJSON},
		{"metadata is empty", func(f [][]byte) [][]byte { f[5] = nil; return resign(f) }, ErrJSON},
		{"parent is text", func(f [][]byte) [][]byte { f[4] = []byte(`"x"`); return resign(f) }, ErrJSON},
		{"header is empty", func(f [][]byte) [][]byte { f[3] = []byte(`{}`); return resign(f) }, ErrHeader},
		{"header has a number", func(f [][]byte) [][]byte { f[3] = []byte(`{"msg_id":1,"msg_type":"x"}`); return resign(f) }, ErrHeader},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frames := tt.spoil(raw(t, testKey, map[string]any{"code": "x"}))
			if _, err := Decode(frames, testKey); !errors.Is(err, tt.want) {
				t.Errorf("error is %v, want %v", err, tt.want)
			}
		})
	}
}

func TestParseExecuteRequest(t *testing.T) {
	tests := []struct {
		content, metadata string
		want              ExecuteRequest
		field             string // of the error
	}{
		{`{"code":"x"}`, `{}`, ExecuteRequest{Code: "x", StoreHistory: true, AllowStdin: true, StopOnError: true}, ""},
		{`{"code":"x","silent":true,"store_history":true}`, `{"cellId":"c"}`, ExecuteRequest{Code: "x", Silent: true, AllowStdin: true, StopOnError: true, CellID: "c"}, ""},
		{`{"code":"x","allow_stdin":false,"stop_on_error":false,"more":1}`, `{"cellId":7}`, ExecuteRequest{Code: "x", StoreHistory: true}, ""},
		{`{}`, `{}`, ExecuteRequest{}, "code"},
		{`{"code":null}`, `{}`, ExecuteRequest{}, "code"},
		{`{"code":1}`, `{}`, ExecuteRequest{}, "code"},
		{`{"code":"x","silent":"yes"}`, `{}`, ExecuteRequest{}, "silent"},
	}
	for _, tt := range tests {
		m := Message{Content: json.RawMessage(tt.content), Metadata: json.RawMessage(tt.metadata)}
		got, err := ParseExecuteRequest(m)
		if tt.field != "" {
			var fe *FieldError
			if !errors.As(err, &fe) || fe.Field != tt.field {
				t.Errorf("%s: error is %v, want one about %s", tt.content, err, tt.field)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, %v; want %+v", tt.content, got, err, tt.want)
		}
	}
}

// TestCursor: a cursor counts code points, of which "é世🙂" has three.
func TestCursor(t *testing.T) {
	for pos, want := range map[string]int{"-5": 0, "2": 2, "3": 3, "99": 3} {
		m := Message{Content: json.RawMessage(`{"code":"é世🙂","cursor_pos":` + pos + `}`)}
		r, err := ParseCompleteRequest(m)
		if err != nil || r.CursorPos != want {
			t.Errorf("cursor %s became %d (%v), want %d", pos, r.CursorPos, err, want)
		}
	}
}

func TestHistoryEntryJSON(t *testing.T) {
	out := "2"
	for _, tt := range []struct {
		e    HistoryEntry
		want string
	}{
		{HistoryEntry{Session: 1, Line: 3, Input: "1+1"}, `[1,3,"1+1"]`},
		{HistoryEntry{Session: 1, Line: 3, Input: "1+1", Output: &out, WithOutput: true}, `[1,3,["1+1","2"]]`},
		{HistoryEntry{Session: 1, Line: 3, Input: "x", WithOutput: true}, `[1,3,["x",null]]`},
	} {
		if got, err := json.Marshal(tt.e); err != nil || string(got) != tt.want {
			t.Errorf("got %s, %v; want %s", got, err, tt.want)
		}
	}
}

// parsers are all Parse functions.
var parsers = map[string]func(m Message) error{
	"comm":            func(m Message) error { _, err := ParseComm(m); return err },
	"comm_info":       func(m Message) error { _, err := ParseCommInfoRequest(m); return err },
	"complete":        func(m Message) error { _, err := ParseCompleteRequest(m); return err },
	"debug":           func(m Message) error { ParseDebugRequest(m); return nil },
	"delete_subshell": func(m Message) error { _, err := ParseDeleteSubshellRequest(m); return err },
	"execute":         func(m Message) error { _, err := ParseExecuteRequest(m); return err },
	"history":         func(m Message) error { _, err := ParseHistoryRequest(m); return err },
	"input":           func(m Message) error { _, err := ParseInputReply(m); return err },
	"inspect":         func(m Message) error { _, err := ParseInspectRequest(m); return err },
	"is_complete":     func(m Message) error { _, err := ParseIsCompleteRequest(m); return err },
	"shutdown":        func(m Message) error { _, err := ParseShutdownRequest(m); return err },
}

// FuzzDecode: whatever the frames (cut at newlines here), Decode and the parsers return, and their errors
// name the message.
func FuzzDecode(f *testing.F) {
	f.Add("peer\n<IDS|MSG>\n\n{\"msg_id\":\"1\",\"msg_type\":\"execute_request\"}\n{}\n{\"cellId\":\"x\"}\n{\"code\":\"1\",\"cursor_pos\":3}\n")
	f.Add("<IDS|MSG>\n\n{\"msg_id\":\"1\",\"msg_type\":\"comm_msg\",\"subshell_id\":null}\n{\"msg_id\":\"0\"}\n{}\n{\"comm_id\":\"c\",\"data\":{},\"subshell_id\":\"s\",\"value\":\"v\",\"hist_access_type\":\"tail\"}\nbuffer")
	f.Add("<IDS|MSG>")
	f.Add("<IDS|MSG>\n\n[]\n{}\n{}\n{}")
	f.Fuzz(func(t *testing.T, s string) {
		var frames [][]byte
		for _, part := range strings.Split(s, "\n") {
			frames = append(frames, []byte(part))
		}
		m, err := Decode(frames, Key{})
		if err != nil {
			return
		}
		m.ParentID()
		for name, parse := range parsers {
			var fe *FieldError
			if err := parse(m); err != nil && !errors.As(err, &fe) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if r, err := ParseCompleteRequest(m); err == nil && (r.CursorPos < 0 || r.CursorPos > len(r.Code)) {
			t.Errorf("cursor %d in %q", r.CursorPos, r.Code)
		}
		again, err := Encode(m, Key{})
		if err != nil {
			t.Fatalf("a decoded message does not encode: %v", err)
		}
		if back, err := Decode(again, Key{}); err != nil || back.Header.MsgID != m.Header.MsgID {
			t.Errorf("an encoded message decodes to %+v, %v", back.Header, err)
		}
	})
}
