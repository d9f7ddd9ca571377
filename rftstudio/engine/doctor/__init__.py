"""The run doctor: what the figures of a training say in plain words, each with its evidence and something to do.

Pure: a function over the data of "metrics" events. It knows neither torch nor Django, so the engine asks it after every
step (`engine/training/watch.py`) and the pages ask it about what was reported. The manual's page on training has a
section for each finding, under the titles in `TITLES`.
"""

from collections.abc import Sequence

from rftstudio.engine.doctor import answers, learning, marking
from rftstudio.engine.doctor.finding import LEVELS, WINDOW, Finding, Point, Record

__all__ = ["TITLES", "WINDOW", "Finding", "findings"]

TITLES = {
    "all_zero": "No answer earns anything",
    "no_spread": "All answers to a task get the same mark",
    "solved": "Already solved",
    "truncated": "Most answers are cut off",
    "entropy_collapse": "The answers hardly vary any more",
    "kl_blowup": "The model has moved far from the base model",
    "length_growth": "Answers grow, validation does not",
    "copies": "Answers are copies of each other",
    "gap": "Better on training tasks than on others",
    "by_heart": "The answers are learned by heart",
    "graders_failing": "The grader fails",
    "judge_addressed": "Answers talk to the judge",
    "fallen": "Validation has fallen",
    "flat": "Validation does not rise",
}

# What is no news where one of these is found.
_EXPLAINED_BY = {
    "no_spread": {"all_zero", "solved", "entropy_collapse", "copies"},
    "flat": {"all_zero"},
    "by_heart": {"fallen"},
}


def findings(points: Sequence[Point], *, total_steps: int) -> list[Finding]:
    """Findings of a training so far, the gravest first. points: the data of "metrics" events in order of steps."""
    record = Record(points, total_steps)
    found = [finding for rule in _RULES if (finding := rule(record)) is not None]
    names = {finding.name for finding in found}
    found = [finding for finding in found if not names & _EXPLAINED_BY.get(finding.name, set())]
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


_RULES = (*learning.RULES, *answers.RULES, *marking.RULES)
