"""Compares what was promised and what reached the outside with what the store says."""

import json
import os
import re
import sqlite3
import subprocess
from collections import Counter, defaultdict


def query(store, folder, sql):
    """Rows of a store that nobody uses any more."""
    if store.startswith("sqlite"):
        path = os.path.join(folder, store.split("://", 1)[1])
        return sqlite3.connect(path).execute(sql).fetchall()
    done = subprocess.run(["psql", "-XAt", "-F", "\x1f", "-R", "\x1e", store, "-c", sql], capture_output=True, check=True)
    text = done.stdout.decode().rstrip("\n")
    return [row.split("\x1f") for row in text.split("\x1e")] if text else []


def judge(store, folder, fleet, platforms, chats, print=print):
    """Every fault that was found, in words; prints the figures."""
    faults = lost_events(store, folder, fleet, print)
    faults += missing_messages(store, folder, fleet, platforms, chats, print)
    faults += wrong_decisions(store, folder, fleet, platforms, print)
    return faults


def lost_events(store, folder, fleet, print):
    logged = Counter()
    for (body,) in query(store, folder, "SELECT body FROM log"):
        reported = find_event(json.loads(body))
        if reported:
            logged[reported["id"]] += 1
    acknowledged = fleet.acknowledged.keys()
    lost = [name for name in acknowledged if logged[name] == 0]
    double = [name for name, times in logged.items() if times > 1]
    print(f"events: {len(acknowledged)} acknowledged in {fleet.tries} tries, {len(lost)} lost, {len(double)} twice in the log")
    return [f"acknowledged and lost: {name}" for name in lost] + [f"folded twice: {name}" for name in double]


def find_event(body):
    """The event in a log entry, however it is wrapped."""
    if isinstance(body, dict):
        if "type" in body and str(body.get("id", "")).startswith("e0"):
            return body
        for value in body.values():
            if found := find_event(value):
                return found
    return None


def missing_messages(store, folder, fleet, platforms, chats, print):
    seen = Counter()
    for chat, text in platforms.messages:
        for word in set(text.replace("<", " ").split()):
            if word.startswith(("task-e", "proof-e")):
                seen[chat, word] += 1
    wanted = {
        (chat, report["task"]["id"] if report["type"] == "task.completed" else "proof-" + report["id"])
        for report in fleet.acknowledged.values()
        if report["type"] in ("task.completed", "approval.requested")
        for chat in chats
    }
    missing = [key for key in wanted if seen[key] == 0]
    extra = sum(seen[key] - 1 for key in wanted if seen[key] > 1)
    sql = "SELECT CAST(COALESCE(SUM(attempts - 1), 0) AS BIGINT) FROM outbox WHERE kind = 'deliver' AND via = 'tg'"
    again = int(query(store, folder, sql)[0][0])
    dead = dead_letters(store, folder)
    print(
        f"messages: {len(wanted)} due, {len(missing)} missing, {len(dead)} dead letters, {extra} shown twice, "
        f"{again} attempts beyond the first"
    )
    faults = [f"never told: {word} to {chat}" for chat, word in missing if (chat, word) not in dead]
    sql = "SELECT id, error FROM outbox WHERE state = 'dead' AND (kind <> 'deliver' OR attempts < 2)"
    faults += [f"given up: {row}" for row in query(store, folder, sql)]
    if extra > again:
        faults.append(f"{extra} messages came twice, but only {again} attempts were made again")
    return faults


def dead_letters(store, folder):
    """What is told to whom by no more attempt: killed twice at the same message, it stays where everybody can see it."""
    sql = """SELECT c.target, k.body FROM outbox o JOIN copies c ON c.number = o.copy JOIN cards k ON k.number = c.card
        WHERE o.state = 'dead' AND o.kind = 'deliver' AND o.via = 'tg' AND o.attempts > 1"""
    rows = query(store, folder, sql)
    return {(int(chat), word) for chat, body in rows for word in re.findall(r"\b(?:task|proof)-e\d+", body)}


def wrong_decisions(store, folder, fleet, platforms, print):
    calls = defaultdict(set)
    for key, body in platforms.orders:
        calls[body["approval"]["id"]].add((key, body["approval"]["outcome"]))
    asked = {r["approval"]["id"] for r in fleet.acknowledged.values() if r["type"] == "approval.requested"}
    rows = query(store, folder, "SELECT external, state FROM approvals")
    states = {external: state for external, state in rows}
    faults = [f"{name} has {states.get(name)} and was told {sorted(calls[name])}"
              for name in asked
              if len(calls[name]) != 1 or {outcome for _, outcome in calls[name]} != {states.get(name)}]
    if len(rows) != len(states):
        faults.append("a question stands in the store twice")
    words = Counter(states.get(name) for name in asked)
    print(f"questions: {len(asked)} asked, decided {dict(words)}, {len(platforms.orders)} orders for {len(calls)} questions")
    if set(words) - {"approved", "denied"}:
        faults.append(f"not everything was decided by a person: {dict(words)}")
    return faults
