"""`Judges`: the judges of a workspace or a run, by name, with the memory and the budget that they share."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.judges.budget import Budget, Spent, require_prices
from rftstudio.engine.grading.judges.cache import Cache, Paid, key_of
from rftstudio.engine.grading.judges.client import Judge, Patience
from rftstudio.engine.grading.judges.endpoint import JudgeEndpoint
from rftstudio.engine.grading.judges.purse import Purse
from rftstudio.engine.grading.judges.question import Question

T = TypeVar("T")


class Judges:
    """file: where replies and payments are kept across restarts. purse, share: as `Budget` has them.

    Raises `SpecError` for a budget it cannot keep.
    """

    def __init__(
        self,
        endpoints: Iterable[JudgeEndpoint] = (),
        *,
        tokens: int = 0,
        cost: float = 0.0,
        file: Path | None = None,
        purse: Purse | None = None,
        share: float = 1.0,
        patience: Patience | None = None,
    ) -> None:
        self.endpoints = {endpoint.name: endpoint for endpoint in endpoints}
        self.cache = Cache(file)
        restored = self.cache.restored  # in the purse since they were paid
        before = Spent(
            calls=len(restored), tokens=sum(paid.tokens for paid in restored), cost=sum(paid.cost for paid in restored)
        )
        self.budget = Budget(tokens=tokens, cost=cost, purse=purse, share=share, spent=before)
        require_prices(list(self.endpoints.values()), self.budget)
        self._judges = {
            name: Judge(endpoint, budget=self.budget, cache=self.cache, patience=patience or Patience())
            for name, endpoint in self.endpoints.items()
        }
        self._taken = self.budget.spent

    def ask(self, name: str, question: Question, read: Callable[[str], T]) -> tuple[T, int]:
        """What `read` makes of the judge's reply, and the tokens paid now.

        The same question is paid once. A reply that `read` refuses (by `NoScore`) is paid and not kept.
        Raises `NoScore`.
        """
        judge = self._find(name)
        endpoint = judge.endpoint
        key = key_of(endpoint.base_url, endpoint.model, question.messages, question.schema, question.params)

        def ask() -> Paid:
            paid = judge.ask(question)
            try:
                read(paid.text)
            except NoScore:
                self.cache.note(paid.tokens, paid.cost)
                raise
            return paid

        text, paid = self.cache.get(key, ask)
        if paid is None:
            self.budget.add(cached=1)
        return read(text), paid.tokens if paid else 0

    def label(self, name: str) -> str:
        """What every verdict of a weak judge begins with; "" for any other."""
        endpoint = self.endpoints.get(name)
        return "Weak judge, for trying out only. " if endpoint is not None and endpoint.weak else ""

    def take(self) -> Spent:
        """What was spent since last asked."""
        now = self.budget.spent
        taken, self._taken = now.since(self._taken), now
        return taken

    @property
    def width(self) -> int:
        """Calls that all judges together can have in flight."""
        return sum(endpoint.concurrency for endpoint in self.endpoints.values())

    def require(self, names: Iterable[tuple[str, str]]) -> None:
        """Every judge that a grader names, as (path, name), is there. Raises `SpecError`."""
        for path, name in names:
            if name not in self.endpoints:
                raise SpecError(f"There is no judge called “{name[:80]}”.", path=path, fix=self._known())

    def _find(self, name: str) -> Judge:
        try:
            return self._judges[name]
        except KeyError:
            message = f"There is no judge called “{name[:80]}”. {self._known()}"
            raise NoScore("model_grader_server_error", message) from None

    def _known(self) -> str:
        if not self.endpoints:
            return "No judge is set up here yet."
        return f"The judges there are: {', '.join(self.endpoints)}."
