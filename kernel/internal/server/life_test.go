package server_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// kernel is a server whose end a test watches.
type kernel struct {
	*server.Server
	h      *handler
	cancel context.CancelFunc
	ended  chan error
	log    syncBuffer
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// start starts a kernel of info.
func start(t *testing.T, info server.ConnectionInfo, h *handler) *kernel {
	t.Helper()
	k := &kernel{h: h, ended: make(chan error, 1)}
	var err error
	if k.Server, err = server.Listen(info, log.New(&k.log, "", 0)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	go func() { k.ended <- k.Serve(ctx, h) }()
	t.Cleanup(cancel)
	return k
}

// end waits for the kernel's end.
func (k *kernel) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-k.ended:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("Serve does not return")
		return nil
	}
}

func loopback() server.ConnectionInfo { return server.ConnectionInfo{IP: "127.0.0.1", Key: "key"} }

func TestShutdown(t *testing.T) {
	for _, channel := range []string{kerneltest.Control, kerneltest.Shell} {
		k := start(t, loopback(), &handler{execute: func(ctx context.Context, _ server.ExecuteRequest, _ server.Output) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}})
		f := kerneltest.Connect(t, k.Connection())
		cell := f.Execute("x")
		cell.ExpectBusy()
		cell.ExpectInput("x")
		r := f.Request(channel, "shutdown_request", map[string]any{"restart": true}, nil)
		r.ExpectFields(map[string]any{"restart": true})
		r.ExpectBusy()
		if m := r.NextOutput(); m.Header.MsgType != "shutdown_reply" {
			t.Errorf("got %s, want the broadcast shutdown_reply", m.Header.MsgType)
		}
		r.ExpectIdle()
		cell.ExpectError("Shutdown")
		cell.ExpectReply("error")
		cell.ExpectIdle()
		if err := k.end(t); err != nil {
			t.Errorf("Serve returned %v", err)
		}
		if !slices.Equal(k.h.ended, []bool{true}) {
			t.Errorf("Shutdown was called with %v", k.h.ended)
		}
	}
}

// TestCancel: the end of the context ends the kernel, even if a cell does not heed it.
func TestCancel(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	k := start(t, loopback(), &handler{execute: func(context.Context, server.ExecuteRequest, server.Output) error {
		<-release
		return nil
	}})
	f := kerneltest.Connect(t, k.Connection())
	cell := f.Execute("x")
	cell.ExpectBusy()
	cell.ExpectInput("x")
	cell.Abandon()
	k.cancel()
	if err := k.end(t); !errors.Is(err, context.Canceled) {
		t.Errorf("Serve returned %v", err)
	}
	if len(k.h.ended) != 1 || !strings.Contains(k.log.String(), "did not end at shutdown") {
		t.Errorf("Shutdown was called %d times; the log is %q", len(k.h.ended), k.log.String())
	}
}

// frames returns a signed request as frames.
func frames(t *testing.T, msgType, key string, content any) [][]byte {
	t.Helper()
	m, err := wire.New(msgType, "s", nil, content)
	if err != nil {
		t.Fatal(err)
	}
	f, err := wire.Encode(m, wire.KeyOf(key))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestHostile: whatever comes on any socket, the kernel serves on and has counted it.
func TestHostile(t *testing.T) {
	k := start(t, loopback(), &handler{execute: func(context.Context, server.ExecuteRequest, server.Output) error { return nil }})
	f := kerneltest.Connect(t, k.Connection())
	bad := 0
	for _, channel := range []string{kerneltest.Shell, kerneltest.Control} {
		cut := frames(t, "kernel_info_request", "key", struct{}{})
		for _, spoilt := range [][][]byte{
			{nil}, {[]byte("junk")}, cut[:1], cut[1:], cut[:4],
			frames(t, "kernel_info_request", "wrong", struct{}{}),
			frames(t, "kernel_info_request", "", struct{}{}),
			frames(t, "kernel_info_request", "key", []int{1}),
		} {
			f.Raw(channel, spoilt...)
			bad++
		}
		f.Raw(channel, frames(t, "no_such_request", "key", struct{}{})...)
		f.Raw(channel, frames(t, "no_such_request", "key", struct{}{})...)
	}
	again := frames(t, "comm_msg", "key", map[string]any{"comm_id": "x"})
	for range 3 {
		f.Raw(kerneltest.Shell, again...)
	}
	c := k.Connection()
	for _, port := range []int{c.ShellPort, c.ControlPort, c.StdinPort, c.IOPubPort, c.HeartbeatPort} {
		conn, err := net.Dial("tcp", net.JoinHostPort(c.IP, strconv.Itoa(port)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	}
	for _, channel := range []string{kerneltest.Shell, kerneltest.Control} {
		done(f.Request(channel, "kernel_info_request", struct{}{}, nil), "ok")
	}
	if b, r := k.Dropped(); b != bad || r != 2 {
		t.Errorf("%d bad and %d repeated messages were counted, want %d and 2", b, r, bad)
	}
	if text := k.log.String(); strings.Count(text, "no_such_request") != 1 || strings.Count(text, "\n") > 12 {
		t.Errorf("the log is\n%s", text)
	}
}

// TestIPC: a kernel serves Unix sockets too.
func TestIPC(t *testing.T) {
	info := server.ConnectionInfo{Transport: "ipc", IP: t.TempDir() + "/k", Key: "key", ShellPort: 1, IOPubPort: 2, StdinPort: 3, ControlPort: 4, HeartbeatPort: 5}
	k := start(t, info, &handler{})
	for port := 1; port <= 5; port++ {
		conn, err := net.Dial("unix", info.IP+"-"+strconv.Itoa(port))
		if err != nil {
			t.Error(err)
			continue
		}
		conn.Close()
	}
	k.cancel()
	k.end(t)
}
