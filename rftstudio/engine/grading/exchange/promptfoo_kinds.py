"""What each of promptfoo's assertion types becomes, and why some become nothing."""

import json
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

ANSWER = "{{ sample.output_text }}"
JUDGE = "judge"  # the name of a judge where the assertion names no model
Assertion = Mapping[str, Any]


class Refusal(ValueError):
    """The assertion has no counterpart. `str(error)` is a sentence that says why and what to use."""


class Made(NamedTuple):
    """check: the grader; sentence: the criterion in words; note: what differs from promptfoo."""

    check: dict[str, Any]
    sentence: str
    note: str = ""


def _text(assertion: Assertion) -> str:
    value = assertion.get("value")
    if isinstance(value, bool) or value is None:
        raise Refusal("It has no value to compare with.")
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _texts(assertion: Assertion) -> list[str]:
    value = assertion.get("value")
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list) or not value or not all(isinstance(each, str | int | float) for each in value):
        raise Refusal("Its value is not a list of texts.")
    return [str(each) for each in value]


def _string(reference: str, operation: str) -> dict[str, Any]:
    return {"type": "string_check", "input": ANSWER, "reference": reference, "operation": operation}


def _equals(assertion: Assertion) -> Made:
    value = assertion.get("value")
    if isinstance(value, Mapping | list):
        check = {"type": "json_fields", "reference": json.dumps(value, ensure_ascii=False)}
        return Made(
            check, "Is the expected JSON.", "JSON is compared value by value; what is partly right earns a part."
        )
    text = _text(assertion)
    return Made(_string(text, "eq"), f"Is exactly “{text[:80]}”.")


def _contains(operation: str) -> Callable[[Assertion], Made]:
    def make(assertion: Assertion) -> Made:
        text = _text(assertion)
        return Made(_string(text, operation), f"Contains “{text[:80]}”.")

    return make


def _several(operation: str, joined: str) -> Callable[[Assertion], Made]:
    def make(assertion: Assertion) -> Made:
        texts = _texts(assertion)[:50]
        graders = {f"part_{number}": _string(text, operation) for number, text in enumerate(texts, 1)}
        check = {"type": "multi", "graders": graders, "calculate_output": f"{joined}({', '.join(graders)})"}
        which = "any" if joined == "max" else "all"
        return Made(check, f"Contains {which} of {', '.join(texts)[:100]}.")

    return make


def _regex(assertion: Assertion) -> Made:
    pattern = _text(assertion)
    check = {"type": "regex", "pattern": pattern}
    return Made(check, f"Matches {pattern[:80]}.", "Patterns are RE2 here: no look-around, no back-references.")


def _is_json(assertion: Assertion) -> Made:
    schema = assertion.get("value")
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except ValueError:
            raise Refusal("Its schema is not JSON. Write it out as an object.") from None
    if schema is not None and not isinstance(schema, Mapping):
        raise Refusal("Its schema is not an object.")
    sentence = "Is JSON of the expected shape." if schema else "Is valid JSON."
    return Made({"type": "json_fields", "json_schema": dict(schema or {})}, sentence)


def _similar(assertion: Assertion) -> Made:
    text = _text(assertion)
    check = {"type": "text_similarity", "input": ANSWER, "reference": text, "evaluation_metric": "cosine"}
    return Made(
        check, f"Means much the same as “{text[:60]}”.", "The likeness is the score, by this studio's embedding model."
    )


def _metric(metric: str) -> Callable[[Assertion], Made]:
    def make(assertion: Assertion) -> Made:
        text = _text(assertion)
        check = {"type": "text_similarity", "input": ANSWER, "reference": text, "evaluation_metric": metric}
        return Made(check, f"Is worded like “{text[:60]}”.", "The likeness is the score.")

    return make


_INSTRUCTIONS = (
    "You mark an answer by a criterion. Give 1 where it is met, 0 where it is not, and a number between them where it "
    "is met in part."
)


def _llm_rubric(assertion: Assertion) -> Made:
    rubric = _text(assertion)
    provider = assertion.get("provider")
    if isinstance(provider, Mapping):
        provider = provider.get("id")
    judge = str(provider).rpartition(":")[2] if isinstance(provider, str) and provider else JUDGE
    messages = [
        {"role": "system", "content": _INSTRUCTIONS},
        {"role": "user", "content": f"Criterion:\n{rubric}\n\nAnswer:\n{ANSWER}"},
    ]  # fmt: skip
    check = {"type": "score_model", "model": judge, "input": messages, "range": [0, 1]}
    return Made(check, rubric[:300], f"It asks the judge “{judge}”. Connect one of that name, or choose another one.")


