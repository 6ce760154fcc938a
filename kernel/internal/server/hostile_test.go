package server_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/kerneltest"
	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
)

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

// signed returns four parts as the frames of a message, with their right signature.
func signed(parts ...string) [][]byte {
	mac := hmac.New(sha256.New, []byte("key"))
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	f := [][]byte{[]byte("<IDS|MSG>"), []byte(hex.EncodeToString(mac.Sum(nil)))}
	for _, p := range parts {
		f = append(f, []byte(p))
	}
	return f
}

// alive checks that a frontend is served within a bound.
func alive(t *testing.T, f *kerneltest.Frontend, after string) {
	t.Helper()
	for _, channel := range []string{kerneltest.Shell, kerneltest.Control} {
		start := time.Now()
		done(f.Request(channel, "kernel_info_request", nil, nil), "ok")
		if took := time.Since(start); took > quick {
			t.Errorf("after %s kernel_info took %v on %s", after, took, channel)
		}
	}
}

// eventually waits until ok, for at most ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestHostileMessages: what is no signed message is dropped and counted, on every channel, and a message
// that comes again is.
func TestHostileMessages(t *testing.T) {
	var ran atomic.Int32
	k := start(t, loopback(), &handler{execute: func(context.Context, server.ExecuteRequest, server.Output) error { ran.Add(1); return nil }})
	f := kerneltest.Connect(t, k.Connection())
	cut := frames(t, "kernel_info_request", "key", struct{}{})
	const header = `{"msg_id":"1","msg_type":"kernel_info_request","session":"s"}`
	deep := strings.Repeat("[", 1e5) + strings.Repeat("]", 1e5)
	attacks := map[string][][]byte{
		"no frame":                   {nil},
		"junk":                       {[]byte("junk")},
		"the delimiter alone":        cut[:1],
		"no delimiter":               cut[1:],
		"no content":                 cut[:5],
		"a delimiter with a space":   append([][]byte{[]byte("<IDS|MSG> ")}, cut[1:]...),
		"another key":                frames(t, "kernel_info_request", "wrong", struct{}{}),
		"no signature":               frames(t, "kernel_info_request", "", struct{}{}),
		"a signature cut":            append([][]byte{cut[0], cut[1][:63]}, cut[2:]...),
		"another content":            append(append([][]byte{}, cut[:5]...), []byte(`{"a":1}`)),
		"a content that is a list":   frames(t, "kernel_info_request", "key", []int{1}),
		"a content that is text":     signed(header, "{}", "{}", `"{}"`),
		"a content that is cut":      signed(header, "{}", "{}", `{"code":`),
		"a content and more":         signed(header, "{}", "{}", `{} {}`),
		"a content that is too deep": signed(header, "{}", "{}", `{"x":`+deep+`}`),
		"a content that is no UTF-8": signed(header, "{}", "{}", "{\"x\":\"\xff\"}"),
		"metadata that are null":     signed(header, "{}", "null", "{}"),
		"a parent that is a number":  signed(header, "7", "{}", "{}"),
		"a header that is no JSON":   signed("\x00\xff", "{}", "{}", "{}"),
		"an empty header":            signed("{}", "{}", "{}", "{}"),
		"a header without a type":    signed(`{"msg_id":"1"}`, "{}", "{}", "{}"),
		"a header without an id":     signed(`{"msg_type":"kernel_info_request"}`, "{}", "{}", "{}"),
		"an id that is a number":     signed(`{"msg_id":1,"msg_type":"kernel_info_request"}`, "{}", "{}", "{}"),
		"a subshell that is a list":  signed(`{"msg_id":"1","msg_type":"kernel_info_request","subshell_id":[]}`, "{}", "{}", "{}"),
	}
	want := server.Dropped{}
	for name, attack := range attacks {
		for _, channel := range []string{kerneltest.Shell, kerneltest.Control, kerneltest.Stdin} {
			f.Raw(channel, attack...)
			want.Messages++
			eventually(t, name+" to be counted on "+channel, func() bool { return k.Dropped() == want })
		}
		alive(t, f, name)
	}
	cell, question := f.Execute("x"), f.Request(kerneltest.Control, "list_subshell_request", nil, nil)
	for range 2 {
		cell.Replay()
		question.Replay()
	}
	begun(cell, "x")
	cell.ExpectReply("ok")
	cell.ExpectIdle()
	done(question, "ok")
	want.Repeated = 4
	eventually(t, "the replays to be counted", func() bool { return k.Dropped() == want && ran.Load() == 1 })
	for range 2 {
		f.Raw(kerneltest.Shell, frames(t, "no_such_request", "key", struct{}{})...)
		f.Raw(kerneltest.Stdin, frames(t, "no_such_reply", "key", struct{}{})...)
	}
	alive(t, f, "messages of unknown types")
	if text := k.log.String(); strings.Count(text, "no_such_request") != 1 || strings.Count(text, "\n") > 12 {
		t.Errorf("the log is\n%s", text)
	}
}

// hello returns what a peer of the given type says first.
func hello(kind string) []byte {
	greeting := make([]byte, 64)
	greeting[0], greeting[9], greeting[10] = 0xFF, 0x7F, 3
	copy(greeting[12:], "NULL")
	body := append([]byte("\x05READY\x0bSocket-Type"), binary.BigEndian.AppendUint32(nil, uint32(len(kind)))...)
	body = append(body, kind...)
	return append(append(greeting, 4, byte(len(body))), body...)
}

