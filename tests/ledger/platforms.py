"""What sereno talks to: a Bot API and a fleet's control endpoint, both of which only remember.

They share no code with sereno: signatures are checked by hand, and every message and every order is kept
as it came, also when it came twice.
"""

import base64
import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Platforms:
    """Everything that reached the outside, in the order in which it came."""

    def __init__(self, secret):
        self.key = base64.b64decode(secret.removeprefix("whsec_"))
        self.changed = threading.Condition()
        self.messages = []  # (chat, text) of every sendMessage
        self.edits = 0
        self.orders = []  # (idempotency key, body) of every control call
        self.updates = []  # updates that Telegram keeps until they are confirmed
        self.next_update = 1
        self.stopping = False
        self.on_message = lambda message: None
        platforms = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.path == "/control":
                    answer = platforms.control(self.headers, body)
                else:
                    method = self.path.rsplit("/", 1)[-1].lower()
                    answer = {"ok": True, "result": platforms.telegram(method, json.loads(body or b"{}"))}
                text = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # a client that was killed in the middle is what this is about

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def control(self, headers, body):
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        if headers["webhook-signature"] != "v1," + mac:
            raise SystemExit("a control call is not signed as it should be")
        with self.changed:
            self.orders.append((headers["webhook-id"], json.loads(body)))
            self.changed.notify_all()
        return {"status": "done"}

    def telegram(self, method, body):
        if method == "getupdates":
            return self.poll(body)
        if method == "sendmessage":
            return self.take(body)
        if method == "editmessagetext":
            self.edits += 1
            return self.message(body["message_id"], body)
        return True

    def poll(self, body):
        with self.changed:
            offset = body.get("offset", 0)
            self.updates = [update for update in self.updates if update["update_id"] >= offset]
            self.changed.wait_for(lambda: self.updates or self.stopping, timeout=1)
            return self.updates[: body["limit"]]

    def take(self, body):
        with self.changed:
            self.messages.append((body["chat_id"], body["text"]))
            message = self.message(len(self.messages), body)
            self.on_message(message)
            self.changed.notify_all()
        return message

    @staticmethod
    def message(number, body):
        chat = {"id": body["chat_id"], "type": "private", "first_name": "P"}
        message = {"message_id": number, "date": 1, "chat": chat, "text": body["text"]}
        if body.get("reply_markup"):
            message["reply_markup"] = body["reply_markup"]
        return message

    def tap(self, message, start):
        """Somebody taps the button whose label begins with `start`. Called under the lock."""
        buttons = [button for row in message["reply_markup"]["inline_keyboard"] for button in row]
        button = next(button for button in buttons if button["text"].startswith(start))
        who = {"id": message["chat"]["id"], "is_bot": False, "first_name": "P"}
        number, self.next_update = self.next_update, self.next_update + 1
        query = {"id": str(number), "from": who, "message": message, "chat_instance": "1", "data": button["callback_data"]}
        # Telegram may send an update again; it has the same number then.
        self.updates += [{"update_id": number, "callback_query": query}] * 2
