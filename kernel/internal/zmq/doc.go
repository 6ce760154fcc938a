// Package zmq is the kernel's side of ZeroMQ: the sockets that Jupyter needs (ROUTER, XPUB and an
// echo), over TCP or Unix sockets, in the protocol ZMTP 3.1 with the NULL mechanism. Its peers are
// libzmq, in every Jupyter frontend, and the small client of this package, in tests.
//
// # Who runs what
//
// A listening socket owns one goroutine that accepts connections, and for every connection one that
// reads and one that writes. They all end when the socket's Close returns. What leaves for a peer goes
// through that peer's queue, so Send and Publish never wait: a peer that does not read holds up only
// its own writer. What arrives at a Router goes to one channel, which its owner empties with Recv.
//
// # What happens to a bad peer
//
// A peer that is not speaking ZMTP, is of the wrong socket type, sends a frame over the limit or does
// not end its handshake in time is disconnected and reported to Options.Logf. Nothing else notices.
//
// # Nothing is dropped in silence
//
// A queue grows up to Options.MaxQueue bytes. Publisher.Pace lets a fast producer wait for subscribers
// that are slow but alive; a subscriber that reads nothing at all is not waited for, and one whose
// queue is full is disconnected with a report. A message is never taken out of the middle of a stream.
package zmq