_PYTHON = """\
def get_assert(output, context):
{body}


def grade(sample, item):
    result = get_assert(sample["output_text"], {{"vars": item}})
    if isinstance(result, dict):
        score = result.get("score")
        result = result.get("pass", result.get("pass_")) if score is None else score
    return float(result)
"""


def _python(assertion: Assertion) -> Made:
    code = textwrap.dedent(_text(assertion)).strip("\n")
    body = code if "\n" in code or code.lstrip().startswith("return ") else f"return {code.strip()}"
    source = _PYTHON.format(body=textwrap.indent(body, "    "))
    return Made(
        {"type": "python", "source": source}, "Passes a Python test.", "`context` holds `vars` only: the item's fields."
    )


MAKERS: dict[str, Callable[[Assertion], Made]] = {
    "equals": _equals,
    "contains": _contains("like"),
    "icontains": _contains("ilike"),
    "contains-all": _several("like", "min"),
    "contains-any": _several("like", "max"),
    "icontains-all": _several("ilike", "min"),
    "icontains-any": _several("ilike", "max"),
    "regex": _regex,
    "is-json": _is_json,
    "similar": _similar,
    "similar:cosine": _similar,
    "rouge-n": _metric("rouge_1"),
    "bleu": _metric("bleu"),
    "gleu": _metric("gleu"),
    "meteor": _metric("meteor"),
    "llm-rubric": _llm_rubric,
    "python": _python,
}

_JUDGE = (
    "It judges by prompts of promptfoo's own. Write the criterion as a sentence and let a judge check it (llm-rubric)."
)
_MEASURE = "It measures the call, not the answer. Nothing here is trained on that."
_OUTSIDE = "It sends answers to a server. Use an endpoint grader, whose address you allow yourself."
REFUSED: dict[str, str] = {
    "javascript": "JavaScript is not run here. Write the same test in Python, or as a formula over graders.",
    "ruby": "Ruby is not run here. Write the same test in Python.",
    "webhook": _OUTSIDE,
    "cost": _MEASURE,
    "latency": _MEASURE,
    "perplexity": _MEASURE,
    "perplexity-score": _MEASURE,
    "finish-reason": _MEASURE,
    "levenshtein": "It counts changed letters. Use text_similarity with fuzzy_match: the same idea, from 0 to 1.",
    "starts-with": "Use a regex that begins with ^ instead.",
    "contains-json": "Use is-json: an answer of JSON in a code block is read as JSON here.",
    "is-xml": "XML is not read here. Use a regex, or a Python grader.",
    "contains-xml": "XML is not read here. Use a regex, or a Python grader.",
    "is-html": "HTML is not read here. Use a regex, or a Python grader.",
    "contains-html": "HTML is not read here. Use a regex, or a Python grader.",
    "is-sql": "SQL is not read here. Use a Python grader.",
    "contains-sql": "SQL is not read here. Use a Python grader.",
    "classifier": "It asks a classifier elsewhere. Use a judge that picks a label (label_model).",
    "moderation": "It asks a moderation service. Use a judge that picks a label (label_model).",
    "guardrails": "It reads what a provider's guardrails said of the call, which is not part of an answer.",
    "is-refusal": "Use a judge that picks a label (label_model), or keywords.",
    "select-best": "It compares answers with one another. Use pairwise: each answer against the reference.",
    "max-score": "It compares answers with one another; a grader marks each answer alone.",
    "human": "People mark answers in calibration and in a blind review, not in a grader.",
    "is-valid-function-call": "Calls of functions are not marked here. Use a Python grader.",
    "is-valid-openai-function-call": "Calls of functions are not marked here. Use a Python grader.",
    "is-valid-openai-tools-call": "Calls of functions are not marked here. Use a Python grader.",
    "pi": _OUTSIDE,
    "g-eval": _JUDGE,
    "model-graded-closedqa": _JUDGE,
    "model-graded-factuality": _JUDGE,
    "factuality": _JUDGE,
    "answer-relevance": _JUDGE,
    "context-faithfulness": _JUDGE,
    "context-recall": _JUDGE,
    "context-relevance": _JUDGE,
    "conversation-relevance": _JUDGE,
}
KNOWN = frozenset({*MAKERS, *REFUSED, "assert-set"})
