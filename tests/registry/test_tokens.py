"""Prompts counted with a model's own tokenizer and template."""

import json

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.types import Item, Message
from rftstudio.registry.tokens import TokenCounter, too_long
from tests.factories import make_base_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def directory():
    from pathlib import Path

    return Path(make_base_model(name="counted").location)


def item(text, name="one"):
    return Item(name, (Message("system", "Be brief."), Message("user", text)))


def test_template_and_text_are_counted(directory):
    counter = TokenCounter(directory)
    text = "<system>Be brief.<user>hello<assistant>"
    assert counter.render(item("hello").messages) == text
    assert list(counter.count([item("hello").messages])) == [len(text)]  # this tokenizer has a token a byte


def test_many_prompts_in_order(directory):
    counts = list(TokenCounter(directory).count(item("x" * size).messages for size in range(200)))
    assert counts == list(range(counts[0], counts[0] + 200))


def test_only_the_ones_over_the_limit_with_their_length(directory):
    items = [item("x" * size, f"item-{size}") for size in (1, 50, 100)]
    fixed = len("<system>Be brief.<user><assistant>")
    assert [(one.id, count) for one, count in too_long(directory, items, limit=fixed + 60)] == [
        ("item-100", fixed + 100)
    ]
    assert too_long(directory, items, limit=fixed + 100) == []


def test_what_surely_fits_loads_no_tokenizer(directory):
    (directory / "tokenizer.json").unlink()
    assert too_long(directory, [item("short")], limit=500) == []


def test_a_template_that_refuses_is_the_model_s_to_name(directory):
    template = "{{ raise_exception('no system messages') }}"
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    with pytest.raises(SpecError, match="no system messages") as caught:
        too_long(directory, [item("x")], limit=1)
    assert caught.value.path == "base_model"


def test_a_template_cannot_reach_out(directory):
    template = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    (directory / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    with pytest.raises(SpecError, match="unsafe"):
        TokenCounter(directory).render(item("x").messages)


@pytest.mark.slow
@pytest.mark.training
def test_the_same_count_as_transformers(tmp_path):
    from tests.engine.tiny import save_tiny_model, tiny_tokenizer

    directory = save_tiny_model(tmp_path / "tiny")
    messages = item("what colour is the cat please").messages
    theirs = tiny_tokenizer().apply_chat_template(
        [message.to_json() for message in messages], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    assert list(TokenCounter(directory).count([messages])) == [len(theirs)]
