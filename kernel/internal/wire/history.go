package wire

import "encoding/json"

// Names of the messages of this family.
const (
	HistoryRequestType = "history_request"
	HistoryReplyType   = "history_reply"
)

// What a HistoryRequest's AccessType may be.
const (
	HistoryTail   = "tail"
	HistoryRange  = "range"
	HistorySearch = "search"
)

// HistoryRequest asks for earlier cells.
type HistoryRequest struct {
	Output     bool   `json:"output"` // with their results
	Raw        bool   `json:"raw"`
	AccessType string `json:"hist_access_type"`
	Session    int    `json:"session"` // 0 is the current one, -1 the one before
	Start      int    `json:"start"`   // range: the first cell
	Stop       *int   `json:"stop"`    // range: the cell after the last; nil is no end
	N          *int   `json:"n"`       // tail, search: at most the last N; nil is all
	Pattern    string `json:"pattern"` // search: a glob of * and ?
	Unique     bool   `json:"unique"`  // search: each text once
}

// HistoryReply gives them, oldest first.
type HistoryReply struct {
	Status  string         `json:"status"`
	History []HistoryEntry `json:"history"`
}

// A HistoryEntry is one cell of a session. On the wire it is a list of three.
type HistoryEntry struct {
	Session, Line int
	Input         string
	Output        *string // text/plain of its result
	WithOutput    bool    // write Input and Output as a pair
}

// MarshalJSON writes [session, line, input] or [session, line, [input, output]].
func (e HistoryEntry) MarshalJSON() ([]byte, error) {
	if e.WithOutput {
		return json.Marshal([]any{e.Session, e.Line, []any{e.Input, e.Output}})
	}
	return json.Marshal([]any{e.Session, e.Line, e.Input})
}

// ParseHistoryRequest reads the content of m.
func ParseHistoryRequest(m Message) (HistoryRequest, error) {
	return parse[HistoryRequest](m, "hist_access_type")
}
