// Package parquet reads Parquet files, the form in which most data sets of hubs and warehouses are kept, as
// frames.
//
//	people, err := parquet.Open("people.parquet")
//	table, err := people.Table("income")
//
// It is a reader of its own, since what the common library has in assembly cannot be linked into the shared
// library that cells use. Pages packed by Snappy, gzip, Zstandard and LZ4, and all encodings of
// https://parquet.apache.org/docs/file-format are read; encrypted files are not.
package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lathe-go/lathe/pkg/dataset"
)

// The physical types.
const (
	typeBoolean = 0
	typeInt32   = 1
	typeInt64   = 2
	typeInt96   = 3
	typeFloat   = 4
	typeDouble  = 5
	typeBytes   = 6
	typeFixed   = 7
)

// Open reads the file at path: see Read.
func Open(path string, columns ...string) (dataset.Frame, error) {
	file, err := os.Open(path)
	if err != nil {
		return dataset.Frame{}, fmt.Errorf("parquet: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return dataset.Frame{}, fmt.Errorf("parquet: %w", err)
	}
	name := filepath.Base(path)
	return Read(strings.TrimSuffix(name, filepath.Ext(name)), file, info.Size(), columns...)
}

// Read reads a file of size bytes: the columns named, or all that are no lists. A column within another is
// called by both names, with a dot between. Integers, decimals, floats, dates and times become numbers: dates
// in days and times in their unit, since 1970; logical values become 0 and 1; texts and bytes become texts.
// What is null is missing.
func Read(name string, r io.ReaderAt, size int64, columns ...string) (f dataset.Frame, err error) {
	defer func() { // a damaged file may lead a decoder astray
		if p := recover(); p != nil {
			err = fmt.Errorf("parquet: read %s: the file is damaged: %v", name, p)
		}
	}()
	description, err := describe(r, size)
	if err != nil {
		return dataset.Frame{}, fmt.Errorf("parquet: read %s: %w", name, err)
	}
	leaves, err := schema(description.field(2).list)
	if err != nil {
		return dataset.Frame{}, fmt.Errorf("parquet: read %s: %w", name, err)
	}
	for _, c := range columns {
		if !slices.ContainsFunc(leaves, func(l leaf) bool { return l.name == c }) {
			return dataset.Frame{}, fmt.Errorf("parquet: read %s: there is no column %q", name, c)
		}
	}
	f.Name = name
	for i, l := range leaves {
		switch named := slices.Contains(columns, l.name); {
		case l.list && named:
			return dataset.Frame{}, fmt.Errorf("parquet: read %s: the column %s is a list, which is not read", name, l.name)
		case l.list || len(columns) > 0 && !named:
			continue
		}
		c, err := l.read(r, size, i, description)
		if err != nil {
			return dataset.Frame{}, fmt.Errorf("parquet: read %s: column %s: %w", name, l.name, err)
		}
		f.Columns = append(f.Columns, c)
	}
	if len(f.Columns) == 0 {
		return dataset.Frame{}, fmt.Errorf("parquet: read %s: it has no columns of numbers or texts", name)
	}
	return f, f.Check()
}

// describe reads the description at the end of a file.
func describe(r io.ReaderAt, size int64) (node, error) {
	var end [8]byte
	if size < 12 {
		return node{}, errors.New("it is no Parquet file: it is too short")
	}
	if _, err := r.ReadAt(end[:], size-8); err != nil {
		return node{}, err
	}
	if string(end[4:]) != "PAR1" {
		return node{}, fmt.Errorf("it is no Parquet file that can be read: it ends with %q", end[4:])
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	if length > size-12 {
		return node{}, errDescription
	}
	content := make([]byte, length)
	if _, err := r.ReadAt(content, size-8-length); err != nil {
		return node{}, err
	}
	n, _, err := parse(content)
	return n, err
}

// A leaf is a column that holds values.
type leaf struct {
	name     string
	list     bool // it is one, or in one
	highest  int  // the level of a value that is there
	coder    coder
	unsigned bool
	decimal  bool
	half     bool // floats of 16 bits
	scale    float64
}

// schema finds the leaves of a tree that is written in the order of its branches.
func schema(elements []node) ([]leaf, error) {
	var leaves []leaf
	at := 0
	var walk func(path []string, above leaf) error
	walk = func(path []string, above leaf) error {
		if at >= len(elements) || len(path) > maxNesting {
			return errDescription
		}
		e := elements[at]
		at++
		if at > 1 { // the root has no name of its own
			path = append(slices.Clip(path), string(e.field(4).text))
			if repetition := e.field(3).number; repetition != 0 {
				above.highest++
				above.list = above.list || repetition == 2
			}
		}
		if children := e.field(5).number; children > 0 || at == 1 {
			for range children {
				if err := walk(path, above); err != nil {
					return err
				}
			}
			return nil
		}
		above.name = strings.Join(path, ".")
		above.describe(e)
		leaves = append(leaves, above)
		return nil
	}
	if err := walk(nil, leaf{}); err != nil {
		return nil, err
	}
	return leaves, nil
}

// The older names of logical types.
const (
	convertedDecimal = 5
	convertedUint8   = 11
	convertedUint64  = 14
)

// describe fills in what the values of a leaf are.
func (l *leaf) describe(e node) {
	l.coder = coder{kind: int(e.field(1).number), length: int(e.field(2).number)}
	if l.coder.kind == typeInt96 {
		l.coder.length = 12
	}
	logical, converted := e.field(10), e.field(6)
	l.scale = 1
	switch {
	case logical.has(5):
		l.decimal, l.scale = true, math.Pow10(int(logical.field(5).field(1).number))
	case e.has(6) && converted.number == convertedDecimal:
		l.decimal, l.scale = true, math.Pow10(int(e.field(7).number))
	case logical.has(10):
		l.unsigned = logical.field(10).field(2).number == 0
	case e.has(6):
		l.unsigned = converted.number >= convertedUint8 && converted.number <= convertedUint64
	}
	l.half = logical.has(15) && l.coder.kind == typeFixed && l.coder.length == 2
}

// read reads all values of a leaf, which is number i.
func (l leaf) read(r io.ReaderAt, size int64, i int, description node) (dataset.Column, error) {
	out := dataset.Column{Name: l.name}
	if l.textual() {
		out.Texts = []string{}
	} else {
		out.Numbers = []float64{}
	}
	for _, group := range description.field(4).list {
		chunks := group.field(1).list
		if i >= len(chunks) {
			return out, errDescription
		}
		if len(chunks[i].field(1).text) > 0 {
			return out, errors.New("it lies in another file")
		}
		if err := l.readChunk(r, size, chunks[i].field(3), &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// textual reports whether values become texts.
func (l leaf) textual() bool {
	return (l.coder.kind == typeBytes || l.coder.kind == typeFixed) && !l.decimal && !l.half
}

// readChunk reads the pages of a group of rows.
func (l leaf) readChunk(r io.ReaderAt, size int64, meta node, out *dataset.Column) error {
	from, length := meta.field(9).number, meta.field(7).number
	if d := meta.field(11).number; d > 0 {
		from = min(from, d)
	}
	if from < 0 || length < 0 || from > size || length > size-from {
		return errDescription
	}
	content := make([]byte, length)
	if _, err := r.ReadAt(content, from); err != nil {
		return err
	}
	p := pages{leaf: l, codec: int(meta.field(4).number), out: out}
	for left := meta.field(5).number; left > 0; {
		head, used, err := parse(content)
		if err != nil {
			return err
		}
		packed, err := head.field(3).size(len(content) - used)
		if err != nil {
			return err
		}
		n, err := p.page(head, content[used:used+packed])
		if err != nil {
			return err
		}
		content, left = content[used+packed:], left-int64(n)
	}
	return nil
}

// The types of pages.
const (
	pageData       = 0
	pageDictionary = 2
	pageDataV2     = 3
)

// pages reads pages to a column.
type pages struct {
	leaf       leaf
	codec      int
	dictionary *values
	out        *dataset.Column
}

// page reads one page, and returns how many values it has.
func (p *pages) page(head node, data []byte) (int, error) {
	size, err := head.field(2).size(1 << 30)
	if err != nil {
		return 0, err
	}
	switch head.field(1).number {
	case pageDictionary:
		n, err := head.field(7).field(1).size(maxValues)
		if err != nil {
			return 0, err
		}
		if data, err = unpack(p.codec, data, size); err != nil {
			return 0, err
		}
		v, err := p.leaf.coder.plain(data, n)
		p.dictionary = &v
		return 0, err
	case pageData:
		return p.data(head.field(5), data, size)
	case pageDataV2:
		return p.dataV2(head.field(8), data, size)
	}
	return 0, nil // pages of other types may be passed over
}

// data reads a page whose levels are packed with its values.
func (p *pages) data(head node, data []byte, size int) (int, error) {
	n, err := head.field(1).size(maxValues)
	if err != nil {
		return 0, err
	}
	if data, err = unpack(p.codec, data, size); err != nil {
		return 0, err
	}
	var present []uint64
	if p.leaf.highest > 0 {
		if encoding := head.field(3).number; encoding != runLengths {
			return 0, fmt.Errorf("the encoding %d of levels is not read", encoding)
		}
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return 0, io.ErrUnexpectedEOF
		}
		end := 4 + int(binary.LittleEndian.Uint32(data))
		if present, err = levels(data[4:end], p.leaf.highest, n); err != nil {
			return 0, err
		}
		data = data[end:]
	}
	return n, p.add(int(head.field(2).number), data, n, present)
}

// dataV2 reads a page whose levels come before its values, as they are.
func (p *pages) dataV2(head node, data []byte, size int) (int, error) {
	n, err := head.field(1).size(maxValues)
	if err != nil {
		return 0, err
	}
	definitions, err := head.field(5).size(len(data))
	if err != nil {
		return 0, err
	}
	repetitions, err := head.field(6).size(len(data) - definitions)
	if err != nil {
		return 0, err
	}
	var present []uint64
	if p.leaf.highest > 0 {
		if present, err = levels(data[repetitions:repetitions+definitions], p.leaf.highest, n); err != nil {
			return 0, err
		}
	}
	data = data[repetitions+definitions:]
	if packed := head.field(7); (packed.number != 0 || !head.has(7)) && len(data) > 0 {
		if data, err = unpack(p.codec, data, size-repetitions-definitions); err != nil {
			return 0, err
		}
	}
	return n, p.add(int(head.field(4).number), data, n, present)
}

// add adds n values to the column, of which those that are present are in data. All are, if present is
// nil.
func (p *pages) add(encoding int, data []byte, n int, present []uint64) error {
	there := n
	if present != nil {
		there = 0
		for _, level := range present {
			if level == uint64(p.leaf.highest) {
				there++
			}
		}
	}
	v, err := p.leaf.coder.decode(encoding, data, there, p.dictionary)
	if err != nil {
		return err
	}
	next := 0
	for i := range n {
		missing := present != nil && present[i] != uint64(p.leaf.highest)
		switch {
		case p.out.Texts != nil && missing:
			p.out.Texts = append(p.out.Texts, "")
		case p.out.Texts != nil:
			p.out.Texts = append(p.out.Texts, string(v.bytes[next]))
		case missing:
			p.out.Numbers = append(p.out.Numbers, math.NaN())
		default:
			p.out.Numbers = append(p.out.Numbers, p.leaf.number(v, next))
		}
		if !missing {
			next++
		}
	}
	return nil
}

// number returns value i as a number.
func (l leaf) number(v values, i int) float64 {
	switch l.coder.kind {
	case typeBoolean:
		return float64(v.bits[i])
	case typeInt32:
		if l.unsigned {
			return float64(uint32(v.bits[i]))
		}
		return float64(int32(v.bits[i])) / l.scale
	case typeInt64:
		if l.unsigned {
			return float64(v.bits[i])
		}
		return float64(int64(v.bits[i])) / l.scale
	case typeFloat:
		return float64(math.Float32frombits(uint32(v.bits[i])))
	case typeDouble:
		return math.Float64frombits(v.bits[i])
	case typeInt96: // nanoseconds of the day, and the day, from 4713 before our era
		const epoch = 2440588 // 1 January 1970
		b := v.bytes[i]
		return (float64(littleEndian(b[8:12]))-epoch)*86400e9 + float64(littleEndian(b[:8]))
	}
	if l.half {
		return half(uint16(littleEndian(v.bytes[i])))
	}
	return bigEndian(v.bytes[i]) / l.scale
}

// half returns a float of 16 bits.
func half(b uint16) float64 {
	sign, exponent, fraction := 1-2*float64(b>>15), int(b>>10&31), float64(b&1023)
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		return math.Inf(int(sign))
	case exponent == 0:
		return sign * math.Ldexp(fraction, -24)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// bigEndian reads a signed integer of any length.
func bigEndian(b []byte) float64 {
	v := 0.0
	for i, digit := range b {
		if i == 0 {
			v = float64(int8(digit))
		} else {
			v = v*256 + float64(digit)
		}
	}
	return v
}
