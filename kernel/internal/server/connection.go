package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// ConnectionInfo says where a kernel listens and how its messages are signed: what a frontend writes
// into the connection file. With the transport tcp a port of 0 lets the system choose.
type ConnectionInfo struct {
	Transport       string `json:"transport"` // "tcp" or "ipc"
	IP              string `json:"ip"`        // with ipc, what the paths of the sockets begin with
	ShellPort       int    `json:"shell_port"`
	IOPubPort       int    `json:"iopub_port"`
	StdinPort       int    `json:"stdin_port"`
	ControlPort     int    `json:"control_port"`
	HeartbeatPort   int    `json:"hb_port"`
	Key             string `json:"key"`
	SignatureScheme string `json:"signature_scheme"`
	KernelName      string `json:"kernel_name,omitempty"`

	shared bool // the file can be read by others
}

// ReadConnectionFile reads and checks the file that a frontend wrote.
func ReadConnectionFile(path string) (ConnectionInfo, error) {
	var c ConnectionInfo
	raw, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("server: connection file: %w", err)
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("server: connection file %s: %w", path, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return c, fmt.Errorf("server: connection file %s: %w", path, err)
	}
	for _, name := range []string{"ip", "key", "shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"} {
		if _, ok := fields[name]; !ok {
			return c, fmt.Errorf("server: connection file %s has no %q", path, name)
		}
	}
	if err := c.check(); err != nil {
		return c, fmt.Errorf("server: connection file %s: %w", path, err)
	}
	if fi, err := os.Stat(path); err == nil {
		c.shared = fi.Mode().Perm()&0o077 != 0
	}
	return c, nil
}

// check finds what cannot be served.
func (c *ConnectionInfo) check() error {
	if c.Transport == "" {
		c.Transport = "tcp"
	}
	if c.Transport != "tcp" && c.Transport != "ipc" {
		return fmt.Errorf("transport %q is neither tcp nor ipc", c.Transport)
	}
	if c.IP == "" { // it would mean every interface of the machine
		return errors.New("ip is empty")
	}
	for name, port := range map[string]int{
		"shell": c.ShellPort, "iopub": c.IOPubPort, "stdin": c.StdinPort, "control": c.ControlPort, "hb": c.HeartbeatPort,
	} {
		if port < 0 || port > 65535 {
			return fmt.Errorf("%s_port %d is no port", name, port)
		}
	}
	_, err := wire.NewKey(c.SignatureScheme, c.Key)
	return err
}

// address returns where a socket with the given port is bound, for net.Listen.
func (c ConnectionInfo) address(port int) (network, address string) {
	if c.Transport == "ipc" {
		return "unix", c.IP + "-" + strconv.Itoa(port)
	}
	return "tcp", net.JoinHostPort(c.IP, strconv.Itoa(port))
}

// chosen returns the port of a bound address; with ipc it is the one that was asked for.
func chosen(a net.Addr, asked int) int {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.Port
	}
	return asked
}
