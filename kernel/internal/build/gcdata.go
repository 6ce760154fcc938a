package build

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
)

// gcDataField is the offset of the pointer to a type's pointer mask within its descriptor (GCData in
// internal/abi.Type); ptrBytesField is that of the length of the part of a value that has pointers, kindField that of the kind.
const (
	ptrBytesField = 8
	kindField     = 23
	gcDataField   = 32
)

// unsafePointerKind is the kind of unsafe.Pointer in a descriptor.
const unsafePointerKind = 26

// inlineGCData writes the addresses of the types' pointer masks into the descriptors in the library's
// file. The system linker leaves them to relocations, but the Go linker looks for them in the file when
// a cell has a variable of such a type. The dynamic linker overwrites them with the same values.
func inlineGCData(path string) error {
	e, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer e.Close()
	syms, err := e.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("symbols of %s: %w", path, err)
	}
	fields := map[uint64]bool{} // addresses of the fields
	for _, s := range syms {
		if strings.HasPrefix(s.Name, "type:") && elf.ST_TYPE(s.Info) == elf.STT_OBJECT && s.Section != elf.SHN_UNDEF {
			fields[s.Value+gcDataField] = true
		}
	}
	rela := e.Section(".rela.dyn")
	if rela == nil {
		return errors.New("the base library has no relocations")
	}
	data, err := rela.Data()
	if err != nil {
		return fmt.Errorf("relocations of %s: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var write error
	for ; len(data) >= 24; data = data[24:] {
		at := binary.LittleEndian.Uint64(data)
		if !fields[at] {
			continue
		}
		value := binary.LittleEndian.Uint64(data[16:])
		if n := binary.LittleEndian.Uint32(data[12:]); n > 0 && int(n) <= len(syms) {
			value += syms[n-1].Value
		}
		if off, ok := fileOffset(e, at); ok {
			_, err := f.WriteAt(binary.LittleEndian.AppendUint64(nil, value), off)
			write = errors.Join(write, err)
		}
	}
	return errors.Join(write, f.Close())
}

// fileOffset returns where in the file the byte with that address is.
func fileOffset(e *elf.File, addr uint64) (int64, bool) {
	for _, p := range e.Progs {
		if p.Type == elf.PT_LOAD && p.Vaddr <= addr && addr < p.Vaddr+p.Filesz {
			return int64(addr - p.Vaddr + p.Off), true
		}
	}
	return 0, false
}

// pointerMask returns the pointer mask of the type with that descriptor, as the library's file has it.
func (x *symbolIndex) pointerMask(descriptor []byte) []byte {
	if len(descriptor) < gcDataField+8 {
		return nil
	}
	words := binary.LittleEndian.Uint64(descriptor[ptrBytesField:]) / 8
	addr := binary.LittleEndian.Uint64(descriptor[gcDataField:])
	size := (words + 7) / 8
	if size == 0 || addr == 0 {
		return nil
	}
	for _, s := range x.sections {
		if s.Type != elf.SHT_NOBITS && s.Addr != 0 && s.Addr <= addr && addr+size <= s.Addr+s.FileSize {
			return x.image[s.Offset+addr-s.Addr:][:size]
		}
	}
	return nil
}
