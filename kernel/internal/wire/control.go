package wire

// Names of the messages of this family.
const (
	InterruptRequestType = "interrupt_request"
	InterruptReplyType   = "interrupt_reply"
	ShutdownRequestType  = "shutdown_request"
	ShutdownReplyType    = "shutdown_reply"
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
