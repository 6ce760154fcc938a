package wire

// Names of the messages of this family.
const (
	CreateSubshellRequestType = "create_subshell_request"
	CreateSubshellReplyType   = "create_subshell_reply"
	DeleteSubshellRequestType = "delete_subshell_request"
	DeleteSubshellReplyType   = "delete_subshell_reply"
	ListSubshellRequestType   = "list_subshell_request"
	ListSubshellReplyType     = "list_subshell_reply"
)

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
