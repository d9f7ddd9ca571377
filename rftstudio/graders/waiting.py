"""Whether a grader waits for something outside: a judge, a server. Such a one is asked only when somebody says so.

A Python grader waits for its sandbox, a few milliseconds on this machine: that is not meant here.
"""

from rftstudio.engine.grading import Spec


def waits(spec: Spec) -> bool:
    """Whether this grader, or one inside it, waits."""
    return spec.waits and spec.type != "python" or any(waits(part) for _, part in spec.parts())
