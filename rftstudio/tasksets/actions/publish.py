"""Deal out the splits, and freeze the draft as the next numbered version."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from rftstudio.accounts.models import User
from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.text import normalise
from rftstudio.tasksets.actions.items import touch
from rftstudio.tasksets.checks import Finding, publish_findings
from rftstudio.tasksets.definition import definition_of, prompt_key, version_hash
from rftstudio.tasksets.derive import derive
from rftstudio.tasksets.models import Split, TaskItem, TaskSet, TaskSetVersion, VersionItem
from rftstudio.tasksets.splits import Card, deal

BATCH = 1000


@dataclass(frozen=True)
class Draft:
    """What publishing now would freeze. dealt: items that would get their split by it."""

    findings: list[Finding]
    counts: dict[str, int]
    total: int
    dealt: int

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.is_error]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.is_error]


def inspect_draft(taskset: TaskSet) -> Draft:
    """Looks at the draft as `publish_version` would, and changes nothing."""
    definition = definition_of(taskset)
    items = [derive(item, definition) for item in taskset.items.live()]
    dealt = _proposal(items)
    for item in items:
        item.split = dealt.get(item.key, item.split)
    return Draft(publish_findings(definition, items), _counts(items), len(items), len(dealt))


def propose_splits(*, taskset: TaskSet) -> int:
    """Give every item without a split one. Returns how many got one."""
    return _deal_out(taskset, list(taskset.items.live()))


@transaction.atomic
def publish_version(*, taskset: TaskSet, by: User | None, note: str = "") -> TaskSetVersion:
    """Freeze the draft. Items without a split get one first.

    Returns the latest version unchanged where the content is the same as its. Raises `SpecError` naming everything
    that has to be put right.
    """
    TaskSet.objects.select_for_update().get(pk=taskset.pk)  # two people publishing at once get two numbers
    definition = definition_of(taskset)
    items = [derive(item, definition) for item in taskset.items.live()]
    _deal_out(taskset, items)
    errors = [finding for finding in publish_findings(definition, items) if finding.is_error]
    if errors:
        raise _one_error(errors)
    content_hash = version_hash(definition, ((item.key, item.split, item.content_hash) for item in items))
    latest = taskset.latest_version
    if latest is not None and latest.content_hash == content_hash:
        return latest
    version = TaskSetVersion.objects.create(
        taskset=taskset,
        number=latest.number + 1 if latest else 1,
        content_hash=content_hash,
        definition=definition,
        counts=_counts(items),
        note=note,
        published_by=by,
    )
    VersionItem.objects.bulk_create(
        (
            VersionItem(
                version=version,
                position=position,
                key=item.key,
                split=item.split,
                fields=item.fields,
                messages=item.messages,
                reference_answer=item.reference_answer,
                tags=item.tags,
                content_hash=item.content_hash,
            )
            for position, item in enumerate(items)
        ),
        batch_size=BATCH,
    )
    touch(taskset)
    return version


def _deal_out(taskset: TaskSet, items: Sequence[TaskItem]) -> int:
    """Deal splits to the rows given (all live ones) and save them; the objects are changed too."""
    dealt = _proposal(items)
    if not dealt:
        return 0
    by_split: dict[str, list[int]] = {}
    for item in items:
        if item.key in dealt:
            item.split = dealt[item.key]
            by_split.setdefault(item.split, []).append(item.pk)
    with transaction.atomic():
        for split, pks in by_split.items():
            for start in range(0, len(pks), BATCH):
                taskset.items.filter(pk__in=pks[start : start + BATCH], split="").update(split=split)
    touch(taskset)
    return len(dealt)


def _proposal(items: Sequence[TaskItem]) -> dict[str, str]:
    """Key → split of the items that have none."""
    if all(item.split for item in items):
        return {}
    return deal(Card(item.key, item.split, strata(item), _group(item)) for item in items)


def _counts(items: Sequence[TaskItem]) -> dict[str, int]:
    return {split: sum(item.split == split for item in items) for split in Split.values}


def strata(item: TaskItem) -> tuple[str, ...]:
    """What is spread evenly over the splits: a short answer, and every tag."""
    answer = item.reference_answer
    names = [f"tag {tag}" for tag in item.tags]
    if isinstance(answer, str) and len(answer) <= 80:
        names.append(f"answer {normalise(answer)}")
    elif isinstance(answer, int | float):
        names.append(f"answer {answer}")
    return tuple(names)


def _group(item: TaskItem) -> str:
    return prompt_key(fields=item.fields, messages=item.messages)


def _one_error(errors: Sequence[Finding]) -> SpecError:
    first = errors[0]
    message = first.message
    if len(errors) > 1:
        others = " ".join(finding.message for finding in errors[1:4])
        message = f"{message} {others}"
    return SpecError(message, path=first.path, fix=first.fix)
