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
//  2. A shell is the main shell or a subshell. For execute requests e, f of one shell where e was received
//     before f: idle(e) < busy(f). Handler.Execute is active for at most one request of each shell; those
//     of different shells do not wait for each other. All shells count their cells together.
//  3. For every other request q: the time from receiving q to reply(q) does not depend on any execute
//     request.
//  4. Outputs of one request appear in the order of the calls that made them. Adjacent Stream calls of
//     the same name may be joined, and wait at most streamDelay.
//  5. While any execute request is active, the last status on IOPub is busy, except within one
//     critical section: the idle of another request is followed by a further busy(e) of the active
//     request e that began first.
//  6. If e fails, and asks to stop on errors, every execute request of its shell received before reply(e)
//     is answered with an error and not run.
//  7. An interrupt cancels the contexts of all active execute requests, of whatever shell, or does
//     nothing: it is for the kernel. Deleting a subshell cancels that of its active one and answers those
//     that wait with an error; the reply does not wait for the end of the cell.
//  8. For messages c, d of comms, of any comm, where c was received before d on one channel:
//     idle(c) < busy(d). Handler.Comm is active for at most one message. Requests for comm_info have
//     their place in this order. To what subshell a message of a comm is sent means nothing.
//  9. The registry of open comms follows the order of rule 8 for what frontends send, and the order of
//     the calls of Output.Comm for what the handler sends. A message of a comm that is not in it is
//     dropped.
//
// # And plainly
//
// Each channel (shell, control, stdin) has one goroutine that reads messages and never waits for a
// cell. It answers quick questions on the spot; completion and inspection get a goroutine each; the
// messages of comms go to a queue, which one further goroutine works off; execute requests go to the
// queue of their shell, which has a goroutine too. So a cell that trains for an hour holds up the other
// cells of its shell, and nothing else, and a callback of a comm that does not return holds up comms.
// Status messages go through one lock (state), which also remembers the running cells; frontends that look
// only at the latest status therefore show the truth. Each Output has a lock of its own, held from the call
// until its message is queued, so text, pictures and messages of comms keep their order. Nothing here waits
// for a subscriber, except an Output under a flood, which lets slow subscribers catch up.
//
// # Shutdown
//
// A shutdown request, or the end of Serve's context, cancels the active cells with ErrShutdown, gives
// them a moment to end, calls Handler.Shutdown, replies, lets the sockets send what they hold, and
// closes them. Serve returns when all goroutines of the protocol have ended; a cell that does not heed
// its context cannot be ended and is reported.
package server
