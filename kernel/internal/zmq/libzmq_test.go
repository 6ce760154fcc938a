package zmq

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
)

// TestLibzmq talks to libzmq itself, which every frontend uses.
func TestLibzmq(t *testing.T) {
	python := os.Getenv("LATHE_PYTHON")
	if python == "" {
		t.Skip("LATHE_PYTHON is not set: it names a Python that has pyzmq")
	}
	var l logs
	r := router(t, Options{Logf: l.logf})
	p := publisher(t, Options{Logf: l.logf}, func(topic string) [][]byte { return [][]byte{[]byte(topic), []byte("welcome")} })
	e, err := ListenEcho("tcp", "127.0.0.1:0", Options{Logf: l.logf})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(0)
	const messages = 20000
	ctx := t.Context()
	go func() {
		for {
			frames, err := r.Recv(ctx)
			if err != nil {
				return
			}
			if string(frames[1]) == "drop" {
				r.mu.Lock()
				r.peers[string(frames[0])].conn.Close()
				r.mu.Unlock()
				continue
			}
			if string(frames[0]) != "starter" {
				r.Send(frames)
				continue
			}
			for i := range messages {
				p.Publish([][]byte{[]byte("t"), fmt.Append(nil, i)})
				p.Pace(ctx)
			}
		}
	}()
	port := func(a net.Addr) string { return fmt.Sprint(a.(*net.TCPAddr).Port) }
	out, err := exec.CommandContext(ctx, python, "testdata/peer.py", port(r.Addr()), port(p.Addr()), port(e.Addr()), fmt.Sprint(messages)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(l.lines) > 0 {
		t.Errorf("reports about libzmq: %q", l.lines)
	}
}
