"""Ends sereno at named places in its own code, and holds it to its word.

A binary built with the feature `kill-points` ends itself when it passes a place for the n-th time. Every
place is led to under load, in another order in each round and on the same store; then the ledger judges
as always. On PostgreSQL, which is started here, a second process folds or follows where a place needs one.
A place that is not passed within two minutes is a fault of this program.

    cargo build --features kill-points --bin sereno-kill-points
    python3 tests/ledger/points.py --binary target/debug/sereno-kill-points --store sqlite://sereno.db
    python3 tests/ledger/points.py --binary target/debug/sereno-kill-points --store postgres
"""

import argparse
import contextlib
import itertools
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import time
from collections import Counter

from postgres import Server
from scene import Scene, arguments, rounds, store_argument, told, until

SOURCES = pathlib.Path(__file__).parents[2] / "src"
# A place is passed within this; on PostgreSQL the rows of a killed process are leased for half a minute of it.
PASSED_WITHIN = 120


class Places:
    """The named places, and how each is led to. A method that is named ends the first process there."""

    # What leads to the places whose names begin so, and at which pass at the latest; for the others work does.
    HOW = {
        "store.migrate": ("start", 1),
        "engine.start": ("start", 1),
        "lease.take": ("start", 2),
        "lease.renew": ("work", 4),
        "lease.resign": ("stop", 1),
        "engine.snapshot": ("stop", 1),
        "engine.models": ("work", 3),
        "engine.asked": ("lead", 3),
        "courier.lost": ("lose", 1),
        "courier.unclaim": ("lose", 1),
        "courier.control": ("work", 3),
        "receiver.append": ("work", 5),
        "receiver.confirm": ("work", 3),
        "follow": ("follow", 5),
        "backup": ("backup", 1),
    }
    # By the way that leads there; the others are passed on both.
    ONLY_ON = {"lead": "postgres", "follow": "postgres", "backup": "sqlite"}

    def __init__(self, scene, rng):
        self.scene, self.rng = scene, rng
        self.sereno, self.other = scene.processes[0], scene.processes[-1]
        self.deaths = Counter()
        # On SQLite a start knows that whoever held rows has gone; elsewhere their leases end.
        self.lost_after = 3 if self.other is self.sereno else 40

    @classmethod
    def named(cls, kind):
        """All places in the sources that are passed on this kind of store."""
        named = set()
        for file in SOURCES.rglob("*.rs"):
            named |= set(re.findall(r'kill_point!\("([^"]+)"\)', file.read_text()))
        return [name for name in sorted(named) if cls.ONLY_ON.get(cls.how(name)[0], kind) == kind]

    @classmethod
    def how(cls, name):
        return next((how for start, how in cls.HOW.items() if name.startswith(start)), ("work", 10))

    def die(self, name):
        """Leads to a place and sees to it that the process ends there, and nowhere else."""
        way, most = self.how(name)
        if self.sereno.lives():
            self.sereno.end(signal.SIGKILL)
        # The first passes are tried more often: most of what can break, breaks early.
        armed = {"SERENO_KILL_POINT": f"{name}:{1 + int(most * self.rng.random() ** 2)}"}
        status = getattr(self, way)(armed)
        if status is None:
            until(f"it passes {armed['SERENO_KILL_POINT']}", lambda: not self.sereno.lives(), PASSED_WITHIN)
            status = self.sereno.process.returncode
        if status != -signal.SIGABRT:
            raise SystemExit(f"it ended with {status} and not at {name}")
        self.deaths[name] += 1
        verified = self.sereno.run("audit", "verify")
        self.scene.expect(verified.returncode == 0, f"after {name}: {verified.stderr.decode()}")
        if self.other is not self.sereno and self.other.lives():
            self.other.end(signal.SIGKILL)

    def work(self, armed):
        self.sereno.launch(**armed)

    start = work

    def stop(self, armed):
        """Whoever loses the lease while it stops has nothing to leave behind."""
        status = 0
        for _ in range(3):
            if status == 0:
                self.sereno.launch(**armed)
                await_folding(self.sereno)
                status = self.sereno.end(signal.SIGTERM)[1]
        return status

    def lose(self, armed):
        """Rows must be left whose holder does not come back: calls, and messages with others behind them."""
        for before in itertools.cycle(("courier.control.after", "courier.send.before")):
            self.die(before)
            self.sereno.launch(**armed)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.sereno.process.wait(timeout=self.lost_after)

    def lead(self, armed):
        """The other one has stored what this one folds."""
        self.sereno.launch(**armed)
        await_folding(self.sereno)
        self.other.launch()

    def follow(self, armed):
        """The other one folds what this one has stored."""
        self.other.launch()
        await_folding(self.other)
        self.sereno.launch(**armed)

    def backup(self, armed):
        self.sereno.launch()
        await_folding(self.sereno)
        to = os.path.join(self.scene.folder, f"copy-{time.monotonic_ns()}.db")
        status = self.sereno.run("backup", to, **armed).returncode
        self.sereno.end(signal.SIGKILL)
        return status


def await_folding(process):
    """It need not be ready: on PostgreSQL it is late for as long as rows are leased by those that were killed."""
    folds = lambda: "\nsereno_folds 1\n" in (process.get("/metrics") or "")
    took = until("it folds", lambda: folds() or not process.lives(), 60)
    if process.lives():
        process.ready_after.append(took)
    elif process.process.returncode != -signal.SIGABRT:
        raise SystemExit(f"it ended with {process.process.returncode} before it folded")


def run(options):
    rng = random.Random(options.seed)
    kind = options.store.split(":")[0]
    names = [name for name in Places.named(kind) if name.startswith(tuple(options.only.split(",")))]
    if not names:
        raise SystemExit(f"no place begins with {options.only}")
    # Whoever is to be ended leaves nothing else behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.ExitStack() as stack:
        if options.store == "postgres":
            options.store = stack.enter_context(Server()).url
        scene = stack.enter_context(Scene(options, processes=2 if kind == "postgres" else 1))
        places = Places(scene, rng)
        # In the rounds nothing is left to be migrated.
        for name in [name for name in names if name.startswith("store.migrate")]:
            places.die(name)
        with scene.load():
            for _ in rounds(options.times):
                for name in rng.sample(names, len(names)):
                    places.die(name)
                    if rng.random() < 0.5:
                        # Otherwise it is ended again while it still does what the last end left to be done.
                        scene.sereno.launch()
                        await_folding(scene.sereno)
                        time.sleep(0.3)
        print(f"places: {len(names)}, {places.deaths.total()} times ended at one")
        scene.expect(all(places.deaths[name] >= options.times for name in names), "a place was left out")
        return scene.judge(places.deaths.total())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser, times=1)
    store_argument(parser)
    parser.add_argument("--only", default="", help="places whose names begin so, such as `courier.,lease.`")
    told(run(parser.parse_args()))


if __name__ == "__main__":
    main()
