package parquet

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// codecs are the names of the ways to pack pages.
var codecs = [...]string{"none", "Snappy", "gzip", "LZO", "Brotli", "LZ4 in Hadoop's form", "Zstandard", "LZ4"}

// unpack unpacks a page of size bytes.
func unpack(codec int, data []byte, size int) (out []byte, err error) {
	switch codec {
	case 0:
		out = data
	case 1:
		out, err = snappy(data, size)
	case 2:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			out, err = io.ReadAll(io.LimitReader(z, int64(size)+1))
		}
	case 6:
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30)); err == nil {
			out, err = io.ReadAll(io.LimitReader(z, int64(size)+1))
			z.Close()
		}
	case 7:
		out, err = lz4(data, size)
	default:
		name := "an unknown way"
		if codec > 0 && codec < len(codecs) {
			name = codecs[codec]
		}
		return nil, fmt.Errorf("it is packed by %s, which is not read: Snappy, gzip, Zstandard and LZ4 are", name)
	}
	if err == nil && len(out) != size {
		err = fmt.Errorf("a page has %d bytes, not %d", len(out), size)
	}
	return out, err
}

var errPacked = errors.New("a packed page is damaged")

// snappy unpacks a block in Snappy's format: the length, and then texts and copies of what came before.
func snappy(data []byte, size int) ([]byte, error) {
	length, used := binary.Uvarint(data)
	if used <= 0 || length != uint64(size) {
		return nil, errPacked
	}
	data = data[used:]
	out := make([]byte, 0, size)
	for len(data) > 0 {
		tag := data[0]
		extra, count, distance := 0, int(tag>>2)+1, 0
		switch tag & 3 {
		case 0:
			if extra = max(0, count-60); extra == 0 { // the length is in the tag
				break
			}
			if len(data) <= extra {
				return nil, errPacked
			}
			count = int(littleEndian(data[1:1+extra])) + 1
		case 1:
			extra, count = 1, int(tag>>2&7)+4
		case 2:
			extra = 2
		case 3:
			extra = 4
		}
		if len(data) <= extra {
			return nil, errPacked
		}
		if tag&3 == 1 {
			distance = int(tag>>5)<<8 | int(data[1])
		} else {
			distance = int(littleEndian(data[1 : 1+extra]))
		}
		data = data[1+extra:]
		var err error
		if tag&3 == 0 {
			if count > len(data) {
				return nil, errPacked
			}
			out, data = append(out, data[:count]...), data[count:]
		} else if out, err = again(out, distance, count, size); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// again appends count bytes that came distance bytes before, which may be fewer.
func again(out []byte, distance, count, most int) ([]byte, error) {
	if distance < 1 || distance > len(out) || count > most-len(out) {
		return nil, errPacked
	}
	for range count {
		out = append(out, out[len(out)-distance])
	}
	return out, nil
}

// lz4 unpacks a block in LZ4's format.
func lz4(data []byte, size int) ([]byte, error) {
	out := make([]byte, 0, size)
	number := func(n int) (int, bool) { // a length of 15 goes on in the bytes that follow
		for more := n == 15; more; {
			if len(data) == 0 || n > size {
				return 0, false
			}
			n += int(data[0])
			more = data[0] == 255
			data = data[1:]
		}
		return n, true
	}
	for len(data) > 0 {
		tag := data[0]
		data = data[1:]
		count, ok := number(int(tag >> 4))
		if !ok || count > len(data) || count > size-len(out) {
			return nil, errPacked
		}
		out, data = append(out, data[:count]...), data[count:]
		if len(data) == 0 {
			break // the last text has no copy behind it
		}
		if len(data) < 2 {
			return nil, errPacked
		}
		distance := int(binary.LittleEndian.Uint16(data))
		data = data[2:]
		if count, ok = number(int(tag & 15)); !ok {
			return nil, errPacked
		}
		var err error
		if out, err = again(out, distance, count+4, size); err != nil {
			return nil, err
		}
	}
	return out, nil
}
