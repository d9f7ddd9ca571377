"""The pieces of a parsed formula. Each knows its value and, where it is linear, its coefficients."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Values = Mapping[str, float]


class FormulaError(ValueError):
    """The formula cannot be read, or has no value for these numbers. `str(error)` is a sentence."""


class Node:
    """A piece of a formula."""

    def value(self, values: Values) -> float:
        raise NotImplementedError

    def coefficients(self) -> dict[str, float] | None:
        """Coefficient of each name ("" is the constant) where the piece is linear in them, otherwise None."""
        return None


@dataclass(slots=True)
class Number(Node):
    number: float

    def value(self, values: Values) -> float:
        return self.number

    def coefficients(self) -> dict[str, float] | None:
        return {"": self.number}


@dataclass(slots=True)
class Name(Node):
    name: str

    def value(self, values: Values) -> float:
        return values[self.name]

    def coefficients(self) -> dict[str, float] | None:
        return {self.name: 1.0}


@dataclass(slots=True)
class Sum(Node):
    """Terms with their signs; a list, so that a long chain is not a deep tree."""

    terms: list[tuple[float, Node]]

    def value(self, values: Values) -> float:
        total = 0.0
        for sign, term in self.terms:
            total = checked(total + sign * term.value(values))
        return total

    def coefficients(self) -> dict[str, float] | None:
        total: dict[str, float] = {}
        for sign, term in self.terms:
            part = term.coefficients()
            if part is None:
                return None
            for name, coefficient in part.items():
                total[name] = total.get(name, 0.0) + sign * coefficient
        return total


@dataclass(slots=True)
class Product(Node):
    """A first factor, then factors and divisors (True)."""

    first: Node
    rest: list[tuple[bool, Node]]

    def value(self, values: Values) -> float:
        total = self.first.value(values)
        for divides, factor in self.rest:
            number = factor.value(values)
            if divides and number == 0:
                raise FormulaError("Division by zero.")
            total = checked(total / number if divides else total * number)
        return total

    def coefficients(self) -> dict[str, float] | None:
        total = self.first.coefficients()
        for divides, factor in self.rest:
            part = factor.coefficients()
            if total is None or part is None:
                return None
            if set(part) - {""}:
                if divides or set(total) - {""}:
                    return None
                total, part = part, total
            scale = part.get("", 0.0)
            if divides and scale == 0:
                return None
            total = {name: number / scale if divides else number * scale for name, number in total.items()}
        return total


@dataclass(slots=True)
class Power(Node):
    base: Node
    exponent: Node

    def value(self, values: Values) -> float:
        base, exponent = self.base.value(values), self.exponent.value(values)
        try:
            return checked(math.pow(base, exponent))
        except (ValueError, OverflowError):
            raise FormulaError(f"{base:g} ^ {exponent:g} has no finite value.") from None


@dataclass(slots=True)
class Call(Node):
    name: str
    arguments: list[Node]
    function: Callable[..., float] = field(init=False)

    def __post_init__(self) -> None:
        self.function = FUNCTIONS[self.name]

    def value(self, values: Values) -> float:
        numbers = [argument.value(values) for argument in self.arguments]
        try:
            return checked(float(self.function(*numbers)))
        except (ValueError, OverflowError):
            shown = ", ".join(f"{number:g}" for number in numbers)
            raise FormulaError(f"{self.name}({shown}) has no finite value.") from None


def _smallest(*numbers: float) -> float:
    return min(numbers)


def _largest(*numbers: float) -> float:
    return max(numbers)


FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": _smallest, "max": _largest, "abs": abs, "floor": math.floor, "ceil": math.ceil,
    "exp": math.exp, "sqrt": math.sqrt, "log": math.log,
}  # fmt: skip


def checked(number: float) -> float:
    """The number, unless it is no finite one. Raises `FormulaError`."""
    if not math.isfinite(number):
        raise FormulaError("A number grew too large.")
    return number
