"""Writes what was recorded of real programs where fuzzing begins: one frame of OpenClaw a file, one batch of OTLP a file."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "tests" / "fixtures"
SIGNALS = ["resourceSpans", "resourceMetrics", "resourceLogs"]
BINARY = {"sdk-metrics": 1, "sdk-logs": 2}


def seed(target: str, name: str, data: bytes) -> None:
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(data)


for recording in sorted((FIXTURES / "openclaw").glob("*.json")):
    entries = json.loads(recording.read_text())
    frames = [entry["frame"] for entry in entries if entry.get("dir") == "in"] if isinstance(entries, list) else []
    for number, frame in enumerate(frames):
        seed("gateway_frames", f"{recording.stem}-{number}", json.dumps(frame).encode())

# The first byte: which signal, and 3 more for JSON.
for batch in sorted((FIXTURES / "otlp").iterdir()):
    body = batch.read_bytes()
    if batch.suffix == ".json":
        signal = next(at for at, member in enumerate(SIGNALS) if member in json.loads(body))
        seed("otlp_bodies", batch.stem, bytes([signal + 3]) + body)
    else:
        seed("otlp_bodies", batch.stem, bytes([BINARY.get(batch.stem, 0)]) + body)
