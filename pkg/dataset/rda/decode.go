package rda

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// The types of R's objects in a file, from "R Internals", section 1.1, and R's serialize.c.
const (
	typeNil        = 0
	typeSymbol     = 1
	typePairs      = 2
	typeClosure    = 3
	typeEnv        = 4
	typePromise    = 5
	typeLanguage   = 6
	typeString     = 9 // one text, of which vectors of texts are made
	typeLogical    = 10
	typeInteger    = 13
	typeReal       = 14
	typeComplex    = 15
	typeStrings    = 16
	typeList       = 19
	typeExpression = 20
	typeRaw        = 24
	typeS4         = 25

	typeAltRep        = 238
	typePairsWithAttr = 239
	typeLangWithAttr  = 240
	typeBaseEnv       = 241
	typeEmptyEnv      = 242
	typePackage       = 250
	typeNamespace     = 249
	typePersistent    = 247
	typeMissing       = 251
	typeBaseNamespace = 252
	typeNilValue      = 254
	typeGlobalEnv     = 253
	typeReference     = 255
)

const (
	hasAttributes = 1 << 9
	hasTag        = 1 << 10

	missingInt = math.MinInt32
	maxDepth   = 1000

	// maxSequence bounds a sequence, of which a file has its length only.
	maxSequence = 1 << 27
)

// A value is an object as far as it is understood. A nil value is nothing, in the sense of R's NULL.
type value struct {
	numbers []float64 // of a vector of logical values, integers or real numbers; NaN is missing
	strings []string  // of a vector of texts; "" is missing
	list    []*value
	pairs   []pair // of a list with tags
	text    string // of a symbol or a text
	attrs   []pair
}

type pair struct {
	tag   string
	value *value
}

func (v *value) attribute(name string) *value {
	if v != nil {
		for _, a := range v.attrs {
			if a.tag == name {
				return a.value
			}
		}
	}
	return nil
}

func (v *value) is(class string) bool { return slices.Contains(v.attribute("class").texts(), class) }

func (v *value) texts() []string {
	if v == nil {
		return nil
	}
	return v.strings
}

func (v *value) floats() []float64 {
	if v == nil {
		return nil
	}
	return v.numbers
}

// A decoder reads objects. After an error it returns zeros; the first error is kept.
type decoder struct {
	in    *bufio.Reader
	refs  []*value
	depth int
	err   error
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) read(p []byte) {
	if d.err != nil {
		return
	}
	if _, err := io.ReadFull(d.in, p); err != nil {
		d.err = fmt.Errorf("the file is cut off: %w", err)
	}
}

func (d *decoder) int() int {
	var b [4]byte
	d.read(b[:])
	if d.err != nil {
		return 0
	}
	return int(int32(binary.BigEndian.Uint32(b[:])))
}

// length reads how long a vector is.
func (d *decoder) length() int {
	n := d.int()
	if n == -1 { // longer than 2^31: two numbers follow
		n = d.int()<<32 | d.int()&math.MaxUint32
	}
	if n < 0 || n > maxUnpacked {
		d.fail("a vector of the length %d", n)
		return 0
	}
	return n
}

// each calls f n times, until something fails.
func (d *decoder) each(n int, f func()) {
	for i := 0; i < n && d.err == nil; i++ {
		f()
	}
}

// workspace reads a file of saved objects.
func (d *decoder) workspace() ([]pair, error) {
	magic := make([]byte, 7)
	d.read(magic)
	if d.err != nil {
		return nil, errors.New("it is no workspace of R: it is too short")
	}
	if m := string(magic); m != "RDX2\nX\n" && m != "RDX3\nX\n" {
		return nil, fmt.Errorf("it begins with %q: that is no workspace of R in its portable binary form; save() with ascii = FALSE writes one", m)
	}
	version := d.int()
	d.int() // the version of R that wrote it
	d.int() // the oldest version of R that reads it
	if version == 3 {
		d.bytes(d.int()) // the encoding of texts
	}
	if version != 2 && version != 3 && d.err == nil {
		d.fail("it is of version %d; 2 and 3 are read", version)
	}
	v := d.item()
	if d.err != nil {
		return nil, d.err
	}
	if v == nil || v.pairs == nil {
		return nil, errors.New("it holds no list of objects")
	}
	return v.pairs, nil
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > maxUnpacked {
		d.fail("a text of the length %d", n)
	}
	var out []byte
	for left := n; left > 0 && d.err == nil; { // memory follows what is there, not what the file claims
		part := make([]byte, min(left, 1<<16))
		d.read(part)
		out = append(out, part...)
		left -= len(part)
	}
	return out
}

// item reads one object.
func (d *decoder) item() *value { return d.object(d.int()) }

