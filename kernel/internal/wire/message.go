// Package wire has the messages of the Jupyter protocol as values: their headers and contents, how
// they are signed, and how they are cut into frames. It touches no socket.
//
// Frames come from anybody who can reach the port. Decode and the Parse functions therefore return an
// error for whatever is not a message, and never panic.
package wire

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"time"
)

// ProtocolVersion is the version of the protocol that the messages follow.
const ProtocolVersion = "5.5"

// A Header names one message.
type Header struct {
	MsgID      string  `json:"msg_id"`
	Session    string  `json:"session"`
	Username   string  `json:"username"`
	Date       string  `json:"date"` // RFC 3339
	MsgType    string  `json:"msg_type"`
	Version    string  `json:"version"`
	SubshellID *string `json:"subshell_id,omitempty"`
}

// NewHeader makes the header of a new message of session.
func NewHeader(msgType, session string) Header {
	return Header{
		MsgID:    NewID(),
		Session:  session,
		Username: "kernel",
		Date:     time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"),
		MsgType:  msgType,
		Version:  ProtocolVersion,
	}
}

// NewID makes an identifier that no other message has.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// A Message is one message in either direction.
type Message struct {
	// Identities are the frames before the delimiter: the route to a peer or, on IOPub, the topic.
	Identities [][]byte
	Header     Header
	// Origin is the header as its sender wrote it. Replies carry it unchanged as their Parent.
	Origin   json.RawMessage
	Parent   json.RawMessage // the header of the request that caused this message, or {}
	Metadata json.RawMessage
	Content  json.RawMessage
	Buffers  [][]byte // raw bytes that belong to the content, as of comm messages
	// Signature is the signature that a decoded message came with; empty without a key.
	Signature string
}

// ParentID returns the identifier of the request that caused m, or "".
func (m Message) ParentID() string {
	var h struct {
		MsgID string `json:"msg_id"`
	}
	if json.Unmarshal(m.Parent, &h) != nil {
		return ""
	}
	return h.MsgID
}
