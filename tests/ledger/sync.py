"""Watches the system calls of sereno: nothing is acknowledged before it is on the disk.

The real binary runs under strace while a fleet reports one event after the other. For each 2xx that
sereno writes to a socket, the trace must show in this order: the request is read from that socket, a
write to the WAL that holds its event ends, a sync of the WAL begins after it and ends well, and only
then the answer is written. strace shows the calls in the order in which the kernel let them through.

    python3 tests/ledger/sync.py --binary target/debug/sereno --store sqlite://sereno.db --times 50
"""

import argparse
import os
import re

from scene import Scene, arguments, store_argument, told, until

CALLS = "openat,close,accept4,read,recvfrom,write,writev,sendto,sendmsg,pwrite64,fdatasync,fsync"
# `PID TIME call(rest`, `PID TIME <... call resumed>rest`, and how each ends.
LINE = re.compile(r"^(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)(.*)$", re.DOTALL)
DESCRIPTOR = re.compile(r"(\d+)<([^>]*)>")
EVENT = re.compile(r"(?i)webhook-id: (e\d{7})")
STORED = re.compile(r"e\d{7}")


class Trace:
    """What was done, told call by call."""

    def __init__(self):
        self.open = {}  # thread → (call, what it was told, when it began) of a call that has not ended yet
        self.step = 0
        self.asked = {}  # socket → event that was read from it last
        self.stored = {}  # event → when the write that holds it ended
        self.synced = []  # (began, ended) of each sync of the WAL that went well
        self.answered = []  # (event, when its 2xx began to be written)

    def read(self, lines):
        for line in lines:
            self.step += 1
            if match := LINE.match(line.rstrip("\n")):
                self.line(*match.groups())
        return self

    def line(self, thread, call, resumed, rest):
        if call and rest.endswith("<unfinished ...>"):
            self.begin(call, rest)
            self.open[thread] = (call, rest, self.step)
        elif call:
            self.begin(call, rest)
            self.end(call, rest, self.step)
        elif thread in self.open:
            call, told, began = self.open.pop(thread)
            self.end(call, told + rest, began)

    def begin(self, call, rest):
        """An answer counts from the moment at which it begins to be written."""
        if call in ("write", "writev", "sendto", "sendmsg") and '"HTTP/1.1 20' in rest:
            self.answered.append((self.asked.get(self.descriptor(rest)), self.step))

    def end(self, call, rest, began):
        """A read, a write or a sync counts from the moment at which it has ended."""
        if call in ("read", "recvfrom"):
            if event := EVENT.search(rest):
                self.asked[self.descriptor(rest)] = event.group(1)
        elif call in ("pwrite64", "write") and "-wal>" in rest[:300]:
            for event in STORED.findall(rest):
                self.stored.setdefault(event, self.step)
        elif call in ("fdatasync", "fsync") and "-wal>" in rest[:300] and re.search(r"= 0\b(?!.*INJECTED)", rest):
            self.synced.append((began, self.step))

    @staticmethod
    def descriptor(rest):
        return DESCRIPTOR.match(rest).groups() if DESCRIPTOR.match(rest) else None

    def violations(self):
        """Every 2xx to an event that was not written and synced before."""
        faults = []
        for event, at in self.answered:
            if event is None:
                continue
            stored = self.stored.get(event)
            if stored is None or stored > at:
                faults.append(f"{event} was acknowledged before it was written")
            elif not any(stored < began and ended < at for began, ended in self.synced):
                faults.append(f"{event} was acknowledged before it was synced")
        return faults


def run(options):
    # -D: the process that was started is sereno, not strace.
    strace = ["strace", "-D", "-f", "-y", "-e", f"trace={CALLS}", "-e", "signal=none", "-s", "70000", "-o"]
    with Scene(options) as scene:
        trace = os.path.join(scene.folder, "trace")
        scene.sereno.before = [*strace, trace]
        scene.sereno.start()
        with scene.load():
            until("enough is acknowledged", lambda: len(scene.fleet.acknowledged) >= options.times, 600)
        faults = scene.judge(0)
        lines = []

        def is_whole():
            with open(trace, errors="replace") as file:
                lines[:] = file.readlines()
            return "+++ exited with 0 +++" in lines[-1]

        until("strace has ended", is_whole, 30)
    seen = Trace().read(lines)
    answered = [event for event, _ in seen.answered if event]
    violations = seen.violations()
    print(f"sync: {len(answered)} answers 2xx, {len(seen.synced)} syncs, {len(violations)} acknowledged too early")
    faults += violations
    if len(answered) < options.times:
        faults.append(f"only {len(answered)} answers were seen in the trace")
    return faults + blindness(lines, len(answered))


def blindness(lines, answered):
    """The same trace without its syncs, and with syncs that were skipped, must be found guilty throughout."""
    sync = re.compile(r"(fdatasync|fsync)\(|<\.\.\. (fdatasync|fsync) ")
    doctored = {
        "no sync": (line for line in lines if not sync.search(line)),
        "skipped syncs": (re.sub(r"= 0$", "= 0 (INJECTED)", line) if sync.search(line) else line for line in lines),
    }
    return [
        f"the judge does not see {what}"
        for what, trace in doctored.items()
        if len(Trace().read(trace).violations()) < answered
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments(parser, times=50)
    store_argument(parser)
    told(run(parser.parse_args()))


if __name__ == "__main__":
    main()
