// Package server speaks the Jupyter protocol on behalf of a Handler, and knows nothing of the language
// behind it.
//
// # Concurrency, formally
//
// Let R be the set of requests, and write a < b when a's message precedes b's on the wire of one
// subscriber of IOPub, or on one reply channel.
//
//  1. For each r in R: busy(r) < every output of r made before its handler returned < idle(r), and
//     reply(r) is sent between them.
//  2. For execute requests e, f where e was received before f: idle(e) < busy(f). Handler.Execute is
//     active for at most one request.
//  3. For every other request q: the time from receiving q to reply(q) does not depend on any execute
//     request.
//  4. Outputs of one request appear in the order of the calls that made them. Adjacent Stream calls of
//     the same name may be joined, and wait at most streamDelay.
//  5. While an execute request e is active, the last status on IOPub is busy, except within one
//     critical section: the idle of another request is followed by a further busy(e).
//  6. If e fails, and asks to stop on errors, every execute request received before reply(e) is
//     answered with an error and not run.
//  7. An interrupt cancels the context of the active execute request, or does nothing.
//
// # And plainly
//
// Each channel (shell, control, stdin) has one goroutine that reads messages and never waits for a
// cell. It answers quick questions on the spot; completion and inspection get a goroutine each; execute
// requests go to a queue, which one further goroutine works off. So a cell that trains for an hour
// holds up other cells, and nothing else. Status messages go through one lock (state), which also
// remembers the running request; frontends that look only at the latest status therefore show the
// truth. Each Output has a lock of its own, held from the call until its message is queued, so text and
// pictures keep their order. Nothing here waits for a subscriber, except an Output under a flood, which
// lets slow subscribers catch up.
//
// # Shutdown
//
// A shutdown request, or the end of Serve's context, cancels the active cell with ErrShutdown, gives
// it a moment to end, calls Handler.Shutdown, replies, lets the sockets send what they hold, and
// closes them. Serve returns when all goroutines of the protocol have ended; a cell that does not heed
// its context cannot be ended and is reported.
package server
