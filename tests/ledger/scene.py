"""One run of the ledger: a folder, the platforms, sereno as one process or several, and a fleet that reports.

Knows how sereno is configured, started, ended and found to be at rest. What the programs beside it do to
it in between is theirs, and whether it kept its word is said by `judge`.
"""

import base64
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from fleet import Fleet, event
from judge import judge, query
from platforms import Platforms

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PEOPLE = {"ana": (77, "✅"), "victor": (1234, "❌")}
# Once nothing disturbs any more, some message or order must leave at least this often until all have left:
# the lease of a row whose holder was killed lives for 30 s, and what is in doubt then waits up to as long again.
GOES_ON_WITHIN = 120


def configuration(port, store, direct, platforms, lease):
    people = "".join(f'[people.{name}]\nrole = "approver"\ntelegram = {chat}\n' for name, (chat, _) in PEOPLE.items())
    return f"""
[http]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
[store]
url = "{store}"
{f'direct_url = "{direct}"' if direct else ""}
lease = "{lease}"
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


def free_port():
    """A port that no connection gets by itself: whoever calls a process that is away would find its own port there."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as free:
            free.bind(("127.0.0.1", random.randrange(20000, 32000)))
            return free.getsockname()[1]


def until(what, condition, seconds):
    """Waits for a fact. Returns how long it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + seconds:
            raise SystemExit(f"not within {seconds} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - began


def share(values, part):
    """The value below which `part` of all values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def spread(values):
    return f"p50 {share(values, 0.5):.2f} s, p99 {share(values, 0.99):.2f} s, longest {max(values, default=0.0):.2f} s"


class Sereno:
    """A process under test."""

    def __init__(self, binary, config, port):
        self.binary, self.config, self.port = binary, config, port
        self.before = []  # a program under which it runs
        self.url = f"http://127.0.0.1:{port}"
        self.process = None
        self.ready_after = []

    def start(self, **variables):
        self.launch(**variables)
        self.await_ready()

    def launch(self, **variables):
        with open(self.config + ".log", "ab") as log:
            command = [*self.before, self.binary, "--config", self.config, "serve"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **variables})

    def await_ready(self):
        self.ready_after.append(until("it is ready", self.is_ready, 60))

    def is_ready(self):
        if self.process.poll() is not None:
            raise SystemExit(f"sereno ended by itself with {self.process.returncode}")
        return self.get("/readyz") is not None

    def lives(self):
        return self.process is not None and self.process.poll() is None

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def has_nothing_to_do(self):
        rows = [line for line in (self.get("/metrics") or "").splitlines() if line.startswith("sereno_outbox_rows")]
        return rows and all(line.endswith(" 0") for line in rows if 'state="dead"' not in line)

    def end(self, how):
        """Returns how long it took to end, and with what."""
        began = time.monotonic()
        self.process.send_signal(how)
        status = self.process.wait(timeout=60)
        return time.monotonic() - began, status

    def run(self, *arguments, **variables):
        """Another command of the same binary on the same configuration."""
        command = [self.binary, "--config", self.config, *arguments]
        return subprocess.run(command, capture_output=True, env={**os.environ, **variables}, timeout=120)


