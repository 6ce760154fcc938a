package worker

import (
	"syscall"
	"unsafe"
)

// readable returns how many bytes a descriptor has to read, or -1 when it is at its end or broken.
func readable(fd int) int {
	poll := struct {
		fd      int32
		events  int16
		revents int16
	}{int32(fd), 1, 0} // POLLIN
	var timeout syscall.Timespec
	n, _, _ := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
	if n == 0 {
		return 0
	}
	var bytes int32
	const fionread = 0x541B
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), fionread, uintptr(unsafe.Pointer(&bytes))); errno != 0 || bytes == 0 {
		return -1
	}
	return int(bytes)
}