// TestHostileBytes: a peer that does not speak ZeroMQ, on whatever socket, is disconnected and counted, and
// a frontend is served meanwhile.
func TestHostileBytes(t *testing.T) {
	k := start(t, loopback(), &handler{})
	f := kerneltest.Connect(t, k.Connection())
	c := k.Connection()
	long := func(n uint64) string { return string(binary.BigEndian.AppendUint64([]byte{2}, n)) }
	attacks := map[string]func(kind string) string{
		"HTTP":  func(string) string { return "GET / HTTP/1.1\r\n\r\n" },
		"TLS":   func(string) string { return "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" },
		"zeros": func(string) string { return strings.Repeat("\x00", 1<<16) },
		"ones":  func(string) string { return strings.Repeat("\xff", 1<<16) },
		"an old version": func(string) string {
			return "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01" + strings.Repeat("\x00", 60)
		},
		"another mechanism":      func(k string) string { return strings.Replace(string(hello(k)), "NULL", "CURV", 1) },
		"a message before READY": func(k string) string { return string(hello(k)[:64]) + "\x00\x01x" },
		"a READY of nothing":     func(k string) string { return string(hello(k)[:64]) + "\x04\x00" },
		"a READY of 8 GB":        func(k string) string { return string(hello(k)[:64]) + "\x06" + long(8 << 30)[1:] },
		"a wrong socket":         func(string) string { return string(hello("PULL")) },
		"a frame of 1 GB":        func(k string) string { return string(hello(k)) + long(1<<30) + "x" },
		"a frame of 2^63 bytes":  func(k string) string { return string(hello(k)) + long(1<<63) + "x" },
		"a frame of 2^64-1":      func(k string) string { return string(hello(k)) + long(1<<64-1) + "x" },
		"reserved flags":         func(k string) string { return string(hello(k)) + "\xf8\x00" },
		"a command in a message": func(k string) string { return string(hello(k)) + "\x01\x00\x04\x01\x00" },
		"a nameless command":     func(k string) string { return string(hello(k)) + "\x04\x01\x09" },
		"endless frames":         func(k string) string { return string(hello(k)) + strings.Repeat("\x01\x00", 1<<14) },
	}
	ports := map[string]int{"shell DEALER": c.ShellPort, "control DEALER": c.ControlPort, "stdin DEALER": c.StdinPort, "iopub SUB": c.IOPubPort, "heartbeat REQ": c.HeartbeatPort}
	dropped := 0
	for name, attack := range attacks {
		for socket, port := range ports {
			_, kind, _ := strings.Cut(socket, " ")
			conn := dial(t, c.IP, port)
			conn.Write([]byte(attack(kind))) // it may be cut off
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			var b bytes.Buffer
			if _, err := b.ReadFrom(conn); isTimeout(err) {
				t.Errorf("%s on %s: the peer was not disconnected", name, socket)
			}
			conn.Close()
			dropped++
		}
		alive(t, f, name)
	}
	eventually(t, "all to be counted", func() bool { return k.Dropped() == server.Dropped{Peers: dropped} })
	if lines := strings.Count(k.log.String(), "\n"); lines > 5 {
		t.Errorf("%d peers fill the log with %d lines", dropped, lines)
	}
}

// isTimeout says whether a deadline has passed.
func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// dial connects to a port.
func dial(t *testing.T, ip string, port int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestHostileSlowness: peers that stop in the middle, trickle, subscribe without end, read nothing or
// announce what never comes hold nobody up and take little memory, and the kernel ends in their presence.
func TestHostileSlowness(t *testing.T) {
	k := start(t, loopback(), &handler{execute: func(_ context.Context, _ server.ExecuteRequest, out server.Output) error {
		for range 100 {
			out.Stream("stdout", strings.Repeat("x", 1<<16))
		}
		return nil
	}})
	c := k.Connection()
	f := kerneltest.Connect(t, c)
	announced := string(binary.BigEndian.AppendUint64([]byte{2}, 200<<20))
	ports := map[int]string{c.ShellPort: "DEALER", c.ControlPort: "DEALER", c.StdinPort: "DEALER", c.IOPubPort: "SUB", c.HeartbeatPort: "REQ"}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var trickles []net.Conn
	for port, kind := range ports {
		for range 20 {
			dial(t, c.IP, port)                                               // says nothing
			dial(t, c.IP, port).Write(hello(kind)[:30])                       // stops in the greeting
			dial(t, c.IP, port).Write(hello(kind)[:70])                       // stops in READY
			dial(t, c.IP, port).Write(append(hello(kind), "\x00\xffhalf"...)) // stops in a frame
			dial(t, c.IP, port).Write(append(hello(kind), announced...))      // announces 200 MB
		}
		trickles = append(trickles, dial(t, c.IP, port))
	}
	flood := dial(t, c.IP, c.IOPubPort)
	flood.Write(append(hello("SUB"), bytes.Repeat([]byte("\x00\x02\x01a"), 5000)...))
	dead := dial(t, c.IP, c.IOPubPort)
	dead.Write(append(hello("SUB"), "\x00\x01\x01"...)) // gets everything and reads nothing
	for i, b := range hello("DEALER") {
		for _, conn := range trickles {
			conn.Write([]byte{b}) // those for other types are dropped at the end
		}
		if i%16 == 0 {
			alive(t, f, "trickling peers")
		}
	}
	cells := 3
	if testing.Short() {
		cells = 1
	}
	for range cells {
		cell := f.Execute("much")
		begun(cell, "much")
		cell.ExpectStream("stdout", strings.Repeat("x", 100<<16))
		cell.ExpectReply("ok")
		cell.ExpectIdle()
	}
	alive(t, f, "a subscriber that reads nothing")
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 256<<20 {
		t.Errorf("500 slow peers took %d MB", grown>>20)
	}
	start := time.Now()
	k.cancel()
	k.end(t)
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("the kernel ended after %v", took)
	}
}