class Scene:
    """Everything of one run. Ends all that it started."""

    def __init__(self, options, processes=1, lease="1s", through=None, pooled=False):
        self.store = options.store
        self.through = through or options.store  # where sereno finds it
        self.direct = options.store if pooled else None  # and past a pooler
        self.folder = tempfile.mkdtemp(prefix="sereno-ledger.")
        self.platforms = Platforms(SECRET)
        self.answer_questions()
        self.processes = [self.process(options.binary, number, lease) for number in range(processes)]
        urls = [process.url + "/hooks/fleet" for process in self.processes]
        self.fleet = Fleet(urls, base64.b64decode(SECRET[6:]), options.rate)
        self.faults = []

    def process(self, binary, number, lease):
        port, config = free_port(), os.path.join(self.folder, f"sereno{number}.toml")
        with open(config, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(configuration(port, self.through, self.direct, self.platforms, lease))
        return Sereno(os.path.abspath(binary), config, port)

    def answer_questions(self):
        """Everybody taps at once: ana says yes to all, victor says no."""

        def tap(message):
            start = next(start for chat, start in PEOPLE.values() if chat == message["chat"]["id"])
            if "touch proof-" in message["text"] and "reply_markup" in message:
                self.platforms.tap(message, start)

        self.platforms.on_message = tap

    @property
    def sereno(self):
        return self.processes[0]

    @contextlib.contextmanager
    def load(self):
        """The fleet reports while the body runs; afterwards everything comes to rest."""
        self.fleet.start()
        try:
            yield
            for process in self.processes:
                if not process.lives():
                    process.start()
        except BaseException:
            self.fleet.give_up = True
            raise
        finally:
            self.fleet.stop()
        self.come_to_rest()

    def say_what_waits(self):
        """Times are in seconds from now."""
        now = int(time.time() * 1000)
        waits = "SELECT conversation, state, COUNT(*), MIN(attempts), MAX(attempts), (MIN(due) - {0}) / 1000, (MAX(due) - {0}) / 1000, (MAX(held) - {0}) / 1000, (MIN(lease_until) - {0}) / 1000 FROM outbox WHERE state NOT IN ('sent', 'dropped', 'dead') GROUP BY conversation, state ORDER BY 3 DESC LIMIT 40"
        print("conversation, state, rows, attempts from, to, due from, to, held until, leased until", file=sys.stderr)
        for row in query(self.store, self.folder, waits.format(now)):
            print(*row, file=sys.stderr)
        for process in self.processes:
            print(process.url, process.get("/readyz"), file=sys.stderr)

    def come_to_rest(self):
        """Waits until every tap is confirmed and the outbox is empty, as long as something still happens."""
        began = last = time.monotonic()
        seen = None
        while not self.is_at_rest():
            now = (len(self.platforms.messages), self.platforms.edits, len(self.platforms.orders), len(self.platforms.updates))
            if now != seen:
                seen, last = now, time.monotonic()
            if time.monotonic() > last + GOES_ON_WITHIN:
                self.say_what_waits()
                raise SystemExit(f"for {GOES_ON_WITHIN} s nothing left, though taps or rows wait: {now}")
            time.sleep(0.05)
        print(f"at rest: {time.monotonic() - began:.1f} s after the last event")

    def is_at_rest(self):
        """Nothing is on its way: neither a tap to sereno, nor a message or an order from it."""
        return not self.platforms.updates and all(process.has_nothing_to_do() for process in self.processes)

    def expect(self, fact, otherwise):
        if not fact:
            self.faults.append(otherwise)

    def judge(self, disturbances):
        """Ends all processes and compares what was promised with what is there. Returns every fault."""
        for process in self.processes:
            process.end(signal.SIGTERM)
        verified = self.sereno.run("audit", "verify")
        self.expect(verified.returncode == 0, f"the audit does not verify: {verified.stderr.decode()}")
        chats = {chat for chat, _ in PEOPLE.values()}
        self.faults += judge(self.store, self.folder, self.fleet, self.platforms, chats)
        ready = [took for process in self.processes for took in process.ready_after]
        print(f"starts: {len(ready)}, ready after {spread(ready)}")
        # A run without load proves nothing, nor does a judge who does not see what is missing.
        self.expect(len(self.fleet.acknowledged) >= 3 * disturbances, "there was hardly any load")
        self.fleet.acknowledged["e9999960"] = event(9_999_960)
        blind = judge(self.store, self.folder, self.fleet, self.platforms, chats, print=lambda _: None)
        self.expect(len(blind) > len(chats), "the judge does not see that an event and its messages are missing")
        return self.faults

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for process in self.processes:
            if process.lives():
                process.process.kill()
                process.process.wait()
        if kind is not None or self.faults:
            for process in self.processes:
                self.quote(process.config + ".log")
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def quote(path):
        with contextlib.suppress(FileNotFoundError), open(path) as log:
            print("".join(log.readlines()[-40:]), file=sys.stderr)


def rounds(times):
    """The numbers of so many rounds. Whoever waits for many sees how far they are."""
    for number in range(times):
        yield number
        if times > 10 and (number + 1) * 10 // times > number * 10 // times:
            print(f"{number + 1} of {times} rounds", flush=True)


def told(faults):
    """Prints the first faults and ends the program with whether there were any."""
    for fault in faults[:40]:
        print(fault, file=sys.stderr)
    if len(faults) > 40:
        print(f"… and {len(faults) - 40} more", file=sys.stderr)
    sys.exit(1 if faults else 0)


def arguments(parser, times):
    # Asked to end, it still ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    parser.add_argument("--binary", required=True)
    parser.add_argument("--times", type=int, default=times)
    parser.add_argument("--rate", type=float, default=100.0, help="events a second")
    parser.add_argument("--seed", type=int, default=1)


def store_argument(parser):
    parser.add_argument("--store", required=True, help="sqlite://FILE (in a folder of its own) or postgres://…")
