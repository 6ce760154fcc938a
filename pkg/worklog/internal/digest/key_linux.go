package digest

import (
	"os"
	"syscall"
)

// keyOf returns the key of a file.
func keyOf(info os.FileInfo) key {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return key{}
	}
	return key{uint64(s.Dev), s.Ino, s.Size, s.Mtim.Nano(), s.Ctim.Nano()}
}

// private reports whether only this user can write to a file.
func private(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Getuid() && info.Mode().Perm()&0o022 == 0
}
