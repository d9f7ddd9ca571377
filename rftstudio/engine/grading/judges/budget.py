"""What judges cost: calls, tokens and money, counted as they come, and where a run's budget ends.

Calls in flight when a budget runs out are finished and counted, so that it may be overshot by as many calls as were
in flight. A token count that a server does not give is estimated at four characters a token.
"""

import threading
from dataclasses import dataclass, replace

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading.failure import NoScore
from rftstudio.engine.grading.judges.endpoint import JudgeEndpoint


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
    """tokens, cost: what may be spent; 0 sets no limit. Shared by all judges of a run and by their threads."""

    def __init__(self, *, tokens: int = 0, cost: float = 0.0) -> None:
        self.tokens = tokens
        self.cost = cost
        self._spent = Spent()
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

    @property
    def used_up(self) -> str:
        """A sentence on what is used up; "" while there is something left."""
        spent = self.spent
        if self.tokens and spent.tokens >= self.tokens:
            return f"The judge budget of {self.tokens:,} tokens is used up."
        if self.cost and spent.cost >= self.cost:
            return f"The judge budget of {self.cost:g} in money is used up."
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
