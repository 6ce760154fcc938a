// Package framed writes and reads records in a file that only grows, so that whatever a crash or a
// bad disk leaves behind can be read up to the first fault.
//
// A record is the length of its payload (4 bytes, little endian), the CRC-32C of everything else in
// it (4 bytes, little endian), its kind (1 byte) and the payload. The checksum covers the length, so
// that a run of zero bytes, which some file systems leave after a power cut, is not a record.
package framed

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// MaxPayload bounds one record, so that a damaged length cannot exhaust memory.
const MaxPayload = 64 << 20

const headerSize = 4 + 4 + 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers a record's length, kind and payload.
func checksum(header, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, header[:4])
	sum = crc32.Update(sum, castagnoli, header[8:9])
	return crc32.Update(sum, castagnoli, payload)
}

// Append appends to buf the record of a kind and a payload, which must not exceed MaxPayload.
func Append(buf []byte, kind byte, payload []byte) []byte {
	var h [headerSize]byte
	binary.LittleEndian.PutUint32(h[:4], uint32(len(payload)))
	h[8] = kind
	binary.LittleEndian.PutUint32(h[4:8], checksum(h[:], payload))
	return append(append(buf, h[:]...), payload...)
}

// A Reader reads records until the first fault.
type Reader struct {
	r     *bufio.Reader
	valid int64
	buf   []byte
	err   error
}

// NewReader returns a Reader of the records in r, the first of which begins at its first byte.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 1<<16)} }

// Next returns the next record, whose payload is valid until the call after, or false where the valid
// records end: at the end of the file, or at the first record that is cut short or damaged.
func (r *Reader) Next() (kind byte, payload []byte, ok bool) {
	var h [headerSize]byte
	if !r.fill(h[:]) {
		return 0, nil, false
	}
	n := int(binary.LittleEndian.Uint32(h[:4]))
	if n > MaxPayload {
		return 0, nil, false
	}
	if cap(r.buf) < n {
		// What is there decides how much memory is taken, not what the length claims.
		r.buf = make([]byte, 0, min(n, 1<<20))
	}
	r.buf = r.buf[:0]
	for len(r.buf) < n {
		part := min(n-len(r.buf), 1<<20)
		at := len(r.buf)
		r.buf = append(r.buf, make([]byte, part)...)
		if !r.fill(r.buf[at:]) {
			return 0, nil, false
		}
	}
	if binary.LittleEndian.Uint32(h[4:8]) != checksum(h[:], r.buf) {
		return 0, nil, false
	}
	r.valid += int64(headerSize + n)
	return h[8], r.buf, true
}

// fill reads len(p) bytes; it keeps an error that is not the end of the file.
func (r *Reader) fill(p []byte) bool {
	_, err := io.ReadFull(r.r, p)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		r.err = err
	}
	return err == nil
}

// Skip passes over n bytes that stand between two records, and reports whether there were so many.
func (r *Reader) Skip(n int) bool {
	skipped, err := r.r.Discard(n)
	if err != nil || skipped != n {
		return false
	}
	r.valid += int64(n)
	return true
}

// Valid returns the length in bytes of what Next returned and Skip passed over.
func (r *Reader) Valid() int64 { return r.valid }

// Err returns the error of the underlying reader that ended Next, or nil at an end or a fault of the data.
func (r *Reader) Err() error { return r.err }
