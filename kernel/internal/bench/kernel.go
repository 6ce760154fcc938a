package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/server"
	"github.com/lathe-go/lathe/kernel/internal/wire"
	"github.com/lathe-go/lathe/kernel/internal/zmq"
)

// A program starts a kernel; the connection file follows its arguments.
type program struct {
	name string
	path string
	args []string
	env  []string // besides this process's own
}

// A kernel is a running one, with a frontend connected to it. It may be used by one goroutine at a time.
type kernel struct {
	program
	dir      string
	cmd      *exec.Cmd
	began    time.Time     // when the process was started
	dead     chan struct{} // closed when it has ended
	key      wire.Key
	session  string
	conns    []*zmq.Conn
	shell    *zmq.Conn
	messages chan arrival
}

// An arrival is a message and when it came.
type arrival struct {
	wire.Message
	at time.Time
}

// patience bounds how long one cell may take; the first build of a framework is slow.
const patience = 10 * time.Minute

// startKernel starts p in dir and waits until it answers and its output arrives.
func startKernel(ctx context.Context, p program, dir string) (*kernel, error) {
	info, err := connection()
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "connection.json")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		return nil, err
	}
	k := &kernel{program: p, dir: dir, dead: make(chan struct{}), key: wire.KeyOf(info.Key), session: wire.NewID(),
		messages: make(chan arrival, 1024)}
	k.cmd = exec.Command(p.path, append(p.args[:len(p.args):len(p.args)], file)...)
	k.cmd.Dir = dir
	k.cmd.Env = append(append(os.Environ(), "TMPDIR="+filepath.Join(dir, "tmp")), p.env...)
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	k.began = time.Now()
	if err := k.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		_ = k.cmd.Wait() // how it ended does not matter to a measurement
		close(k.dead)
	}()
	if err := k.connect(ctx, info); err != nil {
		k.stop()
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return k, nil
}

// connection chooses free ports and a key.
func connection() (server.ConnectionInfo, error) {
	info := server.ConnectionInfo{Transport: "tcp", IP: "127.0.0.1", Key: wire.NewID(), SignatureScheme: "hmac-sha256"}
	for _, port := range []*int{&info.ShellPort, &info.IOPubPort, &info.StdinPort, &info.ControlPort, &info.HeartbeatPort} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return info, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // after all were chosen, so that they differ
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return info, nil
}

// connect connects as soon as the kernel listens.
func (k *kernel) connect(ctx context.Context, info server.ConnectionInfo) error {
	for _, c := range []struct {
		kind string
		port int
	}{{"SUB", info.IOPubPort}, {"DEALER", info.ShellPort}} {
		conn, err := k.dial(ctx, c.kind, c.port)
		if err != nil {
			return err
		}
		k.conns = append(k.conns, conn)
		if c.kind == "DEALER" {
			k.shell = conn
		} else if err := conn.Subscribe(""); err != nil {
			return err
		}
		go k.receive(conn)
	}
	return k.greet(ctx)
}

func (k *kernel) dial(ctx context.Context, kind string, port int) (*zmq.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := zmq.Dial(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), kind, k.session)
		if err == nil {
			return conn, nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-k.dead:
			return nil, errors.New("it ended at once")
		case <-ctx.Done():
			return nil, err
		}
	}
}

// receive notes when messages come; it ends with the connection.
func (k *kernel) receive(conn *zmq.Conn) {
	for {
		frames, err := conn.Recv(context.Background())
		at := time.Now()
		if err != nil {
			return
		}
		if m, err := wire.Decode(frames, k.key); err == nil {
			select {
			case k.messages <- arrival{m, at}:
			case <-k.dead:
				return
			}
		}
	}
}

// greet asks who the kernel is until its output arrives too: a subscription takes a moment to be known.
func (k *kernel) greet(ctx context.Context) error {
	for range 6000 {
		id, _, err := k.send("kernel_info_request", struct{}{})
		if err != nil {
			return err
		}
		_, err = k.await(ctx, id, 10*time.Millisecond)
		if err == nil || !errors.Is(err, errPatience) {
			return err
		}
	}
	return errors.New("it does not answer")
}

// send sends a request and returns its identifier and when it was sent.
func (k *kernel) send(kind string, content any) (string, time.Time, error) {
	m, err := wire.New(kind, k.session, nil, content)
	if err != nil {
		return "", time.Time{}, err
	}
	frames, err := wire.Encode(m, k.key)
	if err != nil {
		return "", time.Time{}, err
	}
	at := time.Now()
	return m.Header.MsgID, at, k.shell.Send(frames...)
}

// An answer is what came of a request.
type answer struct {
	ended  time.Time // both the reply and the idle status were here
	text   string    // streams and results
	failed string    // the name and value of an error; "" for none
}

var errPatience = errors.New("no end in time")

// await collects the messages that belong to a request until it has ended.
func (k *kernel) await(ctx context.Context, id string, limit time.Duration) (answer, error) {
	var a answer
	replied, idle := false, false
	late := time.NewTimer(limit)
	defer late.Stop()
	for !replied || !idle {
		select {
		case m := <-k.messages:
			if m.ParentID() != id {
				continue
			}
			a.ended = m.at
			replied = replied || strings.HasSuffix(m.Header.MsgType, "_reply")
			idle = a.note(m) || idle
		case <-late.C:
			return a, errPatience
		case <-k.dead:
			return a, fmt.Errorf("%s has ended", k.name)
		case <-ctx.Done():
			return a, context.Cause(ctx)
		}
	}
	return a, nil
}

// note takes what a message says, and tells whether that is the end.
func (a *answer) note(m arrival) bool {
	var c struct {
		State string         `json:"execution_state"`
		Text  string         `json:"text"`
		Data  map[string]any `json:"data"`
		Name  string         `json:"ename"`
		Value string         `json:"evalue"`
	}
	if json.Unmarshal(m.Content, &c) != nil {
		return false
	}
	switch m.Header.MsgType {
	case wire.StatusType:
		return c.State == wire.Idle
	case wire.StreamType:
		a.text += c.Text
	case wire.ExecuteResultType, wire.DisplayDataType:
		a.text += fmt.Sprint(c.Data["text/plain"], c.Data["text/html"])
	case wire.ErrorType:
		a.failed = c.Name + ": " + c.Value
	}
	return false
}

// execute runs a cell, whose output must hold want, and returns how long it took: from the sending of
// the request until reply and idle were here.
func (k *kernel) execute(ctx context.Context, code, want string) (time.Duration, string, error) {
	took, a, err := k.try(ctx, code)
	if err != nil {
		return 0, "", err
	}
	if a.failed != "" || !strings.Contains(a.text, want) {
		return 0, "", fmt.Errorf("%s: the cell %.60q failed: %s %.400s", k.name, code, a.failed, a.text)
	}
	return took, a.text, nil
}

// try runs a cell that may fail.
func (k *kernel) try(ctx context.Context, code string) (time.Duration, answer, error) {
	id, sent, err := k.send(wire.ExecuteRequestType, wire.ExecuteRequest{Code: code, StoreHistory: true,
		UserExpressions: map[string]string{}, StopOnError: true})
	if err != nil {
		return 0, answer{}, err
	}
	a, err := k.await(ctx, id, patience)
	return a.ended.Sub(sent), a, err
}

// stop ends the kernel and whatever it has started, and removes its folder.
func (k *kernel) stop() {
	_ = k.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-k.dead:
	case <-time.After(3 * time.Second):
	}
	_ = syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL) // children that outlive it
	<-k.dead
	for _, c := range k.conns {
		c.Close()
	}
	os.RemoveAll(k.dir)
}
