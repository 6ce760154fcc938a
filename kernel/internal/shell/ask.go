package shell

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// answers carry what the user answers to a command.
type answers struct{ r, w *os.File }

func (a *answers) close() {
	if a != nil {
		a.r.Close()
		a.w.Close()
	}
}

const (
	askEvery = 20 * time.Millisecond
	// askAnyway is after which time the user is asked although nobody is seen to read: a program may wait
	// for input in a way that cannot be seen.
	askAnyway = 3 * time.Second
)

// serve asks the user whenever the processes of a group wait for input. It ends with ctx, or when the user
// cannot be asked: then the input ends.
func (a *answers) serve(ctx context.Context, group int, ask func(context.Context) (string, error)) {
	if a == nil {
		return
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for idle := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if a.unread() > 0 {
				idle = now
				continue
			}
			if !reading(group) && now.Sub(idle) < askAnyway {
				continue
			}
		}
		line, err := ask(ctx)
		if err == nil {
			_, err = a.w.WriteString(line + "\n")
		}
		if err != nil {
			a.w.Close()
			return
		}
		idle = time.Now()
	}
}

// unread returns how many bytes of the answers have not been read.
func (a *answers) unread() int {
	var n int32
	const fionread = 0x541B
	if conn, err := a.w.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { // of a closed pipe nothing is unread
			_, _, _ = syscall.Syscall(syscall.SYS_IOCTL, fd, fionread, uintptr(unsafe.Pointer(&n)))
		})
	}
	return int(n)
}

// reading tells whether a process of the group is blocked as it reads its standard input.
func reading(group int) bool {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	read := fmt.Sprintf("%d 0x0 ", syscall.SYS_READ)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if g, err := syscall.Getpgid(pid); err != nil || g != group {
			continue
		}
		if call, err := os.ReadFile("/proc/" + e.Name() + "/syscall"); err == nil && strings.HasPrefix(string(call), read) {
			return true
		}
	}
	return false
}
