"""Kills sereno again and again under load, and holds it to its word.

A small fleet reports 100 events a second; two people answer every question on Telegram at the same
time, one with yes and one with no. Meanwhile the process is killed and started again. Afterwards this
ledger compares what it was promised (every 2xx) and what reached the outside (every message, every
order) with what the store says. Standard library only; nothing of sereno's code is used.

    python3 tests/ledger/crash.py --binary target/debug/sereno --store sqlite://sereno.db
"""

import argparse
import base64
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from fleet import Fleet, event
from judge import judge
from platforms import Platforms

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PEOPLE = {"ana": (77, "✅"), "victor": (1234, "❌")}


def configuration(port, store, platforms):
    people = "".join(f'[people.{name}]\nrole = "approver"\ntelegram = {chat}\n' for name, (chat, _) in PEOPLE.items())
    return f"""
[http]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
[store]
url = "{store}"
lease = "1s"
{people}
[channels.tg]
kind = "telegram"
token = "1:ledger"
api_url = "{platforms.url}"
rate = 0
per_chat = 0
[runtimes.fleet]
kind = "generic"
secret = "{SECRET}"
control_url = "{platforms.url}/control"
"""


class Sereno:
    """The process under test."""

    def __init__(self, binary, config, port):
        self.command = [binary, "--config", config, "serve"]
        self.port = port
        self.log = open(config + ".log", "ab")
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        until("it is ready", self.is_ready, 60)

    def is_ready(self):
        if self.process.poll() is not None:
            raise SystemExit(f"sereno ended by itself with {self.process.returncode}")
        return self.get("/readyz") is not None

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def has_nothing_to_do(self):
        rows = [line for line in (self.get("/metrics") or "").splitlines() if line.startswith("sereno_outbox_rows")]
        return rows and all(line.endswith(" 0") for line in rows if 'state="dead"' not in line)

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait(timeout=60)


def drained(sereno, platforms):
    """Nothing is on its way: neither a tap to sereno, nor a message or an order from it."""
    return not platforms.updates and sereno.has_nothing_to_do()


def until(what, condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds} s: {what}")
        time.sleep(0.01)


def answer_questions(platforms):
    """Everybody taps at once: ana says yes to all, victor says no."""

    def tap(message):
        start = next(start for chat, start in PEOPLE.values() if chat == message["chat"]["id"])
        if "touch proof-" in message["text"] and "reply_markup" in message:
            platforms.tap(message, start)

    platforms.on_message = tap


def run(options, folder):
    rng = random.Random(options.seed)
    platforms = Platforms(SECRET)
    answer_questions(platforms)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = os.path.join(folder, "sereno.toml")
    with open(config, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(configuration(port, options.store, platforms))
    sereno = Sereno(os.path.abspath(options.binary), config, port)
    try:
        sereno.start()
        fleet = Fleet(f"http://127.0.0.1:{port}/hooks/fleet", base64.b64decode(SECRET[6:]), options.rate)
        fleet.start()
        try:
            for _ in range(options.kills):
                time.sleep(rng.uniform(0.05, 1.2))
                sereno.end(signal.SIGKILL)
                sereno.start()
        finally:
            fleet.stop()
        until("every tap is confirmed and the outbox is empty", lambda: drained(sereno, platforms), 180)
        sereno.end(signal.SIGTERM)
        verified = subprocess.run([sereno.command[0], "--config", config, "audit", "verify"], capture_output=True)
        chats = {chat for chat, _ in PEOPLE.values()}
        faults = judge(options.store, folder, fleet, platforms, chats)
        if verified.returncode != 0:
            faults.append(f"the audit does not verify: {verified.stderr.decode()}")
        # A run without load proves nothing, nor does a judge who does not see what is missing.
        if len(fleet.acknowledged) < 20 * options.kills or len(platforms.orders) < options.kills:
            faults.append("there was hardly any load")
        fleet.acknowledged["e999990"] = event(999_990)
        if len(judge(options.store, folder, fleet, platforms, chats)) < len(faults) + 1 + len(chats):
            faults.append("the judge does not see that an event and its messages are missing")
        return faults
    finally:
        if sereno.process.poll() is None:
            sereno.process.kill()
            sereno.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True)
    parser.add_argument("--store", required=True, help="sqlite://FILE (in a folder of its own) or postgres://…")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--rate", type=float, default=100.0, help="events a second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = run(options, folder)
        if faults:
            with open(os.path.join(folder, "sereno.toml.log")) as log:
                print("".join(log.readlines()[-40:]), file=sys.stderr)
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
