"""Talks to the sockets of this package with libzmq: peer.py ROUTER_PORT XPUB_PORT REP_PORT MESSAGES."""
import sys
import time

import zmq

router, xpub, rep, messages = map(int, sys.argv[1:])
ctx = zmq.Context()


def connect(kind, port, **options):
    s = ctx.socket(kind)
    s.linger = 0
    s.rcvtimeo = s.sndtimeo = 5000
    for name, value in options.items():
        setattr(s, name, value)
    s.connect(f"tcp://127.0.0.1:{port}")
    return s


# The router sends everything back.
for identity in (b"session", b"session", b"other"):
    d = connect(zmq.DEALER, router, identity=identity, heartbeat_ivl=50, heartbeat_timeout=5000)
    for frames in ([b"x"], [b"", b"a", b""], [b"y" * 300] * 3, [b"z" * 5_000_000]):
        d.send_multipart(frames)
        assert d.recv_multipart() == frames
    time.sleep(0.2)  # a few PINGs
    d.send(b"after")
    assert d.recv() == b"after"
    if identity != b"other":
        d.close()
# A broken connection is made again, and the identity is known as before.
d.send(b"drop")
time.sleep(0.3)
d.send(b"back")
assert d.recv() == b"back"
q = connect(zmq.REQ, router)
q.send(b"ask")
assert q.recv() == b"ask"

# The heartbeat echoes.
h = connect(zmq.REQ, rep)
for i in range(3):
    h.send(b"ping%d" % i)
    assert h.recv() == b"ping%d" % i

# A new subscription is welcomed, and then nothing is lost though the reader starts late.
s = connect(zmq.SUB, xpub, rcvhwm=10)
s.subscribe(b"t")
assert s.recv_multipart() == [b"t", b"welcome"]
d = connect(zmq.DEALER, router, identity=b"starter")
d.send(b"publish")
time.sleep(0.5)
for i in range(messages):
    assert s.recv_multipart() == [b"t", b"%d" % i], i
print("all well")
