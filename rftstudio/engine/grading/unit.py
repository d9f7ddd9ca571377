"""Units of measurement by pint: which text is one, and what turns a number in one into a number in another.

A conversion is a·x + b: b is 0 but for temperatures. Currencies are no units. pint is loaded when the first unit is
read, and asked once for each text; whatever it cannot read is no unit.
"""

import re
from functools import cache, lru_cache
from importlib import import_module
from threading import RLock
from typing import Any, NamedTuple

from rftstudio.engine.grading.failure import FieldError

MAX_LENGTH = 60
# What laboratories and wards write and pint lacks. Units of effect (IU) and of charge (Eq) convert into nothing else.
_DEFINITIONS = (
    "international_unit = [international_unit] = IU = _ = iu",
    "equivalent = [equivalent] = Eq = _ = eq",
    "osmole = [osmole] = Osm = _ = osmol = osm",
    "beat = []",
    "beats_per_minute = 1 / minute = bpm",
    "cell = []",
    "copy = [] = _ = copies",
    "Cal = kilocalorie",
    "millimeter_of_mercury = millimeter_Hg = _ = mmhg",
)
_CURRENCIES_TEXT = (
    "$ € £ ¥ ₹ usd eur gbp jpy chf cny inr aud cad sek nok dkk pln czk huf brl mxn zar dollar dollars euro euros "
    "pound sterling yen franc francs cent cents rupee rupees"
)
_CURRENCIES = frozenset(_CURRENCIES_TEXT.split())
_NAMED = re.compile(
    r"(?:degrees?|deg\.?|°)\s?(?:(?P<c>c(?:elsius)?)|(?P<f>f(?:ahrenheit)?)|(?P<k>k(?:elvins?)?))(?![^\W_])",
    re.IGNORECASE,
)
_SPELLED = (
    (re.compile(r"mm\s?Hg"), "mmHg"),
    (re.compile(r"cm\s?H[2₂]O"), "cmH2O"),
    (re.compile(r"fl\.?\s?oz"), "fluid_ounce"),
    (re.compile(r"per\s?cent|%"), "percent"),
    (re.compile(r"‰"), "permille"),
    (re.compile(r"/\s?1\.73\s?m(?:2|²|\^2)"), ""),  # clearance per body surface: by convention always the same
    (re.compile(r"\s+per\s+"), "/"),
    (re.compile(r"\s*([/*])\s*|\s*[·⋅×]\s*"), lambda found: found[1] or "*"),
)
_SUPERSCRIPT = re.compile(r"[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺−–μ", "0123456789-+--µ")
_EXPONENT = re.compile(r"(?<=[A-Za-zµΩ])(?:\^|\*\*)?\(?([-+]?\d{1,2})\)?(?![\dA-Za-z])")
_SCALE = re.compile(r"(?:(\d{1,9}(?:\.\d{1,9})?)(?:e(\d{1,2}))?|10\^(\d{1,2}))(?=[/*])\*?")
# One thing after another, with signs between them: all that is ever shown to pint.
_FORM = re.compile(r"/?[A-Za-zµΩÅ_]\w*(?:\*\*[-+]?\d{1,2})?(?:[*/][A-Za-zµΩÅ_]\w*(?:\*\*[-+]?\d{1,2})?){0,5}")
_lock = RLock()


class Conversion(NamedTuple):
    """x in the one unit is factor·x + offset in the other; None: both are units, of different dimensions."""

    factor: float | None
    offset: float = 0.0


def check_unit(text: str) -> str:
    """The unit of a grader as written, less space around it. Raises `FieldError`."""
    text = text.strip()
    if not text:
        return ""
    if not _CURRENCIES.isdisjoint(re.split(r"[\s/]+", text.lower())):
        message = f"“{text[:40]}” is a currency. Rates change, so currencies are not converted."
        raise FieldError(message, fix="Leave the unit empty and say in the task which currency you want.")
    if len(text) > MAX_LENGTH or _read(text) is None:
        fix = "Write it like mg/g, mmol/L, °C, km/h or %. Leave it empty where the numbers have none."
        raise FieldError(f"“{text[:40]}” is no unit known here.", fix=fix)
    return text


@lru_cache(maxsize=65536)
def conversion(source: str, target: str) -> Conversion | None:
    """From one unit to another; None where `source` is no unit. target: one that `check_unit` let pass."""
    if source == target:
        return Conversion(1.0)
    wanted = _read(target)
    if wanted is None or len(source) > MAX_LENGTH:
        return None
    with _lock:
        is_temperature = wanted[1].dimensionality == {"[temperature]": 1}
    # 37 C is no charge where a temperature is wanted.
    found = _read({"C": "°C", "F": "°F"}.get(source, source) if is_temperature else source)
    if found is None:
        return None
    with _lock:
        (scale, unit), (wanted_scale, wanted_unit) = found, wanted
        if unit.dimensionality != wanted_unit.dimensionality:
            return Conversion(None)
        quantity = _registry().Quantity
        try:
            zero, one, two = (float(quantity(n * scale, unit).to(wanted_unit).magnitude) for n in (0.0, 1.0, 2.0))
        except Exception:  # units of a logarithm and the like
            return Conversion(1.0) if unit == wanted_unit and scale == wanted_scale else Conversion(None)
        if abs(two - 2 * one + zero) > 1e-9 * abs(one - zero):
            return Conversion(None)
        return Conversion((one - zero) / wanted_scale, zero / wanted_scale)


@lru_cache(maxsize=65536)
def _read(text: str) -> tuple[float, Any] | None:
    """(scale, pint unit): 10^9/L is (1e9, 1/L). None where the text is no unit."""
    plain = _canonical(text)
    scale, found = 1.0, _SCALE.match(plain)
    if found:
        scale = float(f"1e{found[3]}" if found[3] else f"{found[1]}e{found[2] or 0}")
        plain = plain[found.end() :]
    if scale <= 0 or not _FORM.fullmatch(plain):
        return None
    with _lock:
        try:
            unit = _registry().parse_units(f"1{plain}" if plain.startswith("/") else plain)
        except Exception:  # pint raises what its parser meets: undefined names, syntax, assertions
            return None
    return scale, unit


def _canonical(text: str) -> str:
    text = _NAMED.sub(lambda found: "degC" if found["c"] else "degF" if found["f"] else "kelvin", text.strip())
    for pattern, plain in _SPELLED:
        text = pattern.sub(plain, text)  # type: ignore[arg-type] # a text or a function, as `sub` takes both
    text = _SUPERSCRIPT.sub(lambda found: "^" + found[0], text).translate(_PLAIN)
    return _EXPONENT.sub(r"**\1", text.replace("cmH2O", "cmH_2O")).replace("cmH_2O", "cmH2O").replace(" ", "*")


@cache
def _registry() -> Any:
    registry = import_module("pint").UnitRegistry(cache_folder=None)
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry
