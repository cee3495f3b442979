"""A push service for tests, with the browsers behind it: keys and signatures by `cryptography`, payloads opened by `http_ece`,
both of which other people wrote.

Says its port on the first line of its output. On its input, {"new": true} makes a subscription and answers with it; {"says":
[status, {header: value}]} sets what the next push is answered instead of being taken; {} answers with all that was taken,
opened. A push whose headers, signature or seal are wrong is answered 400 and reported.
"""

import base64
import json
import os
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

browsers, got, orders, lock = {}, [], [], threading.Lock()


def text(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(word):
    return base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))


def new(port):
    key, auth, name = ec.generate_private_key(ec.SECP256R1()), os.urandom(16), text(os.urandom(24))
    browsers[name] = (key, auth)
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return {"endpoint": f"http://127.0.0.1:{port}/push/{name}", "p256dh": text(point), "auth": text(auth)}


def verified(header, origin):
    found = re.fullmatch(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)", header)
    head, claims = json.loads(raw(found[1])), json.loads(raw(found[2]))
    signature, point = raw(found[3]), raw(found[4])
    assert head == {"typ": "JWT", "alg": "ES256"} and len(signature) == 64, head
    whole = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    key.verify(whole, f"{found[1]}.{found[2]}".encode(), ec.ECDSA(hashes.SHA256()))
    assert claims["aud"] == origin, claims
    assert re.match("mailto:|https://", claims["sub"]), claims
    return {"exp": claims["exp"], "sub": claims["sub"], "key": found[4]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with lock:
            order = orders.pop(0) if orders else None
            browser = browsers.get(self.path.removeprefix("/push/"))
        if order:
            return self.answer(*order)
        if not browser:
            return self.answer(404)
        try:
            taken = self.opened(body, *browser)
        except (AssertionError, InvalidSignature, http_ece.ECEException, ValueError, TypeError, KeyError) as error:
            print(f"a push that is wrong: {error!r}", file=sys.stderr, flush=True)
            return self.answer(400)
        with lock:
            got.append(taken)
        self.answer(201, {"location": "/message/1"})

    def opened(self, body, key, auth):
        head = self.headers
        assert len(body) <= 4096 and head["content-encoding"] == "aes128gcm", len(body)
        assert 0 <= int(head["ttl"]) <= 2419200 and head["urgency"] in ("very-low", "low", "normal", "high")
        assert re.fullmatch(r"[\w-]{1,32}", head["topic"]), head["topic"]
        origin = f"http://127.0.0.1:{self.server.server_port}"
        who = verified(head["authorization"], origin)
        plain = http_ece.decrypt(body, private_key=key, auth_secret=auth, version="aes128gcm")
        said = json.loads(plain)
        fields = {"ttl": int(head["ttl"]), "urgency": head["urgency"], "topic": head["topic"]}
        return fields | {"to": self.path, "said": said, "who": who, "bytes": len(body)}


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
for line in sys.stdin:
    order = json.loads(line)
    with lock:
        if "says" in order:
            orders.append(order["says"])
        print(json.dumps(new(server.server_port) if "new" in order else got), flush=True)
