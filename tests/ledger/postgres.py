"""Takes PostgreSQL away from under sereno, again and again, and holds it to its word all the same.

The server is started here, in a folder of its own, and ended at once (`pg_ctl stop -m immediate`, or its
postmaster is killed), restarted in an orderly way, or made read-only, or connections to it are cut
around a COMMIT, while events keep coming.

    python3 tests/ledger/postgres.py --binary target/debug/sereno --how immediate --times 3
"""

import argparse
import contextlib
import glob
import os
import pwd
import random
import shutil
import signal
import subprocess
import tempfile
import time

from proxy import Proxy
from scene import Scene, arguments, free_port, rounds, spread, told, until

# After PostgreSQL is ready, an event must be acknowledged again within this.
RECOVERS_WITHIN = 10


class Server:
    """A PostgreSQL of our own."""

    def __init__(self):
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        self.folder = tempfile.mkdtemp(prefix="sereno-ledger-postgres.")
        self.data = os.path.join(self.folder, "data")
        # PostgreSQL does not run as root.
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            account = pwd.getpwnam(self.user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.port = free_port()
        self.url = f"postgres://sereno@127.0.0.1:{self.port}/postgres"
        self.tool("initdb", "-U", "sereno", "-A", "trust", "-E", "UTF8", "--no-sync")

    def tool(self, name, *arguments):
        command = [os.path.join(self.bin, name), "-D", self.data, *arguments]
        subprocess.run(command, check=True, user=self.user, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=200"
        self.tool("pg_ctl", "-l", os.path.join(self.folder, "log"), "-w", "-s", "-o", options, "start")

    def stop(self, mode):
        self.tool("pg_ctl", "-m", mode, "-w", "-s", "stop")

    def kill(self):
        """The postmaster is gone at once; its children notice and end."""
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            postmaster = int(file.readline())
        children = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True).stdout.split()
        os.kill(postmaster, signal.SIGKILL)
        ended = lambda: not any(os.path.exists(f"/proc/{pid}") for pid in [postmaster, *children])
        until("PostgreSQL has ended", ended, 30)

    def query(self, sql):
        done = subprocess.run(["psql", "-XAtq", self.url, "-c", sql], capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)


def immediate(server, rng, _):
    """Ends the server without a chance to do anything, and starts it again a moment later."""
    if rng.random() < 0.5:
        server.stop("immediate")
    else:
        server.kill()
    time.sleep(rng.uniform(0.0, 0.5))
    server.start()


def restart(server, _, __):
    """An orderly restart: sessions are told that they end."""
    server.stop("fast")
    server.start()


def readonly(server, rng, _):
    """What a client sees of a primary that became a standby; then the primary is back."""
    for value in ("on", "off"):
        server.query(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        server.query("SELECT pg_reload_conf()")
        server.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sereno%'")
        time.sleep(rng.uniform(0.5, 1.5) if value == "on" else 0)


def commit_unknown(_, __, proxy):
    """Whether the commit came to pass, sereno has to find out."""
    before = proxy.done
    proxy.cut_next()
    until("a COMMIT was cut", lambda: proxy.done > before, 30)


HOW = {"immediate": immediate, "restart": restart, "readonly": readonly, "commit-unknown": commit_unknown}
# All of them, one after the other.
EACH = ("immediate", "restart", "immediate", "readonly", "immediate", "commit-unknown")


def run(options):
    rng = random.Random(options.seed)
    with Server() as server:
        options.store = server.url
        proxy = Proxy(server.port, options.seed)
        hows = EACH if options.how == "each" else (options.how,)
        through = server.url.replace(str(server.port), str(proxy.port)) if "commit-unknown" in hows else None
        with Scene(options, through=through) as scene:
            scene.sereno.start()
            recovered = []
            with scene.load():
                for number in rounds(options.times):
                    time.sleep(options.pause * rng.uniform(0.1, 1.9))
                    HOW[hows[number % len(hows)]](server, rng, proxy)
                    recovered.append(recovery(scene))
            if proxy.done:
                print(f"cut: {proxy.cuts['after']} times after a COMMIT was sent, {proxy.cuts['before']} times before")
            scene.expect(len(scene.sereno.ready_after) == 1, "sereno had to be started again")
            print(f"{options.how}: {len(recovered)} times, events are taken again after {spread(recovered)}")
            slow = [took for took in recovered if took > RECOVERS_WITHIN]
            scene.expect(not slow, f"it took longer than {RECOVERS_WITHIN} s to recover: {slow}")
            return scene.judge(options.times)


def recovery(scene):
    """How long it takes from now until an event is acknowledged that was not begun before."""
    ready = time.monotonic()
    until("an event is acknowledged", lambda: scene.fleet.heard and scene.fleet.heard[-1] > ready, 60)
    return scene.fleet.heard[-1] - ready


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser, times=3)
    parser.add_argument("--how", choices=(*HOW, "each"), default="immediate")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two stops, on average")
    told(run(parser.parse_args()))


if __name__ == "__main__":
    main()
