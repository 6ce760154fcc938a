package kerneltest

import (
	"sync"
	"time"

	"github.com/lathe-go/lathe/kernel/internal/wire"
)

// A mailbox holds messages that nobody has read yet, however many.
type mailbox struct {
	ready chan struct{} // has an element when take should be tried

	mu       sync.Mutex
	messages []wire.Message
}

// newMailbox makes an empty mailbox.
func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// put adds a message.
func (b *mailbox) put(m wire.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = append(b.messages, m)
	b.wake()
}

// wake makes ready receive.
func (b *mailbox) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// take returns the first message, if there is one.
func (b *mailbox) take() (wire.Message, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) == 0 {
		return wire.Message{}, false
	}
	m := b.messages[0]
	b.messages = b.messages[1:]
	if len(b.messages) > 0 {
		b.wake()
	}
	return m, true
}

// wait returns the first message once it is there.
func (b *mailbox) wait(most time.Duration) (wire.Message, bool) {
	late := time.After(most)
	for {
		if m, ok := b.take(); ok {
			return m, true
		}
		select {
		case <-b.ready:
		case <-late:
			return wire.Message{}, false
		}
	}
}
