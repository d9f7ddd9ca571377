"""What follows the end of a readiness check: its figures, the verdict and what each task's answers scored."""

from collections import defaultdict
from typing import Any

from rftstudio.engine.stats.findings import Setup, judge
from rftstudio.engine.stats.readiness import Tried, Try, measure
from rftstudio.evaluations.models import Attempt, Readiness
from rftstudio.evaluations.readiness.choose import rows_of
from rftstudio.evaluations.readiness.meaning import meaning_of, reference_meaning
from rftstudio.evaluations.settle import read_result
from rftstudio.evaluations.summary import read_grade
from rftstudio.runs.jobs import Status
from rftstudio.tasksets.answers import choice_labels
from rftstudio.tasksets.models import Split, VersionItem


def settle_check(*, check: Readiness) -> None:
    """Store result and summary; doing it again gives the same.

    A check that did not succeed keeps its answers and gets no summary. One that says it succeeded and left answers out
    is failed instead, with a sentence.
    """
    outcome = read_result(check.directory)
    check.result = {**check.result, **outcome}
    check.save(update_fields=["result"])
    if check.status != Status.SUCCEEDED:
        return
    rows = rows_of(check)
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in check.attempts.order_by("sample", "seq").iterator(chunk_size=2000):
        attempts[attempt.item_key].append(attempt)
    samples = check.settings["samples"]
    missing = sum(max(0, samples - len(attempts[row.key])) for row in rows)
    if missing or not outcome:
        what = f"{missing} of its answers are not there" if missing else "its result file is not there"
        check.status, check.culprit = Status.FAILED, "system"
        check.error = f"The check ended, but {what}. Try again; if it happens again, look at its log."
        check.save(update_fields=["status", "culprit", "error"])
        return
    check.summary = summarise(check, rows, attempts)
    check.save(update_fields=["summary"])


def summarise(check: Readiness, rows: list[VersionItem], attempts: dict[str, list[Attempt]]) -> dict[str, Any]:
    """`Measures.to_json()`, the verdict, `findings`, and `items`: [{key, position, scores, truncated}] in order."""
    definition = check.taskset_version.definition
    answer_type, options = definition["answer_type"], definition["answer_options"]
    tried = [
        Tried(
            row.key,
            reference_meaning(row.reference_answer, answer_type, options),
            [_tried(attempt, answer_type, options) for attempt in attempts[row.key]],
        )
        for row in rows
    ]
    measures = measure(
        tried, samples=check.settings["samples"], threshold=check.pass_score, labels=choice_labels(options)
    )
    setup = Setup(
        n_train=check.taskset_version.counts.get(Split.TRAIN, 0),
        n_examples=len(definition["worked_examples"]),
        limit=check.settings["max_completion_length"],
        context=check.base_model.context_length,
        enough=check.settings["max_completion_length"] >= (check.taskset_version.answer_limit or float("inf")),
    )
    verdict, findings = judge(measures, setup)
    return {
        **measures.to_json(),
        "verdict": verdict,
        "findings": [finding.to_json() for finding in findings],
        "n_examples": setup.n_examples,
        "n_train": setup.n_train,
        "items": [
            {
                "key": row.key,
                "position": row.position,
                "scores": [attempt.score for attempt in attempts[row.key]],
                "truncated": sum(attempt.truncated for attempt in attempts[row.key]),
            }
            for row in rows
        ],
    }


def _tried(attempt: Attempt, answer_type: str, options: dict[str, Any]) -> Try:
    flag = read_grade(attempt.grade)[2]
    meaning = meaning_of(attempt.text, answer_type, options)
    return Try(attempt.score, meaning, attempt.truncated, attempt.tokens, flag)
