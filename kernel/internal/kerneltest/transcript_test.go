package kerneltest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// transcripts are short talks with Echo, by the name of the file that has what must pass. Together they have
// every message of the specification.
var transcripts = map[string]func(f *Frontend){
	"execute": func(f *Frontend) {
		ended(f.Execute("print hello\nerr world\n1 + 1"), "ok")
		content := Cell("page of a handbook")
		content["user_expressions"] = map[string]any{"good": "1", "bad": "fail NameError gone"}
		ended(f.Request(Shell, "execute_request", content, map[string]any{"cellId": "a-cell"}), "ok")
	},
	"silent": func(f *Frontend) {
		content := Cell("print unseen\n7")
		content["silent"], content["store_history"] = true, false
		ended(f.Request(Shell, "execute_request", content, nil), "ok")
	},
	"error": func(f *Frontend) {
		ended(f.Execute("fail ValueError it is wrong"), "error")
		ended(f.Execute("broken pipe"), "error")
		ended(f.Request(Shell, "execute_request", map[string]any{"code": ""}, nil), "ok")
	},
	"display": func(f *Frontend) {
		ended(f.Execute("html <b>bold</b>\nshow id before\nupdate id after\nclear wait\nclear"), "ok")
	},
	"input": func(f *Frontend) {
		r := f.Execute("input name? ")
		f.Answer("name? ", "Ada")
		ended(r, "ok")
	},
	"complete": func(f *Frontend) {
		ended(f.Request(Shell, "complete_request", map[string]any{"code": "é unw", "cursor_pos": 5}, nil), "ok")
		ended(f.Request(Shell, "complete_request", map[string]any{"code": "nothing", "cursor_pos": 7}, nil), "ok")
	},
	"inspect": func(f *Frontend) {
		ended(f.Request(Shell, "inspect_request", map[string]any{"code": "print x", "cursor_pos": 2, "detail_level": 1}, nil), "ok")
		ended(f.Request(Shell, "inspect_request", map[string]any{"code": "nothing", "cursor_pos": 2}, nil), "ok")
	},
	"is_complete": func(f *Frontend) {
		ended(f.Request(Shell, "is_complete_request", map[string]any{"code": "x"}, nil), "complete")
		ended(f.Request(Shell, "is_complete_request", map[string]any{"code": `x \`}, nil), "incomplete")
		ended(f.Request(Shell, "is_complete_request", map[string]any{"code": "!"}, nil), "invalid")
	},
	"history": func(f *Frontend) {
		ended(f.Execute("6\n7"), "ok")
		ended(f.Execute("print x"), "ok")
		for _, q := range []map[string]any{
			{"hist_access_type": "tail", "n": 2, "output": false, "raw": true},
			{"hist_access_type": "range", "session": 0, "start": 1, "stop": 2, "output": true, "raw": true},
			{"hist_access_type": "search", "pattern": "p*", "n": 5, "unique": true, "output": false, "raw": true},
		} {
			ended(f.Request(Shell, "history_request", q, nil), "ok")
		}
	},
	"comm": func(f *Frontend) {
		open := map[string]any{"comm_id": "theirs", "target_name": "widget", "data": map[string]any{"a": 1}}
		ended(f.Request(Shell, "comm_open", open, map[string]any{"version": "2.1"}), "")
		ended(f.Send(Outgoing{Channel: Shell, Type: "comm_msg", Content: map[string]any{"comm_id": "theirs", "data": map[string]any{"b": 2}}, Buffers: [][]byte{{0, 1, 255}}}), "")
		ended(f.Execute("open ours widget\nsend ours {\"c\": 3}"), "ok")
		ended(f.Request(Shell, "comm_info_request", map[string]any{"target_name": "widget"}, nil), "ok")
		ended(f.Execute("close ours"), "ok")
		ended(f.Request(Shell, "comm_close", map[string]any{"comm_id": "theirs", "data": map[string]any{}}, nil), "")
		ended(f.Request(Shell, "comm_open", map[string]any{"comm_id": "unwanted", "target_name": "refused", "data": map[string]any{}}, nil), "")
		ended(f.Request(Shell, "comm_info_request", map[string]any{}, nil), "ok")
	},
	"kernel_info": func(f *Frontend) {
		ended(f.Request(Shell, "kernel_info_request", nil, nil), "ok")
		ended(f.Request(Control, "kernel_info_request", nil, nil), "ok")
		ended(f.Request(Shell, "connect_request", nil, nil), "ok")
	},
	"subshell": func(f *Frontend) {
		id := f.CreateSubshell()
		ended(f.Request(Control, "list_subshell_request", nil, nil), "ok")
		ended(f.ExecuteIn(id, "1"), "ok")
		ended(f.Request(Control, "delete_subshell_request", map[string]any{"subshell_id": id}, nil), "ok")
		ended(f.ExecuteIn(id, "1"), "error")
		ended(f.Request(Control, "list_subshell_request", nil, nil), "ok")
	},
	"interrupt": func(f *Frontend) {
		cell := f.Execute("sleep 1h")
		cell.ExpectBusy()
		cell.ExpectInput("sleep 1h")
		f.Interrupt()
		ended(cell, "error")
	},
	"debug": func(f *Frontend) {
		q := map[string]any{"type": "request", "seq": 3, "command": "debugInfo"}
		ended(f.Request(Control, "debug_request", q, nil), "error")
	},
	"shutdown": func(f *Frontend) {
		ended(f.Request(Control, "shutdown_request", map[string]any{"restart": false}, nil), "ok")
	},
}

// ended reads all that a request causes, to its idle. Its reply must have the given status; "" is no reply.
func ended(r *Request, status string) {
	r.f.t.Helper()
	for !r.ended {
		r.NextOutput()
	}
	if status != "" {
		r.ExpectReply(status)
	}
}

// TestTranscripts: what passes between a frontend and Echo is what the files have, message for message, and
// each message is of the specification.
func TestTranscripts(t *testing.T) {
	var passed []string
	for name, talk := range transcripts {
		t.Run(name, func(t *testing.T) {
			record := &transcript{}
			f := connect(t, Serve(t, &Echo{}), record)
			talk(f)
			passed = append(passed, record.types()...)
			file := filepath.Join("testdata", "transcript", name+".txt")
			got := "What passes in a talk with the kernel of package kerneltest; see TestTranscripts.\n" + record.String()
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs; with -update it is written anew. What passes is\n%s", file, got)
			}
		})
	}
	for _, message := range messageTypes() {
		if !slices.Contains(passed, message) && !t.Failed() {
			t.Errorf("no transcript has the message %s", message)
		}
	}
}

// TestCheckMessage: what is not of the specification is found.
func TestCheckMessage(t *testing.T) {
	good := func() wire.Message {
		parent, err := wire.New("execute_request", "s", nil, Cell("x"))
		if err != nil {
			t.Fatal(err)
		}
		parent.Origin, _ = json.Marshal(parent.Header)
		m, err := wire.New("execute_reply", "s", &parent, wire.ExecuteReply{Status: "ok", Payload: []wire.Payload{}, UserExpressions: map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		frames, err := wire.Encode(m, wire.Key{})
		if err == nil {
			m, err = wire.Decode(frames, wire.Key{})
		}
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if err := checkMessage(fromKernel, Shell, good()); err != nil {
		t.Errorf("a good message: %v", err)
	}
	tests := []struct {
		name, channel, from string
		spoil               func(m *wire.Message)
		want                string
	}{
		{"another channel", Control, fromKernel, func(*wire.Message) {}, "does not go this way"},
		{"the other way", Shell, fromFrontend, func(*wire.Message) {}, "does not go this way"},
		{"an unknown type", Shell, fromKernel, func(m *wire.Message) { m.Header.MsgType = "eval" }, `no "eval"`},
		{"no count", Shell, fromKernel, func(m *wire.Message) { m.Content = []byte(`{"status":"ok"}`) }, "execution_count is absent"},
		{"half a cell", Shell, fromKernel, func(m *wire.Message) { m.Content = []byte(`{"status":"ok","execution_count":0.5}`) }, "want int"},
		{"an error without a name", Shell, fromKernel, func(m *wire.Message) { m.Content = []byte(`{"status":"error","execution_count":1}`) }, "ename is absent"},
		{"a traceback of numbers", Shell, fromKernel, func(m *wire.Message) {
			m.Content = []byte(`{"status":"error","execution_count":1,"ename":"","evalue":"","traceback":[1]}`)
		}, "want strings"},
		{"an expression without a value", Shell, fromKernel, func(m *wire.Message) {
			m.Content = []byte(`{"status":"ok","execution_count":1,"user_expressions":{"a":{"status":"ok"}}}`)
		}, "user_expressions"},
		{"no date", Shell, fromKernel, func(m *wire.Message) { m.Origin = []byte(strings.Replace(string(m.Origin), "date", "data", 1)) }, "date is absent"},
		{"an old version", Shell, fromKernel, func(m *wire.Message) { m.Origin = []byte(strings.Replace(string(m.Origin), `"5.5"`, `"5.3"`, 1)) }, "version"},
		{"half a parent", Shell, fromKernel, func(m *wire.Message) { m.Parent = []byte(`{"msg_id":"x"}`) }, "parent_header"},
		{"metadata that are a list", Shell, fromKernel, func(m *wire.Message) { m.Metadata = []byte(`[]`) }, "no object"},
		{"a third stream", iopub, fromKernel, func(m *wire.Message) {
			m.Header.MsgType, m.Identities, m.Content = "stream", [][]byte{nil}, []byte(`{"name":"stdlog","text":""}`)
		}, "not one of stdout stderr"},
		{"no topic", iopub, fromKernel, func(m *wire.Message) {
			m.Header.MsgType, m.Content = "stream", []byte(`{"name":"stdout","text":""}`)
		}, "topic"},
	}
	for _, tt := range tests {
		m := good()
		tt.spoil(&m)
		if err := checkMessage(tt.from, tt.channel, m); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
}

// A failing is a test that a test looks at.
type failing struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (f *failing) Helper()             {}
func (f *failing) Cleanup(c func())    { f.cleanups = append(f.cleanups, c) }
func (f *failing) Failed() bool        { return false }
func (f *failing) Logf(string, ...any) {}
func (f *failing) Errorf(format string, args ...any) {
	f.errors = append(f.errors, strings.TrimSpace(format))
}

// TestUnread: a test that leaves something unread fails, whether it has come already or not.
func TestUnread(t *testing.T) {
	tests := []struct {
		name string
		talk func(f *Frontend)
		want string // part of the failures, or "" for none
	}{
		{"all read", func(f *Frontend) { ended(f.Execute("1"), "ok") }, ""},
		{"nothing read", func(f *Frontend) { f.Execute("1") }, "the end of"},
		{"no reply read", func(f *Frontend) {
			r := f.Execute("1")
			r.ExpectBusy()
			r.ExpectInput("1")
			r.ExpectResult("1")
			r.ExpectIdle()
		}, "the reply to"},
		{"no idle read", func(f *Frontend) { r := f.Execute("print 1"); r.ExpectReply("ok"); r.ExpectBusy() }, "was not read"},
		{"late text", func(f *Frontend) { r := f.Execute("late 1ms x"); ended(r, "ok"); time.Sleep(100 * time.Millisecond) }, "was not read"},
		{"a prompt", func(f *Frontend) {
			r := f.Execute("input x")
			for end := time.Now().Add(patience); len(f.prompts) == 0 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			f.Interrupt()
			ended(r, "error")
		}, "prompt"},
		{"abandoned", func(f *Frontend) { f.Execute("sleep 1h").Abandon() }, ""},
	}
	for _, tt := range tests {
		fake := &failing{TB: t}
		tt.talk(Start(fake, &Echo{}))
		for _, c := range slices.Backward(fake.cleanups) {
			c()
		}
		if got := strings.Join(fake.errors, "\n"); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: the failures are %q, want %q", tt.name, got, tt.want)
		}
	}
}
