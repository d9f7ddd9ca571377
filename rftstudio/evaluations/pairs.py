"""The items of one page with both models' answers, put side by side and marked where the words differ."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rftstudio.evaluations.models import Answer, ComparedItem, Comparison
from rftstudio.evaluations.worddiff import WordDiff, plain, word_diff
from rftstudio.lib.rounding import Together, together
from rftstudio.tasksets.answers import shown_answer
from rftstudio.tasksets.models import VersionItem


@dataclass(frozen=True, slots=True)
class Pair:
    """Both answers to one item with the same seed. An answer may be missing where the engine gave none."""

    number: int
    base: Answer | None
    tuned: Answer | None
    diff: WordDiff


@dataclass(frozen=True, slots=True)
class Row:
    """One item as the page shows it. inputs: (label, text); reference: the right answer as text."""

    item: ComparedItem
    inputs: Sequence[tuple[str, str]]
    reference: str
    tags: Sequence[str]
    pairs: Sequence[Pair]

    @property
    def shown(self) -> Together:
        """Its two scores and their difference; the answers beside are shown with as many decimals."""
        return together(self.item.base_score, self.item.tuned_score)


def side_by_side(comparison: Comparison, items: Sequence[ComparedItem], *, marked: bool = True) -> list[Row]:
    """Rows for `items`, in their order; two queries however many they are. Unmarked rows compare no words."""
    version = comparison.run.taskset_version
    definition: dict[str, Any] = version.definition
    labels = {field["name"]: field.get("label") or field["name"] for field in definition["input_fields"]}
    frozen = {row.position: row for row in version.items.filter(position__in=[item.position for item in items])}
    answers: dict[tuple[str, str], dict[int, Answer]] = defaultdict(dict)
    for answer in comparison.answers.filter(item_key__in=[item.item_key for item in items]):
        answers[answer.item_key, answer.model][answer.sample] = answer
    rows = []
    for item in items:
        source = frozen[item.position]
        base, tuned = answers[item.item_key, "base"], answers[item.item_key, "tuned"]
        rows.append(
            Row(
                item=item,
                inputs=list(inputs_of(source, labels)),
                reference=shown_answer(source.reference_answer, definition["answer_type"]),
                tags=source.tags,
                pairs=[
                    _pair(number, base.get(number), tuned.get(number), marked) for number in sorted({*base, *tuned})
                ],
            )
        )
    return rows


def inputs_of(source: VersionItem, labels: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The columns that the task set names, or the last message of an imported conversation."""
    if source.messages:
        yield "Message", str(source.messages[-1]["content"])
        return
    for name, label in labels.items():
        if (value := source.fields.get(name)) not in (None, ""):
            yield label, str(value)


def _pair(number: int, base: Answer | None, tuned: Answer | None, marked: bool) -> Pair:
    left, right = (answer.text.strip() if answer else "" for answer in (base, tuned))
    return Pair(number + 1, base, tuned, word_diff(left, right) if marked else plain(left, right))
