package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// The encodings of values, from Parquet's format, Encodings.md.
const (
	plain               = 0
	plainDictionary     = 2
	runLengths          = 3
	deltaBinary         = 5
	deltaLengths        = 6
	deltaBytes          = 7
	dictionaryRuns      = 8
	byteStreams         = 9
	maxValues           = 1 << 28 // of a page
	errEncodingNotKnown = "the encoding %d of values of type %d is not read"
)

// values are what a page holds: bits of numbers, or bytes.
type values struct {
	bits  []uint64
	bytes [][]byte
}

func (v values) len() int { return max(len(v.bits), len(v.bytes)) }

// A coder decodes the values of a column.
type coder struct {
	kind   int // the physical type
	length int // of values of a fixed length, in bytes
}

// width returns the bytes of a number, or 0 for what is no number.
func (c coder) width() int {
	switch c.kind {
	case typeInt32, typeFloat:
		return 4
	case typeInt64, typeDouble:
		return 8
	}
	return 0
}

// decode decodes n values.
func (c coder) decode(encoding int, data []byte, n int, dictionary *values) (values, error) {
	switch {
	case encoding == plain:
		return c.plain(data, n)
	case encoding == plainDictionary || encoding == dictionaryRuns:
		return fromDictionary(data, n, dictionary)
	case encoding == runLengths && c.kind == typeBoolean:
		if len(data) < 4 {
			return values{}, io.ErrUnexpectedEOF
		}
		v, err := hybrid(data[4:], 1, n)
		return values{bits: v}, err
	case encoding == deltaBinary && (c.kind == typeInt32 || c.kind == typeInt64):
		v, _, err := deltas(data, n)
		if c.kind == typeInt32 {
			for i := range v {
				v[i] = uint64(uint32(v[i]))
			}
		}
		return values{bits: v}, err
	case encoding == deltaLengths && c.kind == typeBytes:
		v, err := lengths(data, n)
		return values{bytes: v}, err
	case encoding == deltaBytes && (c.kind == typeBytes || c.kind == typeFixed):
		v, err := prefixed(data, n)
		return values{bytes: v}, err
	case encoding == byteStreams:
		return c.streams(data, n)
	}
	return values{}, fmt.Errorf(errEncodingNotKnown, encoding, c.kind)
}

// plain decodes values that lie one behind the other.
func (c coder) plain(data []byte, n int) (v values, err error) {
	switch width := c.width(); {
	case c.kind == typeBoolean:
		v.bits, err = packed(data, 1, n)
	case width > 0:
		if len(data) < n*width {
			return v, io.ErrUnexpectedEOF
		}
		v.bits = make([]uint64, n)
		for i := range v.bits {
			v.bits[i] = littleEndian(data[i*width : (i+1)*width])
		}
	case c.kind == typeBytes:
		for range n {
			if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
				return v, io.ErrUnexpectedEOF
			}
			end := 4 + int(binary.LittleEndian.Uint32(data))
			v.bytes = append(v.bytes, data[4:end])
			data = data[end:]
		}
	default:
		if len(data)/max(1, c.length) < n {
			return v, io.ErrUnexpectedEOF
		}
		for i := range n {
			v.bytes = append(v.bytes, data[i*c.length:(i+1)*c.length])
		}
	}
	return v, err
}

