"""What follows from a readiness check's figures: a verdict and findings in plain words, each with its remedies.

A pure function of the figures and of how the task is set up. The limits are rules of thumb, each with its reason.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rftstudio.engine.stats.readiness import Measures

Level = Literal["stop", "weak", "note"]
Verdict = Literal["ready", "weak", "not_yet"]

UNGRADED_STOP = 0.5  # more answers without a score end a training (the usual `max_no_score_share`)
UNGRADED = 0.05
SOLVED_STOP = 0.9  # of the items: the rest is too little to learn from
SOLVED = 0.5
SOLVED_NOTE = 0.1
SPREAD_STOP = 0.05  # of the items have better and worse answers: nearly every group is skipped
SPREAD = 0.25  # below it most of the time is spent on groups that teach nothing
CUT_STOP = 0.5
CUT = 0.1
UNREADABLE = 0.3
HABIT = 0.8  # of all answers say the same
FEW_TASKS, FEWEST_TASKS = 24, 4  # training tasks; fewer are learnt by heart
SUSPECT = 0.1  # of the items
# What went wrong, for a person; by OpenAI's error flags.
FLAGS = {
    "sample_parse_error": "the answer could not be read",
    "invalid_variable_error": "something the grader needs is missing",
    "formula_parse_error": "the formula has no value",
    "python_grader_runtime_error": "the Python grader failed or took too long",
    "python_grader_server_error": "the sandbox failed",
    "model_grader_server_error": "the judge could not be asked",
    "model_grader_parse_error": "the judge's reply could not be read",
    "model_grader_refusal_error": "the judge refused",
    "truncated_observation_error": "the answer was cut off",
    "unresponsive_reward_error": "the grader did not answer",
    "other_error": "another failure",
}
ORDER: tuple[Level, ...] = ("stop", "weak", "note")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the check knows of the task. limit: of an answer, in tokens; context: the model's, prompt included.

    enough: the limit holds every right answer, so that what runs into it is wrong already.
    """

    n_train: int
    n_examples: int
    limit: int
    context: int = 0
    enough: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """slug: which one. title: what is the matter; text: the evidence and why it matters. items: keys concerned.

    remedies: slugs, the likeliest first. values: settings that a remedy proposes.
    """

    slug: str
    level: Level
    title: str
    text: str
    remedies: tuple[str, ...]
    items: tuple[str, ...] = ()
    values: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(found: Measures, setup: Setup) -> tuple[Verdict, list[Finding]]:
    """The verdict and what speaks against training, the gravest first."""
    findings = sorted(_all(found, setup), key=lambda finding: ORDER.index(finding.level))
    levels = {finding.level for finding in findings}
    return "not_yet" if "stop" in levels else "weak" if "weak" in levels else "ready", findings


def _all(found: Measures, setup: Setup) -> Iterator[Finding]:
    yield from _grading(found)
    if found.n_scored:
        yield from _reward(found, setup)
        yield from _solved(found)
        yield from _form(found, setup)
        yield from _habit(found, setup)
        yield from _chance(found, setup)
    yield from _references(found)
    if setup.n_train < FEW_TASKS:
        text = f"The training split has {_tasks(setup.n_train)}. So few are soon known by heart."
        level: Level = "weak" if setup.n_train < FEWEST_TASKS else "note"
        yield Finding("few_tasks", level, "Few training tasks", text, ("more_items",))


def _grading(found: Measures) -> Iterator[Finding]:
    share = found.n_no_score / found.n_answers
    if share <= UNGRADED:
        return
    flags = ", ".join(f"{FLAGS.get(flag, flag)}: {count}" for flag, count in found.flags.items())
    why = f" ({flags})" if flags else ""
    text = f"{found.n_no_score} of {found.n_answers} answers have no score{why}. They are left out, never taken for 0."
    if share > UNGRADED_STOP:
        text += " A training would stop for it."
    level: Level = "stop" if share > UNGRADED_STOP else "weak"
    yield Finding("grader_fails", level, "The grader fails on answers", text, ("grader",), found.unscored)


def _reward(found: Measures, setup: Setup) -> Iterator[Finding]:
    """Whether any answer is better than another one to the same item."""
    spread = found.n_scored - len(found.no_spread)
    share = spread / found.n_scored
    help_it = _help(setup)
    if found.highest is not None and found.highest <= 0 and not spread:
        text = "No answer scored above 0. A training compares answers with each other: here none is better."
        yield Finding("all_zero", "stop", "Every answer scores 0", text, help_it, found.never)
    elif share < SPREAD_STOP and len(found.solved) < SOLVED_STOP * found.n_scored:
        text = f"On {_of(spread, found.n_scored)} tasks some answers score better than others. Without that difference "
        text += "there is nothing to move towards."
        yield Finding("no_spread", "stop", "Answers to a task all score alike", text, help_it, found.no_spread)
    elif share < SPREAD and len(found.solved) < SOLVED * found.n_scored:
        text = f"On {_of(spread, found.n_scored)} tasks some answers score better than others. Only those teach "
        text += "anything, so a training is slow: most of its answers go unused."
        yield Finding(
            "little_spread", "weak", "Few tasks have better and worse answers", text, help_it, found.no_spread
        )


