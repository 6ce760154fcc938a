package kerneltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// Who sends a message, and on which channels.
const (
	fromFrontend = ">"
	fromKernel   = "<"
)

// A rule is what the specification says of one type of message: who sends it, on which channels, and the
// fields of its content. A field is written NAME:TYPE, and with a ? behind it may be absent. The types are
// those of JSON, with int for whole numbers, strings for lists of strings and any for whatever there is.
type rule struct {
	from, channels, fields string
}

// specification has the messages of version 5.5 of the protocol. A reply may be an error in place of its
// fields. Of its messages debug_event alone is not here: it comes from debuggers.
var specification = map[string]rule{
	"execute_request":     {fromFrontend, "shell", "code:string silent:bool? store_history:bool? user_expressions:object? allow_stdin:bool? stop_on_error:bool?"},
	"execute_reply":       {fromKernel, "shell", "status:string execution_count:int payload:list? user_expressions:object?"},
	"inspect_request":     {fromFrontend, "shell", "code:string cursor_pos:int detail_level:int?"},
	"inspect_reply":       {fromKernel, "shell", "status:string found:bool data:object metadata:object"},
	"complete_request":    {fromFrontend, "shell", "code:string cursor_pos:int"},
	"complete_reply":      {fromKernel, "shell", "status:string matches:strings cursor_start:int cursor_end:int metadata:object"},
	"history_request":     {fromFrontend, "shell", "hist_access_type:string output:bool? raw:bool? session:int? start:int? stop:int? n:int? pattern:string? unique:bool?"},
	"history_reply":       {fromKernel, "shell", "status:string history:list"},
	"is_complete_request": {fromFrontend, "shell", "code:string"},
	"is_complete_reply":   {fromKernel, "shell", "status:string indent:string?"},
	"connect_request":     {fromFrontend, "shell", ""},
	"connect_reply":       {fromKernel, "shell", "status:string shell_port:int iopub_port:int stdin_port:int hb_port:int control_port:int"},
	"comm_info_request":   {fromFrontend, "shell", "target_name:string?"},
	"comm_info_reply":     {fromKernel, "shell", "status:string comms:object"},
	"kernel_info_request": {fromFrontend, "shell control", ""},
	"kernel_info_reply": {fromKernel, "shell control", "status:string protocol_version:string implementation:string " +
		"implementation_version:string language_info:object banner:string debugger:bool? help_links:list? supported_features:strings?"},
	"shutdown_request":        {fromFrontend, "shell control", "restart:bool"},
	"shutdown_reply":          {fromKernel, "shell control iopub", "status:string restart:bool"},
	"interrupt_request":       {fromFrontend, "shell control", ""},
	"interrupt_reply":         {fromKernel, "shell control", "status:string"},
	"debug_request":           {fromFrontend, "shell control", ""},
	"debug_reply":             {fromKernel, "shell control", ""},
	"create_subshell_request": {fromFrontend, "shell control", ""},
	"create_subshell_reply":   {fromKernel, "shell control", "status:string subshell_id:string"},
	"delete_subshell_request": {fromFrontend, "shell control", "subshell_id:string"},
	"delete_subshell_reply":   {fromKernel, "shell control", "status:string"},
	"list_subshell_request":   {fromFrontend, "shell control", ""},
	"list_subshell_reply":     {fromKernel, "shell control", "status:string subshell_id:strings"},
	"input_request":           {fromKernel, "stdin", "prompt:string password:bool"},
	"input_reply":             {fromFrontend, "stdin", "value:string"},
	"comm_open":               {fromFrontend + fromKernel, "shell control iopub", "comm_id:string target_name:string data:object"},
	"comm_msg":                {fromFrontend + fromKernel, "shell control iopub", "comm_id:string data:any"}, // should be an object; programs send what they like
	"comm_close":              {fromFrontend + fromKernel, "shell control iopub", "comm_id:string data:object"},
	"iopub_welcome":           {fromKernel, "iopub", "subscription:string"},
	"stream":                  {fromKernel, "iopub", "name:string text:string"},
	"display_data":            {fromKernel, "iopub", "data:object metadata:object transient:object?"},
	"update_display_data":     {fromKernel, "iopub", "data:object metadata:object transient:object"},
	"execute_input":           {fromKernel, "iopub", "code:string execution_count:int"},
	"execute_result":          {fromKernel, "iopub", "execution_count:int data:object metadata:object transient:object?"},
	"error":                   {fromKernel, "iopub", "ename:string evalue:string traceback:strings"},
	"status":                  {fromKernel, "iopub", "execution_state:string"},
	"clear_output":            {fromKernel, "iopub", "wait:bool"},
}

// words lists what some fields may be.
var words = map[string]string{
	"status execution_state":           "busy idle starting",
	"stream name":                      "stdout stderr",
	"is_complete_reply status":         "complete incomplete invalid unknown error",
	"history_request hist_access_type": "tail range search",
}

// The fields of headers, of errors in the place of other contents, and of parts of contents.
const (
	headerFields     = "msg_id:string session:string username:string date:string msg_type:string version:string subshell_id:string?"
	errorFields      = "status:string ename:string evalue:string traceback:strings"
	languageFields   = "name:string version:string mimetype:string file_extension:string pygments_lexer:string? nbconvert_exporter:string?"
	expressionFields = "status:string data:object metadata:object"
)

