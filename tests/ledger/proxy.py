"""Stands between sereno and PostgreSQL and cuts connections at the worst moment: around a COMMIT.

Either the server gets the COMMIT and its answer never arrives, or the COMMIT itself never does. The
client cannot tell these apart.
"""

import contextlib
import random
import socket
import threading

# The simple query that ends a transaction, as it stands in the protocol.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class Proxy:
    """Cuts as often as it was asked to, one COMMIT at a time."""

    def __init__(self, port, seed):
        self.server_port, self.rng = port, random.Random(seed)
        self.asked = 0
        self.cuts = {"after": 0, "before": 0}
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def cut_next(self):
        with self.lock:
            self.asked += 1

    @property
    def done(self):
        return sum(self.cuts.values())

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()
                continue
            for name, ends in (("up", (client, server)), ("down", (server, client))):
                threading.Thread(target=self.pump, args=(name, *ends), daemon=True).start()

    def pump(self, name, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if name == "up" and data.endswith(COMMIT) and self.takes_turn():
                    if self.rng.random() < 0.7:
                        # The server acts on it; nobody reads what it says.
                        target.sendall(data)
                        source.shutdown(socket.SHUT_RDWR)
                        self.cuts["after"] += 1
                    else:
                        self.cuts["before"] += 1
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def takes_turn(self):
        with self.lock:
            turn = self.asked > 0
            self.asked -= turn
            return turn
