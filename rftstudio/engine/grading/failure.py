"""How a grader kind says that it cannot give a score, and how a field says that it was filled in wrongly.

Both stay inside the grading package: `NoScore` becomes `Grade.error`, `FieldError` becomes a `SpecError`.
"""

from rftstudio.engine.errors import EngineError
from rftstudio.engine.types import ErrorFlag, GradeError


class NoScore(EngineError):
    """This sample gets no score. Never turned into 0."""

    def __init__(self, flag: ErrorFlag, message: str) -> None:
        super().__init__(message)
        self.error = GradeError(flag, message)


class FieldError(ValueError):
    """A field of a spec is wrong. Raised in pydantic validators, which know the path.

    at: path below the field being validated, such as `.code` or `[2]`.
    """

    def __init__(self, message: str, *, fix: str = "", at: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.at = at
