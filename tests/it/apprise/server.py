"""An Apprise API server for tests: the real library behind the addresses and answers of its API
(https://github.com/caronc/apprise-api, apprise_api/api/views.py), which nobody offers as a package.

Its keys are `ops` (three platforms, of which two have a tag and are told of nothing without it), `half` (one platform that works and one that does
not) and nothing else. The platforms are the library's own `json://`, which post to this same program. Says its port on the
first line of its output; every line on its input is answered with what the platforms have got. A line such as
{"says": [429, {"retry-after": "7"}]} sets what the next request is answered instead of being passed on, and
{"loses": true} breaks the connection after it was.
"""

import json
import logging
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import apprise

logging.disable(logging.CRITICAL)
got, orders, lock = [], [], threading.Lock()


def platforms(port):
    here, nowhere = f"json://127.0.0.1:{port}/got", "json://127.0.0.1:1/got"
    ops = [(here + "/any", None), (here + "/day", "day"), (here + "/night", "night")]
    return {"ops": ops, "half": [(here + "/half", None), (nowhere, None)]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.startswith("/got/"):
            with lock:
                got.append({"place": self.path.split("/")[2]} | json.loads(body))
            return self.answer(200)
        key = re.fullmatch(r"/notify/([\w-]{1,128})/?", self.path)
        if not key:
            return self.answer(404)
        with lock:
            order = orders.pop(0) if orders else {}
        if "says" in order:
            return self.answer(*order["says"])
        self.notify(key[1], body)
        if "loses" in order:
            self.close_connection = True
            self.connection.close()

    def notify(self, key, body):
        try:
            content = json.loads(body)
        except ValueError:
            return self.answer(400)
        kind, form = content.get("type", "info"), content.get("format", "text")
        if not content.get("body") or kind not in apprise.NOTIFY_TYPES or form not in apprise.NOTIFY_FORMATS:
            return self.answer(400)
        urls = platforms(self.server.server_port).get(key)
        if urls is None:
            return self.answer(204)
        passes = apprise.Apprise(asset=apprise.AppriseAsset(body_format=form))
        for url, tag in urls:
            passes.add(url, tag=tag)
        tags = [tag for tag in re.split(r"[\s,]+", content.get("tag") or "") if tag]
        done = passes.notify(content["body"], title=content.get("title", ""), notify_type=kind, tag=tags or None)
        said = json.dumps({"error": None if done else "One or more notification could not be sent"}).encode()
        try:
            self.answer(200 if done else 424, {"content-type": "application/json"}, said)
        except OSError:
            pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
for line in sys.stdin:
    order = json.loads(line)
    with lock:
        if order:
            orders.append(order)
        print(json.dumps(got), flush=True)
