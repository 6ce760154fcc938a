package zmq

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"sync"
)

// A Router exchanges messages with many peers; the first frame of a message is the identity of the
// peer that it comes from or goes to.
type Router struct {
	socket
	in chan [][]byte

	mu     sync.Mutex
	peers  map[string]*peer
	joined chan struct{} // closed and replaced when a peer joins
}

// ListenRouter binds a ROUTER socket. network is "tcp" or "unix".
func ListenRouter(network, address string, o Options) (*Router, error) {
	r := &Router{in: make(chan [][]byte, 64), peers: map[string]*peer{}, joined: make(chan struct{})}
	r.socket = socket{name: "ROUTER", accepted: []string{"DEALER", "REQ", "ROUTER"}, role: r, opts: o}
	if err := r.listen(network, address); err != nil {
		return nil, err
	}
	return r, nil
}

// join gives p its place. A peer that comes back takes its identity over from its old connection.
func (r *Router) join(p *peer) {
	if p.identity == "" {
		id := make([]byte, 5)
		rand.Read(id[1:]) // never fails; the zero in front keeps it apart from chosen identities
		p.identity = string(id)
	}
	r.mu.Lock()
	old := r.peers[p.identity]
	r.peers[p.identity] = p
	close(r.joined)
	r.joined = make(chan struct{})
	r.mu.Unlock()
	if old != nil {
		old.conn.Close()
	}
}

// leave forgets p, unless a newer connection has its identity.
func (r *Router) leave(p *peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.peers[p.identity] == p {
		delete(r.peers, p.identity)
	}
}

// receive hands a message to Recv. It waits for room, and holds up the peers that send, no others.
func (r *Router) receive(p *peer, item parcel) {
	if item.command {
		return
	}
	frames := append([][]byte{[]byte(p.identity)}, item.frames...)
	select {
	case r.in <- frames:
	case <-r.done:
	}
}

// Recv returns the next message. It ends with ctx, or with net.ErrClosed after Close.
func (r *Router) Recv(ctx context.Context) ([][]byte, error) {
	select {
	case frames := <-r.in:
		return frames, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.done:
		return nil, net.ErrClosed
	}
}

// Await waits until the peer with the given identity is connected, or ctx ends: a frontend connects
// its channels in any order.
func (r *Router) Await(ctx context.Context, identity []byte) error {
	for {
		r.mu.Lock()
		there, joined := r.peers[string(identity)] != nil, r.joined
		r.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-joined:
		case <-ctx.Done():
			return fmt.Errorf("zmq: no peer %q: %w", identity, context.Cause(ctx))
		case <-r.done:
			return net.ErrClosed
		}
	}
}

// Send queues a message for the peer that its first frame names, and does not wait. It is an error if
// that peer is not connected or does not read.
func (r *Router) Send(frames [][]byte) error {
	if len(frames) < 2 {
		return fmt.Errorf("zmq: a routed message has an identity and a frame; this has %d frames", len(frames))
	}
	r.mu.Lock()
	p := r.peers[string(frames[0])]
	r.mu.Unlock()
	if p == nil {
		return fmt.Errorf("zmq: no peer %x: %w", frames[0], errGone)
	}
	return p.send(parcel{frames: frames[1:]})
}
