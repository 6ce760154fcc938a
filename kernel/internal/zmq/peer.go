package zmq

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A peer is one connection after its handshake.
type peer struct {
	conn     net.Conn
	identity string
	in       *bufio.Reader
	out      queue
	progress atomic.Int64 // when bytes last left for the peer, in Unix nanoseconds
	drained  chan struct{}
}

// newPeer makes a peer whose queue holds up to limit bytes.
func newPeer(conn net.Conn, in *bufio.Reader, identity string, limit int64) *peer {
	p := &peer{conn: conn, in: in, identity: identity, drained: make(chan struct{})}
	p.out = queue{limit: limit, ready: make(chan struct{}, 1)}
	p.progress.Store(time.Now().UnixNano())
	return p
}

// Write sends b in pieces, and notes when each has gone.
func (p *peer) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := p.conn.Write(b[done:min(done+4*chunk, len(b))])
		done += n
		if err != nil {
			return done, err
		}
		p.progress.Store(time.Now().UnixNano())
	}
	return done, nil
}

// writeLoop sends the queue until it is closed and empty, or the connection breaks.
func (p *peer) writeLoop() {
	defer close(p.drained)
	w := bufio.NewWriterSize(p, chunk)
	for {
		batch, open := p.out.take()
		for _, item := range batch {
			if item.write(w) != nil {
				p.conn.Close()
				return
			}
			p.out.sent(item)
		}
		if len(batch) > 0 {
			continue // more may have come meanwhile: flush when there is a pause
		}
		if w.Flush() != nil {
			p.conn.Close()
			return
		}
		if !open {
			return
		}
		p.out.wait()
	}
}

// finish closes the queue and, once it has been sent, this side of the connection. The other side is
// read until the peer closes it: a full close now could destroy what is still on its way.
func (p *peer) finish() {
	p.out.close()
	<-p.drained
	if c, ok := p.conn.(interface{ CloseWrite() error }); ok && c.CloseWrite() == nil {
		return
	}
	p.conn.Close()
}

// send queues one parcel. It reports an error when the peer is gone or hopelessly behind.
func (p *peer) send(item parcel) error {
	err := p.out.put(item)
	if err == errBehind {
		p.conn.Close()
		return fmt.Errorf("%w: %d bytes wait for %s", err, p.out.bytes(), p.conn.RemoteAddr())
	}
	return err
}

// A queue holds what is to leave for one peer, in order.
type queue struct {
	limit int64
	ready chan struct{} // has an element when wait may return

	mu     sync.Mutex
	items  []parcel
	held   int64 // bytes of items and of what take has handed out
	closed bool
}

// Why a queue takes nothing more.
var (
	errGone   = fmt.Errorf("zmq: the peer is gone: %w", net.ErrClosed)
	errBehind = fmt.Errorf("zmq: the peer does not read; it is disconnected")
)

// put appends item.
func (q *queue) put(item parcel) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errGone
	}
	if q.held > 0 && q.held+item.size() > q.limit {
		q.closed = true
		return errBehind
	}
	q.items = append(q.items, item)
	q.held += item.size()
	q.wake()
	return nil
}

// wake lets wait return.
func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// wait returns when put or close has been called since the last take.
func (q *queue) wait() { <-q.ready }

// take returns all items, and whether more may come.
func (q *queue) take() (items []parcel, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, q.items = q.items, nil
	return items, !q.closed
}

// sent gives the memory of item back.
func (q *queue) sent(item parcel) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held -= item.size()
}

// bytes returns how much waits.
func (q *queue) bytes() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.held
}

// close refuses further items; those in the queue are still sent.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}
