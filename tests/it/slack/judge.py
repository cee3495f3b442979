"""Slack's own client for Python as a judge.

`blocks` reads one message a line, as a list of blocks, and says what is wrong with each; `sign SECRET SECOND` signs what
it reads.
"""

import json
import sys

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.signature import SignatureVerifier


def faults(blocks):
    if len(blocks) > 50:
        yield "more than 50 blocks"
    for raw in blocks:
        block = Block.parse(raw)
        try:
            # Writing it down checks every object in it, the innermost too.
            written = block and block.to_dict()
        except SlackObjectFormationError as error:
            yield f"{raw['type']}: {error}"
            continue
        if written != raw:
            yield f"read as {written}, written as {raw}"


def main():
    match sys.argv[1:]:
        case ["blocks"]:
            for line in sys.stdin:
                print(json.dumps(list(faults(json.loads(line)))))
        case ["sign", secret, second]:
            print(SignatureVerifier(secret).generate_signature(timestamp=second, body=sys.stdin.read()), end="")
        case _:
            sys.exit(__doc__)


main()
