package build

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// libraryName returns the name under which a shared library holds the symbol that an object file
// calls name: the Go linker shortens the names of types (cmd/link, typeSymbolMangle).
func libraryName(name string) string {
	isType := strings.HasPrefix(name, "type:")
	switch {
	case !isType && !strings.Contains(name, "@"),
		strings.HasPrefix(name, "type:runtime."),
		strings.HasPrefix(name, "go:string."),
		len(name) <= 14 && !strings.Contains(name, "@"):
		return name
	case isType && name[5] == '.':
		return "type:." + shortHash(name[5:])
	case isType:
		return "type:" + shortHash(name[5:])
	}
	from, to := strings.IndexByte(name, '[')+1, strings.LastIndexByte(name, ']')
	if to < from {
		to = len(name)
	}
	return name[:from] + shortHash(name[from:to]) + name[to:]
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	sum[0] ^= 0xff // cmd/internal/hash.Sum32 sets itself apart from SHA-256 so
	return base64.StdEncoding.EncodeToString(sum[:6])
}
