"""A pattern compiled by RE2, which takes linear time on any text; or the reason why RE2 cannot, and what to write.

RE2 has no lookaround and no backreferences: they are what makes other engines take minutes on a few hostile letters.
`\\w`, `\\d`, `\\s` and `\\b` know ASCII only; `\\p{L}` is any letter.
"""

import re
from functools import lru_cache
from time import monotonic
from typing import Any, NamedTuple

import re2

from rftstudio.engine.grading.failure import FieldError, NoScore

MAX_LENGTH = 4000
# Bytes for the compiled pattern: small enough that a text of a megabyte is read in seconds.
MAX_MEMORY = 1 << 20
MAX_SECONDS = 1.0

# What other engines have and RE2 has not: how it looks, and what to write in its place.
_ELSEWHERE = (
    (r"\(\?=", "lookahead (?=…)", "Match the following text too and take the part you want as a group: (\\d+) mg."),
    (r"\(\?!", "negative lookahead (?!…)", "Use two checks: one that must match, and one that must not."),
    (r"\(\?<=", "lookbehind (?<=…)", "Match the text before as well and take the rest as a group: dose: (\\d+)."),
    (r"\(\?<!", "negative lookbehind (?<!…)", "Use two checks: one that must match, and one that must not."),
    (r"\(\?P=|\\[1-9]|\\k[<{']|\\g[<{'\d]", "a backreference such as \\1", "List the cases, as in aa|bb."),
    (r"\(\?>|[*+?}]\+", "an atomic group or possessive repeat", "Leave it out: RE2 never goes back."),
    (r"\(\?\(", "a condition (?(1)…)", "Write the two cases with | between them."),
    (r"\(\?#", "a comment (?#…)", "Leave the comment out."),
    (r"\\Z", "\\Z", "Write \\z for the end of the text."),
    (r"\\u[0-9a-fA-F]{4}", "\\u with four digits", "Write \\x{00e9}, or the letter itself."),
    (r"\\R", "\\R", "Write \\r?\\n."),
    (r"\(\?[a-zA-Z]*x", "the flag x", "Write the pattern without spaces and comments."),
)  # fmt: skip


class Found(NamedTuple):
    """One match: its text, and that of the group asked for (None where the group took no part)."""

    text: str
    group: str | None


class Pattern:
    """A compiled pattern. Raises `FieldError` with RE2's reason."""

    __slots__ = ("_regexp", "groups", "names")

    def __init__(self, source: str, *, ignore_case: bool, multiline: bool, dot_all: bool) -> None:
        if not source:
            raise FieldError("The pattern is empty.", fix="Write what must occur, such as \\d+ mg.")
        if len(source) > MAX_LENGTH:
            message = f"The pattern is longer than {MAX_LENGTH} characters."
            raise FieldError(message, fix="Use a word list or several checks.")
        options = re2.Options()
        options.log_errors = False
        options.max_mem = MAX_MEMORY
        flags = "".join(flag for flag, on in (("i", ignore_case), ("m", multiline), ("s", dot_all)) if on)
        try:
            self._regexp = re2.compile(f"(?{flags}:{source})" if flags else source, options)
            if flags:
                re2.compile(source, options)  # so that a stray parenthesis cannot close the group around it
        except re2.error as failure:
            raise _refusal(source, failure) from None
        self.groups: int = self._regexp.groups
        self.names: dict[str, int] = dict(self._regexp.groupindex)

    def find(self, text: bytes, group: int, *, whole: bool, last: bool) -> Found | None:
        """The first match, or the last of those that do not overlap. text: UTF-8, see `encode`."""
        if whole:
            match = self._regexp.fullmatch(text)
        elif last:
            match = self._last(text)
        else:
            match = self._regexp.search(text)
        if match is None:
            return None
        part = match.group(group) if group else None
        return Found(
            match.group().decode("utf-8", "replace"), None if part is None else part.decode("utf-8", "replace")
        )

    def _last(self, text: bytes) -> Any:
        # Each search is linear, but one after every match is not: hence the clock.
        deadline, match = 0.0, None
        for count, match in enumerate(self._regexp.finditer(text)):  # noqa: B007 - the last one is wanted
            if count % 64 == 63:
                deadline = deadline or monotonic() + MAX_SECONDS
                if monotonic() > deadline:
                    message = f"Finding the last match took more than {MAX_SECONDS:g} seconds on this answer."
                    raise NoScore("unresponsive_reward_error", message)
        return match


def encode(text: str) -> bytes:
    """UTF-8, as RE2 wants it; half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace")


@lru_cache(maxsize=512)
def compile_pattern(source: str, ignore_case: bool = False, multiline: bool = False, dot_all: bool = False) -> Pattern:
    """The compiled pattern. Raises `FieldError`."""
    return Pattern(source, ignore_case=ignore_case, multiline=multiline, dot_all=dot_all)


def _refusal(source: str, failure: Exception) -> FieldError:
    reason = failure.args[0] if failure.args else ""
    reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    bare = re.sub(r"\\\\|\[[^\]]*\]", "", source)  # neither escaped backslashes nor character classes
    for look, what, instead in _ELSEWHERE:
        if re.search(look, bare):
            message = f"RE2, which reads the patterns here, has no {what.removeprefix('a ').removeprefix('an ')}"
            return FieldError(f"{message} ({reason[:200]}).", fix=instead)
    fix = "Correct the pattern; put \\ before a sign that is meant as itself: \\( \\[ \\* \\+ \\?."
    if "repetition size" in reason or "too large" in reason:
        fix = "Ask for fewer repeats: 1000 at most, and fewer where repeats stand inside each other."
    return FieldError(f"RE2 cannot read this pattern: {reason[:200]}.", fix=fix)
