"""A model's chat template: how a conversation is laid out for it, rendered as transformers does, without torch.

The template comes from strangers. It runs in jinja's sandbox, without access to anything but the messages.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")


class BadTemplate(Exception):
    """It cannot be compiled, or it refuses the messages. Says why, without a full stop."""


def render(template: Any, tokenizer_config: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> str:
    """The text the model reads, up to where its answer begins. Raises `BadTemplate`."""
    compiled = compiled_template(template)
    try:
        text: str = compiled.render(messages=messages, add_generation_prompt=True, **special_tokens(tokenizer_config))
    except Exception as error:  # a stranger's program: whatever it raises is its own
        raise BadTemplate(_short(error)) from error
    return text


def compiled_template(template: Any) -> Any:
    """The compiled template; of several by name the default one. Raises `BadTemplate`."""
    if isinstance(template, list):
        named = {str(entry.get("name")): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("default", next(iter(named.values()), None))
    if not isinstance(template, str) or not template:
        raise BadTemplate("it is empty")
    return _compile(template)


def special_tokens(tokenizer_config: Mapping[str, Any]) -> dict[str, str]:
    values = {}
    for name in SPECIAL:
        token = tokenizer_config.get(name)
        values[name] = str(token.get("content", "") if isinstance(token, dict) else token or "")
    return values


def template_problem(template: Any, tokenizer_config: Mapping[str, Any]) -> str:
    """What is wrong with it, from laying out one question; nothing where it works."""
    try:
        render(template, tokenizer_config, [{"role": "user", "content": "Which desk?"}])
    except BadTemplate as error:
        return str(error)
    return ""


@lru_cache(maxsize=8)
def _compile(source: str) -> Any:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        return environment.from_string(source)
    except (TemplateError, RecursionError) as error:
        raise BadTemplate(_short(error)) from error


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _short(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).rstrip(".")[:300]
