package zmq

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Bits of a frame's first byte; the others are reserved and must be zero.
const (
	flagMore    = 1 << 0 // another frame of this message follows
	flagLong    = 1 << 1 // the size has 8 bytes, not 1
	flagCommand = 1 << 2 // the frame is a command, not part of a message
)

// maxFrames bounds the frames of one message: a message needs few, and empty frames would get past
// a bound on bytes.
const maxFrames = 4096

// chunk is how much memory a frame gets before its bytes have come: a size alone costs nothing.
const chunk = 64 << 10

// What is wrong with a frame.
var (
	errFlags   = errors.New("zmq: bad frame flags")
	errTooLong = errors.New("zmq: message over the size limit")
)

// A parcel is what travels in one piece: the frames of a message, or one command.
type parcel struct {
	frames  [][]byte
	command bool
}

// size is the memory that p takes in a queue.
func (p parcel) size() int64 {
	n := int64(64)
	for _, f := range p.frames {
		n += int64(len(f)) + 24
	}
	return n
}

// write writes p to w.
func (p parcel) write(w *bufio.Writer) error {
	for i, f := range p.frames {
		var flags byte
		if p.command {
			flags |= flagCommand
		}
		if i < len(p.frames)-1 {
			flags |= flagMore
		}
		if err := writeFrame(w, flags, f); err != nil {
			return err
		}
	}
	return nil
}

// writeFrame writes one frame in its shortest form.
func writeFrame(w *bufio.Writer, flags byte, body []byte) error {
	if len(body) > 255 {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(body)))
		w.WriteByte(flags | flagLong) // a bufio.Writer keeps its first error
		w.Write(size[:])
	} else {
		w.WriteByte(flags)
		w.WriteByte(byte(len(body)))
	}
	_, err := w.Write(body)
	return err
}

// readParcel reads the next message or command, of at most limit bytes.
func readParcel(r *bufio.Reader, limit int) (parcel, error) {
	var p parcel
	for len(p.frames) < maxFrames {
		flags, body, err := readFrame(r, limit)
		if err != nil {
			if err == io.EOF && len(p.frames) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return parcel{}, err
		}
		limit -= len(body)
		if flags&flagCommand != 0 {
			if flags&flagMore != 0 || len(p.frames) > 0 {
				return parcel{}, errFlags
			}
			return parcel{frames: [][]byte{body}, command: true}, nil
		}
		p.frames = append(p.frames, body)
		if flags&flagMore == 0 {
			return p, nil
		}
	}
	return parcel{}, fmt.Errorf("%w: over %d frames", errTooLong, maxFrames)
}

// readFrame reads one frame of at most limit bytes.
func readFrame(r *bufio.Reader, limit int) (flags byte, body []byte, err error) {
	if flags, err = r.ReadByte(); err != nil {
		return 0, nil, err
	}
	if flags&^(flagMore|flagLong|flagCommand) != 0 {
		return 0, nil, errFlags
	}
	size, err := readSize(r, flags&flagLong != 0)
	if err != nil {
		return 0, nil, unexpected(err)
	}
	if size > uint64(limit) {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", errTooLong, size)
	}
	body, err = readBody(r, int(size))
	return flags, body, unexpected(err)
}

// readSize reads the size of a frame.
func readSize(r *bufio.Reader, long bool) (uint64, error) {
	if !long {
		b, err := r.ReadByte()
		return uint64(b), err
	}
	var b [8]byte
	_, err := io.ReadFull(r, b[:])
	return binary.BigEndian.Uint64(b[:]), err
}

// readBody reads n bytes, and takes memory only as they come.
func readBody(r io.Reader, n int) ([]byte, error) {
	if n <= chunk {
		body := make([]byte, n)
		_, err := io.ReadFull(r, body)
		return body, err
	}
	var b bytes.Buffer
	b.Grow(chunk)
	_, err := io.CopyN(&b, r, int64(n))
	return b.Bytes(), err
}

// unexpected makes an end of the stream within a frame an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
