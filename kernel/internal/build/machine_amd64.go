package build

import "debug/elf"

// hostMachine is the ELF machine of the libraries that this kernel makes.
const hostMachine = elf.EM_X86_64
