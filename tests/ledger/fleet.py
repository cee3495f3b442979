"""A fleet that reports at a steady rate and tries again, under the same identity, until it is heard.

With several addresses each try goes to the next one, as a load balancer would send it.
"""

import base64
import hashlib
import hmac
import http.client
import itertools
import json
import queue
import threading
import time
import urllib.request


class Fleet:
    """Sends events; remembers each that was acknowledged."""

    def __init__(self, urls, key, rate, workers=8):
        self.urls, self.key, self.rate = itertools.cycle(urls), key, rate
        self.acknowledged = {}
        self.heard = []  # when each was acknowledged
        self.tries = 0
        # Who reports faster than it is heard waits with the next report.
        self.waiting = queue.Queue(maxsize=64)
        self.stopping = threading.Event()
        self.give_up = False  # the run has failed: nobody waits for what is not acknowledged
        self.threads = [threading.Thread(target=self.send_all) for _ in range(workers)]
        self.threads.append(threading.Thread(target=self.produce))

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        """No new events; what was begun is sent to its end."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        seconds = max(self.heard, default=0.0) - min(self.heard, default=0.0)
        print(f"load: {len(self.heard) / max(seconds, 1.0):.0f} events a second for {seconds:.0f} s")

    def produce(self):
        began, number = time.monotonic(), 0
        while not self.stopping.is_set():
            number += 1
            self.waiting.put(event(number))
            self.stopping.wait(max(0.0, began + number / self.rate - time.monotonic()))
        for _ in self.threads:
            self.waiting.put(None)

    def send_all(self):
        while (report := self.waiting.get()) is not None:
            while not (heard := self.send(report)) and not self.give_up:
                time.sleep(0.02)
            if heard:
                self.acknowledged[report["id"]] = report
                self.heard.append(time.monotonic())

    def send(self, report):
        self.tries += 1
        body, now = json.dumps(report).encode(), str(int(time.time()))
        mac = hmac.new(self.key, f"{report['id']}.{now}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "content-type": "application/json",
            "webhook-id": report["id"],
            "webhook-timestamp": now,
            "webhook-signature": "v1," + base64.b64encode(mac).decode(),
        }
        try:
            with urllib.request.urlopen(urllib.request.Request(next(self.urls), body, headers), timeout=10) as answer:
                return answer.status in (200, 202)
        except (OSError, http.client.HTTPException):
            return False


def event(number):
    """One in twenty is a finished task, one in fifty a question; the others are work."""
    name = f"e{number:07}"
    if number % 50 == 0:
        action = {"tool": "Bash", "input": {"command": f"touch proof-{name}"}}
        return {
            "id": name,
            "type": "approval.requested",
            "agent": {"id": f"asker-{name}"},
            "session": {"id": f"asking-{name}"},
            "approval": {"id": f"question-{name}", "action": action},
        }
    if number % 20 == 0:
        task = {"id": f"task-{name}", "title": f"Title {name}"}
        return {"id": name, "type": "task.completed", "agent": {"id": "worker"}, "task": task}
    usage = {"input_tokens": 10, "output_tokens": 5, "cost_usd": "0.000001"}
    session = {"id": "working"}
    return {"id": name, "type": "model.call", "agent": {"id": "worker"}, "session": session, "model": "m", "usage": usage}
