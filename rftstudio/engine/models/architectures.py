"""Which architectures transformers has built in as causal language models, read from its source without importing it.

Importing transformers brings torch; its table of names is a literal in one file, so that file is parsed.
"""

import ast
import importlib.util
from functools import lru_cache
from pathlib import Path

TABLE = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"


@lru_cache(maxsize=1)
def built_in() -> dict[str, frozenset[str]]:
    """A `model_type` to the names of its classes; empty where transformers is not installed."""
    found = importlib.util.find_spec("transformers")
    if found is None or not found.submodule_search_locations:
        return {}
    file = Path(found.submodule_search_locations[0]) / "models" / "auto" / "modeling_auto.py"
    if not file.is_file():
        return {}
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and TABLE in {name.id for name in node.targets if isinstance(name, ast.Name)}:
            assert isinstance(node.value, ast.Call)
            rows = ast.literal_eval(node.value.args[0])
            return {kind: frozenset([names] if isinstance(names, str) else names) for kind, names in rows}
    return {}


def is_built_in(model_type: str, architecture: str) -> bool | None:
    """None where that cannot be told. A model without one of the two is judged by the other."""
    table = built_in()
    if not table or not (model_type or architecture):
        return None
    if not model_type:
        return any(architecture in names for names in table.values())
    if model_type not in table:
        return False
    # One type has several heads: a BERT that fills gaps is listed, yet was never taught to go on writing.
    return not architecture or architecture == model_type or architecture in table[model_type]
