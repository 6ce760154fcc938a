package dataset

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// ReadNPZ reads examples from a file of NumPy arrays (.npz) of size bytes: the array called features,
// shaped [examples, ...], and the one called labels, shaped [examples] or [examples, 1], of whole
// numbers from 0 on. Images without channels, [examples, height, width], get one.
func ReadNPZ(name string, r io.ReaderAt, size int64, features, labels string) (Table, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read %s: %w", name, err)
	}
	x, err := readEntry(z, features)
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read %s: array %s: %w", name, features, err)
	}
	y, err := readEntry(z, labels)
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read %s: array %s: %w", name, labels, err)
	}
	t, err := joinArrays(x, y)
	if err != nil {
		return Table{}, fmt.Errorf("dataset: read %s: %w", name, err)
	}
	t.Name = name
	return t, nil
}

// maxMember bounds what is unpacked, against files that grow without end.
const maxMember = 1 << 30

func readEntry(z *zip.Reader, name string) (array, error) {
	f, err := z.Open(name + ".npy")
	if err != nil {
		return array{}, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxMember))
	if err != nil {
		return array{}, err
	}
	return readNPY(content)
}

// joinArrays makes a table of features and labels.
func joinArrays(x, y array) (Table, error) {
	if len(x.shape) < 2 || len(y.shape) == 0 || x.shape[0] != y.shape[0] || x.shape[0] != len(y.values) {
		return Table{}, fmt.Errorf("features of shape %v and labels of shape %v do not go together", x.shape, y.shape)
	}
	t := Table{Shape: x.shape[1:], X: make([]float32, len(x.values)), Y: make([]int32, len(y.values))}
	if len(t.Shape) == 2 {
		t.Shape = []int{t.Shape[0], t.Shape[1], 1}
	}
	for i, v := range x.values {
		t.X[i] = float32(v)
	}
	for i, v := range y.values {
		if v != math.Trunc(v) || v < 0 || v > math.MaxInt32-1 {
			return Table{}, fmt.Errorf("label %d is %v, which is no whole number from 0 on", i, v)
		}
		t.Y[i] = int32(v)
		t.Classes = max(t.Classes, int(v)+1)
	}
	return t, nil
}

// An array is what a .npy file holds.
type array struct {
	shape  []int
	values []float64 // the last dimension varies fastest
}

var (
	descrField = regexp.MustCompile(`'descr':\s*'([<>|=])([biuf])([1248])'`)
	orderField = regexp.MustCompile(`'fortran_order':\s*(True|False)`)
	shapeField = regexp.MustCompile(`'shape':\s*\(([0-9, ]*)\)`)
)

// readNPY reads a .npy file of numbers: the magic, the version, the length of a header, the header,
// which is a dictionary in Python's syntax, and the numbers.
func readNPY(b []byte) (array, error) {
	if len(b) < 12 || !bytes.HasPrefix(b, []byte("\x93NUMPY")) {
		return array{}, errors.New("it is no NumPy array")
	}
	start, length := 10, int(binary.LittleEndian.Uint16(b[8:]))
	if b[6] >= 2 {
		start, length = 12, int(binary.LittleEndian.Uint32(b[8:]))
	}
	if length > len(b)-start {
		return array{}, io.ErrUnexpectedEOF
	}
	header, data := string(b[start:start+length]), b[start+length:]
	descr, order, dims := descrField.FindStringSubmatch(header), orderField.FindStringSubmatch(header), shapeField.FindStringSubmatch(header)
	if descr == nil || order == nil || dims == nil {
		return array{}, fmt.Errorf("its header is not understood: %.200q", header)
	}
	shape, count, err := parseShape(dims[1], len(data))
	if err != nil {
		return array{}, err
	}
	if order[1] == "True" && len(shape) > 1 {
		return array{}, errors.New("it is in Fortran's order; save it with np.ascontiguousarray")
	}
	width := int(descr[3][0] - '0')
	if count*width > len(data) {
		return array{}, io.ErrUnexpectedEOF
	}
	convert := converter(descr[2], width, descr[1] == ">")
	if convert == nil {
		return array{}, fmt.Errorf("it holds %s%d, which is not read", descr[2], width)
	}
	out := array{shape, make([]float64, count)}
	for i := range out.values {
		out.values[i] = convert(data[i*width:])
	}
	return out, nil
}

// parseShape reads "2, 3," and returns the dimensions and their product, which may not exceed most.
func parseShape(text string, most int) (shape []int, count int, err error) {
	count = 1
	for field := range strings.SplitSeq(text, ",") {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		d, err := strconv.Atoi(field)
		if err != nil {
			return nil, 0, fmt.Errorf("shape (%s): %w", text, err)
		}
		if d > 0 && count > most/d {
			return nil, 0, io.ErrUnexpectedEOF
		}
		shape, count = append(shape, d), count*d
	}
	return shape, count, nil
}

// converter returns how to read one number, or nil for a type that is none.
func converter(kind string, width int, big bool) func([]byte) float64 {
	bits := func(b []byte) uint64 {
		var v uint64
		for i := range width {
			at := i
			if !big {
				at = width - 1 - i
			}
			v = v<<8 | uint64(b[at])
		}
		return v
	}
	switch {
	case kind == "f" && width == 4:
		return func(b []byte) float64 { return float64(math.Float32frombits(uint32(bits(b)))) }
	case kind == "f" && width == 8:
		return func(b []byte) float64 { return math.Float64frombits(bits(b)) }
	case kind == "u" || kind == "b" && width == 1:
		return func(b []byte) float64 { return float64(bits(b)) }
	case kind == "i":
		shift := 64 - 8*width
		return func(b []byte) float64 { return float64(int64(bits(b)<<shift) >> shift) }
	}
	return nil
}
