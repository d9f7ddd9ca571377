"""What is shown of a hub model before it is fetched: facts, what it takes here, and every reason against it. JSON."""

from typing import Any

from rftstudio.engine.models.licences import is_open, licence_name
from rftstudio.engine.models.look import HubModel
from rftstudio.engine.models.memory import need_of, this_machine, too_large
from rftstudio.engine.models.refusals import Refusal, refusals


def offer(model: HubModel) -> dict[str, Any]:
    """Its refusals hold all that can be told without its files; of a closed model that is little."""
    contents, machine = model.contents, this_machine()
    need = need_of(contents.n_parameters or 0, contents.config, machine)
    if model.closed:
        named = [found for found in refusals(contents) if found.kind in ("names", "adapter", "gguf", "pickle")]
    else:
        named = refusals(contents)
    if contents.n_parameters and (problem := too_large(need, machine)):
        named.append(Refusal("large", problem, "Choose a smaller model, or run the studio on a larger machine."))
    return {
        "hub_id": model.hub_id,
        "commit": model.commit,
        "architecture": contents.architecture,
        "context_length": contents.context_length if contents.config else None,
        "n_parameters": contents.n_parameters,
        "dtype": contents.dtype,
        "size_bytes": contents.size_bytes,
        "total_bytes": sum(contents.files[name] for name in contents.wanted if name in contents.files),
        "n_files": len(contents.wanted),
        "left_out": len(contents.files) - len(contents.wanted),
        "has_template": bool(contents.chat_template),
        "safetensors": bool(contents.weights),
        "own_code": "auto_map" in contents.config,
        "licence": licence_name(model.licence, model.own_licence),
        "licence_open": is_open(model.licence),
        "licence_url": model.licence_url,
        "gated": model.gated,
        "closed": model.closed,
        "need": need.to_json(),
        "machine": {"device": machine.device, "memory": machine.memory, "name": machine.name, "dtype": machine.dtype},
        "refusals": [refusal.to_json() for refusal in named],
    }
