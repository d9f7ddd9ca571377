"""What judges cost: calls, tokens and money, counted as they come, and where a run's budget ends.

Calls in flight when a budget runs out are finished and counted, so that it may be overshot by as many calls as were
in flight. A token count that a server does not give is estimated at four characters a token.
"""

import threading
from dataclasses import dataclass, replace

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.judges.endpoint import JudgeEndpoint
from rftstudio.engine.grading.judges.purse import Purse


@dataclass(frozen=True, slots=True)
class Spent:
    """calls: answered and paid. cached: answered from memory, free. failed: given up. cost: money."""

    calls: int = 0
    cached: int = 0
    failed: int = 0
    tokens: int = 0
    cost: float = 0.0

    def since(self, before: "Spent") -> "Spent":
        return Spent(
            self.calls - before.calls,
            self.cached - before.cached,
            self.failed - before.failed,
            self.tokens - before.tokens,
            self.cost - before.cost,
        )

    def to_json(self) -> dict[str, float]:
        return {
            "calls": self.calls,
            "cached": self.cached,
            "failed": self.failed,
            "tokens": self.tokens,
            "cost": round(self.cost, 6),
        }


class Budget:
    """tokens, cost: what may be spent; 0 sets no limit. Shared by all judges of a run and by their threads.

    purse: where it is spent together with other jobs; the limits are then those of all of them. share: the part of the
    limits that this job may spend itself, whatever the others spend, so that something is left for each of them.
    """

    def __init__(
        self,
        *,
        tokens: int = 0,
        cost: float = 0.0,
        purse: Purse | None = None,
        share: float = 1.0,
        spent: Spent | None = None,
    ) -> None:
        self.tokens = tokens
        self.cost = cost
        self.purse = purse
        self.share = share
        self._spent = spent or Spent()
        self._lock = threading.Lock()

    @property
    def spent(self) -> Spent:
        with self._lock:
            return self._spent

    def add(self, *, calls: int = 0, cached: int = 0, failed: int = 0, tokens: int = 0, cost: float = 0.0) -> None:
        with self._lock:
            was = self._spent
            self._spent = replace(
                was,
                calls=was.calls + calls,
                cached=was.cached + cached,
                failed=was.failed + failed,
                tokens=was.tokens + tokens,
                cost=was.cost + cost,
            )

        if self.purse is not None and (tokens or cost):
            self.purse.add(tokens, cost)

    @property
    def used_up(self) -> str:
        """A sentence on what is used up; "" while there is something left."""
        mine = self.spent
        together = self.purse.total() if self.purse is not None else mine
        return self._gone(mine.tokens, together.tokens, self.tokens, "{:,.0f}", " tokens") or self._gone(
            mine.cost, together.cost, self.cost, "{:.4g}", " in money"
        )

    def _gone(self, mine: float, together: float, limit: float, number: str, unit: str) -> str:
        whole = number.format(limit) + unit
        if limit and together >= limit:
            return f"The judge budget of {whole} is used up."
        if limit and mine >= self.share * limit:
            part = number.format(self.share * limit)
            return (
                f"Of the launch’s judge budget of {whole}, the part for this job, {part}, is used up; the rest is kept "
                "for the others."
            )
        return ""

    def check(self) -> None:
        """Raises `NoScore` when nothing is left: the answer is then neither judged nor paid for."""
        if problem := self.used_up:
            raise NoScore("other_error", f"{problem} This answer was not judged.")


def cost_of(endpoint: JudgeEndpoint, tokens_in: int, tokens_out: int) -> float:
    """Money for a call; 0 where no price is set."""
    return ((endpoint.price_in or 0.0) * tokens_in + (endpoint.price_out or 0.0) * tokens_out) / 1e6


def require_prices(endpoints: list[JudgeEndpoint], budget: Budget) -> None:
    """Raises `SpecError` where a budget in money meets a judge whose price is not known."""
    for endpoint in endpoints:
        if budget.cost and (endpoint.price_in is None or endpoint.price_out is None):
            raise SpecError(
                f"The judge “{endpoint.name}” has no price, so a budget in money cannot be kept.",
                path="judge_cost",
                fix="Give its prices (0 where it is free), or set a budget in tokens instead.",
            )
