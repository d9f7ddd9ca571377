"""Specs of every kind, plain and odd, that several tests go through."""

from typing import Any

ANSWER = "{{ sample.output_text }}"
REFERENCE = "{{ item.reference_answer }}"
BOTH = {"input": ANSWER, "reference": REFERENCE}

PLAIN: dict[str, dict[str, Any]] = {
    "string_check": {"type": "string_check", "name": "says so", **BOTH, "operation": "ilike"},
    "text_similarity": {"type": "text_similarity", **BOTH, "evaluation_metric": "rouge_l"},
    "exact_choice": {
        "type": "exact_choice",
        "choices": ["emergency", "billing"],
        "synonyms": {"emergency": ["urgent", "A&E"]},
        "partial": 0.2,
    },
    "number": {"type": "number", "tolerance": 0.05, "tolerance_kind": "relative", "band": 0.1, "pick": "last"},
    "ranking": {"type": "ranking", "credit": "ladder", "ladder": [1, 0.5, 0.25], "top_k": 3},
    "set_match": {"type": "set_match", "measure": "f_beta", "beta": 0.5, "synonyms_from": "{{ item.synonyms }}"},
    "json_fields": {
        "type": "json_fields",
        "fields": [
            {"path": "code", "weight": 2, "grader": {"type": "exact_choice", "choices": ["I21", "I20"]}},
            {"path": "dose[0].mg", "required": False, "grader": {"type": "number", "tolerance": 1}},
        ],
        "json_schema": {"type": "object", "properties": {"code": {"type": "string"}}},
        "schema_weight": 0.5,
    },
    "keywords": {
        "type": "keywords",
        "required": ["fever", "chest pain"],
        "forbidden": ["ibuprofen"],
        "required_from": "{{ item.findings }}",
        "synonyms": {"fever": ["pyrexia"]},
        "synonyms_list": "diagnoses@2",
        "penalty": 1,
        "inflections": "english",
        "negation": "respect",
        "whole_words": False,
    },
    "regex": {
        "type": "regex",
        "pattern": "dose: *(?P<dose>\\d+)\\s*mg",
        "ignore_case": True,
        "group": "dose",
        "operation": "eq",
        "pick": "last",
        "reference": REFERENCE,
    },
    "format": {
        "type": "format",
        "min_words": 5,
        "max_words": 80,
        "max_sentences": 3,
        "language": "en",
        "no_preamble": True,
        "ends_properly": True,
    },
    "multi": {
        "type": "multi",
        "graders": {
            "right": {"type": "exact_choice", "choices": ["a", "b"]},
            "short": {"type": "string_check", **BOTH, "operation": "eq", "name": "kept short"},
        },
        "calculate_output": "0.7 * right +\n0.3 * short",
    },
    "rubric": {
        "type": "rubric",
        "name": "letter",
        "criteria": [
            {
                "name": "drug",
                "sentence": "Names the drug.\nAnd the dose.",
                "weight": 3,
                "check": {"type": "string_check", **BOTH, "operation": "like"},
            },
            {
                "name": "blame",
                "sentence": "Blames the patient",
                "weight": 0,
                "polarity": "must_not",
                "critical": "cap",
                "cap": 0.3,
                "threshold": 0.75,
                "applies_if": {"value": "{{ item.risk }}", "equals": ["high", "very, very high"], "negate": True},
                "check": {"type": "text_similarity", **BOTH, "evaluation_metric": "bleu"},
            },
        ],
    },
}

