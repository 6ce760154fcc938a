package build

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"runtime"
	"strings"
)

// A stub is a library that has only names: the symbols that one cell refers to, so that the linker
// reads a few hundred of them instead of all 145,000 of the base library. It is never loaded; the
// dynamic linker binds the names to the real libraries when the cell is.
//
// The linker wants of a shared library: dynamic symbols with their kinds, the bytes of type
// descriptors and what they say of pointers, the three notes that the Go linker writes, and a
// relocation section.
type stub struct {
	symbols []symbol
	notes   map[string][]byte // section name to content
}

// stubNotes are the sections by which the Go linker knows a library as one of its own.
var stubNotes = []string{".note.go.abihash", ".note.go.pkg-list", ".note.go.deps"}

// machines are the ELF machines of the systems on which a base library can be one shared library.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// dataBase is the address at which a stub claims to hold type descriptors.
const dataBase = 0x10000

// bytes returns the library as a file.
func (s stub) bytes() []byte {
	types, dynsym, dynstr := s.tables()
	w := &elfWriter{}
	w.section("", elf.SHT_NULL, nil, 0, 0)
	w.section(".text", elf.SHT_PROGBITS, make([]byte, 16), 0, 0x1000)
	w.section(".data.types", elf.SHT_PROGBITS, types, 0, dataBase)
	w.section(".dynsym", elf.SHT_DYNSYM, dynsym, 4, 0)
	w.section(".dynstr", elf.SHT_STRTAB, dynstr, 0, 0)
	w.section(".rela.dyn", elf.SHT_RELA, make([]byte, 24), 3, 0)
	for _, name := range stubNotes {
		w.section(name, elf.SHT_NOTE, s.notes[name], 0, 0)
	}
	return w.finish()
}

// tables lays out the symbols: their type descriptors, the symbol table and its names.
func (s stub) tables() (types, dynsym, dynstr []byte) {
	dynsym = make([]byte, symSize, symSize*(len(s.symbols)+1))
	dynstr = []byte{0}
	for _, sym := range s.symbols {
		section, value := uint16(1), uint64(0x1000)
		if strings.HasPrefix(sym.name, "type:") && sym.content != nil {
			for len(types)%8 != 0 {
				types = append(types, 0)
			}
			section, value = 2, dataBase+uint64(len(types))
			at := len(types)
			types = append(types, sym.content...)
			if len(sym.mask) > 0 {
				// The linker would follow the fields of a struct through relocations that a stub does not
				// have. Of a type of any other kind it takes the mask as it is.
				types[at+kindField] = unsafePointerKind
				binary.LittleEndian.PutUint64(types[at+gcDataField:], dataBase+uint64(len(types)))
				types = append(types, sym.mask...)
			}
		}
		dynsym = binary.LittleEndian.AppendUint32(dynsym, uint32(len(dynstr)))
		dynsym = append(dynsym, sym.info, 0)
		dynsym = binary.LittleEndian.AppendUint16(dynsym, section)
		dynsym = binary.LittleEndian.AppendUint64(dynsym, value)
		dynsym = binary.LittleEndian.AppendUint64(dynsym, sym.size)
		dynstr = append(append(dynstr, sym.name...), 0)
	}
	return types, dynsym, dynstr
}

// An elfWriter lays sections one after the other behind an ELF header.
type elfWriter struct {
	body    bytes.Buffer
	names   []byte
	headers []elf.Section64
}

const elfHeaderSize = 64

func (w *elfWriter) section(name string, kind elf.SectionType, data []byte, link uint32, addr uint64) {
	for w.body.Len()%8 != 0 {
		w.body.WriteByte(0)
	}
	h := elf.Section64{
		Name: uint32(len(w.names)), Type: uint32(kind), Addr: addr, Link: link,
		Off: uint64(elfHeaderSize + w.body.Len()), Size: uint64(len(data)), Addralign: 8,
	}
	switch kind {
	case elf.SHT_NULL:
		h = elf.Section64{}
	case elf.SHT_DYNSYM:
		h.Entsize, h.Info = symSize, 1
	case elf.SHT_RELA:
		h.Entsize = 24
	}
	w.names = append(append(w.names, name...), 0)
	w.headers = append(w.headers, h)
	w.body.Write(data)
}

func (w *elfWriter) finish() []byte {
	w.section(".shstrtab", elf.SHT_STRTAB, append(w.names, ".shstrtab\x00"...), 0, 0)
	for w.body.Len()%8 != 0 {
		w.body.WriteByte(0)
	}
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_DYN), Machine: uint16(machines[runtime.GOARCH]), Version: uint32(elf.EV_CURRENT),
		Shoff: uint64(elfHeaderSize + w.body.Len()), Ehsize: elfHeaderSize, Shentsize: 64,
		Shnum: uint16(len(w.headers)), Shstrndx: uint16(len(w.headers) - 1),
	}
	var out bytes.Buffer
	// Writing fixed-size values to a bytes.Buffer cannot fail.
	_ = binary.Write(&out, binary.LittleEndian, h)
	out.Write(w.body.Bytes())
	_ = binary.Write(&out, binary.LittleEndian, w.headers)
	return out.Bytes()
}
