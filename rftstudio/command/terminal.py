"""What a person sees of `./studio`: one-line steps with elapsed seconds, colour where there is a terminal."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
TERMINAL = sys.stdout.isatty()
COLOUR = TERMINAL and "NO_COLOR" not in os.environ
GREY, RED, GREEN, YELLOW, BOLD = "2", "31", "32", "33", "1"
printing = threading.Lock()


class Refusal(Exception):
    """Something a person has to change first; the text says what is wrong and what to do."""


def paint(text: str, code: str) -> str:
    """The text in a colour (an SGR code), or plain where nobody would see it."""
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def say(text: str = "") -> None:
    """Prints whole lines; the threads that copy several processes' output take turns."""
    with printing:
        print(text, flush=True)


def step(title: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Runs one step behind a line with its elapsed seconds; returns what it printed.

    Raises Refusal with the step's last lines when it fails.
    """
    begun = time.monotonic()
    lines: list[str] = []
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    reader = threading.Thread(target=_collect, args=(process.stdout, lines), daemon=True)
    reader.start()
    if not TERMINAL:
        print(f"  {title} ...", end=" ", flush=True)
    try:
        while reader.is_alive():
            reader.join(0.1)
            if TERMINAL:
                _draw(title, time.monotonic() - begun, lines)
        code = process.wait()
    except BaseException:
        process.terminate()
        raise
    seconds = f"{time.monotonic() - begun:.1f} s"
    start = f"\r\033[2K  {title}  " if TERMINAL else ""
    if code == 0:
        print(f"{start}{paint(seconds, GREY)}", flush=True)
        return "".join(lines)
    print(f"{start}{paint('failed', RED)} after {seconds}", flush=True)
    raise Refusal(f"{title} failed. Its last lines:\n\n" + "".join(f"    {line}" for line in lines[-25:]))


def _collect(stream: IO[str], lines: list[str]) -> None:
    for line in stream:
        lines.append(line)  # one by one: the step shows the newest while it runs


def _draw(title: str, seconds: float, lines: list[str]) -> None:
    shown = f"{seconds:.0f} s"
    room = shutil.get_terminal_size().columns - len(title) - len(shown) - 8
    last = lines[-1].strip()[: max(room, 0)] if lines else ""
    print(f"\r\033[2K  {title}  {shown}  {paint(last, GREY)}", end="", flush=True)
