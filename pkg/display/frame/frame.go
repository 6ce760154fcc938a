// Package frame is the language between a process that runs cells and the kernel that shows what
// they make: one frame for each piece of output, in program order.
//
// A frame on the wire is its payload's length (4 bytes, little endian), its kind (1 byte), the
// number of the execution that caused it (8 bytes, little endian) and the payload.
package frame

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Kind says what a frame's payload is.
type Kind uint8

// The kinds of output. Kinds from Reserved on belong to the kernel and its worker.
const (
	Stdout    Kind = 1 + iota // raw bytes
	Stderr                    // raw bytes
	Display                   // a Bundle, as JSON
	Update                    // a Bundle with the DisplayID of an earlier one, as JSON
	Clear                     // a ClearRequest, as JSON
	Result                    // a Bundle, as JSON: the value of a cell
	CommFrame                 // a CommMessage, as JSON; also from the kernel

	Reserved Kind = 64
)

// MaxPayload bounds a payload, so that a damaged length cannot exhaust memory.
const MaxPayload = 256 << 20

// headerSize is the length of what precedes a payload.
const headerSize = 4 + 1 + 8

// A Frame is one piece of output.
type Frame struct {
	Kind    Kind
	Cell    uint64 // the execution that caused it; 0 lets the Sink fill it in
	Payload []byte
}

// A Bundle is one thing to show, in every form it has. Data maps a MIME type to a string (base64 for
// binary types) or, for JSON types, to a value that encoding/json can write. text/plain is always there.
type Bundle struct {
	Data      map[string]any `json:"data"`
	Metadata  map[string]any `json:"metadata,omitempty"`
	DisplayID string         `json:"display_id,omitempty"`
}

// A ClearRequest empties the output of a cell: at once, or when its next output comes.
type ClearRequest struct {
	Wait bool `json:"wait"`
}

// A Sink takes the frames of this process. Its Send may be called from any goroutine.
type Sink interface {
	Send(Frame) error
}

// attached is the sink of this process, as os.Stdout is its standard output: a value that is shown
// from any depth of a program has no other way to the page.
var attached struct {
	sync.RWMutex
	sink Sink
}

// Attach makes s the sink of this process. The worker calls it once, before any cell runs; tests may
// attach a sink of their own. A nil sink detaches.
func Attach(s Sink) {
	attached.Lock()
	defer attached.Unlock()
	attached.sink = s
}

// Attached returns the sink of this process, or nil outside a notebook.
func Attached() Sink {
	attached.RLock()
	defer attached.RUnlock()
	return attached.sink
}

// Encode makes a frame of kind k whose payload is v as JSON.
func Encode(k Kind, v any) (Frame, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return Frame{}, fmt.Errorf("frame: encode kind %d: %w", k, err)
	}
	return Frame{Kind: k, Payload: payload}, nil
}

// Decode reads the JSON payload of f into v.
func (f Frame) Decode(v any) error {
	if err := json.Unmarshal(f.Payload, v); err != nil {
		return fmt.Errorf("frame: decode kind %d: %w", f.Kind, err)
	}
	return nil
}

// Append appends f's wire form to buf.
func Append(buf []byte, f Frame) []byte {
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(f.Payload)))
	buf = append(buf, byte(f.Kind))
	buf = binary.LittleEndian.AppendUint64(buf, f.Cell)
	return append(buf, f.Payload...)
}

// Read reads one frame. It returns io.EOF at a clean end and io.ErrUnexpectedEOF within a frame.
func Read(r io.Reader) (Frame, error) {
	var h [headerSize]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return Frame{}, err
	}
	n := binary.LittleEndian.Uint32(h[:4])
	if n > MaxPayload {
		return Frame{}, fmt.Errorf("frame: payload of %d bytes is over the limit of %d", n, MaxPayload)
	}
	f := Frame{Kind: Kind(h[4]), Cell: binary.LittleEndian.Uint64(h[5:]), Payload: make([]byte, n)}
	if _, err := io.ReadFull(r, f.Payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return f, nil
}
