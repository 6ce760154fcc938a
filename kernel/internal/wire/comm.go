package wire

import "encoding/json"

// Names of the messages of this family.
const (
	CommInfoRequestType = "comm_info_request"
	CommInfoReplyType   = "comm_info_reply"
	CommOpenType        = "comm_open"
	CommMsgType         = "comm_msg"
	CommCloseType       = "comm_close"
)

// CommInfoRequest asks for the open comms, or for those of one target.
type CommInfoRequest struct {
	TargetName string `json:"target_name"`
}

// CommInfoReply lists them by identifier.
type CommInfoReply struct {
	Status string              `json:"status"`
	Comms  map[string]CommInfo `json:"comms"`
}

// CommInfo is one open comm.
type CommInfo struct {
	TargetName string `json:"target_name"`
}

// Comm is the content of comm_open, comm_msg and comm_close; only comm_open has a TargetName.
type Comm struct {
	CommID     string          `json:"comm_id"`
	TargetName string          `json:"target_name,omitempty"`
	Data       json.RawMessage `json:"data"`
}

// ParseCommInfoRequest reads the content of m.
func ParseCommInfoRequest(m Message) (CommInfoRequest, error) {
	return parse[CommInfoRequest](m)
}

// ParseComm reads the content of m, which is one of the three comm messages.
func ParseComm(m Message) (Comm, error) {
	return parse[Comm](m, "comm_id")
}