// object reads the object that flags, its first number, are of.
func (d *decoder) object(flags int) *value {
	if d.depth++; d.depth > maxDepth {
		d.fail("objects are nested more than %d deep", maxDepth)
	}
	defer func() { d.depth-- }()
	if d.err != nil {
		return nil
	}
	switch kind := flags & 0xff; kind {
	case typeNil, typeNilValue, typeMissing:
		return nil
	case typeGlobalEnv, typeBaseEnv, typeEmptyEnv, typeBaseNamespace:
		return &value{}
	case typeReference:
		return d.reference(flags >> 8)
	case typeSymbol:
		v := &value{}
		if s := d.item(); s != nil {
			v.text = s.text
		}
		return d.remember(v)
	case typePackage, typeNamespace, typePersistent:
		d.int()
		d.each(d.length(), func() { d.item() })
		return d.remember(&value{})
	case typeEnv:
		v := d.remember(&value{})
		d.int()                        // whether it is locked
		d.each(4, func() { d.item() }) // enclosure, frame, table, attributes
		return v
	case typeAltRep:
		return d.compact()
	case typePairs, typePairsWithAttr, typeLanguage, typeLangWithAttr, typeClosure, typePromise:
		return d.pairList(flags)
	case typeString:
		n := d.int()
		if n == -1 {
			return &value{} // NA
		}
		return &value{text: string(d.bytes(n))}
	default:
		return d.vector(kind, flags)
	}
}

func (d *decoder) remember(v *value) *value {
	d.refs = append(d.refs, v)
	return v
}

func (d *decoder) reference(i int) *value {
	if i == 0 {
		i = d.int()
	}
	if i < 1 || i > len(d.refs) {
		d.fail("a reference to object %d of %d", i, len(d.refs))
		return nil
	}
	return d.refs[i-1]
}

// pairList reads a list with tags, whose rest follows each element.
func (d *decoder) pairList(flags int) *value {
	v := &value{pairs: []pair{}}
	for {
		kind := flags & 0xff
		if flags&hasAttributes != 0 || kind == typePairsWithAttr || kind == typeLangWithAttr {
			v.attrs = append(v.attrs, d.attributes()...)
		}
		var p pair
		if flags&hasTag != 0 {
			if tag := d.item(); tag != nil {
				p.tag = tag.text
			}
		}
		p.value = d.item()
		v.pairs = append(v.pairs, p)
		if kind != typePairs || d.err != nil {
			d.item() // the rest of what is no plain list does not matter
			return v
		}
		flags = d.int()
		if flags&0xff != typePairs {
			d.object(flags) // nothing, or what a dotted pair ends with
			return v
		}
	}
}

func (d *decoder) attributes() []pair {
	if a := d.item(); a != nil {
		return a.pairs
	}
	return nil
}

// vector reads a vector of any kind.
func (d *decoder) vector(kind, flags int) *value {
	v := &value{}
	if kind == typeS4 {
		v.attrs = d.attributes()
		return v
	}
	n := d.length()
	switch kind {
	case typeLogical, typeInteger:
		v.numbers = []float64{}
		d.each(n, func() {
			x := math.NaN()
			if i := d.int(); i != missingInt {
				x = float64(i)
			}
			v.numbers = append(v.numbers, x)
		})
	case typeReal:
		v.numbers = []float64{}
		d.each(n, func() { v.numbers = append(v.numbers, d.real()) })
	case typeComplex:
		d.each(2*n, func() { d.real() })
	case typeStrings:
		v.strings = []string{}
		d.each(n, func() {
			text := ""
			if s := d.item(); s != nil {
				text = s.text
			}
			v.strings = append(v.strings, text)
		})
	case typeList, typeExpression:
		v.list = []*value{}
		d.each(n, func() { v.list = append(v.list, d.orNothing()) })
	case typeRaw:
		d.bytes(n)
	default:
		d.fail("an object of type %d, which is not read", kind)
	}
	if flags&hasAttributes != 0 {
		v.attrs = d.attributes()
	}
	return v
}

// orNothing reads an object of a list, which is never nil.
func (d *decoder) orNothing() *value {
	if v := d.item(); v != nil {
		return v
	}
	return &value{}
}

func (d *decoder) real() float64 {
	var b [8]byte
	d.read(b[:])
	if d.err != nil {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b[:]))
}

// compact reads a vector in one of the forms that R 3.5 keeps in place of its elements: what kind it is, its
// state, and its attributes (R's altclasses.c).
func (d *decoder) compact() *value {
	info, state, attrs := d.orNothing(), d.orNothing(), d.item()
	if d.err != nil {
		return nil
	}
	class := ""
	if len(info.pairs) > 0 && info.pairs[0].value != nil {
		class = info.pairs[0].value.text
	}
	v := &value{}
	switch class {
	case "compact_intseq", "compact_realseq":
		s := state.numbers // length, first, step
		if len(s) != 3 || !(s[0] >= 0 && s[0] <= maxSequence) {
			d.fail("a sequence with the state %v", s)
			return nil
		}
		v.numbers = make([]float64, int(s[0]))
		for i := range v.numbers {
			v.numbers[i] = s[1] + float64(i)*s[2]
		}
	case "wrap_integer", "wrap_real", "wrap_logical", "wrap_string", "wrap_list":
		inner := state.list
		if inner == nil && len(state.pairs) > 0 {
			inner = []*value{state.pairs[0].value}
		}
		if len(inner) == 0 || inner[0] == nil {
			d.fail("a wrapper around nothing")
			return nil
		}
		*v = *inner[0]
	case "deferred_string":
		if len(state.pairs) == 0 || state.pairs[0].value == nil {
			d.fail("texts of no numbers")
			return nil
		}
		v.strings = []string{}
		for _, x := range state.pairs[0].value.numbers {
			text := ""
			if x == x {
				text = fmt.Sprintf("%.15g", x)
			}
			v.strings = append(v.strings, text)
		}
	default:
		d.fail("a vector in the form %q, which is not read", class)
		return nil
	}
	if attrs != nil {
		v.attrs = attrs.pairs
	}
	return v
}
