"""How alike two texts are in meaning: the cosine of their embeddings, by a sentence model in a local directory.

EMBEDDING_MODEL names the directory; settings point it to the model that the studio fetches. Loaded at the first use,
once, and safe to use from several threads. Neither torch nor a network is needed.
"""

import os
from collections import OrderedDict
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from rftstudio.engine.grading.failure import NoScore

if TYPE_CHECKING:
    from rftstudio.engine.grading.embedding.bert import Array, SentenceModel

VARIABLE = "EMBEDDING_MODEL"
MAX_KEPT = 4096  # embeddings remembered, some 1.5 kB each

_lock = Lock()
_models: dict[str, "SentenceModel"] = {}
_kept: "OrderedDict[tuple[str, bytes], Array]" = OrderedDict()


def cosine(text: str, other: str) -> float:
    """-1..1, rounded to what two machines agree on. Raises `NoScore` where no model can be used."""
    place = os.environ.get(VARIABLE, "")
    model = _model(place)
    if text == other:
        return 1.0
    return round(float(_embedding(place, model, text) @ _embedding(place, model, other)), 6)


def _model(place: str) -> "SentenceModel":
    model = _models.get(place)
    if model is not None:
        return model
    if not place:
        message = f"No embedding model is configured. Set {VARIABLE} to the directory of a sentence model"
        raise NoScore("other_error", f"{message}, or choose another measure.")
    if not (Path(place) / "config.json").is_file():
        message = f"There is no embedding model in {place}. The studio fetches one when it starts"
        raise NoScore(
            "other_error", f"{message}; or set {VARIABLE} to the directory of another, or choose another measure."
        )
    with _lock:
        if place not in _models:
            # numpy and the tokenizer are for whoever uses them.
            from rftstudio.engine.grading.embedding.bert import SentenceModel

            try:
                _models[place] = SentenceModel(Path(place))
            except (OSError, ValueError, KeyError, TypeError) as failure:
                message = f"The embedding model in {place} cannot be used: {failure}."
                raise NoScore("other_error", f"{message} Set {VARIABLE} to another one.") from None
        return _models[place]


def _embedding(place: str, model: "SentenceModel", text: str) -> "Array":
    key = (place, blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    vector = model.embed(text)
    with _lock:
        _kept[key] = vector
        if len(_kept) > MAX_KEPT:
            _kept.popitem(last=False)
    return vector
