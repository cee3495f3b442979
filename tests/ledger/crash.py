"""Ends sereno again and again under load, and holds it to its word.

A small fleet reports 100 events a second; two people answer every question on Telegram at the same
time, one with yes and one with no. Meanwhile the process is ended and started again: killed at any
moment, or asked to stop. Afterwards this ledger compares what it was promised (every 2xx) and what
reached the outside (every message, every order) with what the store says. Standard library only;
nothing of sereno's code is used.

    python3 tests/ledger/crash.py --binary target/debug/sereno --store sqlite://sereno.db
"""

import argparse
import random
import signal
import time

from judge import query
from scene import Scene, arguments, rounds, spread, store_argument, told

# It promises to stop within this; systemd waits a little longer.
STOPS_WITHIN = 30


def run(options):
    rng = random.Random(options.seed)
    with Scene(options) as scene:
        scene.sereno.start()
        with scene.load():
            ended = []
            for _ in rounds(options.times):
                # Short lives are tried more often than long ones: most of what can break, breaks early.
                time.sleep(0.05 + (options.longest - 0.05) * rng.random() ** 2)
                ended.append(end(scene, options.signal))
                scene.sereno.start()
        faults = scene.judge(options.times)
        if options.signal == "TERM":
            print(f"stops: {len(ended)}, ended after {spread(ended)}")
            again = query(options.store, scene.folder, "SELECT id FROM outbox WHERE attempts > 1")
            faults += [f"begun twice although nothing was in doubt: {row}" for (row,) in again]
        return faults


def end(scene, how):
    if how == "KILL":
        return scene.sereno.end(signal.SIGKILL)[0]
    took, status = scene.sereno.end(signal.SIGTERM)
    scene.expect(status == 0, f"asked to stop, it ended with {status}")
    scene.expect(took <= STOPS_WITHIN, f"it took {took:.1f} s to stop")
    doubtful = "SELECT id, state FROM outbox WHERE state IN ('leased', 'uncertain')"
    left = query(scene.store, scene.folder, doubtful)
    scene.expect(not left, f"stopped with work begun and not ended: {left}")
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser, times=30)
    store_argument(parser)
    parser.add_argument("--signal", choices=("KILL", "TERM"), default="KILL")
    parser.add_argument("--longest", type=float, default=1.2, help="longest life in seconds")
    told(run(parser.parse_args()))


if __name__ == "__main__":
    main()
