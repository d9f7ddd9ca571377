"""One setting: its name, words for a form, range, default, and how what was typed or stored is read.

Which settings there are is in `dials`. It imports no torch, so that the web process may use it.
"""

from dataclasses import dataclass
from typing import Any, Literal

from rftstudio.engine.errors import SpecError

Value = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Dial:
    """One setting: what a form shows and what is allowed.

    minimum and maximum are inclusive. advanced: kept out of sight until asked for.
    choices: (value, label) pairs for a `choice`. zero: how 0 is read where it is no amount.
    """

    name: str
    label: str
    help: str
    kind: Literal["int", "float", "choice", "bool"]
    default: Value
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    zero: str = ""
    advanced: bool = False

    def read(self, raw: Any) -> Value:
        """The checked value of what was typed or stored. Raises `SpecError(path=name)`."""
        value = self._convert(raw)
        if isinstance(value, str) and self.choices and value not in dict(self.choices):
            raise self._error(f"{value!r} is not offered.", f"Use one of {', '.join(dict(self.choices))}.")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low, high = self.minimum, self.maximum
            if (low is not None and value < low) or (high is not None and value > high) or value != value:
                raise self._error(f"{value} is out of range.", f"Use a value from {low:g} to {high:g}.")
        return value

    def shown(self, value: Any, *, unit: bool = True) -> str:
        """A value as people read it, with its unit or, where that is said elsewhere, without."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if self.zero and value == 0:
            return self.zero
        text = f"{value:g}" if isinstance(value, float) else str(dict(self.choices).get(value, value))
        return f"{text} {self.unit}".strip() if unit else text

    def _convert(self, raw: Any) -> Value:
        if self.kind == "bool":
            if isinstance(raw, bool):
                return raw
            text = str(raw).strip().lower()
            if text in ("true", "yes", "on", "1"):
                return True
            if text in ("false", "no", "off", "0"):
                return False
            raise self._error(f"{raw!r} is neither yes nor no.", "Write true or false.")
        if self.kind == "choice":
            return str(raw)
        try:
            if isinstance(raw, bool):
                raise ValueError
            number = float(raw)
            if self.kind == "float":
                return number
            if number != int(number):
                raise ValueError
            return int(number)
        except (TypeError, ValueError, OverflowError):
            what = "a whole number" if self.kind == "int" else "a number"
            raise self._error(f"{raw!r} is not {what}.", f"Write {what}.") from None

    def _error(self, message: str, fix: str) -> SpecError:
        return SpecError(message, path=self.name, fix=fix)
