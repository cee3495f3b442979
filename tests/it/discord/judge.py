"""Discord's own description of its API as a judge: reads one request a line, as its method, path and body, and says what
is wrong with each.

The description is a part of https://github.com/discord/discord-api-spec (MIT), the paths that are called here.
"""

import json
import pathlib
import re
import sys

from jsonschema import Draft202012Validator

SPEC = json.loads((pathlib.Path(__file__).parents[2] / "fixtures/discord/openapi.json").read_text())


def schema_of(call):
    method, path = call.split(" ", 1)
    # A path without variables stands before one with.
    for template in sorted(SPEC["paths"], key=lambda template: template.count("{")):
        fits = re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", template), path)
        if fits and method.lower() in SPEC["paths"][template]:
            body = SPEC["paths"][template][method.lower()].get("requestBody", {})
            return body.get("content", {}).get("application/json", {}).get("schema"), bool(body)
    raise LookupError(f"there is no {call}")


def faults(call, body):
    schema, wants_body = schema_of(call)
    if not wants_body:
        if body is not None:
            yield f"{call} takes no body"
        return
    whole = {**schema, "components": SPEC["components"]}
    for error in Draft202012Validator(whole).iter_errors(body):
        place = "/".join(map(str, error.absolute_path))
        yield f"{call}: {place}: {error.message[:300]}"


for line in sys.stdin:
    request = json.loads(line)
    try:
        print(json.dumps(list(faults(request["call"], request["body"]))))
    except LookupError as error:
        print(json.dumps([str(error)]))
