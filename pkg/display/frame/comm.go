package frame

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// The types of a CommMessage, as the Jupyter protocol names them.
const (
	CommOpen  = "comm_open"
	CommData  = "comm_msg"
	CommClose = "comm_close"
)

// A CommMessage is one message of a comm, a channel between an object of this process and its view in
// the frontend. It travels both ways.
type CommMessage struct {
	Type     string          `json:"type"`
	ID       string          `json:"id"`
	Target   string          `json:"target,omitempty"` // of CommOpen: which kind of object the comm is for
	Data     json.RawMessage `json:"data,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Buffers  [][]byte        `json:"buffers,omitempty"` // raw bytes that Data refers to

	// Cause is the kernel's number for a message of the frontend, and of what a handler has sent while it
	// handled that one: the frontend is told which of its messages is answered. 0 is none.
	Cause uint64 `json:"cause,omitempty"`
}

// Decode reads the data of m into v.
func (m CommMessage) Decode(v any) error {
	if err := json.Unmarshal(m.Data, v); err != nil {
		return fmt.Errorf("frame: data of %s %s: %w", m.Type, m.ID, err)
	}
	return nil
}

// A Guarder is a Sink that runs functions so that their panics are reported and end nothing else.
type Guarder interface {
	Guard(f func())
}

// maxCommQueue is how many messages may wait for the handler of one comm.
const maxCommQueue = 100_000

// ErrCommClosed is the error of a message to a comm that has been closed, from either side.
var ErrCommClosed = errors.New("frame: the comm is closed")

// A Comm is an open channel to the frontend. Its messages are handled one after the other on a goroutine
// of its own, which ends when the comm is closed: a handler may take its time and may send.
type Comm struct {
	id     string
	handle func(*Comm, CommMessage)

	mu     sync.Mutex
	wake   *sync.Cond
	queue  []CommMessage
	cause  uint64 // of the message that is handled
	closed bool
}

// comms are the open comms of this process and the targets that the frontend may open. Messages come in
// through Deliver, which knows a comm by its name alone.
var comms = struct {
	sync.Mutex
	open    map[string]*Comm
	targets map[string]*Comm // by target, a Comm whose messages are the frontend's requests to open one
}{open: map[string]*Comm{}, targets: map[string]*Comm{}}

// OpenComm opens a comm to the frontend. m has its Target and may have Data, Metadata, Buffers and an ID.
// handle takes what the frontend sends, the closing message last; nil ignores it. What handle shows or
// prints belongs to the cell that has called OpenComm.
func OpenComm(m CommMessage, handle func(*Comm, CommMessage)) (*Comm, error) {
	if m.ID == "" {
		m.ID = newCommID()
	}
	m.Type = CommOpen
	c := newComm(m.ID, handle)
	comms.Lock()
	comms.open[m.ID] = c
	comms.Unlock()
	go c.run()
	if err := send(m); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// HandleComms lets the frontend open comms of a target. open is called for each, before its first
// message, and returns the function that takes what follows; a nil one closes the comm again. What these
// functions show belongs to the cell that has called HandleComms. A nil open ends the target.
func HandleComms(name string, open func(*Comm, CommMessage) func(*Comm, CommMessage)) {
	comms.Lock()
	defer comms.Unlock()
	if old := comms.targets[name]; old != nil {
		old.stop()
		delete(comms.targets, name)
	}
	if open == nil {
		return
	}
	t := newComm(name, func(_ *Comm, m CommMessage) { accept(m, open) })
	comms.targets[name] = t
	go t.run()
}

// accept opens a comm that the frontend has asked for.
func accept(m CommMessage, open func(*Comm, CommMessage) func(*Comm, CommMessage)) {
	comms.Lock()
	c := comms.open[m.ID]
	comms.Unlock()
	if c == nil {
		return
	}
	c.causedBy(m.Cause)
	if c.handle = open(c, m); c.handle == nil {
		_ = c.Close(nil)
	}
	c.causedBy(0)
	go c.run()
}

// Deliver hands a message of the frontend to its comm, and does not wait. The worker calls it in the order
// in which messages come. A message that nobody takes is an error; of a comm_open it says that the
// comm does not exist.
func Deliver(m CommMessage) error {
	comms.Lock()
	defer comms.Unlock()
	if m.Type == CommOpen {
		t := comms.targets[m.Target]
		if t == nil {
			return fmt.Errorf("frame: nothing handles comms of the target %q", m.Target)
		}
		comms.open[m.ID] = newComm(m.ID, nil)
		return t.put(m)
	}
	c := comms.open[m.ID]
	if c == nil {
		return fmt.Errorf("frame: %s of %q: %w", m.Type, m.ID, ErrCommClosed)
	}
	if m.Type == CommClose {
		delete(comms.open, m.ID)
	}
	return c.put(m)
}

// ID returns the name of the comm, which the frontend knows too.
func (c *Comm) ID() string { return c.id }

// Send sends data, which is written as JSON, and buffers to the frontend.
func (c *Comm) Send(data any, buffers ...[]byte) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("frame: data for the comm %s: %w", c.id, err)
	}
	c.mu.Lock()
	closed, cause := c.closed, c.cause
	c.mu.Unlock()
	if closed {
		return ErrCommClosed
	}
	return send(CommMessage{Type: CommData, ID: c.id, Data: raw, Buffers: buffers, Cause: cause})
}

// Close closes the comm and tells the frontend, with data unless it is nil. Its handler is not called again.
func (c *Comm) Close(data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("frame: data for the comm %s: %w", c.id, err)
	}
	if data == nil {
		raw = nil
	}
	c.mu.Lock()
	cause := c.cause
	c.mu.Unlock()
	if !c.end() {
		return ErrCommClosed
	}
	return send(CommMessage{Type: CommClose, ID: c.id, Data: raw, Cause: cause})
}

func newComm(id string, handle func(*Comm, CommMessage)) *Comm {
	c := &Comm{id: id, handle: handle}
	c.wake = sync.NewCond(&c.mu)
	return c
}

// put queues a message for the handler.
func (c *Comm) put(m CommMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrCommClosed
	}
	if len(c.queue) >= maxCommQueue && m.Type == CommData {
		return fmt.Errorf("frame: %d messages wait for the handler of comm %s; one was dropped", len(c.queue), c.id)
	}
	c.queue = append(c.queue, m)
	c.wake.Signal()
	return nil
}

// end closes c from this side, and says whether it was open.
func (c *Comm) end() bool {
	comms.Lock()
	delete(comms.open, c.id)
	comms.Unlock()
	return c.stop()
}

// stop ends the goroutine of c once its handler returns.
func (c *Comm) stop() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := !c.closed
	c.closed, c.queue = true, nil
	c.wake.Broadcast()
	return was
}

// run handles messages until the comm is closed.
func (c *Comm) run() {
	for {
		m, open := c.next()
		if !open {
			return
		}
		if m.Type == CommClose {
			c.stop()
		}
		if c.handle != nil {
			c.causedBy(m.Cause)
			Guard(func() { c.handle(c, m) })
			c.causedBy(0)
		}
	}
}

// causedBy notes which message is handled.
func (c *Comm) causedBy(cause uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cause = cause
}

// next waits for a message.
func (c *Comm) next() (CommMessage, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 && !c.closed {
		c.wake.Wait()
	}
	if c.closed {
		return CommMessage{}, false
	}
	m := c.queue[0]
	c.queue = c.queue[1:]
	return m, true
}

// Guard runs f so that its panic ends nothing else, where this process can do that.
func Guard(f func()) {
	if g, ok := Attached().(Guarder); ok {
		g.Guard(f)
		return
	}
	f()
}

// send sends m to the kernel. Outside a notebook there is nobody to talk to, which is no error: the
// object of a comm works without its view.
func send(m CommMessage) error {
	sink := Attached()
	if sink == nil {
		return nil
	}
	f, err := Encode(CommFrame, m)
	if err != nil {
		return err
	}
	return sink.Send(f)
}

func newCommID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
