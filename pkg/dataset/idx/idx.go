// Package idx reads IDX files, the form in which MNIST and its relatives are published: a magic number
// that tells type and rank, the dimensions, and the values, all big-endian.
package idx

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// An Array is what an IDX file holds.
type Array struct {
	Shape  []int
	Values []float32 // the last dimension varies fastest
}

// maxValues bounds how many values a file may have.
const maxValues = 1 << 31

// kinds are the types of values: how wide they are, and how to read one.
var kinds = map[byte]struct {
	width int
	read  func([]byte) float32
}{
	0x08: {1, func(b []byte) float32 { return float32(b[0]) }},
	0x09: {1, func(b []byte) float32 { return float32(int8(b[0])) }},
	0x0b: {2, func(b []byte) float32 { return float32(int16(binary.BigEndian.Uint16(b))) }},
	0x0c: {4, func(b []byte) float32 { return float32(int32(binary.BigEndian.Uint32(b))) }},
	0x0d: {4, func(b []byte) float32 { return math.Float32frombits(binary.BigEndian.Uint32(b)) }},
	0x0e: {8, func(b []byte) float32 { return float32(math.Float64frombits(binary.BigEndian.Uint64(b))) }},
}

// Read reads an IDX file, packed by gzip or not. Integers beyond 2^24 are rounded to float32.
func Read(r io.Reader) (Array, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if start, _ := in.Peek(2); len(start) == 2 && start[0] == 0x1f && start[1] == 0x8b {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return Array{}, fmt.Errorf("idx: %w", err)
		}
		in = bufio.NewReaderSize(unpacked, 1<<16)
	}
	a, err := read(in)
	if err != nil {
		return Array{}, fmt.Errorf("idx: %w", err)
	}
	return a, nil
}

func read(in *bufio.Reader) (Array, error) {
	var magic [4]byte
	if _, err := io.ReadFull(in, magic[:]); err != nil {
		return Array{}, err
	}
	kind, ok := kinds[magic[2]]
	if magic[0] != 0 || magic[1] != 0 || !ok || magic[3] == 0 {
		return Array{}, fmt.Errorf("it begins with % x, which is no IDX file", magic)
	}
	var a Array
	count := 1
	for range magic[3] {
		var d uint32
		if err := binary.Read(in, binary.BigEndian, &d); err != nil {
			return Array{}, err
		}
		if d > 0 && count > maxValues/int(d) {
			return Array{}, fmt.Errorf("it has more than %d values", maxValues)
		}
		a.Shape, count = append(a.Shape, int(d)), count*int(d)
	}
	buf := make([]byte, 1<<12*kind.width)
	for left := count; left > 0; { // memory follows what is there, not what the file claims
		part := buf[:min(left*kind.width, len(buf))]
		if _, err := io.ReadFull(in, part); err != nil {
			return Array{}, err
		}
		for ; len(part) > 0; part = part[kind.width:] {
			a.Values = append(a.Values, kind.read(part))
			left--
		}
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return Array{}, errors.Join(errors.New("more follows than its shape says"), err)
	}
	return a, nil
}
