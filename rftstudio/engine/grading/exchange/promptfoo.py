"""promptfoo's assertions as a grader: each becomes a criterion of a rubric, with its weight and its `not-`.

Assertions that run code of another language, call elsewhere, or judge something other than the answer are refused with
what to use instead. One grader marks all items of a task set alike, so an expected value that differs from test to test
becomes `{{ item.reference_answer }}`. Field by field: promptfoo's "Assertions and metrics" reference.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from rftstudio.engine.grading.exchange.promptfoo_kinds import KNOWN, MAKERS, REFUSED, Made, Refusal
from rftstudio.engine.grading.exchange.report import Report
from rftstudio.engine.grading.spec import KINDS, parse_spec, spec_errors

REFERENCE = "{{ item.reference_answer }}"
_MARKS = ("assert", "tests", "defaultTest", "prompts", "providers", "scenarios")
_VARIABLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PLAIN_NAME = re.compile(r"\s*([A-Za-z_]\w*(?:\.\w+|\[\d+\])*)\s*")


def is_promptfoo(data: Any) -> bool:
    """Whether this looks like promptfoo's: a config, a test, or a list of assertions."""
    if isinstance(data, Mapping):
        if any(mark in data for mark in _MARKS):
            return True
        data = [data]
    if not isinstance(data, list):
        return False
    graders = ("source", "pattern")  # the words of our own `python` and `regex`, which have the same names
    return any(
        isinstance(each, Mapping)
        and _bare(str(each.get("type")))[0] in KNOWN
        and not any(word in each for word in graders)
        for each in data
    )


def read_promptfoo(data: Any) -> Report:
    """Assertions in a config, a test or a list. Raises nothing."""
    report = Report("promptfoo assertions")
    criteria = []
    for path, assertion in _assertions(data, report):
        criterion = _criterion(assertion, path, report)
        if criterion is not None:
            criteria.append(criterion)
    if not criteria:
        if not report.steps:
            report.refused(
                "", "", "There is no assertion here. A config has them under `assert`, in `defaultTest` or `tests`."
            )
        return report
    spec = _joined(criteria)
    for error in spec_errors(spec):
        report.refused(error.path, "", f"{error.message} {error.fix}".strip())
    report.grader = None if spec_errors(spec) else parse_spec(spec).model_dump(mode="json", exclude_none=True)
    return report


def _assertions(data: Any, report: Report) -> list[tuple[str, Any]]:
    """Those that hold for all tests, then those of the tests, as (path, assertion)."""
    if isinstance(data, list):
        tests = [each for each in data if isinstance(each, Mapping) and "assert" in each and "type" not in each]
        if tests:
            return _of_tests(tests, "", report)
        return [(f"[{index}]", each) for index, each in enumerate(data)]
    if not isinstance(data, Mapping):
        return []
    if "type" in data:
        return [("", data)]
    found: list[tuple[str, Any]] = []
    default = data.get("defaultTest")
    if isinstance(default, Mapping):
        found += _listed(default.get("assert"), "defaultTest.assert", report)
    found += _listed(data.get("assert"), "assert", report)
    own = data.get("tests")
    if isinstance(own, list):
        found += _of_tests([each for each in own if isinstance(each, Mapping)], "tests", report)
    elif isinstance(own, str):
        report.refused("tests", "", f"The tests are in another file ({own[:80]}). Paste what is in it.")
    return found


def _listed(value: Any, path: str, report: Report) -> list[tuple[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        report.refused(path, "", "This is not a list of assertions.")
        return []
    return [(f"{path}[{index}]", each) for index, each in enumerate(value)]


def _of_tests(tests: list[Mapping[str, Any]], path: str, report: Report) -> list[tuple[str, Any]]:
    """The tests' own assertions, as one list where all tests have the same ones but for the expected value."""
    lists = [test["assert"] for test in tests if isinstance(test.get("assert"), list) and test["assert"]]
    if not lists:
        return []
    first, start = lists[0], f"{path}[0].assert" if path else "[0].assert"
    if len(tests) == 1 or all(each == first for each in lists):
        return [(f"{start}[{index}]", each) for index, each in enumerate(first)]
    shapes = {json.dumps([_shape(each) for each in listed], sort_keys=True, default=str) for listed in lists}
    differing = [index for index in range(len(first)) if len({_value(listed, index) for listed in lists}) > 1]
    if len(shapes) == 1 and len(differing) == 1 and isinstance(first[differing[0]].get("value"), str | int | float):
        index = differing[0]
        note = f"Its value differs in {len(lists)} tests: it becomes {REFERENCE}, the item's own right answer."
        report.changed(f"{start}[{index}].value", "value", REFERENCE, note)
        changed = [{**each, "value": _Reference()} if here == index else each for here, each in enumerate(first)]
        return [(f"{start}[{index}]", each) for index, each in enumerate(changed)]
    report.refused(
        path or "tests",
        "",
        f"{len(lists)} tests have assertions of their own. A grader marks every item alike: keep what all share, and "
        "put what differs into the items' reference answers or columns.",
    )
    return []


class _Reference(str):
    """A value that stands for the item's reference answer and is no template of promptfoo's."""

    def __new__(cls) -> "_Reference":
        return super().__new__(cls, REFERENCE)


def _shape(assertion: Any) -> Any:
    if not isinstance(assertion, Mapping):
        return assertion
    return {key: value for key, value in assertion.items() if key != "value"}


def _value(listed: list[Any], index: int) -> str:
    each = listed[index] if index < len(listed) else None
    return json.dumps(each.get("value") if isinstance(each, Mapping) else each, sort_keys=True, default=str)


# --- one assertion ---------------------------------------------------------------------------------------------------


def _criterion(assertion: Any, path: str, report: Report) -> dict[str, Any] | None:
    """A criterion of a rubric; None where the assertion is refused, which the report then says."""
    if not isinstance(assertion, Mapping) or not isinstance(assertion.get("type"), str):
        report.refused(path, "", "This is not an assertion: it has no type.")
        return None
    written = assertion["type"]
    kind, negated = _bare(written)
    try:
        weight = _number(assertion, "weight", 1.0)
        made = _set(assertion, path, report) if kind == "assert-set" else _made(kind, assertion)
        threshold = _number(assertion, "threshold", None) if kind != "assert-set" else None
    except Refusal as refusal:
        report.refused(path, written, str(refusal))
        return None
    check = dict(made.check)
    notes = [made.note] if made.note else []
    if threshold is not None and check.get("type") in KINDS:
        check["pass_threshold"] = threshold
        notes.append(f"The threshold {threshold:g} is kept; the score itself trains, not whether it passes.")
    if weight == 0:
        notes.append("Its weight is 0: it is shown and counts nothing.")
    errors = spec_errors(check)
    if errors:
        report.refused(path, written, f"{errors[0].message} {errors[0].fix}".strip())
        return None
    if negated:
        notes.append("`not-` becomes must not.")
    report.changed(path, written, check["type"], " ".join(notes) or "The same test.")
    sentence = str(assertion.get("metric") or made.sentence)[:300]
    criterion: dict[str, Any] = {"name": sentence[:60], "sentence": sentence, "weight": weight, "check": check}
    return {**criterion, "polarity": "must_not"} if negated else criterion


def _made(kind: str, assertion: Mapping[str, Any]) -> Made:
    if kind in REFUSED:
        raise Refusal(REFUSED[kind])
    if kind not in MAKERS:
        raise Refusal(f"There is no way here to test “{kind[:60]}”. Known are {', '.join(sorted(MAKERS))}.")
    if assertion.get("transform"):
        raise Refusal("`transform` runs code on the answer first. Use a Python grader for both.")
    value = assertion.get("value")
    if isinstance(value, str) and value.startswith("file://"):
        raise Refusal(f"Its value is in another file ({value[7:87]}). Paste what is in it.")
    made = MAKERS[kind]({**assertion, "value": _filled(value, kind)})
    needed = made.check.get("type")
    if needed not in KINDS:
        raise Refusal(f"`{needed}` graders, which it would become, are not available in this studio.")
    return made


def _set(assertion: Mapping[str, Any], path: str, report: Report) -> Made:
    inside = [
        _criterion(each, each_path, report)
        for each_path, each in _listed(assertion.get("assert"), f"{path}.assert", report)
    ]
    criteria = [each for each in inside if each is not None]
    if not criteria:
        raise Refusal("None of its assertions could be read.")
    return Made(
        {"type": "rubric", "criteria": _named(criteria)}, "All of these together.", "A rubric inside the rubric."
    )


def _filled(value: Any, kind: str) -> Any:
    """promptfoo's {{ variable }} as ours. Raises `Refusal` for filters and conditions."""
    if isinstance(value, list):
        return [_filled(each, kind) for each in value]
    if not isinstance(value, str) or isinstance(value, _Reference) or kind == "python":
        return value
    if "{%" in value:
        raise Refusal("It has a condition or a loop ({% … %}), which templates here do not have.")

    def ours(match: re.Match[str]) -> str:
        name = _PLAIN_NAME.fullmatch(match[1])
        if name is None:
            raise Refusal(f"{{{{{match[1][:60]}}}}} is more than a variable. Put the ready value into a column.")
        if name[1] in ("output", "sample.output_text"):
            return "{{ sample.output_text }}"
        return f"{{{{ item.{name[1].removeprefix('vars.').removeprefix('item.')} }}}}"

    return _VARIABLE.sub(ours, value)


def _number(assertion: Mapping[str, Any], key: str, default: float | None) -> Any:
    value = assertion.get(key, default)
    if value is default:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
        raise Refusal(f"`{key}` is {str(value)[:40]}, which is no number of 0 or more.")
    return float(value)


def _bare(kind: str) -> tuple[str, bool]:
    return (kind.removeprefix("not-"), True) if kind.startswith("not-") else (kind, False)


# --- the whole -------------------------------------------------------------------------------------------------------


def _joined(criteria: list[dict[str, Any]]) -> dict[str, Any]:
    """One positive assertion is its own grader; otherwise a rubric."""
    if len(criteria) == 1 and "polarity" not in criteria[0]:
        return dict(criteria[0]["check"])
    return {"type": "rubric", "criteria": _named(criteria)}


def _named(criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    taken: set[str] = set()
    named = []
    for criterion in criteria:
        name, number = criterion["name"], 2
        while name in taken:
            name, number = f"{criterion['name'][:55]} {number}", number + 1
        taken.add(name)
        named.append({**criterion, "name": name})
    return named
