//go:build unix

package worklog

import (
	"errors"
	"os"
	"syscall"
)

// tryLock makes file this one's to write until it is closed, and reports whether that was possible. A
// file system without locks lets everybody write.
func tryLock(file *os.File) bool {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return !errors.Is(err, syscall.EWOULDBLOCK)
}
