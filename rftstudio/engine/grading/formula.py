"""The arithmetic of `multi`: a small parser and evaluator, no Python `eval`.

Grammar, loosest first: sums, products, unary minus, powers. `^` is right-associative and binds tighter than `*` and
than unary minus: -2^2 is -4, 2^3^2 is 512, 2^-1 is 0.5. Functions: min max (one or more arguments), abs floor ceil exp
sqrt log (natural). Every step is checked: a division by zero, an overflow or a result that is no number is an error.
"""

import re
from difflib import get_close_matches
from typing import NamedTuple

from rftstudio.engine.grading.formula_tree import (
    FUNCTIONS,
    Call,
    FormulaError,
    Name,
    Node,
    Number,
    Power,
    Product,
    Sum,
    Values,
    checked,
)

MAX_LENGTH = 4000
MAX_DEPTH = 60

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[^\W\d]\w*)|(?P<sign>[-+*/^(),]))"
)

__all__ = ["FUNCTIONS", "Formula", "FormulaError"]


class Formula:
    """A formula compiled once. Raises `FormulaError` when the text is not one over the given names."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        parser = _Parser(text, names)
        self._root = parser.parse()
        self.names = frozenset(parser.used)

    def value(self, values: Values) -> float:
        """A finite number. Raises `FormulaError`."""
        return self._root.value(values)

    def coefficients(self) -> dict[str, float] | None:
        """What each name is multiplied by where the formula is a weighted sum, otherwise None."""
        return self._root.coefficients()


class _Token(NamedTuple):
    kind: str  # number, name, sign, end
    text: str
    position: int


class _Parser:
    def __init__(self, text: str, names: frozenset[str]) -> None:
        if len(text) > MAX_LENGTH:
            raise FormulaError(f"The formula is longer than {MAX_LENGTH} characters.")
        self.names = names
        self.used: set[str] = set()
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def parse(self) -> Node:
        if self._peek().kind == "end":
            raise FormulaError("The formula is empty.")
        node = self._sum()
        if self._peek().kind != "end":
            raise self._unexpected()
        return node

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, *signs: str) -> str | None:
        token = self._peek()
        if token.kind == "sign" and token.text in signs:
            self._next += 1
            return token.text
        return None

    def _unexpected(self) -> FormulaError:
        token = self._peek()
        if token.kind == "end":
            return FormulaError("The formula ends too early.")
        return FormulaError(f"“{token.text}” is not expected at character {token.position + 1}.")

    def _sum(self) -> Node:
        first = self._product()
        terms = [(1.0, first)]
        while sign := self._take("+", "-"):
            terms.append((1.0 if sign == "+" else -1.0, self._product()))
        return first if len(terms) == 1 else Sum(terms)

    def _product(self) -> Node:
        first = self._unary()
        rest: list[tuple[bool, Node]] = []
        while sign := self._take("*", "/"):
            rest.append((sign == "/", self._unary()))
        return Product(first, rest) if rest else first

    def _unary(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FormulaError(f"The formula is nested deeper than {MAX_DEPTH} levels.")
        node: Node = Sum([(-1.0, self._unary())]) if self._take("-") else self._power()
        self._depth -= 1
        return node

    def _power(self) -> Node:
        base = self._atom()
        return Power(base, self._unary()) if self._take("^") else base

    def _atom(self) -> Node:
        token = self._peek()
        if token.kind == "number":
            self._next += 1
            return Number(checked(float(token.text)))
        if token.kind == "name":
            self._next += 1
            return self._call(token.text) if self._take("(") else self._name(token.text)
        if self._take("("):
            node = self._sum()
            if not self._take(")"):
                raise self._unexpected()
            return node
        raise self._unexpected()

    def _name(self, name: str) -> Node:
        if name not in self.names:
            near = get_close_matches(name, sorted(self.names), n=1)
            hint = f"did you mean “{near[0]}”?" if near else f"the graders here are {', '.join(sorted(self.names))}."
            raise FormulaError(f"“{name}” is not the name of a grader; {hint}")
        self.used.add(name)
        return Name(name)

    def _call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise FormulaError(f"“{name}” is not a function; there are {', '.join(FUNCTIONS)}.")
        arguments = [self._sum()]
        while self._take(","):
            arguments.append(self._sum())
        if not self._take(")"):
            raise self._unexpected()
        if len(arguments) > 1 and name not in ("min", "max"):
            raise FormulaError(f"{name} takes one argument, not {len(arguments)}.")
        return Call(name, arguments)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            left = text[position:].lstrip()
            hint = " Write ^ for powers." if left.startswith("**") else ""
            raise FormulaError(f"“{left[0]}” is not expected at character {len(text) - len(left) + 1}.{hint}")
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return [*tokens, _Token("end", "", end)]
