"""A grader in a few plain words, for summaries, lists and histories. Works on unfinished specs as well."""

from collections.abc import Mapping
from typing import Any

from rftstudio.engine.grading.text import quote

_CHECKS = {"eq": "is exactly", "ne": "is not", "like": "contains", "ilike": "contains"}
_REFERENCE = "{{ item.reference_answer }}"


def describe(spec: Mapping[str, Any]) -> str:
    """One clause without a full stop: `one of “a”, “b” and 3 more`."""
    match spec.get("type"):
        case "exact_choice":
            labels = _texts(spec.get("choices"))
            return f"one of {_some(labels)}" if labels else "the same label as the reference answer"
        case "string_check":
            return f"{_CHECKS.get(str(spec.get('operation')), 'is compared with')} {_compared(spec)}"
        case "text_similarity":
            metric = str(spec.get("evaluation_metric", "")).replace("_", " ")
            return f"likeness to {_compared(spec)} ({metric})"
        case "number":
            return _number(spec)
        case "ranking":
            credit = {"reciprocal": "1, 1/2, 1/3 …", "linear": "falling evenly", "ladder": "by a ladder of its own"}
            cut = f" down to place {spec['top_k']}" if spec.get("top_k") else ""
            return f"place of the right answer, credit {credit.get(str(spec.get('credit')), '')}{cut}"
        case "set_match":
            measure = str(spec.get("measure", "f1")).replace("f_beta", "F-beta").replace("f1", "F1")
            return f"items of the answer against the expected ones ({measure})"
        case "json_fields":
            paths = [str(row.get("path", "")) for row in _rows(spec.get("fields"))]
            return f"fields {_some(paths)}" if paths else "every value of the reference answer"
        case "keywords":
            return _keywords(spec)
        case "regex":
            verb = "does not fit" if spec.get("expect") == "no_match" else "fits"
            part = f", its part {spec['group']} compared" if spec.get("group") else ""
            return f"{verb} the pattern {quote(str(spec.get('pattern', '')), 60)}{part}"
        case "format":
            return _format(spec)
        case "multi":
            return f"formula {quote(str(spec.get('calculate_output', '')), 60)}"
        case "rubric":
            count = len(_rows(spec.get("criteria")))
            return f"{count} criteri{'on' if count == 1 else 'a'}"
        case "judge":
            asked = str(spec.get("instruction") or "").strip()
            return f"the judge {_judge(spec)}{f', asked {quote(asked, 60)}' if asked else ''}"
        case "score_model":
            return f"a number from the judge {_judge(spec)}"
        case "label_model":
            return f"a label from the judge {_judge(spec)}, passing: {_some(_texts(spec.get('passing_labels')))}"
        case "pairwise":
            return f"compared with {_compared(spec)} by the judge {_judge(spec)}"
        case "endpoint":
            return f"the service at {str(spec.get('url', ''))[:60]}"
    return "a grader written as JSON"


def _number(spec: Mapping[str, Any]) -> str:
    unit = f" in {spec['unit']}" if spec.get("unit") else ""
    tolerance = spec.get("tolerance", 0)
    if not isinstance(tolerance, int | float) or not 0 < tolerance < 1e300:
        return f"exactly the right number{unit}"
    if spec.get("tolerance_kind") == "relative":
        return f"within {100 * tolerance:g}\N{NO-BREAK SPACE}% of the right number{unit}"
    return f"within {tolerance:g} of the right number{unit}"


def _keywords(spec: Mapping[str, Any]) -> str:
    parts = []
    for field, words in (("required", "mentions"), ("forbidden", "does not mention")):
        listed = [
            *_texts(spec.get(field)),
            *([f"those in {spec[field + '_from']}"] if spec.get(f"{field}_from") else []),
        ]
        if listed:
            parts.append(f"{words} {_some(listed)}")
    return ", ".join(parts) or "mentions certain words"


def _format(spec: Mapping[str, Any]) -> str:
    parts = []
    for unit in ("words", "sentences", "characters"):
        least, most = spec.get(f"min_{unit}"), spec.get(f"max_{unit}")
        if least is not None or most is not None:
            span = f"at most {most}" if least is None else f"at least {least}"
            if None not in (least, most):
                span = f"{least} to {most}"
            parts.append(f"{span} {unit}")
    if spec.get("language"):
        parts.append(f"in the language {spec['language']}")
    flags = {"no_preamble": "no preamble", "ends_properly": "a proper end", "no_markdown": "no Markdown",
             "valid_json": "valid JSON"}  # fmt: skip
    parts += [words for flag, words in flags.items() if spec.get(flag)]
    return f"form: {', '.join(parts)}" if parts else "form of the answer"


def _judge(spec: Mapping[str, Any]) -> str:
    return quote(str(spec.get("model", "")), 40)


def _compared(spec: Mapping[str, Any]) -> str:
    reference = str(spec.get("reference", ""))
    return "the reference answer" if reference.strip() == _REFERENCE else quote(reference, 60)


def _texts(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _some(texts: list[str], limit: int = 4) -> str:
    shown = ", ".join(text[:40] for text in texts[:limit])
    return f"{shown} and {len(texts) - limit} more" if len(texts) > limit else shown
