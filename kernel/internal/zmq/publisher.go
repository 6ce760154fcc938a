package zmq

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// How a Publisher treats slow subscribers.
const (
	// highWater is how many bytes may wait for a subscriber before Pace waits for it.
	highWater = 16 << 20
	// stallTime is how long a subscriber may read nothing before Pace gives it up.
	stallTime = 2 * time.Second
	// paceStep is how often Pace looks.
	paceStep = 2 * time.Millisecond
	// maxTopics bounds the subscriptions of one peer.
	maxTopics = 1024
)

// A Publisher sends messages to every peer that has subscribed to a prefix of their first frame.
type Publisher struct {
	socket
	welcome func(topic string) [][]byte

	mu   sync.Mutex
	subs map[*peer]map[string]int // subscriptions are counted, as peers may repeat them
}

// ListenPublisher binds an XPUB socket. The message that welcome makes, unless it is nil, is the first
// that a new subscription brings its peer; welcome runs under the socket's lock.
func ListenPublisher(network, address string, o Options, welcome func(topic string) [][]byte) (*Publisher, error) {
	p := &Publisher{welcome: welcome, subs: map[*peer]map[string]int{}}
	p.socket = socket{name: "XPUB", accepted: []string{"SUB", "XSUB"}, role: p, opts: o}
	if err := p.listen(network, address); err != nil {
		return nil, err
	}
	return p, nil
}

// join gives a peer its place; it gets nothing before it subscribes.
func (p *Publisher) join(sub *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subs[sub] = map[string]int{}
}

// leave forgets a peer.
func (p *Publisher) leave(sub *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.subs, sub)
}

// receive takes subscriptions, as the messages of ZMTP 3.0 or the commands of 3.1. Whatever else a
// subscriber says means nothing.
func (p *Publisher) receive(sub *peer, item parcel) {
	if !item.command {
		if m := item.frames[0]; len(item.frames) == 1 && len(m) > 0 && m[0] <= 1 {
			p.subscribe(sub, string(m[1:]), m[0] == 1)
		}
		return
	}
	switch name, topic, _ := splitCommand(item.frames[0]); name {
	case "SUBSCRIBE":
		p.subscribe(sub, string(topic), true)
	case "CANCEL":
		p.subscribe(sub, string(topic), false)
	}
}

// subscribe adds or ends a subscription.
func (p *Publisher) subscribe(sub *peer, topic string, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	topics := p.subs[sub]
	switch {
	case !on && topics[topic] > 1:
		topics[topic]--
	case !on:
		delete(topics, topic)
	case len(topics) >= maxTopics || len(topic) > 255:
		p.opts.Logf("zmq: XPUB refused a subscription of %s: too many or too long", sub.conn.RemoteAddr())
	default:
		topics[topic]++
		if p.welcome != nil {
			p.sendTo(sub, p.welcome(topic))
		}
	}
}

// Publish queues a message for its subscribers, and does not wait. All subscribers see the messages
// in the same order.
func (p *Publisher) Publish(frames [][]byte) {
	if len(frames) == 0 {
		return
	}
	topic := string(frames[0])
	p.mu.Lock()
	defer p.mu.Unlock()
	for sub, topics := range p.subs {
		if matches(topics, topic) {
			p.sendTo(sub, frames)
		}
	}
}

// matches says whether one of topics begins topic.
func matches(topics map[string]int, topic string) bool {
	for prefix := range topics {
		if strings.HasPrefix(topic, prefix) {
			return true
		}
	}
	return false
}

// sendTo queues frames for sub.
func (p *Publisher) sendTo(sub *peer, frames [][]byte) {
	if err := sub.send(parcel{frames: frames}); errors.Is(err, errBehind) {
		p.opts.Logf("zmq: XPUB: %v", err)
	}
}

// Pace waits while much is queued for a subscriber that reads, so that a fast producer does not fill
// the memory. It returns the error of ctx when that ends first.
func (p *Publisher) Pace(ctx context.Context) error {
	if !p.congested() {
		return nil
	}
	tick := time.NewTicker(paceStep)
	defer tick.Stop()
	for p.congested() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.done:
			return nil
		}
	}
	return nil
}

// congested says whether a live subscriber is behind.
func (p *Publisher) congested() bool {
	alive := time.Now().Add(-stallTime).UnixNano()
	p.mu.Lock()
	defer p.mu.Unlock()
	for sub := range p.subs {
		if sub.out.bytes() > highWater && sub.progress.Load() > alive {
			return true
		}
	}
	return false
}

// Subscribers returns how many peers have a subscription.
func (p *Publisher) Subscribers() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, topics := range p.subs {
		if len(topics) > 0 {
			n++
		}
	}
	return n
}
