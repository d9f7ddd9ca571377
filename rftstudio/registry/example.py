"""What a model literally sees: an example conversation through its chat template, for its page."""

from dataclasses import dataclass
from pathlib import Path

from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.contents import read_template
from rftstudio.engine.models.template import BadTemplate, render

SYSTEM = {"role": "system", "content": "Which desk is this message for? Answer billing, appointment or emergency."}
WORKED = [
    {"role": "user", "content": "Please send me the invoice again."},
    {"role": "assistant", "content": "billing"},
]
TASK = {"role": "user", "content": "Can I come on Friday instead of Monday?"}
TURNS = [
    ("Instructions (system)", SYSTEM),
    ("Worked example (user)", WORKED[0]),
    ("Its right answer (assistant)", WORKED[1]),
    ("Task (user)", TASK),
]
SHOWN = 20_000  # characters; templates of large models list tools at length


@dataclass(frozen=True)
class Example:
    """text: the example laid out. problem: why it could not be. without: what was left out to make it work."""

    text: str = ""
    problem: str = ""
    without: str = ""


def laid_out(directory: Path) -> Example:
    """Instructions, one worked example and a task; without the instructions where the template refuses them."""
    try:
        template, config = read_template(directory)
        if not template:
            return Example(problem="It has none.")
        try:
            return Example(render(template, config, [SYSTEM, *WORKED, TASK])[:SHOWN])
        except BadTemplate as error:
            refused = str(error)
        return Example(render(template, config, [*WORKED, TASK])[:SHOWN], refused, "the instructions (system message)")
    except BadTemplate as error:
        return Example(problem=str(error))
    except SpecError as error:
        return Example(problem=error.message)