def _solved(found: Measures) -> Iterator[Finding]:
    count = len(found.solved)
    share = count / found.n_scored
    if share < SOLVED_NOTE:
        return
    text = f"On {_of(count, found.n_scored)} tasks every answer is right already. They teach nothing and take time."
    if share >= SOLVED_STOP:
        yield Finding("solved", "stop", "The model can do this already", text, ("harder", "drop_solved"), found.solved)
    elif share >= SOLVED:
        remedies = ("drop_solved", "harder")
        yield Finding("many_solved", "weak", "Most tasks are solved already", text, remedies, found.solved)
    else:
        yield Finding("some_solved", "note", "Some tasks are solved already", text, ("drop_solved",), found.solved)


def _form(found: Measures, setup: Setup) -> Iterator[Finding]:
    """Cut off, or not in the shape that the task asks for."""
    cut = found.n_truncated / found.n_answers
    if cut > CUT:
        longer = setup.limit * 2
        if setup.context:
            longer = min(longer, max(setup.limit, setup.context // 2))
        text = f"{found.n_truncated} of {found.n_answers} answers ran into the limit of {setup.limit} tokens. What is "
        text += "cut off is marked as it stands, usually badly."
        remedies: tuple[str, ...] = ("longer", "instructions") if longer > setup.limit else ("instructions",)
        if setup.enough:
            text += " Every right answer fits: the model says more than the label."
            remedies = ("examples", "instructions")
        yield Finding(
            "truncated",
            "stop" if cut > CUT_STOP and not setup.enough else "weak",
            "Answers are cut off",
            text,
            remedies,
            values={"max_completion_length": longer},
        )
    unreadable = found.n_unreadable / found.n_answers
    if unreadable > UNREADABLE:
        text = f"{found.n_unreadable} of {found.n_answers} answers are not in the form that the task asks for. The "
        text += "model learns the form first, and the task only after."
        remedies = _help(setup)[:-1]  # a larger model is no remedy for a form that was never shown
        yield Finding("unreadable", "weak", "Answers are not in the form asked for", text, remedies)


def _habit(found: Measures, setup: Setup) -> Iterator[Finding]:
    if found.favourite is None:
        return
    meaning, said, right = found.favourite
    if said >= HABIT and right <= said / 2:
        text = f"“{_short(meaning)}” is {said:.0%} of all answers and the right one on {right:.0%} of the tasks. What "
        text += "is never said cannot be rewarded."
        yield Finding("same_answer", "weak", "One answer to nearly everything", text, _help(setup, "balance"))


def _chance(found: Measures, setup: Setup) -> Iterator[Finding]:
    if found.chance is None or found.passes is None or not found.passes.mean:
        return
    if found.passes.low is not None and found.passes.low <= found.chance.even:
        text = f"{found.passes.mean:.0%} of the answers are right; guessing among {found.chance.labels} labels gives "
        text += f"{found.chance.even:.0%}, always saying “{_short(found.chance.label)}” {found.chance.most:.0%}. It "
        text += "can still learn. Measure the result against these, not against 0."
        yield Finding("chance", "note", "Not better than guessing yet", text, _help(setup))


def _references(found: Measures) -> Iterator[Finding]:
    if not found.suspects:
        return
    count = len(found.suspects)
    level: Level = "weak" if count > SUSPECT * found.n_items else "note"
    text = f"On {_of(count, found.n_items)} tasks the model gives the same answer again and again, and it is not the "
    text += "reference answer. Either the model is wrong in a way of its own, or the reference is."
    items = tuple(suspect.key for suspect in found.suspects)
    yield Finding("suspects", level, "Look at these reference answers", text, ("references",), items)


def _help(setup: Setup, *first: str) -> tuple[str, ...]:
    """What makes right answers likelier; worked examples before all where there are none or one."""
    help_it: Sequence[str] = ("examples", "instructions", "soften", "larger_model")
    if setup.n_examples > 1:
        help_it = ("soften", "examples", "instructions", "larger_model")
    return (*first, *help_it)


def _of(count: int, total: int) -> str:
    return f"{count} of {total}"


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
