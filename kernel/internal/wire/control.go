package wire

import "encoding/json"

// Names of the messages of the control channel.
const (
	InterruptRequestType      = "interrupt_request"
	InterruptReplyType        = "interrupt_reply"
	ShutdownRequestType       = "shutdown_request"
	ShutdownReplyType         = "shutdown_reply"
	CreateSubshellRequestType = "create_subshell_request"
	CreateSubshellReplyType   = "create_subshell_reply"
	DeleteSubshellRequestType = "delete_subshell_request"
	DeleteSubshellReplyType   = "delete_subshell_reply"
	ListSubshellRequestType   = "list_subshell_request"
	ListSubshellReplyType     = "list_subshell_reply"
	DebugRequestType          = "debug_request"
	DebugReplyType            = "debug_reply"
)

// ShutdownRequest asks the kernel to end.
type ShutdownRequest struct {
	Restart bool `json:"restart"` // the frontend starts it again
}

// ShutdownReply says that it is ending.
type ShutdownReply struct {
	Status  string `json:"status"`
	Restart bool   `json:"restart"`
}

// OKReply is the content of a reply that has nothing to tell, such as interrupt_reply.
type OKReply struct {
	Status string `json:"status"`
}

// ParseShutdownRequest reads the content of m.
func ParseShutdownRequest(m Message) (ShutdownRequest, error) {
	return parse[ShutdownRequest](m)
}

// CreateSubshellReply names a new subshell.
type CreateSubshellReply struct {
	Status     string `json:"status"`
	SubshellID string `json:"subshell_id"`
}

// DeleteSubshellRequest asks for a subshell to be taken away.
type DeleteSubshellRequest struct {
	SubshellID string `json:"subshell_id"`
}

// ListSubshellReply names the subshells.
type ListSubshellReply struct {
	Status      string   `json:"status"`
	SubshellIDs []string `json:"subshell_id"`
}

// ParseDeleteSubshellRequest reads the content of m.
func ParseDeleteSubshellRequest(m Message) (DeleteSubshellRequest, error) {
	return parse[DeleteSubshellRequest](m, "subshell_id")
}

// DebugRequest is a request of the Debug Adapter Protocol.
type DebugRequest struct {
	Seq     int    `json:"seq"`
	Command string `json:"command"`
}

// DebugErrorReply refuses it, in the form of both protocols.
type DebugErrorReply struct {
	ErrorReply
	Type       string `json:"type"` // "response"
	Seq        int    `json:"seq"`
	RequestSeq int    `json:"request_seq"`
	Command    string `json:"command"`
	Success    bool   `json:"success"`
	Message    string `json:"message"`
}

// ParseDebugRequest reads the content of m. Requests for a debugger that is not there need not be complete.
func ParseDebugRequest(m Message) DebugRequest {
	var r DebugRequest
	_ = json.Unmarshal(m.Content, &r) // what cannot be read is absent
	return r
}
