package build

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// objectMagic begins the binary part of a Go object file; see cmd/internal/goobj.
const objectMagic = "\x00go120ld"

// blockNonpkgref is the block of the symbols that an object refers to by name, as cmd/internal/goobj
// numbers them.
const blockNonpkgref = 7

// symbolSize is the length of a symbol record: a string reference (length, offset), ABI (2 bytes),
// type, two flags, size and alignment (4 bytes each).
const symbolSize = 8 + 2 + 3 + 4 + 4

// An object is what this package reads of a Go object file.
type object struct {
	refs []string // symbols that it refers to by name and does not define
}

var errObject = errors.New("not a Go object file of this toolchain")

// readArchive reads the object in a package archive, as `go tool compile -pack` writes it.
func readArchive(data []byte) (object, error) {
	data, ok := bytes.CutPrefix(data, []byte("!<arch>\n"))
	if !ok {
		return object{}, errObject
	}
	const headerSize = 60
	for len(data) >= headerSize {
		name := strings.TrimRight(string(data[:16]), " /")
		size, err := strconv.Atoi(strings.TrimSpace(string(data[48:58])))
		if err != nil || size < 0 || headerSize+size > len(data) {
			return object{}, fmt.Errorf("archive member %q: %w", name, errObject)
		}
		if name == "_go_.o" {
			return readObject(data[headerSize : headerSize+size])
		}
		data = data[min(len(data), headerSize+size+size%2):]
	}
	return object{}, fmt.Errorf("archive without _go_.o: %w", errObject)
}

// readObject reads an object file: a text header, then the binary part.
func readObject(data []byte) (o object, err error) {
	start := bytes.Index(data, []byte("\n!\n"+objectMagic))
	if start < 0 {
		return object{}, errObject
	}
	data = data[start+len("\n!\n"):]
	// Every offset comes from the file, so a damaged one must not panic out of here.
	defer func() {
		if recover() != nil {
			err = errObject
		}
	}()
	offsets := len(objectMagic) + 8 + 4
	block := func(i int) (from, to uint32) {
		at := data[offsets+4*i:]
		return binary.LittleEndian.Uint32(at), binary.LittleEndian.Uint32(at[4:])
	}
	names := func(from, to uint32) []string {
		list := make([]string, 0, (to-from)/symbolSize)
		for at := from; at+symbolSize <= to; at += symbolSize {
			n, off := binary.LittleEndian.Uint32(data[at:]), binary.LittleEndian.Uint32(data[at+4:])
			list = append(list, string(data[off:off+n]))
		}
		return list
	}
	from, to := block(blockNonpkgref)
	return object{refs: names(from, to)}, nil
}
