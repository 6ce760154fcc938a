package zmq

// An Echo sends every message back to its sender: the heartbeat of a kernel.
type Echo struct {
	socket
}

// ListenEcho binds a REP socket that answers with what it is asked.
func ListenEcho(network, address string, o Options) (*Echo, error) {
	e := &Echo{}
	e.socket = socket{name: "REP", accepted: []string{"REQ", "DEALER"}, role: e, opts: o}
	if err := e.listen(network, address); err != nil {
		return nil, err
	}
	return e, nil
}

// join has nothing to do: a peer of an echo has no state.
func (e *Echo) join(*peer) {}

// leave has nothing to do either.
func (e *Echo) leave(*peer) {}

// receive sends a message back.
func (e *Echo) receive(p *peer, item parcel) {
	if !item.command {
		p.send(item) // a peer that is gone needs no answer
	}
}
