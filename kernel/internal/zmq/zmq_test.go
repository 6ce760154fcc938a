package zmq

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// logs collects what a socket reports.
type logs struct {
	mu    sync.Mutex
	lines []string
}

func (l *logs) logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// expect waits for a report that contains text.
func (l *logs) expect(t *testing.T, text string) {
	t.Helper()
	eventually(t, "a report of "+text, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return strings.Contains(strings.Join(l.lines, "\n"), text)
	})
}

// eventually waits until ok, for at most five seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// soon is a context for what should happen at once.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// router starts a Router that the test closes.
func router(t *testing.T, o Options) *Router {
	t.Helper()
	r, err := ListenRouter("tcp", "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(0) })
	return r
}

// dial connects a client that the test closes.
func dial(t *testing.T, a net.Addr, kind, identity string) *Conn {
	t.Helper()
	c, err := Dial(soon(t), a.Network(), a.String(), kind, identity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// exchange sends text from c through r and back.
func exchange(t *testing.T, r *Router, c *Conn, text string) {
	t.Helper()
	c.Send([]byte(text), nil)
	in, err := r.Recv(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Send(in); err != nil {
		t.Fatal(err)
	}
	out, err := c.Recv(soon(t))
	if err != nil || len(out) != 2 || string(out[0]) != text {
		t.Fatalf("got %q, %v; want %q and an empty frame", out, err, text)
	}
}

func TestRouter(t *testing.T) {
	r := router(t, Options{})
	named, other := dial(t, r.Addr(), "DEALER", "me"), dial(t, r.Addr(), "DEALER", "")
	for _, text := range []string{"", "x", strings.Repeat("y", 255), strings.Repeat("z", 256), strings.Repeat("w", 3<<20)} {
		exchange(t, r, named, text)
		exchange(t, r, other, text)
	}
	if err := r.Send([][]byte{[]byte("nobody"), nil}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("sending to nobody gave %v", err)
	}
}

// TestRouterHandover: a peer that connects again has its identity back, though the old connection
// still stands.
func TestRouterHandover(t *testing.T) {
	r := router(t, Options{})
	exchange(t, r, dial(t, r.Addr(), "DEALER", "me"), "first")
	exchange(t, r, dial(t, r.Addr(), "DEALER", "me"), "second")
}

func TestUnixSocket(t *testing.T) {
	path := t.TempDir() + "/s-1"
	killed, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	killed.SetUnlinkOnClose(false)
	killed.Close() // as a killed process leaves it
	r, err := ListenRouter("unix", path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close(0)
	exchange(t, r, dial(t, r.Addr(), "DEALER", "me"), "hello")
	if second, err := ListenRouter("unix", path, Options{}); err == nil {
		second.Close(0)
		t.Error("a socket in use was taken over")
	}
}

func TestEcho(t *testing.T) {
	e, err := ListenEcho("tcp", "127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(0)
	c := dial(t, e.Addr(), "REQ", "")
	for range 3 {
		c.Send(nil, []byte("ping"))
		if out, err := c.Recv(soon(t)); err != nil || len(out) != 2 || string(out[1]) != "ping" {
			t.Fatalf("echo gave %q, %v", out, err)
		}
	}
}

// TestBadPeers: whatever strangers send is refused with a reason, and a good peer notices nothing.
func TestBadPeers(t *testing.T) {
	ready := func(kind string) []byte {
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		hello{socketType: kind}.encode().write(w)
		w.Flush()
		return append(greeting(), b.Bytes()...)
	}
	huge := binary.BigEndian.AppendUint64([]byte{flagLong}, 1<<30)
	endless := binary.BigEndian.AppendUint64([]byte{flagLong}, 1<<63)
	version2 := append([]byte{0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 1}, make([]byte, 60)...)
	curve := greeting()
	copy(curve[12:], "CURVE")
	tests := []struct {
		name, send, want string
	}{
		{"HTTP", "GET / HTTP/1.1\r\n\r\n", "does not speak ZMTP"},
		{"ZMTP 2", string(version2), "does not speak ZMTP"},
		{"CURVE", string(curve), `wants the mechanism "CURVE"`},
		{"a message first", string(greeting()) + "\x00\x01x", "before READY"},
		{"an ERROR first", string(greeting()) + "\x04\x06\x05ERROR", "before READY"},
		{"READY cut short", string(greeting()) + "\x04\x08\x05READY\x20a", "cut short"},
		{"a wrong socket", string(ready("PULL")), "PULL"},
		{"a huge frame", string(append(ready("DEALER"), huge...)), "size limit"},
		{"an endless frame", string(append(ready("DEALER"), endless...)), "size limit"},
		{"bad flags", string(append(ready("DEALER"), 0xF0, 0)), "flags"},
		{"a command within a message", string(append(ready("DEALER"), 1, 0, 4, 1, 0)), "flags"},
		{"a command without a name", string(append(ready("DEALER"), 4, 1, 9)), "without a name"},
		{"too many frames", string(ready("DEALER")) + strings.Repeat("\x01\x00", maxFrames+1), "size limit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l logs
			r := router(t, Options{MaxMessage: 1 << 20, Logf: l.logf})
			good := dial(t, r.Addr(), "DEALER", "good")
			conn, err := net.Dial("tcp", r.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.Write([]byte(tt.send))
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) {
				t.Fatal("the peer was not disconnected")
			}
			l.expect(t, tt.want)
			exchange(t, r, good, "still here")
		})
	}
}

// TestHalfOpen: a peer that never ends its handshake is dropped, and holds nobody up.
func TestHalfOpen(t *testing.T) {
	var l logs
	r := router(t, Options{Handshake: 50 * time.Millisecond, Logf: l.logf})
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(greeting()[:20])
	exchange(t, r, dial(t, r.Addr(), "DEALER", ""), "meanwhile")
	l.expect(t, "timeout")
}

func TestTooManyPeers(t *testing.T) {
	var l logs
	r := router(t, Options{MaxPeers: 1, Logf: l.logf})
	first := dial(t, r.Addr(), "DEALER", "")
	if c, err := Dial(soon(t), "tcp", r.Addr().String(), "DEALER", ""); err == nil {
		c.Close()
		t.Error("a second peer was let in")
	}
	l.expect(t, "too many connections")
	exchange(t, r, first, "still here")
}

func TestPing(t *testing.T) {
	r := router(t, Options{})
	conn, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if _, err := shake(conn, in, hello{"DEALER", "p"}, []string{"ROUTER"}); err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte("\x04\x0a\x04PING\x00\x01ctx"))
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	got, err := readParcel(in, 100)
	if err != nil || !got.command || string(got.frames[0]) != "\x04PONGctx" {
		t.Errorf("PING was answered with %q, %v", got.frames, err)
	}
}

// publisher starts a Publisher that the test closes.
func publisher(t *testing.T, o Options, welcome func(string) [][]byte) *Publisher {
	t.Helper()
	p, err := ListenPublisher("tcp", "127.0.0.1:0", o, welcome)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(0) })
	return p
}

// TestPublisher: a subscriber gets the welcome first, then what its prefix matches, in order.
func TestPublisher(t *testing.T) {
	p := publisher(t, Options{}, func(topic string) [][]byte { return [][]byte{[]byte(topic), []byte("welcome")} })
	c := dial(t, p.Addr(), "SUB", "")
	c.Subscribe("a")
	expect := func(want string) {
		t.Helper()
		if got, err := c.Recv(soon(t)); err != nil || string(bytes.Join(got, []byte(" "))) != want {
			t.Fatalf("got %q, %v; want %s", got, err, want)
		}
	}
	expect("a welcome")
	for _, topic := range []string{"b", "ab", "", "a"} {
		p.Publish([][]byte{[]byte(topic), []byte("1")})
	}
	expect("ab 1")
	expect("a 1")
	c.Send([]byte("\x00a")) // cancel, and subscribe to another
	c.Subscribe("b")
	expect("b welcome")
	p.Publish([][]byte{[]byte("a")})
	p.Publish([][]byte{[]byte("b")})
	expect("b")
}

// TestNothingLost: a subscriber that reads slowly makes Pace wait, and gets every message in order.
func TestNothingLost(t *testing.T) {
	p := publisher(t, Options{}, nil)
	c := dial(t, p.Addr(), "SUB", "")
	c.Subscribe("")
	eventually(t, "the subscription", func() bool { return p.Subscribers() == 1 })
	const n, size = 2000, 64 << 10
	var most int64
	go func() {
		for i := range n {
			p.Publish([][]byte{fmt.Appendf(nil, "%0*d", size, i)})
			p.Pace(context.Background())
		}
	}()
	for i := range n {
		got, err := c.Recv(soon(t))
		if err != nil || string(bytes.TrimLeft(got[0][:size-1], "0"))+string(got[0][size-1:]) != fmt.Sprint(i) {
			t.Fatalf("message %d: %v", i, err)
		}
		p.mu.Lock()
		for sub := range p.subs {
			most = max(most, sub.out.bytes())
		}
		p.mu.Unlock()
	}
	if most > highWater+4*size {
		t.Errorf("%d bytes were queued; Pace should hold them near %d", most, highWater)
	}
}

// TestDeadSubscriber: a subscriber that reads nothing is not waited for and at last disconnected with a
// report; another gets everything.
func TestDeadSubscriber(t *testing.T) {
	var l logs
	p := publisher(t, Options{MaxQueue: 24 << 20, Logf: l.logf}, nil)
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := shake(conn, bufio.NewReader(conn), hello{"SUB", ""}, []string{"XPUB"}); err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte("\x00\x01\x01"))
	good := dial(t, p.Addr(), "SUB", "")
	good.Subscribe("")
	eventually(t, "two subscriptions", func() bool { return p.Subscribers() == 2 })
	const n = 40
	go func() {
		for i := range n {
			p.Publish([][]byte{append([]byte{byte(i)}, make([]byte, 1<<20)...)})
			p.Pace(context.Background())
		}
	}()
	for i := range n {
		if got, err := good.Recv(soon(t)); err != nil || got[0][0] != byte(i) {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	l.expect(t, "does not read")
}

// TestCloseDelivers: what was sent before Close arrives, and no goroutine is left.
func TestCloseDelivers(t *testing.T) {
	before := runtime.NumGoroutine()
	r, err := ListenRouter("tcp", "127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, r.Addr(), "DEALER", "me")
	exchange(t, r, c, "hello")
	half, err := net.Dial("tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	for range 100 {
		r.Send([][]byte{[]byte("me"), make([]byte, 10000)})
	}
	c.Send([]byte("unread")) // must not turn the close into a reset
	closed := make(chan struct{})
	go func() { r.Close(3 * time.Second); close(closed) }()
	for i := range 100 {
		if _, err := c.Recv(soon(t)); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	c.Close()
	<-closed
	if _, err := r.Recv(soon(t)); err == nil {
		t.Error("Recv works after Close")
	}
	eventually(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}

// FuzzReadParcel: any bytes give an error or a parcel that is written as it was read.
func FuzzReadParcel(f *testing.F) {
	f.Add([]byte("\x01\x01a\x00\x00"))
	f.Add([]byte("\x04\x06\x05READY"))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\x01x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readParcel(bufio.NewReader(bytes.NewReader(b)), 1<<16)
		if err != nil {
			return
		}
		if p.command {
			if name, data, err := splitCommand(p.frames[0]); err == nil && name == "READY" {
				parseReady(data)
			}
		}
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		if err := p.write(w); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		again, err := readParcel(bufio.NewReader(&out), 1<<16)
		if err != nil || len(again.frames) != len(p.frames) || again.command != p.command {
			t.Fatalf("%q was written as %q (%v)", p.frames, again.frames, err)
		}
	})
}

func TestAwait(t *testing.T) {
	r := router(t, Options{})
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := r.Await(short, []byte("late")); err == nil {
		t.Error("Await found a peer that is not there")
	}
	found := make(chan error)
	go func() { found <- r.Await(soon(t), []byte("late")) }()
	dial(t, r.Addr(), "DEALER", "other")
	dial(t, r.Addr(), "DEALER", "late")
	if err := <-found; err != nil {
		t.Errorf("Await: %v", err)
	}
}

// FuzzShake: any bytes give an error or a handshake with a peer of the right type and a short identity.
func FuzzShake(f *testing.F) {
	var ready bytes.Buffer
	w := bufio.NewWriter(&ready)
	hello{"DEALER", "me"}.encode().write(w)
	w.Flush()
	f.Add(append(greeting(), ready.Bytes()...))
	f.Add(greeting()[:30])
	f.Add(append(greeting(), "\x04\x06\x05ERROR"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bufio.NewReader(bytes.NewReader(b))
		if readGreeting(in) != nil {
			return
		}
		h, err := readReady(in, []string{"DEALER"})
		if err == nil && (h.socketType != "DEALER" || len(h.identity) > 255) {
			t.Errorf("shook hands with %+v", h)
		}
	})
}
