"""What follows the end of a comparison: statistics, a sortable row an item, the proof of which weights answered."""

import json
from pathlib import Path
from typing import Any

from django.db import transaction

from rftstudio.evaluations.models import Answer, ComparedItem, Comparison, Outcome
from rftstudio.evaluations.summary import MODELS, Given, ItemAnswers, read_grade, summarise
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.tasksets.models import Split, VersionItem

MAX_SEARCH_TEXT = 20_000  # characters an item


def settle_comparison(*, comparison: Comparison) -> None:
    """Store result, summary and one `ComparedItem` an item; doing it again gives the same rows.

    A comparison that did not succeed keeps what was ingested and gets no summary. One that says it succeeded and left
    answers out is failed instead, with a sentence.
    """
    outcome = read_result(comparison.directory)
    result = {**comparison.result, **outcome}
    Comparison.objects.filter(pk=comparison.pk).update(result=result)
    comparison.result = result
    if comparison.status != Status.SUCCEEDED:
        return
    rows = list(
        VersionItem.objects.filter(version=comparison.run.taskset_version, split=Split.TEST).order_by("position")
    )
    items = {row.key: ItemAnswers(row.key, row.tags) for row in rows}
    texts = _take_answers(comparison, items)
    samples = comparison.settings.get("samples", 1)
    missing = sum(len(item.answers[model]) < samples for item in items.values() for model in MODELS)
    if missing or not outcome:
        _fail(comparison, missing)
        return
    summary = summarise(list(items.values()), samples=samples)
    summary["weights"] = _weights(comparison)
    compared = [_compared(comparison, row, items[row.key], texts[row.key]) for row in rows]
    with transaction.atomic():
        comparison.items.all().delete()
        ComparedItem.objects.bulk_create(compared, batch_size=500)
        Comparison.objects.filter(pk=comparison.pk).update(summary=summary)
    comparison.summary = summary


def read_result(directory: Path) -> dict[str, Any]:
    """What the engine wrote at its end; empty where it wrote nothing that can be read."""
    try:
        found = json.loads((directory / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _take_answers(comparison: Comparison, items: dict[str, ItemAnswers]) -> dict[str, dict[str, list[str]]]:
    """Sort the answers into `items`; returns their texts by item and model."""
    texts: dict[str, dict[str, list[str]]] = {key: {model: [] for model in MODELS} for key in items}
    answers = Answer.objects.filter(comparison=comparison).order_by("sample", "seq")
    for answer in answers.iterator(chunk_size=2000):
        if answer.item_key not in items or answer.model not in MODELS:
            continue
        parts, metrics, flag = read_grade(answer.grade)
        given = Given(answer.model, answer.score, answer.tokens, answer.truncated, parts, metrics, flag)
        items[answer.item_key].answers[answer.model].append(given)
        texts[answer.item_key][answer.model].append(answer.text.strip())
    return texts


def _compared(comparison: Comparison, row: VersionItem, item: ItemAnswers, texts: dict[str, list[str]]) -> ComparedItem:
    base, tuned = (item.score(model) for model in MODELS)
    words = [*map(str, row.fields.values()), str(row.reference_answer), *row.tags, *texts["base"], *texts["tuned"]]
    return ComparedItem(
        comparison=comparison,
        position=row.position,
        item_key=row.key,
        base_score=base,
        tuned_score=tuned,
        difference=None if base is None or tuned is None else tuned - base,
        outcome=Outcome(item.outcome),
        changed=texts["base"] != texts["tuned"],
        tags="".join(f"\n{tag}" for tag in row.tags) + "\n" if row.tags else "",
        search_text=" ".join([row.key, *words]).lower()[:MAX_SEARCH_TEXT],
    )


def _weights(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """Which weights answered, as the engine found them, and whether the adapter is the one that the run registered."""
    reported = comparison.result.get("models", {})
    expected = {"base": _hash_of(comparison.against), "tuned": _hash_of(comparison.run)}
    weights = {}
    for model in MODELS:
        adapter_hash = reported.get(model, {}).get("adapter_hash") or ""
        weights[model] = {"adapter_hash": adapter_hash, "as_expected": adapter_hash == expected[model]}
    return weights


def _hash_of(run: Run | None) -> str:
    """Of the adapter that a run registered; "" for the base, which has none."""
    return run.tuned_model.adapter_hash if run and run.tuned_model else ""


def _fail(comparison: Comparison, missing: int) -> None:
    comparison.status, comparison.culprit = Status.FAILED, "system"
    what = f"{missing} of its answers are not there" if missing else "its result file is not there"
    comparison.error = f"The comparison ended, but {what}. Try again; if it happens again, look at its log."
    Comparison.objects.filter(pk=comparison.pk).update(
        status=comparison.status, culprit=comparison.culprit, error=comparison.error
    )
