package build

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// A symbolIndex finds dynamic symbols of a shared library by name, through the library's own GNU
// hash table in a memory map: opening it costs nothing, however many symbols there are.
type symbolIndex struct {
	image    []byte // the file
	sections []elf.SectionHeader
	hash     []byte
	dynsym   []byte
	dynstr   []byte
}

// A symbol is a dynamic symbol and the bytes that it names.
type symbol struct {
	name    string // as in the library
	info    byte   // ELF type and binding
	size    uint64
	content []byte // of data symbols, as the file holds it; nil for the others
	mask    []byte // of type descriptors: which words of a value are pointers
}

const symSize = 24 // an Elf64_Sym

// openIndex maps the library at path. The caller closes the index.
func openIndex(path string) (*symbolIndex, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	image, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", path, err)
	}
	x := &symbolIndex{image: image}
	if err := x.readSections(f); err != nil {
		x.Close()
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return x, nil
}

// Close unmaps the library.
func (x *symbolIndex) Close() error { return syscall.Munmap(x.image) }

func (x *symbolIndex) readSections(f *os.File) error {
	e, err := elf.NewFile(f)
	if err != nil {
		return err
	}
	if e.Class != elf.ELFCLASS64 || e.ByteOrder != binary.LittleEndian {
		return errors.New("not a 64-bit little-endian library")
	}
	for _, s := range e.Sections {
		x.sections = append(x.sections, s.SectionHeader)
		if s.Type == elf.SHT_NOBITS {
			continue
		}
		if s.Offset+s.FileSize > uint64(len(x.image)) {
			return errors.New("the file is cut short")
		}
		data := x.image[s.Offset : s.Offset+s.FileSize]
		switch s.Type {
		case elf.SHT_GNU_HASH:
			x.hash = data
		case elf.SHT_DYNSYM:
			x.dynsym = data
			x.dynstr = x.image[e.Sections[s.Link].Offset:][:e.Sections[s.Link].FileSize]
		}
	}
	if x.hash == nil || x.dynsym == nil {
		return errors.New("no dynamic symbols with a GNU hash table")
	}
	return nil
}

// section returns the content of the section called name.
func (x *symbolIndex) section(name string) []byte {
	for _, s := range x.sections {
		if s.Name == name && s.Type != elf.SHT_NOBITS {
			return x.image[s.Offset : s.Offset+s.FileSize]
		}
	}
	return nil
}

// lookup finds a defined symbol by its exact name.
func (x *symbolIndex) lookup(name string) (symbol, bool) {
	word := func(i uint32) uint32 { return binary.LittleEndian.Uint32(x.hash[4*i:]) }
	buckets, first, bloom, shift := word(0), word(1), word(2), word(3)
	h := gnuHash(name)
	filter := binary.LittleEndian.Uint64(x.hash[16+8*((h/64)%bloom):])
	if filter>>(h%64)&1 == 0 || filter>>((h>>shift)%64)&1 == 0 {
		return symbol{}, false
	}
	bucket := 4 + 2*bloom
	chain := bucket + buckets
	i := word(bucket + h%buckets)
	if i < first {
		return symbol{}, false
	}
	for ; ; i++ {
		c := word(chain + i - first)
		if c|1 == h|1 && x.name(i) == name {
			return x.symbol(i)
		}
		if c&1 == 1 {
			return symbol{}, false
		}
	}
}

// gnuHash is the hash function of DT_GNU_HASH.
func gnuHash(name string) uint32 {
	h := uint32(5381)
	for i := 0; i < len(name); i++ {
		h = h*33 + uint32(name[i])
	}
	return h
}

// name returns the name of symbol i without copying more than it.
func (x *symbolIndex) name(i uint32) string {
	at := x.dynstr[binary.LittleEndian.Uint32(x.dynsym[symSize*i:]):]
	n := 0
	for at[n] != 0 {
		n++
	}
	return string(at[:n])
}

func (x *symbolIndex) symbol(i uint32) (symbol, bool) {
	rec := x.dynsym[symSize*i:]
	section := int(binary.LittleEndian.Uint16(rec[6:]))
	if section == 0 {
		return symbol{}, false
	}
	s := symbol{name: x.name(i), info: rec[4], size: binary.LittleEndian.Uint64(rec[16:])}
	if section < len(x.sections) && elf.ST_TYPE(s.info) == elf.STT_OBJECT {
		sec := x.sections[section]
		from := binary.LittleEndian.Uint64(rec[8:]) - sec.Addr
		if sec.Type != elf.SHT_NOBITS && from+s.size <= sec.FileSize {
			s.content = x.image[sec.Offset+from:][:s.size]
		}
		if strings.HasPrefix(s.name, "type:") {
			s.mask = x.pointerMask(s.content)
		}
	}
	return s, true
}

// all returns every symbol that the library defines.
func (x *symbolIndex) all() []symbol {
	var list []symbol
	for i := range uint32(len(x.dynsym) / symSize) {
		if s, ok := x.symbol(i); ok {
			list = append(list, s)
		}
	}
	return list
}
