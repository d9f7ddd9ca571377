"""Whose fault a failure is. Three culprits, three classes; nothing else is raised on purpose in the engine."""


class EngineError(Exception):
    """Base of the engine's own errors. `str(error)` is a sentence for a person."""


class SpecError(EngineError):
    """The author's mistake, in a grader, an item or a setting.

    path: dotted path to the offending value (`graders.style.input`, `line 3: messages`), "" where there is none.
    fix: what to do about it, one sentence.
    """

    def __init__(self, message: str, *, path: str = "", fix: str = "") -> None:
        self.message = message
        self.path = path
        self.fix = fix
        super().__init__(" ".join(part for part in (f"{path}:" if path else "", message, fix) if part))


class SystemFault(EngineError):
    """The machine's failure: disk full, model directory missing, out of memory."""


class GraderFault(EngineError):
    """Too many answers could not be graded for the rest to mean anything. The message gives the first reasons."""
