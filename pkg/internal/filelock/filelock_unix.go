//go:build unix

// Package filelock keeps two writers of one file apart.
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
