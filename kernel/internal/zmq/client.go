package zmq

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// A Conn is the connecting side of one connection, for tests: it does not reconnect.
type Conn struct {
	peer *peer
	in   chan [][]byte
	done chan struct{}
	once sync.Once
	wg   sync.WaitGroup
	err  error // why the reading ended; valid once in is closed
}

// Dial connects a socket of type kind ("DEALER", "SUB" or "REQ") with the given identity, which may
// be empty, to a listening socket.
func Dial(ctx context.Context, network, address, kind, identity string) (*Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("zmq: dial: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	in := bufio.NewReaderSize(conn, chunk)
	accepted := map[string][]string{"DEALER": {"ROUTER", "REP"}, "SUB": {"PUB", "XPUB"}, "REQ": {"REP", "ROUTER"}}[kind]
	if _, err := shake(conn, in, hello{kind, identity}, accepted); err != nil {
		conn.Close()
		return nil, fmt.Errorf("zmq: dial %s: %w", address, err)
	}
	o := Options{}.defaults()
	c := &Conn{peer: newPeer(conn, in, identity, o.MaxQueue), in: make(chan [][]byte, 64), done: make(chan struct{})}
	c.wg.Go(c.peer.writeLoop)
	c.wg.Go(func() { c.readLoop(o.MaxMessage) })
	return c, nil
}

// readLoop hands messages to Recv.
func (c *Conn) readLoop(limit int) {
	defer close(c.in)
	for {
		item, err := readParcel(c.peer.in, limit)
		if err != nil {
			c.err = err
			return
		}
		if item.command {
			continue
		}
		select {
		case c.in <- item.frames:
		case <-c.done:
			c.err = net.ErrClosed
			return
		}
	}
}

// Send queues a message.
func (c *Conn) Send(frames ...[]byte) error { return c.peer.send(parcel{frames: frames}) }

// Subscribe asks for the messages whose first frame begins with topic.
func (c *Conn) Subscribe(topic string) error { return c.Send(append([]byte{1}, topic...)) }

// Recv returns the next message, or an error when ctx or the connection ends.
func (c *Conn) Recv(ctx context.Context) ([][]byte, error) {
	select {
	case frames, ok := <-c.in:
		if !ok {
			return nil, fmt.Errorf("zmq: receive: %w", c.err)
		}
		return frames, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close ends the connection; what is queued may be lost.
func (c *Conn) Close() error {
	c.once.Do(func() {
		close(c.done)
		c.peer.out.close()
		c.peer.conn.Close()
	})
	c.wg.Wait()
	if c.err != nil && !errors.Is(c.err, io.EOF) && !errors.Is(c.err, net.ErrClosed) {
		return c.err
	}
	return nil
}
