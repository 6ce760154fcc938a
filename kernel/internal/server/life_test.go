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
