package gonb

import (
	"bytes"
	"encoding/gob"
	"io"
	"sync"

	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// maxInbox is how many messages may wait for a peer that does not read. Values that come then are lost.
const maxInbox = 100_000

// An inbox keeps messages for a peer, encoded, until it reads them.
type inbox struct {
	mu     sync.Mutex
	wake   *sync.Cond
	buf    bytes.Buffer // what enc has written and was not taken yet
	enc    *gob.Encoder
	queue  []letter
	closed bool
}

// A letter is an encoded message.
type letter struct {
	data []byte
	join func() // makes the reader's goroutine belong to the cell that the message is for; may be nil
}

func newInbox() *inbox {
	b := &inbox{}
	b.wake = sync.NewCond(&b.mu)
	b.enc = gob.NewEncoder(&b.buf)
	return b
}

// put adds a message, and never waits: the caller may hold what the reader needs to get on.
func (b *inbox) put(v protocol.CommValue, join func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.queue) >= maxInbox && v.Address != protocol.GonbuiSyncAckAddress {
		return
	}
	b.buf.Reset()
	if err := b.enc.Encode(v); err != nil {
		note("a value for gonbui cannot be sent: " + err.Error())
		return
	}
	b.queue = append(b.queue, letter{bytes.Clone(b.buf.Bytes()), join})
	b.wake.Broadcast()
}

// Read waits for a message and returns it, or what fits of it, after the reader's goroutine has joined
// the cell that it is for.
func (b *inbox) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) == 0 && !b.closed {
		b.wake.Wait()
	}
	if len(b.queue) == 0 {
		return 0, io.EOF
	}
	first := &b.queue[0]
	n := copy(p, first.data)
	join := first.join
	if first.data = first.data[n:]; len(first.data) == 0 {
		b.queue = b.queue[1:]
	}
	if join != nil {
		join()
	}
	return n, nil
}

// close ends the inbox once it is empty.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.wake.Broadcast()
}

// plain makes a value that was JSON one that gonbui's programs can take: lists and objects of one kind of
// value have its type.
func plain(v any) any {
	switch v := v.(type) {
	case []any:
		if list, ok := listOf[float64](v); ok {
			return list
		}
		if list, ok := listOf[string](v); ok {
			return list
		}
	case map[string]any:
		if object, ok := objectOf[float64](v); ok {
			return object
		}
		if object, ok := objectOf[string](v); ok {
			return object
		}
	}
	return v
}

func listOf[T any](list []any) ([]T, bool) {
	out := make([]T, len(list))
	for i, v := range list {
		t, ok := v.(T)
		if !ok {
			return nil, false
		}
		out[i] = t
	}
	return out, true
}

func objectOf[T any](object map[string]any) (map[string]T, bool) {
	out := make(map[string]T, len(object))
	for k, v := range object {
		t, ok := v.(T)
		if !ok {
			return nil, false
		}
		out[k] = t
	}
	return out, true
}
