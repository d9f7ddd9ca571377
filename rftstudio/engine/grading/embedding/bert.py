"""A sentence-embedding model of the BERT family, run forward with numpy: no torch, one text at a time.

Devlin et al. 2018 for the network, Reimers and Gurevych 2019 for the pooling. Reads a directory as the library
sentence-transformers writes it: `config.json`, `tokenizer.json`, `model.safetensors`, and the settings of pooling and
length where they are there. Texts are cut at the model's own length, as everywhere else: MiniLM reads the first 256
tokens.

Axes: T tokens, H heads, D width of a head, E width of the whole.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from rftstudio.engine.grading.embedding.weights import read_weights

Array = NDArray[np.float32]
_FAMILIES = {"bert": 0, "roberta": 1, "xlm-roberta": 1, "camembert": 1}  # 1: positions start after the padding's id
_MODULES = ("Transformer", "Pooling", "Normalize")
_MAX_LETTERS_PER_TOKEN = 64


class SentenceModel:
    """A loaded model. Raises `ValueError` with the reason where the directory does not hold one that it can run."""

    def __init__(self, directory: Path) -> None:
        config = _read(directory / "config.json")
        family = str(config.get("model_type"))
        if family not in _FAMILIES:
            raise ValueError(f"its type is {family}; {', '.join(_FAMILIES)} can be run here")
        if config.get("position_embedding_type", "absolute") != "absolute":
            raise ValueError("its positions are not absolute")
        self._activation = _activation(str(config.get("hidden_act")))
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config.get("layer_norm_eps", 1e-12))
        self._first_position = int(config.get("pad_token_id") or 0) + 1 if _FAMILIES[family] else 0
        self._pooling = _pooling(directory)
        self._length = _length(directory, int(config["max_position_embeddings"]) - self._first_position)
        self._tokenizer = _tokenizer(directory / "tokenizer.json", self._length)
        self._weights = _unprefixed(_weights(directory / "model.safetensors"))
        self._layers = int(config["num_hidden_layers"])
        self.width = int(config["hidden_size"])

    def embed(self, text: str) -> Array:
        """A vector of length 1, shape E."""
        # As UTF-8, which half a surrogate pair is not; a very long text need not be cut into tokens to its end.
        text = " ".join(text.split())[: self._length * _MAX_LETTERS_PER_TOKEN].encode("utf-8", "replace").decode()
        states = self._forward(np.array(self._tokenizer.encode(text).ids, np.int64))
        if self._pooling == "cls":
            vector = states[0]
        else:
            vector = states.max(axis=0) if self._pooling == "max" else states.mean(axis=0)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)

    def _forward(self, ids_T: NDArray[np.int64]) -> Array:
        weights = self._weights
        states_TE = weights["embeddings.word_embeddings.weight"][ids_T]
        first = self._first_position
        states_TE = states_TE + weights["embeddings.position_embeddings.weight"][first : first + len(ids_T)]
        if "embeddings.token_type_embeddings.weight" in weights:
            states_TE = states_TE + weights["embeddings.token_type_embeddings.weight"][0]
        states_TE = self._normed("embeddings.LayerNorm", states_TE)
        for layer in range(self._layers):
            name = f"encoder.layer.{layer}"
            attended_TE = self._linear(f"{name}.attention.output.dense", self._attention(name, states_TE))
            states_TE = self._normed(f"{name}.attention.output.LayerNorm", attended_TE + states_TE)
            inner = self._activation(self._linear(f"{name}.intermediate.dense", states_TE))
            states_TE = self._normed(
                f"{name}.output.LayerNorm", self._linear(f"{name}.output.dense", inner) + states_TE
            )
        return states_TE

    def _attention(self, name: str, states_TE: Array) -> Array:
        def heads_HTD(part: str) -> Array:
            made = self._linear(f"{name}.attention.self.{part}", states_TE)
            return made.reshape(len(made), self._heads, -1).transpose(1, 0, 2)

        query, key, value = heads_HTD("query"), heads_HTD("key"), heads_HTD("value")
        scores_HTT = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(query.shape[-1]))
        scores_HTT = np.exp(scores_HTT - scores_HTT.max(axis=-1, keepdims=True))
        shares_HTT = scores_HTT / scores_HTT.sum(axis=-1, keepdims=True)
        return (shares_HTT @ value).transpose(1, 0, 2).reshape(len(states_TE), -1)

    def _linear(self, name: str, states: Array) -> Array:
        return states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normed(self, name: str, states: Array) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(self._epsilon))
        return np.asarray(centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ValueError(f"{path.name} is missing") from None
    except ValueError:
        raise ValueError(f"{path.name} is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is not an object")
    return found


def _weights(path: Path) -> dict[str, Array]:
    if not path.is_file():
        raise ValueError(f"{path.name} is missing; only safetensors are read")
    return read_weights(path)


def _unprefixed(weights: dict[str, Array]) -> dict[str, Array]:
    """Without the `bert.` or `roberta.` that some checkpoints have before every name."""
    words = "embeddings.word_embeddings.weight"
    prefix = next((name.removesuffix(words) for name in weights if name.endswith(words)), None)
    if prefix is None:
        raise ValueError("model.safetensors has no word embeddings under their usual name")
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items()}


def _tokenizer(path: Path, length: int) -> Tokenizer:
    if not path.is_file():
        raise ValueError(f"{path.name} is missing")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    return tokenizer


def _pooling(directory: Path) -> str:
    """mean, cls or max, as `modules.json` and the pooling's own settings say; mean where they are not there."""
    modules = directory / "modules.json"
    if not modules.is_file():
        return "mean"
    folder = ""
    for module in json.loads(modules.read_text(encoding="utf-8")):
        kind = str(module["type"]).rpartition(".")[2]
        if kind not in _MODULES:
            raise ValueError(f"it has a {kind} layer after the network, which cannot be run here")
        folder = module["path"] if kind == "Pooling" else folder
    settings = _read(directory / folder / "config.json") if folder else {}
    modes = {"cls_token": "cls", "max_tokens": "max", "mean_tokens": "mean"}
    chosen = [mode for key, mode in modes.items() if settings.get(f"pooling_mode_{key}")]
    if len(chosen) > 1 or settings.get("pooling_mode_mean_sqrt_len_tokens"):
        raise ValueError("its pooling is none of mean, cls and max")
    return chosen[0] if chosen else "mean"


def _length(directory: Path, positions: int) -> int:
    settings = directory / "sentence_bert_config.json"
    wanted = _read(settings).get("max_seq_length") if settings.is_file() else None
    return min(int(wanted or positions), positions)


def _activation(name: str) -> Any:
    if name == "relu":
        return lambda x: np.maximum(x, 0)
    if name == "gelu":
        return _gelu
    if name in ("gelu_new", "gelu_pytorch_tanh"):
        return lambda x: 0.5 * x * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x**3)))
    raise ValueError(f"its activation is {name}; gelu, gelu_new and relu can be run here")


# Abramowitz and Stegun 1964, 7.1.26: erf to 1.5e-7. SciPy's would take 28 MB of memory.
_ERF = tuple(map(np.float32, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)))


def _gelu(x: Array) -> Array:
    scaled = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * scaled)
    tail = np.zeros_like(t)
    for coefficient in _ERF:
        tail = (tail + coefficient) * t
    tail *= np.exp(-scaled * scaled)
    # For x < 0 the tail itself is what is wanted: 1 - (1 - tail) would lose its digits.
    return np.asarray(0.5 * x * np.where(x < 0, tail, 2 - tail), np.float32)
