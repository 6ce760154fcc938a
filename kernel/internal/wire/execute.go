package wire

import "encoding/json"

// Names of the messages of this family.
const (
	ExecuteRequestType = "execute_request"
	ExecuteReplyType   = "execute_reply"
	ExecuteInputType   = "execute_input"
)

// ExecuteRequest asks for a cell to be run.
type ExecuteRequest struct {
	Code            string            `json:"code"`
	Silent          bool              `json:"silent"`
	StoreHistory    bool              `json:"store_history"`
	UserExpressions map[string]string `json:"user_expressions"`
	AllowStdin      bool              `json:"allow_stdin"`
	StopOnError     bool              `json:"stop_on_error"`
	CellID          string            `json:"-"` // cellId of the metadata, if any
}

// ExecuteReply ends it. An error has its name, value and traceback as well.
type ExecuteReply struct {
	Status          string         `json:"status"`
	ExecutionCount  int            `json:"execution_count"`
	Payload         []Payload      `json:"payload"`
	UserExpressions map[string]any `json:"user_expressions"` // each an Expression or an ErrorReply
}

// ExecuteErrorReply is the content of an execute_reply whose Status is "error".
type ExecuteErrorReply struct {
	ErrorReply
	ExecutionCount int `json:"execution_count"`
}

// An Expression is the value of one of the UserExpressions, by MIME type; one that failed is an ErrorReply.
type Expression struct {
	Status   string         `json:"status"`
	Data     map[string]any `json:"data"`
	Metadata map[string]any `json:"metadata"`
}

// A Payload asks the frontend to do something when the reply comes: to show a page, or to put a text where
// the next is typed.
type Payload struct {
	Source  string         `json:"source"`            // "page" or "set_next_input"
	Data    map[string]any `json:"data,omitempty"`    // of a page
	Start   int            `json:"start"`             // line of a page
	Text    string         `json:"text,omitempty"`    // of the input
	Replace bool           `json:"replace,omitempty"` // the cell's own input, not the next
}

// ExecuteInput tells every frontend which code runs.
type ExecuteInput struct {
	Code           string `json:"code"`
	ExecutionCount int    `json:"execution_count"`
}

// ParseExecuteRequest reads the content and the cell identifier of m, with the protocol's defaults. A
// silent request is never stored.
func ParseExecuteRequest(m Message) (ExecuteRequest, error) {
	r := ExecuteRequest{StoreHistory: true, AllowStdin: true, StopOnError: true}
	err := parseInto(m, &r, "code")
	r.StoreHistory = r.StoreHistory && !r.Silent
	var meta struct {
		CellID string `json:"cellId"`
	}
	if json.Unmarshal(m.Metadata, &meta) == nil { // a cell identifier in another type is none
		r.CellID = meta.CellID
	}
	return r, err
}
