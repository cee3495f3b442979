"""Three replicas on one PostgreSQL, of which a random one is killed every few seconds.

Events go to them in turn, and to the next one when one does not answer. Beyond what every run of the
ledger holds sereno to, this one proves that no two of them ever folded at the same time: a trigger
behind sereno's back writes down each change of the row that holds the folding lease, in the order in
which PostgreSQL let them through, with the transaction that made it. Terms must only grow, each must
take up where the one before stopped, and each position of the log must have been written by exactly
the transaction that moved the cursor over it.

    python3 tests/ledger/replicas.py --binary target/debug/sereno --seconds 20
"""

import argparse
import contextlib
import random
import signal
import time

from pooler import Pooler
from postgres import Server
from scene import Scene, arguments, spread, told

# The lease of a holder that died may stand this long before another one folds.
TAKEN_OVER_WITHIN = 15

WATCH = """
CREATE TABLE ledger_terms (id bigserial PRIMARY KEY, at float8, xid bigint, term bigint, before bigint, cursor bigint);
CREATE FUNCTION ledger_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO ledger_terms (at, xid, term, before, cursor)
    VALUES (extract(epoch FROM clock_timestamp()), txid_current(), NEW.term, OLD.cursor, NEW.cursor);
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_note AFTER UPDATE ON engine FOR EACH ROW EXECUTE FUNCTION ledger_note();
"""


def run(options):
    with Server() as server:
        options.store = server.url
        pooled = options.through == "pooler"
        with Pooler(server) if pooled else contextlib.nullcontext(server) as front:
            return on(server, front.url, pooled, options)


def on(server, url, pooled, options):
    rng = random.Random(options.seed)
    with Scene(options, options.replicas, options.lease, url, pooled) as scene:
        scene.sereno.start()
        server.query(WATCH)
        for replica in scene.processes[1:]:
            replica.start()
        with scene.load():
            lives = disturb(scene, rng, options)
        kills = len(lives) - options.replicas
        print(f"replicas: {options.replicas}, {kills} kills in {options.seconds:.0f} s")
        faults = scene.judge(kills)
        faults += two_leaders(server, options, lives)
        service_gap(scene)
        return faults


def disturb(scene, rng, options):
    """Kills one replica every few seconds and starts it again, without waiting for it. Returns from when to when each
    process lived."""
    lives, began = [], time.monotonic()
    born = {replica.url: time.time() for replica in scene.processes}
    while time.monotonic() < began + options.seconds:
        time.sleep(options.every)
        victim = rng.choice(scene.processes)
        if victim.lives():
            victim.end(signal.SIGKILL)
            lives.append((born[victim.url], time.time()))
        victim.launch()
        born[victim.url] = time.time()
    for replica in scene.processes:
        replica.await_ready()
    return lives + [(since, float("inf")) for since in born.values()]


def two_leaders(server, options, lives):
    """Every sign that two processes folded at the same time; prints how often and how fast leaders changed."""
    rows = [line.split("|") for line in server.query("SELECT at, xid, term, before, cursor FROM ledger_terms ORDER BY id")]
    changes = [(float(at), xid, int(term), int(before), int(cursor)) for at, xid, term, before, cursor in rows]
    moves = [change for change in changes if change[4] != change[3]]
    faults = []
    for one, other in zip(changes, changes[1:]):
        if other[2] < one[2]:
            faults.append(f"term {other[2]} acted after term {one[2]}")
        if other[3] != one[4]:
            faults.append(f"position {other[3]} was taken up, but {one[4]} had been reached")
    gaps = takeovers(changes, moves)
    faults += wrong_writers(server, moves)
    terms = {change[2] for change in moves}
    print(f"leases: {len(moves)} commits under {len(terms)} terms, folding again after {spread([b - a for a, b in gaps])}")
    # Whoever takes over must have watched for a while, and here those who watch are killed as well.
    could = [(a, b) for a, b in gaps if any(min(b, died) - max(a, born) > TAKEN_OVER_WITHIN for born, died in lives)]
    faults += [f"the lease was taken over after {b - a:.1f} s, though somebody lived through that" for a, b in could]
    if not moves or (options.seconds > 10 and len(terms) < 2):
        faults.append("the lease never changed hands: nothing was tried")
    return faults


def takeovers(changes, moves):
    """From the last act of one holder until the next one folds. Whoever takes the lease and is killed before it has
    folded anything has acted: from then on its own lease stands."""
    last, first = {}, {}
    for at, _, term, _, _ in changes:
        last[term] = at
    for at, _, term, _, _ in moves:
        first.setdefault(term, at)
    terms = sorted(last)
    return [(last[one], first[other]) for one, other in zip(terms, terms[1:]) if other in first]


def wrong_writers(server, moves):
    """Positions of the log that another transaction wrote than the one that moved the cursor over them."""
    writer = {}
    for _, xid, _, before, cursor in moves:
        for position in range(before + 1, cursor + 1):
            writer[position] = xid
    faults = []
    for line in server.query("SELECT pos, xmin FROM log"):
        position, xid = line.split("|")
        # What was written before the watch began is nobody's.
        if int(position) > moves[0][3] and writer.get(int(position)) != xid:
            faults.append(f"position {position} was not written by the holder of the lease")
    return faults


def service_gap(scene):
    """How long nobody took anything."""
    heard = sorted(scene.fleet.heard)
    gaps = [other - one for one, other in zip(heard, heard[1:])]
    print(f"events: the longest time without one acknowledged was {max(gaps, default=0.0):.2f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser, times=0)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two kills")
    parser.add_argument("--lease", default="15s", help="how long the lease of a dead replica stands")
    parser.add_argument("--through", choices=["server", "pooler"], default="server", help="PgBouncer in transaction mode")
    told(run(parser.parse_args()))


if __name__ == "__main__":
    main()
