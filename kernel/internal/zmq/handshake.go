package zmq

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// greetingSize is the length of ZMTP's first exchange.
const greetingSize = 64

// maxReady bounds the first command of a peer.
const maxReady = 8 << 10

// errNotZMTP is what a peer gets that does not begin as ZMTP 3 does.
var errNotZMTP = errors.New("zmq: the peer does not speak ZMTP 3")

// greeting opens a connection: signature, version 3.1, mechanism NULL, not a security server.
func greeting() []byte {
	g := make([]byte, greetingSize)
	g[0], g[9] = 0xFF, 0x7F
	g[10], g[11] = 3, 1
	copy(g[12:32], "NULL")
	return g
}

// readGreeting reads the peer's greeting. Junk is refused at its first byte.
func readGreeting(r *bufio.Reader) error {
	if b, err := r.Peek(1); err != nil {
		return err
	} else if b[0] != 0xFF {
		return fmt.Errorf("%w: its first byte is %#x", errNotZMTP, b[0])
	}
	head, err := r.Peek(11)
	if err != nil {
		return unexpected(err)
	}
	if head[9]&1 == 0 || head[10] < 3 {
		return fmt.Errorf("%w: version byte %d", errNotZMTP, head[10])
	}
	var g [greetingSize]byte
	if _, err := io.ReadFull(r, g[:]); err != nil {
		return unexpected(err)
	}
	if mechanism := string(g[12:17]); mechanism != "NULL\x00" {
		return fmt.Errorf("zmq: the peer wants the mechanism %q; NULL is spoken here", trimZeros(g[12:32]))
	}
	return nil
}

// trimZeros returns the text before b's padding.
func trimZeros(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// A hello is what a READY command tells about its sender.
type hello struct {
	socketType string
	identity   string
}

// encode returns the READY command.
func (h hello) encode() parcel {
	body := commandBody("READY", nil)
	body = appendProperty(body, "Socket-Type", h.socketType)
	body = appendProperty(body, "Identity", h.identity)
	return parcel{frames: [][]byte{body}, command: true}
}

// commandBody returns a command's frame.
func commandBody(name string, data []byte) []byte {
	return append(append([]byte{byte(len(name))}, name...), data...)
}

// appendProperty appends a property of READY.
func appendProperty(b []byte, name, value string) []byte {
	b = append(append(b, byte(len(name))), name...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

// splitCommand returns the name and the data of a command's frame.
func splitCommand(body []byte) (name string, data []byte, err error) {
	if len(body) == 0 || len(body) < 1+int(body[0]) {
		return "", nil, errors.New("zmq: a command without a name")
	}
	n := 1 + int(body[0])
	return string(body[1:n]), body[n:], nil
}

// readReady reads the peer's READY, whose socket type must be one of accepted.
func readReady(r *bufio.Reader, accepted []string) (hello, error) {
	p, err := readParcel(r, maxReady)
	if err != nil {
		return hello{}, unexpected(err)
	}
	if !p.command {
		return hello{}, errors.New("zmq: a message came before READY")
	}
	name, data, err := splitCommand(p.frames[0])
	if err != nil {
		return hello{}, err
	}
	if name != "READY" {
		return hello{}, fmt.Errorf("zmq: command %q came before READY", name)
	}
	h, err := parseReady(data)
	if err != nil {
		return hello{}, err
	}
	if !slices.Contains(accepted, h.socketType) {
		return hello{}, fmt.Errorf("zmq: the peer is a %q socket; one of %v is expected", h.socketType, accepted)
	}
	return h, nil
}

// parseReady reads READY's properties. Unknown ones are allowed.
func parseReady(data []byte) (hello, error) {
	var h hello
	short := errors.New("zmq: READY is cut short")
	for len(data) > 0 {
		n := 1 + int(data[0])
		if len(data) < n+4 {
			return h, short
		}
		name := string(data[1:n])
		size := uint64(binary.BigEndian.Uint32(data[n:]))
		data = data[n+4:]
		if uint64(len(data)) < size {
			return h, short
		}
		switch name {
		case "Socket-Type":
			h.socketType = string(data[:size])
		case "Identity":
			h.identity = string(data[:size])
		}
		data = data[size:]
	}
	return h, checkIdentity(h.identity)
}

// checkIdentity refuses what could be taken for an identity of our own making.
func checkIdentity(id string) error {
	if len(id) > 255 || len(id) > 0 && id[0] == 0 {
		return fmt.Errorf("zmq: identity of %d bytes is too long or begins with a zero", len(id))
	}
	return nil
}
