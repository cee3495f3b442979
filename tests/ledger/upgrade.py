"""Three replicas on one PostgreSQL, replaced one by one by another version, and then taken back one by one.

Each replica is asked to stop and starts again as the other version, while events go on. With `--before` that is a
binary of an earlier version, whose schema the new one brings up to date under the others; it must only be one that
says what it can work with. Without it both are the same, and between there and back the schema is changed as a newer
version would change it: by adding something, and saying so. Either way nothing may be lost or done twice, and two
may never fold at the same time.

    python3 tests/ledger/upgrade.py --binary target/debug/sereno [--before older/sereno --no-back]
"""

import argparse
import os
import signal
import time

from postgres import Server
from replicas import WATCH, service_gap, two_leaders
from scene import Scene, arguments, told

# What a newer version might do to the schema, as its migrator would note it.
NEWER = """
ALTER TABLE outbox ADD COLUMN ledger_newer BIGINT NOT NULL DEFAULT 0;
CREATE TABLE ledger_newer (id BIGINT PRIMARY KEY);
INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
SELECT 9999, 'newer', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1;
INSERT INTO meta (name, value) VALUES ('schema_min_compat', '1')
"""


def run(options):
    newer, older = os.path.abspath(options.binary), os.path.abspath(options.before or options.binary)
    with Server() as server:
        options.store = server.url
        with Scene(options, processes=3, lease=options.lease) as scene:
            for replica in scene.processes:
                replica.binary = older
                replica.start()
            server.query(WATCH)
            with scene.load():
                replaced = replace(scene, newer, options.pause)
                if not options.before:
                    server.query(NEWER)
                if options.back:
                    replaced += replace(scene, older, options.pause)
            print(f"replicas: 3, {replaced} replaced one by one")
            scene.sereno.binary = newer
            faults = scene.judge(replaced)
            options.seconds = 0
            # One of them lives at any time.
            faults += two_leaders(server, options, [(0, float("inf"))])
            service_gap(scene)
            return faults


def replace(scene, binary, pause):
    for replica in scene.processes:
        time.sleep(pause)
        took, status = replica.end(signal.SIGTERM)
        scene.expect(status == 0, f"a replica that was asked to stop ended with {status} after {took:.1f} s")
        replica.binary = binary
        replica.start()
    time.sleep(pause)
    return len(scene.processes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser, times=0)
    parser.add_argument("--before", help="the version that is replaced; otherwise the same")
    parser.add_argument("--back", action=argparse.BooleanOptionalAction, default=True, help="and the version before again")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds before the next one is replaced")
    parser.add_argument("--lease", default="3s", help="how long the lease of a dead replica stands")
    told(run(parser.parse_args()))


if __name__ == "__main__":
    main()