// checkMessage finds what the specification does not allow of a message on a channel.
func checkMessage(from, channel string, m wire.Message) error {
	name := m.Header.MsgType
	r, known := specification[name]
	if !known {
		return fmt.Errorf("the specification has no %q", name)
	}
	if !strings.Contains(r.from, from) || !slices.Contains(strings.Fields(r.channels), channel) {
		return fmt.Errorf("%s does not go this way (%s) on the channel %s", name, from, channel)
	}
	if err := checkHeaders(from, channel, m); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := checkContent(name, r, m.Content); err != nil {
		return fmt.Errorf("content of %s: %w in %s", name, err, m.Content)
	}
	return nil
}

// checkHeaders checks what every message has.
func checkHeaders(from, channel string, m wire.Message) error {
	header, err := checkFields(m.Origin, headerFields)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if _, err := time.Parse(time.RFC3339, header["date"].(string)); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if from == fromKernel && header["version"] != "5.5" {
		return fmt.Errorf("header: the version is %v", header["version"])
	}
	if parent, err := checkFields(m.Parent, ""); err != nil || len(parent) > 0 {
		if _, err := checkFields(m.Parent, headerFields); err != nil {
			return fmt.Errorf("parent_header: %w", err)
		}
	}
	if channel == iopub && len(m.Identities) != 1 {
		return fmt.Errorf("%d frames precede the delimiter on iopub, not the topic alone", len(m.Identities))
	}
	_, err = checkFields(m.Metadata, "")
	return err
}

// checkContent checks the content of a message of the given type.
func checkContent(name string, r rule, raw json.RawMessage) error {
	content, err := checkFields(raw, "")
	if err != nil {
		return err
	}
	fields := r.fields
	if strings.HasSuffix(name, "_reply") && content["status"] == "error" {
		fields = errorFields
		if name == "execute_reply" {
			fields += " execution_count:int"
		}
	}
	if err := checkObject(content, fields); err != nil {
		return err
	}
	for field, may := range words {
		if kind, field, _ := strings.Cut(field, " "); kind == name && !slices.Contains(strings.Fields(may), fmt.Sprint(content[field])) {
			return fmt.Errorf("%s is %v, not one of %s", field, content[field], may)
		}
	}
	return checkParts(name, content)
}

// checkParts checks what is within the content.
func checkParts(name string, content map[string]any) error {
	if content["status"] == "error" {
		return nil
	}
	switch name {
	case "kernel_info_reply":
		return checkObject(content["language_info"], languageFields)
	case "comm_info_reply":
		for _, c := range content["comms"].(map[string]any) {
			if err := checkObject(c, "target_name:string"); err != nil {
				return err
			}
		}
	case "execute_reply":
		expressions, _ := content["user_expressions"].(map[string]any)
		for _, e := range expressions {
			if err := cmpOr(checkObject(e, expressionFields), checkObject(e, errorFields)); err != nil {
				return fmt.Errorf("user_expressions: %w", err)
			}
		}
	case "history_reply":
		for _, e := range content["history"].([]any) {
			if l, ok := e.([]any); !ok || len(l) != 3 {
				return fmt.Errorf("history: %v is no triple", e)
			}
		}
	case "update_display_data":
		return checkObject(content["transient"], "display_id:string")
	}
	return nil
}

// cmpOr returns nil if one of two ways to read a value is right.
func cmpOr(a, b error) error {
	if a == nil || b == nil {
		return nil
	}
	return a
}

// checkFields reads an object and checks its fields.
func checkFields(raw json.RawMessage, fields string) (map[string]any, error) {
	var object map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // JSON knows numbers that float64 does not
	if err := d.Decode(&object); err != nil {
		return nil, fmt.Errorf("%s is no object", raw)
	}
	return object, checkObject(object, fields)
}

// checkObject checks the fields of a decoded object.
func checkObject(v any, fields string) error {
	object, ok := v.(map[string]any)
	if !ok || object == nil {
		return fmt.Errorf("%v is no object", v)
	}
	for _, f := range strings.Fields(fields) {
		name, kind, _ := strings.Cut(f, ":")
		kind, optional := strings.CutSuffix(kind, "?")
		v, there := object[name]
		if !there && !optional {
			return fmt.Errorf("%s is absent", name)
		}
		if there && !isKind(v, kind) {
			return fmt.Errorf("%s is %v, want %s", name, v, kind)
		}
	}
	return nil
}

// isKind says whether a decoded value has the type that a rule names.
func isKind(v any, kind string) (ok bool) {
	switch kind {
	case "any":
		ok = true
	case "string":
		_, ok = v.(string)
	case "bool":
		_, ok = v.(bool)
	case "object":
		_, ok = v.(map[string]any)
	case "list":
		_, ok = v.([]any)
	case "int":
		n, _ := v.(json.Number)
		_, err := n.Int64()
		ok = err == nil
	case "strings":
		l, list := v.([]any)
		ok = list && !slices.ContainsFunc(l, func(e any) bool { _, text := e.(string); return !text })
	}
	return ok
}

// messageTypes lists the types of the specification, each once for each side that sends it.
func messageTypes() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(specification)) {
		for _, from := range []string{fromFrontend, fromKernel} {
			if strings.Contains(specification[name].from, from) {
				all = append(all, from+" "+name)
			}
		}
	}
	return all
}
