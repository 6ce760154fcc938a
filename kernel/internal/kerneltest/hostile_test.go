package kerneltest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// examples are contents in which each field is right.
var examples = map[string]string{
	"execute_request":         `{"code":"1","silent":false,"store_history":true,"user_expressions":{"a":"1"},"allow_stdin":false,"stop_on_error":false}`,
	"inspect_request":         `{"code":"print","cursor_pos":1,"detail_level":0}`,
	"complete_request":        `{"code":"pr","cursor_pos":1}`,
	"history_request":         `{"hist_access_type":"range","output":true,"raw":true,"session":0,"start":0,"stop":3,"n":3,"pattern":"*","unique":true}`,
	"is_complete_request":     `{"code":"x"}`,
	"comm_info_request":       `{"target_name":"x"}`,
	"delete_subshell_request": `{"subshell_id":"x"}`,
	"input_reply":             `{"value":"x"}`,
	"comm_open":               `{"comm_id":"c","target_name":"x","data":{}}`,
	"comm_msg":                `{"comm_id":"c","data":{}}`,
	"comm_close":              `{"comm_id":"c","data":{}}`,
}

// wrong are values of every kind of JSON, among them what no field takes.
var wrong = []string{
	"null", "true", "false", "0", "-1", "2147483648", "9223372036854775808", "1e400", "-0.5", `""`, `"text"`, `"\ud800"`, `"\u0000"`,
	"[]", "[[]]", `["text",1]`, "{}", `{"a":{"b":[null]}}`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000), `"` + strings.Repeat("long ", 1<<16) + `"`,
}

// TestWrongTypes: whatever a field of a request holds, and whatever it lacks, it has an answer of the
// specification and the busy and idle around that, and the kernel serves on.
func TestWrongTypes(t *testing.T) {
	f := Start(t, &Echo{})
	for name, r := range specification {
		if !strings.Contains(r.from, fromFrontend) || r.fields == "" || name == "shutdown_request" { // which ends the kernel in any case
			continue
		}
		var good map[string]json.RawMessage
		if err := json.Unmarshal([]byte(examples[name]), &good); err != nil {
			t.Fatalf("%s has no example: %v", name, err)
		}
		channel, _, _ := strings.Cut(r.channels, " ")
		for _, field := range strings.Fields(r.fields) {
			field, _, _ := strings.Cut(field, ":")
			right, there := good[field]
			if !there {
				t.Fatalf("the example of %s has no %s", name, field)
			}
			delete(good, field)
			f.spoilt(channel, name, good)
			for _, value := range wrong {
				good[field] = json.RawMessage(value)
				f.spoilt(channel, name, good)
			}
			good[field] = right
		}
	}
	ended(f.Execute("8"), "ok")
}

// spoilt sends a request and reads what it causes: an answer, whichever, and its end.
func (f *Frontend) spoilt(channel, msgType string, content map[string]json.RawMessage) {
	f.t.Helper()
	start := time.Now()
	r := f.Request(channel, msgType, content, nil)
	if channel == Stdin {
		r.Abandon() // an input_reply has no answer
		return
	}
	for !r.ended {
		r.NextOutput()
	}
	if strings.HasSuffix(msgType, "_request") {
		r.next(r.replies, "")
	}
	if took := time.Since(start); took > patience/10 {
		f.t.Errorf("%s took %v", r, took)
	}
}

// TestWrongShutdown: a request to end that cannot be read ends the kernel too.
func TestWrongShutdown(t *testing.T) {
	f := Start(t, &Echo{})
	ended(f.Request(Control, wire.ShutdownRequestType, map[string]any{"restart": "yes"}, nil), "ok")
}
