"""Graders from and for other tools (OpenAI's JSON, promptfoo's assertions), with a report of what became what."""

from rftstudio.engine.grading.exchange.openai_json import read_openai, write_openai
from rftstudio.engine.grading.exchange.promptfoo import read_promptfoo
from rftstudio.engine.grading.exchange.reading import read_graders
from rftstudio.engine.grading.exchange.report import Report, Step

__all__ = ["Report", "Step", "read_graders", "read_openai", "read_promptfoo", "write_openai"]
