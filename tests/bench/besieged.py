"""What clients cost the server who ask nothing whole, or take nothing of what they are sent, and how long it takes to end.

Usage: `python -m tests.bench.besieged`; prints a table. The API server (the tests' own, with 5,000 workflows) and the server are processes
of their own; memory is the server's resident set as the kernel counts it.
"""

import signal
import socket
import subprocess
import time
import urllib.request

from tests.bench.server import beside_cluster, memory, serving

HALF_OPEN, MUTE, STREAMS = 1000, 50, 200
WATCH = b"GET /api/v1/workflow-events/ns HTTP/1.1\r\nHost: x\r\n\r\n"


def connected(port: int, sent: bytes) -> socket.socket:
    """A connection on which something was sent, of whose answer the kernel keeps little."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", port))
    one.sendall(sent)
    return one


def health(port: int) -> float:
    """Seconds until the server says that it is well."""
    begun = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
        assert answer.status == 200
    return time.monotonic() - begun


def ended(connections: list[socket.socket]) -> float:
    """Seconds until the server has ended all of them."""
    begun = time.monotonic()
    for one in connections:
        one.settimeout(180)
        try:
            while one.recv(65536):
                pass
        except ConnectionError:
            pass
        one.close()
    return time.monotonic() - begun


def settled(process: int) -> float:
    """The resident set once it has not grown by a megabyte for two seconds."""
    before = 0.0
    while (now := memory(process)[0]) - before > 1:
        before = now
        time.sleep(2)
    return now


def measure(port: int, server: subprocess.Popen[bytes]) -> None:
    """All of it, on one server."""
    health(port)
    print(f"| at rest | {settled(server.pid):.0f} MB | |")
    connections = [connected(port, b"GET / HTTP/1.1\r\nX: ") for _ in range(HALF_OPEN)]
    print(f"| {HALF_OPEN} half-open connections | {settled(server.pid):.0f} MB | health in {health(port) * 1000:.0f} ms |")
    print(f"| they are ended | {settled(server.pid):.0f} MB | after {ended(connections):.0f} s |")
    connections = [connected(port, WATCH) for _ in range(MUTE)]
    print(f"| {MUTE} watchers of 5,000 workflows that read nothing | {settled(server.pid):.0f} MB | health in {health(port) * 1000:.0f} ms |")
    for one in connections:
        one.close()
    connections = [connected(port, WATCH) for _ in range(STREAMS)]
    for one in connections:
        assert one.recv(1)
    print(f"| {STREAMS} watchers that have read a line | {settled(server.pid):.0f} MB | |")
    begun = time.monotonic()
    server.send_signal(signal.SIGTERM)
    code = server.wait(60)
    print(f"| SIGTERM then | | ends with {code} after {time.monotonic() - begun:.1f} s |")
    for one in connections:
        one.close()


def main() -> None:
    """Start both, measure, end both."""
    with beside_cluster() as (_, port, kubeconfig), serving(port, kubeconfig) as server:
        measure(port, server)


if __name__ == "__main__":
    main()
