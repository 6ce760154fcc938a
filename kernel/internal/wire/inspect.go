package wire

// Names of the messages of this family.
const (
	InspectRequestType = "inspect_request"
	InspectReplyType   = "inspect_reply"
)

// InspectRequest asks what stands at the cursor, which counts code points. DetailLevel is 0 or, for
// the source as well, 1.
type InspectRequest struct {
	Code        string `json:"code"`
	CursorPos   int    `json:"cursor_pos"`
	DetailLevel int    `json:"detail_level"`
}

// InspectReply describes it, by MIME type; Data and Metadata are empty when Found is false.
type InspectReply struct {
	Status   string         `json:"status"` // the server writes "ok" when it is empty
	Found    bool           `json:"found"`
	Data     map[string]any `json:"data"`
	Metadata map[string]any `json:"metadata"`
}

// ParseInspectRequest reads the content of m. A cursor outside the code is moved to its end.
func ParseInspectRequest(m Message) (InspectRequest, error) {
	r, err := parse[InspectRequest](m, "code", "cursor_pos")
	r.CursorPos = clampCursor(r.Code, r.CursorPos)
	return r, err
}
