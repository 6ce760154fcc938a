package wire

// Names of the messages of this family.
const (
	CompleteRequestType = "complete_request"
	CompleteReplyType   = "complete_reply"
)

// CompleteRequest asks for what may follow the cursor, which counts code points.
type CompleteRequest struct {
	Code      string `json:"code"`
	CursorPos int    `json:"cursor_pos"`
}

// CompleteReply gives the texts that may replace the code points [CursorStart, CursorEnd).
type CompleteReply struct {
	Status      string         `json:"status"` // the server writes "ok" when it is empty
	Matches     []string       `json:"matches"`
	CursorStart int            `json:"cursor_start"`
	CursorEnd   int            `json:"cursor_end"`
	Metadata    map[string]any `json:"metadata"`
}

// CompletionTypesKey is the key of Metadata under which frontends look for a []CompletionType.
const CompletionTypesKey = "_jupyter_types_experimental"

// A CompletionType says of one match what it is ("function", "type", "variable" …) and, for a
// function, its signature.
type CompletionType struct {
	Start     int    `json:"start"`
	End       int    `json:"end"`
	Text      string `json:"text"`
	Type      string `json:"type"`
	Signature string `json:"signature,omitempty"`
}

// ParseCompleteRequest reads the content of m. A cursor outside the code is moved to its end.
func ParseCompleteRequest(m Message) (CompleteRequest, error) {
	r, err := parse[CompleteRequest](m, "code", "cursor_pos")
	r.CursorPos = clampCursor(r.Code, r.CursorPos)
	return r, err
}