func littleEndian(b []byte) uint64 {
	v := uint64(0)
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

// streams decodes values whose first bytes come first, then their second ones, and so on.
func (c coder) streams(data []byte, n int) (values, error) {
	width := c.width()
	if c.kind == typeFixed {
		width = c.length
	}
	if width == 0 {
		return values{}, fmt.Errorf(errEncodingNotKnown, byteStreams, c.kind)
	}
	if len(data)/width < n {
		return values{}, io.ErrUnexpectedEOF
	}
	joined := make([]byte, n*width)
	for i := range n {
		for k := range width {
			joined[i*width+k] = data[k*n+i]
		}
	}
	return c.plain(joined, n)
}

// fromDictionary decodes values that are places in a dictionary.
func fromDictionary(data []byte, n int, dictionary *values) (v values, err error) {
	if dictionary == nil {
		return v, errors.New("there is no dictionary")
	}
	if n == 0 {
		return v, nil
	}
	if len(data) == 0 {
		return v, io.ErrUnexpectedEOF
	}
	places, err := hybrid(data[1:], int(data[0]), n)
	if err != nil {
		return v, err
	}
	for _, place := range places {
		if place >= uint64(dictionary.len()) {
			return v, fmt.Errorf("value %d of a dictionary of %d", place, dictionary.len())
		}
		if dictionary.bytes != nil {
			v.bytes = append(v.bytes, dictionary.bytes[place])
		} else {
			v.bits = append(v.bits, dictionary.bits[place])
		}
	}
	return v, nil
}

// hybrid decodes n numbers of width bits that come in runs: of one number, or packed.
func hybrid(data []byte, width, n int) ([]uint64, error) {
	if width > 32 {
		return nil, fmt.Errorf("numbers of %d bits", width)
	}
	out := make([]uint64, 0, min(n, 1<<16))
	for len(out) < n {
		head, used := binary.Uvarint(data)
		if used <= 0 {
			return nil, io.ErrUnexpectedEOF
		}
		data = data[used:]
		left := n - len(out)
		if head&1 == 1 {
			groups := int(min(head>>1, uint64(left+7)/8))
			size := min(groups*width, len(data)) // the last run may lack what nobody needs
			v, err := packed(data[:size], width, min(groups*8, left))
			if err != nil {
				return nil, err
			}
			out, data = append(out, v...), data[size:]
			continue
		}
		size := (width + 7) / 8
		if size > len(data) {
			return nil, io.ErrUnexpectedEOF
		}
		v := littleEndian(data[:size])
		data = data[size:]
		if head>>1 == 0 {
			return nil, errors.New("a run of nothing")
		}
		for range min(head>>1, uint64(left)) {
			out = append(out, v)
		}
	}
	return out, nil
}

// packed decodes n numbers of width bits, the lowest bit first.
func packed(data []byte, width, n int) ([]uint64, error) {
	if len(data)*8 < n*width {
		return nil, io.ErrUnexpectedEOF
	}
	out := make([]uint64, n)
	for i := range out {
		at := i * width
		for have := 0; have < width; {
			take := min(8-at%8, width-have)
			part := uint64(data[at/8]) >> (at % 8) & (1<<take - 1)
			out[i] |= part << have
			have, at = have+take, at+take
		}
	}
	return out, nil
}

// deltas decodes n numbers that are kept as what lies between them, and returns what follows them.
func deltas(data []byte, n int) (out []uint64, rest []byte, err error) {
	number := func() uint64 {
		v, used := binary.Uvarint(data)
		if used <= 0 {
			err = io.ErrUnexpectedEOF
			return 0
		}
		data = data[used:]
		return v
	}
	signed := func() uint64 { v := number(); return v>>1 ^ -(v & 1) }
	block, parts, total := number(), number(), number()
	last := signed()
	if err != nil {
		return nil, nil, err
	}
	if parts == 0 || block == 0 || block%parts != 0 || block > maxValues || total > maxValues || total < uint64(n) {
		return nil, nil, fmt.Errorf("differences in blocks of %d by %d, %d in all", block, parts, total)
	}
	if total > 0 {
		out = append(out, last)
	}
	for uint64(len(out)) < total {
		least := signed()
		if err != nil || uint64(len(data)) < parts {
			return nil, nil, io.ErrUnexpectedEOF
		}
		widths := data[:parts]
		data = data[parts:]
		for _, width := range widths {
			if uint64(len(out)) >= total {
				break
			}
			count := int(block / parts)
			size := count * int(width) / 8
			if width > 64 || size > len(data) {
				return nil, nil, io.ErrUnexpectedEOF
			}
			differences, err := packed(data[:size], int(width), count)
			if err != nil {
				return nil, nil, err
			}
			data = data[size:]
			for _, d := range differences[:min(count, int(total)-len(out))] {
				last += least + d
				out = append(out, last)
			}
		}
	}
	return out[:n], data, nil
}

// lengths decodes n texts whose lengths come before them.
func lengths(data []byte, n int) ([][]byte, error) {
	sizes, data, err := deltas(data, n)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, n)
	for i, size := range sizes {
		if size > uint64(len(data)) {
			return nil, io.ErrUnexpectedEOF
		}
		out[i], data = data[:size], data[size:]
	}
	return out, nil
}

// prefixed decodes n texts that begin as the one before does.
func prefixed(data []byte, n int) ([][]byte, error) {
	common, data, err := deltas(data, n)
	if err != nil {
		return nil, err
	}
	out, err := lengths(data, n)
	if err != nil {
		return nil, err
	}
	for i := range out {
		if common[i] == 0 {
			continue
		}
		if i == 0 || common[i] > uint64(len(out[i-1])) {
			return nil, errors.New("a text begins as none before it")
		}
		out[i] = append(append([]byte(nil), out[i-1][:common[i]]...), out[i]...)
	}
	return out, nil
}

// levels decodes which of n values are there: those whose level is the highest.
func levels(data []byte, highest, n int) ([]uint64, error) {
	return hybrid(data, bits.Len(uint(highest)), n)
}
