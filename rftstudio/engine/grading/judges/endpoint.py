"""`JudgeEndpoint`: which chat server a judge is, and how it may be used. Keys are never written with it."""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rftstudio.engine.errors import SpecError

_FIELDS = {
    "name": str,
    "base_url": str,
    "model": str,
    "key_env": str,
    "price_in": float,
    "price_out": float,
    "concurrency": int,
    "timeout_s": float,
    "allow_private": bool,
    "weak": bool,
}
_NEEDED = ("name", "base_url", "model")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_CONCURRENCY = 256


@dataclass(frozen=True, slots=True)
class JudgeEndpoint:
    """A judge: any server that speaks OpenAI's chat completions.

    name: what a grader's `model` names. base_url: up to and with `/v1`. model: what the server calls it.
    key_env: the environment variable that holds the key; the key itself is never in job.json.
    price_in, price_out: money per million tokens, in whatever currency. concurrency: calls in flight at most.
    timeout_s: seconds for one try. allow_private: the operator lets it be on a private address.
    weak: the studio's own small model, whose verdicts are for trying things out.
    """

    name: str
    base_url: str
    model: str
    key_env: str = ""
    key: str = field(default="", repr=False)
    price_in: float | None = None
    price_out: float | None = None
    concurrency: int = 8
    timeout_s: float = 60.0
    allow_private: bool = False
    weak: bool = False

    def to_json(self) -> dict[str, Any]:
        """Everything but the key."""
        return {name: getattr(self, name) for name in _FIELDS if getattr(self, name) is not None}

    @classmethod
    def from_json(cls, row: Any, *, where: str = "judge") -> "JudgeEndpoint":
        """Read one. Raises `SpecError` naming `where` and the field."""
        if not isinstance(row, dict):
            raise SpecError("A judge must be a JSON object.", path=where, fix='Write {"name", "base_url", "model"}.')
        values: dict[str, Any] = {}
        for name, value in row.items():
            if name == "key":
                fix = "Put it into an environment variable and name that in key_env."
                raise SpecError("A key does not belong into a file.", path=f"{where}.key", fix=fix)
            if name not in _FIELDS:
                fix = f"A judge has {', '.join(_FIELDS)}."
                raise SpecError(f"Unknown field “{str(name)[:80]}”.", path=f"{where}.{str(name)[:80]}", fix=fix)
            if value is not None:
                values[name] = _typed(value, _FIELDS[name], f"{where}.{name}")
        for name in _NEEDED:
            if not values.get(name):
                raise SpecError(f"`{name}` is missing or empty.", path=f"{where}.{name}", fix=f"Add `{name}`.")
        if values.get("key_env") and not _VARIABLE.fullmatch(values["key_env"]):
            fix = "Use letters, digits and _, such as JUDGE_KEY."
            raise SpecError("This is no name of a variable.", path=f"{where}.key_env", fix=fix)
        if not 1 <= values.get("concurrency", 1) <= MAX_CONCURRENCY:
            raise SpecError(
                "It must allow at least one call.", path=f"{where}.concurrency", fix=f"From 1 to {MAX_CONCURRENCY}."
            )
        if not 0.1 <= values.get("timeout_s", 1.0) <= 3600:
            raise SpecError("This is not a usable time.", path=f"{where}.timeout_s", fix="From 0.1 to 3600 seconds.")
        for name in ("price_in", "price_out"):
            if values.get(name, 0.0) < 0:
                raise SpecError("A price is not negative.", path=f"{where}.{name}", fix="Write 0 where it is free.")
        return cls(**values)


def read_endpoints(rows: Any, *, where: str = "judges") -> list[JudgeEndpoint]:
    """A list of judges, each with a name of its own. Raises `SpecError`."""
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise SpecError("The judges must be a list.", path=where, fix="Write […].")
    endpoints = [JudgeEndpoint.from_json(row, where=f"{where}[{index}]") for index, row in enumerate(rows)]
    seen: set[str] = set()
    for index, endpoint in enumerate(endpoints):
        if endpoint.name in seen:
            path = f"{where}[{index}].name"
            raise SpecError(f"Two judges are called “{endpoint.name}”.", path=path, fix="Give each its own name.")
        seen.add(endpoint.name)
    return endpoints


def read_judges(file: Path) -> list[JudgeEndpoint]:
    """The judges of a JSON file, without their keys. Raises `SpecError` naming the file."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SpecError("There is no such file.", path=str(file), fix="Check the name.") from error
    except (OSError, ValueError) as error:
        raise SpecError(f"It cannot be read as JSON: {error}.", path=str(file), fix="Mend the file.") from error
    return read_endpoints(rows, where=file.name)


def with_keys(endpoints: Sequence[JudgeEndpoint], source: Mapping[str, str] | None = None) -> list[JudgeEndpoint]:
    """The same with the keys that their `key_env` name. Raises `SpecError` for a variable that is not set."""
    source = os.environ if source is None else source
    found = []
    for endpoint in endpoints:
        if endpoint.key_env and not endpoint.key:
            if not source.get(endpoint.key_env):
                message = f"The judge “{endpoint.name}” needs the variable {endpoint.key_env}, which is not set."
                raise SpecError(message, path="judges", fix=f"Set {endpoint.key_env} to its key.")
            endpoint = replace(endpoint, key=source[endpoint.key_env])
        found.append(endpoint)
    return found


def _typed(value: Any, kind: type, path: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {str: "text", float: "a number", int: "a whole number", bool: "true or false"}[kind]
        raise SpecError(f"This must be {words}.", path=path, fix=f"Write {words}.")
    if isinstance(value, float) and not math.isfinite(value):
        raise SpecError("This must be a number.", path=path, fix="Write a number.")
    return value
