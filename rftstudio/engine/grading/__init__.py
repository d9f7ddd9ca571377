"""Graders: what a good answer is, as data. `parse_spec` reads one, `grade` and `grade_many` apply it."""

from rftstudio.engine.grading.defaults import default_for
from rftstudio.engine.grading.grade import grade, grade_many, recompute
from rftstudio.engine.grading.kind import Spec
from rftstudio.engine.grading.spec import KINDS, check_variables, parse_spec, spec_errors

__all__ = [
    "KINDS",
    "Spec",
    "check_variables",
    "default_for",
    "grade",
    "grade_many",
    "parse_spec",
    "recompute",
    "spec_errors",
]
