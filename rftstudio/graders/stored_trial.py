"""A grader tried on stored answers: the spread of its scores, what failed and why, what a grade costs, worst first."""

from collections import Counter
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import Spec, grade_many
from rftstudio.engine.types import Grade, Item, Sample
from rftstudio.graders.stored_answers import StoredAnswer, stored_answers
from rftstudio.graders.toolbox import Toolbox
from rftstudio.lib import charts
from rftstudio.tasksets.definition import definition_of
from rftstudio.tasksets.models import TaskItem, TaskSet
from rftstudio.tasksets.rows import draft_item

MAX_ANSWERS = 20
MAX_SECONDS = 25.0
MAX_CHARACTERS = 20_000
FLAGS = {
    "sample_parse_error": "the answer is not the JSON that the grader reads",
    "invalid_variable_error": "a variable is not there",
    "formula_parse_error": "the formula has no value",
    "python_grader_runtime_error": "the Python grader failed",
    "python_grader_server_error": "the sandbox failed",
    "model_grader_server_error": "the judge could not be reached",
    "model_grader_parse_error": "the judge's verdict could not be read",
    "model_grader_refusal_error": "the judge refused",
    "truncated_observation_error": "the answer was cut off",
    "unresponsive_reward_error": "the server gave no score",
    "other_error": "another reason",
}


@dataclass(frozen=True)
class Tried:
    """One answer with its grade. pk: of its item."""

    answer: StoredAnswer
    pk: int
    grade: Grade

    @property
    def excerpt(self) -> str:
        text = " ".join(self.answer.text.split())
        return text if len(text) <= 200 else f"{text[:199]}…"


@dataclass
class StoredTrial:
    """tried: worst first, those without a score before all. n_left: not graded, since the time ran out."""

    tried: list[Tried] = field(default_factory=list)
    n_left: int = 0
    seconds: float = 0.0

    @property
    def scores(self) -> list[float]:
        return [each.grade.score for each in self.tried if each.grade.score is not None]

    @property
    def mean(self) -> float | None:
        return sum(self.scores) / len(self.scores) if self.scores else None

    @property
    def n_no_score(self) -> int:
        return len(self.tried) - len(self.scores)

    @property
    def failures(self) -> list[tuple[str, str, int]]:
        """(flag, in words, how many), the most frequent first."""
        counts = Counter(each.grade.error.flag for each in self.tried if each.grade.error is not None)
        return [(flag, FLAGS.get(flag, flag), count) for flag, count in counts.most_common()]

    @property
    def seconds_each(self) -> float:
        """What one grade takes by itself; several at once take less together."""
        return sum(each.grade.latency_s for each in self.tried) / max(1, len(self.tried))

    @property
    def speed(self) -> str:
        each = self.seconds_each
        return f"{each:.2f} s" if each >= 0.1 else f"{1000 * each:.1f} ms" if each >= 1e-4 else "under 0.1 ms"

    @property
    def tokens(self) -> int:
        return sum(each.grade.tokens for each in self.tried)

    @property
    def tokens_each(self) -> float:
        return self.tokens / max(1, len(self.tried))

    @property
    def figure(self) -> dict[str, Any]:
        return charts.score_histogram(self.scores)


def try_on_stored(taskset: TaskSet, spec: Spec, *, limit: int = MAX_ANSWERS, judges: bool = False) -> StoredTrial:
    """Grade up to 20 stored answers, for half a minute at most.

    judges: they, and servers, may be asked. Raises `SpecError` where they may not and the grader needs one.
    """
    toolbox = Toolbox.of(taskset.workspace, spec)
    if not judges and spec.calls_in_all():
        raise SpecError("This grader asks a judge or a server, which costs money.", fix="Ask an author to try it.")
    with toolbox.lent(judges=bool(toolbox.judges)):
        return _try(taskset, spec, limit)


def _try(taskset: TaskSet, spec: Spec, limit: int) -> StoredTrial:
    started = monotonic()
    pairs = _pairs(taskset, stored_answers(taskset, limit))
    at_once = 10 if spec.calls_in_all() else 5
    trial = StoredTrial()
    for start in range(0, len(pairs), at_once):
        if monotonic() - started > MAX_SECONDS:
            trial.n_left = len(pairs) - start
            break
        some = pairs[start : start + at_once]
        grades = grade_many(spec, [(item, sample) for _, _, item, sample in some])
        trial.tried += [Tried(answer, pk, found) for (answer, pk, _, _), found in zip(some, grades, strict=True)]
    trial.tried.sort(key=lambda each: (each.grade.score is not None, each.grade.score or 0.0))
    trial.seconds = monotonic() - started
    return trial


def _pairs(taskset: TaskSet, answers: list[StoredAnswer]) -> list[tuple[StoredAnswer, int, Item, Sample]]:
    definition = definition_of(taskset)
    rows = {
        row.key: row
        for row in TaskItem.objects.filter(taskset=taskset, key__in={each.item_key for each in answers}).live()
    }
    pairs = []
    for answer in answers:
        row = rows.get(answer.item_key)
        if row is None or len(answer.text) > MAX_CHARACTERS:
            continue
        try:
            item = draft_item(taskset, row, definition=definition)
        except SpecError:
            continue  # an item that cannot be asked has no answer worth marking; the item's own page says why
        pairs.append((answer, row.pk, item, Sample.from_text(answer.text, truncated=answer.truncated)))
    return pairs
