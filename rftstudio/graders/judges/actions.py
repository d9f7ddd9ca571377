"""What can be done to judges: set one up, change it, ask it something, archive it.

A key goes in and never comes out again: it is encrypted at once, and decrypted only in `grading.py`, for a call.
"""

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from rftstudio.accounts.models import User, Workspace
from rftstudio.engine.errors import EngineError, SpecError
from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.judges.client import Patience
from rftstudio.engine.grading.judges.judges import Judges
from rftstudio.engine.grading.judges.prompt import object_schema
from rftstudio.engine.grading.judges.question import Question
from rftstudio.engine.grading.judges.reply import read_object, want
from rftstudio.graders.judges.grading import endpoint_of
from rftstudio.graders.models import JudgeEndpoint
from rftstudio.graders.used_by import Uses
from rftstudio.lib.secrets import encrypt, renew

EMBEDDED_NAME = "embedded"
ASK_SECONDS = 30.0
MAX_QUESTION = 2_000


def create_judge(*, workspace: Workspace, by: User | None, key: str = "", **values: Any) -> JudgeEndpoint:
    """values: name, base_url, model, price_in, price_out, concurrency, timeout_s. Raises `SpecError` at "name"."""
    _require_free(workspace, values["name"])
    judge = JudgeEndpoint(workspace=workspace, created_by=by, key_token=encrypt(key) if key else "", **values)
    return _saved(judge)


def add_embedded(*, workspace: Workspace, by: User | None) -> JudgeEndpoint:
    """The studio's own small model as a judge; the one there is where it was added before."""
    found = workspace.judges.filter(embedded=True).first()
    if found is not None:
        return restore_judge(judge=found)
    taken = {name.casefold() for name in workspace.judges.values_list("name", flat=True)}
    name = EMBEDDED_NAME if EMBEDDED_NAME not in taken else f"{EMBEDDED_NAME} model"
    return _saved(
        JudgeEndpoint(
            workspace=workspace,
            name=name,
            model="embedded",
            embedded=True,
            concurrency=1,
            timeout_s=120.0,
            price_in=0.0,
            price_out=0.0,
            created_by=by,
        )
    )


def change_judge(*, judge: JudgeEndpoint, key: str = "", remove_key: bool = False, **values: Any) -> JudgeEndpoint:
    """An empty key keeps the one there is. Raises `SpecError` at "name" where graders know it by its old one."""
    name = values.get("name", judge.name)
    if name != judge.name:
        _require_free(judge.workspace, name, but=judge)
        if used := Uses(judge.workspace).of_judge(judge.name):
            fix = "Keep the name, or set up another judge."
            message = f"{len(used)} grader{'s ask' if len(used) > 1 else ' asks'} it by its name “{judge.name}”."
            raise SpecError(message, path="name", fix=fix)
    for field, value in values.items():
        setattr(judge, field, value)
    if key:
        judge.key_token = encrypt(key)
    elif remove_key:
        judge.key_token = ""
    return _saved(judge)


def archive_judge(*, judge: JudgeEndpoint) -> JudgeEndpoint:
    """Take it away from graders: those that name it can be neither saved nor launched until it is restored."""
    judge.archived_at = timezone.now()
    judge.save(update_fields=["archived_at", "updated_at"])
    return judge


def restore_judge(*, judge: JudgeEndpoint) -> JudgeEndpoint:
    judge.archived_at = None
    judge.save(update_fields=["archived_at", "updated_at"])
    return judge


@transaction.atomic
def renew_keys() -> int:
    """Encrypt every judge's key under the first of the studio's keys; how many. Raises `SystemFault`: all or none."""
    judges = JudgeEndpoint.objects.select_for_update().exclude(key_token="")
    for judge in judges:
        JudgeEndpoint.objects.filter(pk=judge.pk).update(key_token=renew(judge.key_token))
    return len(judges)


@dataclass(frozen=True)
class Reply:
    """What a judge said to one question. problem: why it said nothing."""

    question: str
    text: str
    seconds: float
    tokens: int
    cost: float
    problem: str = ""


def ask_judge(*, judge: JudgeEndpoint, question: str) -> Reply:
    """One question, tried once, within half a minute. Raises nothing: what went wrong is in the reply."""
    question = question.strip()[:MAX_QUESTION] or "Say hello."
    started = perf_counter()
    text, problem, tokens, cost = "", "", 0, 0.0
    try:
        endpoint = endpoint_of(judge)
        endpoint = replace(endpoint, timeout_s=min(endpoint.timeout_s, ASK_SECONDS))
        judges = Judges([endpoint], patience=Patience(tries=1))
        system = 'Answer briefly, as a JSON object {"answer": "…"} and nothing else.'
        chat = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        schema = object_schema(answer={"type": "string"})
        try:
            text, _ = judges.ask(endpoint.name, Question(chat, schema, {}), _read)
        finally:
            tokens, cost = judges.budget.spent.tokens, judges.budget.spent.cost
    except NoScore as failure:
        problem = failure.error.message
    except EngineError as failure:
        problem = str(failure)
    return Reply(question, text, perf_counter() - started, tokens, cost, problem)


def _read(text: str) -> str:
    return str(want(read_object(text), "answer"))[:4_000]


def _require_free(workspace: Workspace, name: str, *, but: JudgeEndpoint | None = None) -> None:
    same = workspace.judges.filter(name__iexact=name).exclude(pk=but.pk if but else None).first()
    if same is not None:
        where = " among the archived ones" if same.archived_at else ""
        raise SpecError(f"There is a judge of this name already{where}.", path="name", fix="Choose another name.")


def _saved(judge: JudgeEndpoint) -> JudgeEndpoint:
    try:
        with transaction.atomic():
            judge.save()
    except IntegrityError:
        raise SpecError("Somebody set up a judge of this name just now.", path="name", fix="Choose another.") from None
    return judge
