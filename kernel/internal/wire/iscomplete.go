package wire

// Names of the messages of this family.
const (
	IsCompleteRequestType = "is_complete_request"
	IsCompleteReplyType   = "is_complete_reply"
)

// What an IsCompleteReply's Status may be.
const (
	Complete   = "complete"
	Incomplete = "incomplete"
	Invalid    = "invalid"
	Unknown    = "unknown"
)

// IsCompleteRequest asks whether a console should run the code or wait for another line.
type IsCompleteRequest struct {
	Code string `json:"code"`
}

// IsCompleteReply answers it. Indent stands at the start of the next line of incomplete code.
type IsCompleteReply struct {
	Status string `json:"status"`
	Indent string `json:"indent,omitempty"`
}

// ParseIsCompleteRequest reads the content of m.
func ParseIsCompleteRequest(m Message) (IsCompleteRequest, error) {
	return parse[IsCompleteRequest](m, "code")
}
