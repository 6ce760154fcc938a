//go:build unix

// Package filelock keeps two writers of one file apart, and tells when the file is gone.
package filelock

import (
	"errors"
	"os"
	"syscall"
)

// Try makes file this one's to write until it is closed, and reports whether that was possible. A
// file system without locks lets everybody write.
func Try(file *os.File) bool {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return !errors.Is(err, syscall.EWOULDBLOCK)
}

// Deleted reports whether an open file has no name any more, given what its Stat said.
func Deleted(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Nlink == 0
}
