package exchange

import "encoding/binary"

// The wire types of protocol buffers.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

// A field is one field of a message: its bits if it is a number, else its bytes.
type field struct {
	number int
	wire   int
	bits   uint64
	bytes  []byte
}

// fields calls each with the fields of a message, up to the first that is malformed.
func fields(b []byte, each func(field)) {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		if n <= 0 || key>>3 > 1<<29 {
			return
		}
		f := field{number: int(key >> 3), wire: int(key & 7)}
		if b = f.read(b[n:]); b == nil {
			return
		}
		each(f)
	}
}

// read takes the value of f from b and returns what follows, or nil if it is malformed.
func (f *field) read(b []byte) []byte {
	switch f.wire {
	case wireVarint:
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return nil
		}
		f.bits = v
		return b[n:]
	case wire64:
		if len(b) < 8 {
			return nil
		}
		f.bits = binary.LittleEndian.Uint64(b)
		return b[8:]
	case wire32:
		if len(b) < 4 {
			return nil
		}
		f.bits = uint64(binary.LittleEndian.Uint32(b))
		return b[4:]
	case wireBytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil
		}
		f.bytes = b[n : n+int(size)]
		return b[n+int(size):]
	}
	return nil
}

// each calls do with the bits of a repeated number, which may be packed: so many bytes for each, or 0 for varints.
func (f field) each(size int, do func(bits uint64)) {
	if f.wire != wireBytes {
		do(f.bits)
		return
	}
	wire := map[int]int{0: wireVarint, 4: wire32, 8: wire64}[size]
	for b := f.bytes; len(b) > 0; {
		one := field{wire: wire}
		if b = one.read(b); b == nil {
			return
		}
		do(one.bits)
	}
}
