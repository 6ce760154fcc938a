package wire

// Names of the messages that every frontend gets.
const (
	StreamType        = "stream"
	DisplayDataType   = "display_data"
	UpdateDisplayType = "update_display_data"
	ExecuteResultType = "execute_result"
	ClearOutputType   = "clear_output"
	ErrorType         = "error"
	StatusType        = "status"
	WelcomeType       = "iopub_welcome"
)

// States of a kernel.
const (
	Starting = "starting"
	Busy     = "busy"
	Idle     = "idle"
)

// Stream is text on "stdout" or "stderr".
type Stream struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// DisplayData shows a value by MIME type; it is the content of display_data and update_display_data.
type DisplayData struct {
	Data      map[string]any `json:"data"`
	Metadata  map[string]any `json:"metadata"`
	Transient Transient      `json:"transient"`
}

// Transient is what a notebook file does not keep of a display.
type Transient struct {
	DisplayID string `json:"display_id,omitempty"`
}

// ExecuteResult is the value of a cell.
type ExecuteResult struct {
	ExecutionCount int `json:"execution_count"`
	DisplayData
}

// ClearOutput empties the output of a cell: at once, or when its next output comes.
type ClearOutput struct {
	Wait bool `json:"wait"`
}

// Error is an error of the user's code.
type Error struct {
	Name      string   `json:"ename"`
	Value     string   `json:"evalue"`
	Traceback []string `json:"traceback"`
}

// ErrorReply is the content of any reply to a request that failed.
type ErrorReply struct {
	Status string `json:"status"` // "error"
	Error
}

// NewErrorReply makes a reply that tells err.
func NewErrorReply(name string, err error) ErrorReply {
	return ErrorReply{Status: "error", Error: Error{Name: name, Value: err.Error(), Traceback: []string{}}}
}

// Status says what the kernel does.
type Status struct {
	ExecutionState string `json:"execution_state"`
}

// Welcome tells a new subscriber that its subscription stands.
type Welcome struct {
	Subscription string `json:"subscription"`
}
