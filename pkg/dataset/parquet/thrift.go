package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A node is a value of Thrift's compact protocol, in which Parquet describes itself, of whatever type it is.
// A node that is not there is the zero one, all of whose fields and elements are zero too.
type node struct {
	number int64 // of an integer, or 1 for true
	text   []byte
	fields map[int]node
	list   []node
}

func (n node) field(id int) node { return n.fields[id] }

func (n node) has(id int) bool {
	_, ok := n.fields[id]
	return ok
}

var errDescription = errors.New("its description of itself is damaged")

const (
	maxNesting = 32
	maxNodes   = 1 << 24
)

// A thrift reads nodes. What is after the end reads as an error.
type thrift struct {
	in    []byte
	nodes int
	err   error
}

func (t *thrift) byte() byte {
	if len(t.in) == 0 {
		t.err = errDescription
		return 0
	}
	b := t.in[0]
	t.in = t.in[1:]
	return b
}

func (t *thrift) unsigned() uint64 {
	v, n := binary.Uvarint(t.in)
	if n <= 0 {
		t.err = errDescription
		return 0
	}
	t.in = t.in[n:]
	return v
}

func (t *thrift) signed() int64 {
	v := t.unsigned()
	return int64(v>>1) ^ -int64(v&1)
}

// structure reads fields up to the last one.
func (t *thrift) structure(depth int) node {
	n := node{fields: map[int]node{}}
	id := 0
	for t.err == nil {
		head := t.byte()
		if head == 0 {
			return n
		}
		if delta := int(head >> 4); delta > 0 {
			id += delta
		} else {
			id = int(t.signed())
		}
		switch kind := head & 15; kind {
		case 1, 2:
			n.fields[id] = node{number: int64(2 - kind)}
		default:
			n.fields[id] = t.value(kind, depth+1)
		}
	}
	return n
}

// value reads a value of a type, other than a logical one in a structure.
func (t *thrift) value(kind byte, depth int) node {
	if t.nodes++; depth > maxNesting || t.nodes > maxNodes {
		t.err = errDescription
	}
	if t.err != nil {
		return node{}
	}
	switch kind {
	case 1, 2, 3:
		return node{number: int64(int8(t.byte()))}
	case 4, 5, 6:
		return node{number: t.signed()}
	case 7:
		return node{text: t.bytes(8)}
	case 8:
		return node{text: t.bytes(t.unsigned())}
	case 9, 10:
		return t.elements(depth)
	case 11:
		return t.pairs(depth)
	case 12:
		return t.structure(depth)
	}
	t.err = fmt.Errorf("%w: a value of type %d", errDescription, kind)
	return node{}
}

func (t *thrift) bytes(n uint64) []byte {
	if n > uint64(len(t.in)) {
		t.err = errDescription
		return nil
	}
	b := t.in[:n]
	t.in = t.in[n:]
	return b
}

func (t *thrift) elements(depth int) node {
	head := t.byte()
	count := uint64(head >> 4)
	if count == 15 {
		count = t.unsigned()
	}
	if count > uint64(len(t.in)) && t.err == nil { // an element has a byte at least
		t.err = errDescription
	}
	var n node
	for i := uint64(0); i < count && t.err == nil; i++ {
		n.list = append(n.list, t.value(head&15, depth+1))
	}
	return n
}

// pairs passes over a map: none of what is read here has one.
func (t *thrift) pairs(depth int) node {
	count := t.unsigned()
	if count == 0 {
		return node{}
	}
	kinds := t.byte()
	for i := uint64(0); i < count && t.err == nil; i++ {
		t.value(kinds>>4, depth+1)
		t.value(kinds&15, depth+1)
	}
	return node{}
}

// parse reads a structure from the beginning of in, and returns how many bytes it took.
func parse(in []byte) (node, int, error) {
	t := thrift{in: in}
	n := t.structure(0)
	return n, len(in) - len(t.in), t.err
}

// size returns a number that counts something, or an error if it is negative or more than most.
func (n node) size(most int) (int, error) {
	if n.number < 0 || n.number > int64(most) || n.number > math.MaxInt32 {
		return 0, fmt.Errorf("%w: a size of %d", errDescription, n.number)
	}
	return int(n.number), nil
}
