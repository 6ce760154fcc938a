package wire

// Names of the messages of this family.
const (
	InputRequestType = "input_request"
	InputReplyType   = "input_reply"
)

// InputRequest asks the user for a line; it goes from the kernel to the frontend.
type InputRequest struct {
	Prompt   string `json:"prompt"`
	Password bool   `json:"password"`
}

// InputReply is the line.
type InputReply struct {
	Value string `json:"value"`
}

// ParseInputReply reads the content of m.
func ParseInputReply(m Message) (InputReply, error) {
	return parse[InputReply](m, "value")
}
