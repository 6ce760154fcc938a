package wire

// Names of the messages of this family.
const (
	KernelInfoRequestType = "kernel_info_request"
	KernelInfoReplyType   = "kernel_info_reply"
	ConnectRequestType    = "connect_request"
	ConnectReplyType      = "connect_reply"
)

// KernelInfo says what a kernel is; it is the content of a kernel_info_reply. The server fills in
// Status, ProtocolVersion and Features.
type KernelInfo struct {
	Status                string       `json:"status"`
	ProtocolVersion       string       `json:"protocol_version"`
	Implementation        string       `json:"implementation"`
	ImplementationVersion string       `json:"implementation_version"`
	LanguageInfo          LanguageInfo `json:"language_info"`
	Banner                string       `json:"banner"`
	HelpLinks             []HelpLink   `json:"help_links"`
	Features              []string     `json:"supported_features"`
	Debugger              bool         `json:"debugger"` // the older form of the feature "debugger"
}

// LanguageInfo describes the language of the cells, for highlighting and export.
type LanguageInfo struct {
	Name              string `json:"name"`
	Version           string `json:"version"`
	MIMEType          string `json:"mimetype"`
	FileExtension     string `json:"file_extension"` // with its dot
	PygmentsLexer     string `json:"pygments_lexer,omitempty"`
	CodemirrorMode    any    `json:"codemirror_mode,omitempty"` // a name or an object
	NBConvertExporter string `json:"nbconvert_exporter,omitempty"`
}

// A HelpLink is an entry of the frontend's help menu.
type HelpLink struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// ConnectReply tells where the sockets of the kernel are.
type ConnectReply struct {
	Status        string `json:"status"`
	ShellPort     int    `json:"shell_port"`
	IOPubPort     int    `json:"iopub_port"`
	StdinPort     int    `json:"stdin_port"`
	ControlPort   int    `json:"control_port"`
	HeartbeatPort int    `json:"hb_port"`
}
