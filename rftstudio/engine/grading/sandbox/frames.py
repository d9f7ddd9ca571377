"""Messages over pipes: four bytes of length, big-endian, then JSON. Never pickle.

`decode` reads what a worker sent, which may be anything: it refuses depth, NaN, infinities and whatever is not JSON.
"""

import json
import os
import re
import struct
from typing import Any

MAX_REPLY = 1 << 20
MAX_DEPTH = 6
FEW = 500  # so many brackets cannot exhaust a parser's stack, however they are nested
HEADER = struct.Struct(">I")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


class BadFrame(ValueError):
    """What came is no message. The sentence says why."""


def encode(message: Any) -> bytes:
    """A whole frame. Raises `ValueError` or `RecursionError` for what JSON cannot hold."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return HEADER.pack(len(body)) + body


def decode(body: bytes) -> Any:
    """The value of a frame's body, from a stranger. Raises `BadFrame`."""
    if _depth(body) > MAX_DEPTH:
        raise BadFrame("the reply is nested too deeply")
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadFrame("the reply is not JSON") from None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _depth(body: bytes) -> int:
    if body.count(b"[") + body.count(b"{") <= FEW:
        return 0  # what is nested all the same has not the shape of a reply
    deepest = depth = 0
    for character in re.findall(rb"[\[\]{}]", _STRING.sub(b"", body)):
        depth += 1 if character in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def read_exactly(pipe: int, size: int) -> bytes:
    """For the jail's side, whose parent can be trusted; blocks. b"" when the other end is closed."""
    pieces = []
    while size:
        piece = os.read(pipe, min(size, 1 << 20))
        if not piece:
            return b""
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def read_frame(pipe: int) -> Any:
    """The parent's next message, None when it has gone."""
    header = read_exactly(pipe, HEADER.size)
    if not header:
        return None
    body = read_exactly(pipe, HEADER.unpack(header)[0])
    return json.loads(body) if body else None


def write_all(pipe: int, data: bytes) -> None:
    """Blocks until it is written. Raises `OSError`."""
    left = memoryview(data)
    while left:
        left = left[os.write(pipe, left) :]