PLAIN |= {
    "judge": {
        "type": "judge",
        "model": "our judge",
        "instruction": "Is it polite?\nThink of the patient.",
        "choices": ["no", "hardly", "mostly", "yes"],
        "reference": REFERENCE,
    },
    "score_model": {
        "type": "score_model",
        "name": "style",
        "model": "gpt-4o",
        "input": [
            {"role": "developer", "content": "Be strict.\n\nBe brief."},
            {"role": "user", "content": "system: is no role here\n{{ sample.output_text }}\n"},
        ],
        "range": [1, 7.5],
        "sampling_params": {"temperature": 0, "seed": 3},
    },
    "label_model": {
        "type": "label_model",
        "model": "judge",
        "input": [{"role": "user", "content": "Sort {{ sample.output_text }}"}],
        "labels": ["kind", "rude"],
        "passing_labels": ["kind"],
    },
    "pairwise": {"type": "pairwise", "model": "judge", "instruction": "Better is shorter."},
    "endpoint": {"type": "endpoint", "url": "https://grader.example.org/score", "secret": "OURS", "timeout_s": 2.5},
}

NESTED: dict[str, Any] = {
    "type": "rubric",
    "criteria": [
        {"name": "formula", "check": PLAIN["multi"]},
        {"name": "fields", "critical": "zero", "check": PLAIN["json_fields"]},
        {"name": "rubric", "weight": 0.123456789012, "check": PLAIN["rubric"]},
    ],
}

ODD: dict[str, dict[str, Any]] = {
    "messages that lines cannot hold": {
        "type": "score_model",
        "model": "m",
        "input": [
            {"role": "user", "content": "user:\n{{ sample.output_text }}"},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "[1]"},
        ],
    },
    "a message that looks like a list": {
        "type": "label_model",
        "model": "m",
        "input": [{"role": "user", "content": "[{{ sample.output_text }}]"}],
        "labels": ["a", "b\nc"],
        "passing_labels": ["b\nc"],
    },
    "labels with line ends, edges and brackets": {
        "type": "exact_choice",
        "choices": ["[1, 2]", "two\nlines", " edged ", "plain"],
        "synonyms": {"[1, 2]": ["one = two", "a, b", "c|d"], "plain": [], " edged ": ["x"]},
    },
    "names with commas": {
        "type": "set_match",
        "synonyms": {"2,4-D": ["2,4-dichlorophenoxyacetic acid"], "x": ["y, z", "w"]},
    },
    "a unit and a list": {
        "type": "multi",
        "graders": {
            "dose": {"type": "number", "unit": "mg/g", "unit_required": True},
            "gene": {"type": "exact_choice", "synonyms_list": "genes"},
            "form": {"type": "format", "min_characters": 1, "no_markdown": True, "valid_json": True},
            "never": {"type": "regex", "pattern": "a\n| b ", "expect": "no_match", "multiline": True, "dot_all": True},
        },
        "calculate_output": "dose * gene * form * never",
    },
    "numbers at the edges": {"type": "number", "tolerance": 1e-9, "band": 1234567.25},
    "text that is kept exactly": {
        "type": "string_check",
        "input": " {{ sample.output_text }}\n",
        "reference": "\n\n  two spaces  ",
        "operation": "ne",
        "pass_threshold": 0.5,
    },
    "an empty reference": {"type": "string_check", "input": ANSWER, "reference": "", "operation": "eq"},
    "a threshold inside": {
        "type": "multi",
        "graders": {"a": {"type": "number", "pass_threshold": 0.7, "name": "other name"}},
        "calculate_output": "a",
    },
    "deeper than the forms go": {
        "type": "multi",
        "graders": {"a": {"type": "multi", "graders": {"a": {"type": "multi", "graders": {"a": {"type": "multi",
            "graders": {"a": {"type": "multi", "graders": {"a": {"type": "multi", "graders": {"a": PLAIN["number"]},
            "calculate_output": "a"}}, "calculate_output": "a"}}, "calculate_output": "a"}},
            "calculate_output": "a"}}, "calculate_output": "a"}},
        "calculate_output": "a",
    },
    "a schema with odd values": {
        "type": "json_fields",
        "json_schema": {"enum": [{"a": 1.5}, "x\ny"], "description": "“quoted” \\ slash"},
    },
}  # fmt: skip
