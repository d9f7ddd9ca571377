"""What graders need besides the item and the answer, such as word lists; set once around a stretch of grading.

A context variable rather than an argument of every `evaluate`: most kinds need none of it. Threads started while
grading have to run in a copy of the context (`contextvars.copy_context`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rftstudio.engine.grading.judges.judges import Judges


@dataclass(frozen=True, slots=True)
class Tools:
    """lists: by a list's name, other names by label: {"genes": {"CFTR": ("ABCC7", "MRP7")}}.

    judges: those that may be asked, with their memory and budget. secrets: what `endpoint` graders send, by name; never
    shown, and not in what is printed of this.
    """

    lists: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    judges: "Judges | None" = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


_NONE = Tools()
_CURRENT: ContextVar[Tools] = ContextVar("grading_tools", default=_NONE)


def tools() -> Tools:
    """Those of the present context; empty ones where none were set."""
    return _CURRENT.get()


@contextmanager
def using(given: Tools) -> Iterator[Tools]:
    """Grade with these tools inside the block."""
    token = _CURRENT.set(given)
    try:
        yield given
    finally:
        _CURRENT.reset(token)
