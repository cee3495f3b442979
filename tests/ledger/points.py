"""Ends sereno at named places in its own code, and holds it to its word.

A binary built with the feature `kill-points` ends itself when it passes a place for the n-th time. Every
place is tried under load, one after the other on the same store; then the ledger judges as always. A
place that is never passed is a fault of this program.

    cargo build --features kill-points --bin sereno-kill-points
    python3 tests/ledger/points.py --binary target/debug/sereno-kill-points --store sqlite://sereno.db
"""

import argparse
import os
import pathlib
import random
import re
import resource
import signal
import time

from scene import Scene, arguments, store_argument, told, until

SOURCES = pathlib.Path(__file__).parents[2] / "src"
# What must happen for a place to be passed; where nothing is said, work under load is enough.
ON_START = "start"
ON_STOP = "stop"
ON_BACKUP = "backup"
# A process that was killed has left leases behind, which end after half a minute.
ON_LOST = "lost"
PLACES = {
    "store.migrate": ON_START,
    "engine.start": ON_START,
    "lease.renew": ON_START,
    "engine.snapshot": ON_STOP,
    "engine.resign": ON_STOP,
    "backup.copy": ON_BACKUP,
    "courier.lost": ON_LOST,
}
ONLY_ON = {"backup.copy": "sqlite", "log.notify": "postgres"}
# A place is passed within this; leases that a killed process left stand for half a minute of it.
PASSED_WITHIN = 90


def places(store):
    """All places in the sources that this store can pass, and what leads there."""
    named = set()
    for file in SOURCES.rglob("*.rs"):
        named |= set(re.findall(r'kill_point!\("([^"]+)"\)', file.read_text()))
    kind = store.split(":")[0]
    found = {name: PLACES.get(name.rsplit(".", 1)[0]) for name in sorted(named)}
    return {name: how for name, how in found.items() if kind == ONLY_ON.get(name.rsplit(".", 1)[0], kind)}


def run(options):
    rng = random.Random(options.seed)
    found = places(options.store)
    names = list(found)
    if options.only:
        # Another few in each run, so that in time all have their turn.
        first = options.turn * options.only % len(names)
        names = (names + names)[first : first + options.only]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    passed = 0
    with Scene(options) as scene:
        # A store that is made when it dies, and again: only the first start migrates.
        for name in [name for name in names if name.startswith("store.migrate")]:
            die(scene, name, found[name], 1)
            passed += 1
        scene.sereno.start()
        with scene.load():
            time.sleep(1)
            for _ in range(options.times):
                for name in names:
                    if not name.startswith("store.migrate"):
                        scene.sereno.end(signal.SIGKILL if found[name] != ON_BACKUP else signal.SIGTERM)
                        die(scene, name, found[name], rng.randint(1, 4) if found[name] is None else 1)
                        passed += 1
                        scene.sereno.start()
        print(f"places: {len(names)} of {len(found)}, passed {passed} times")
        return scene.judge(passed)


def die(scene, name, how, nth):
    """Starts sereno armed with a place and leads it there."""
    armed = {"SERENO_KILL_POINT": f"{name}:{nth}"}
    if how == ON_BACKUP:
        scene.sereno.start()
        to = os.path.join(scene.folder, f"copy-{time.monotonic_ns()}.db")
        ended = scene.sereno.run("backup", to, **armed).returncode
        scene.sereno.end(signal.SIGKILL)
    else:
        scene.sereno.launch(**armed)
        if how == ON_STOP:
            scene.sereno.await_ready()
            time.sleep(0.3)
            scene.sereno.process.send_signal(signal.SIGTERM)
        until(f"it passes {name}", lambda: not scene.sereno.lives(), PASSED_WITHIN)
        ended = scene.sereno.process.returncode
    if ended != -signal.SIGABRT:
        raise SystemExit(f"it ended with {ended} and not at {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser, times=1)
    store_argument(parser)
    parser.add_argument("--only", type=int, help="so many places instead of all")
    parser.add_argument("--turn", type=int, default=0, help="which ones: the turn of this run")
    told(run(parser.parse_args()))


if __name__ == "__main__":
    main()
