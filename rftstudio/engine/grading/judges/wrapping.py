"""Text that a judge reads and must not obey: put between tags of ours, with every attempt to close them removed.

The tags are the same for every answer; what makes them hold is that no text inside can contain one, however it is
spelled: other brackets, capitals, spaces or invisible characters between the letters, HTML escapes.
"""

import re

ANSWER = "graded_answer"
FIRST, SECOND = "first_answer", "second_answer"
TAGS = (ANSWER, FIRST, SECOND, "reference", "task")
REMOVED = "[tag removed]"

_JUNK = r"[\s_\-\u00ad\u034f\u061c\u115f\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]{0,40}"
# Angle brackets only: (reference) and [task] are things that honest answers say.
_OPEN = r"(?:[<\uff1c\ufe64\u3008\u27e8\u2329\u276e]|&lt;?|&#0{0,6}60;?|&#x0{0,6}3c;?|\\u003c|%3c)"
_CLOSE = r"(?:[>\uff1e\ufe65\u3009\u27e9\u232a\u276f]|&gt;?|&#0{0,6}62;?|&#x0{0,6}3e;?|\\u003e|%3e)"
_NAMES = "|".join(_JUNK.join(letter for letter in tag.replace("_", "")) for tag in TAGS)
_SLASH = r"[/\\\uff0f\u2215\u2044]{0,3}"
_TAG = re.compile(f"{_OPEN}{_JUNK}{_SLASH}{_JUNK}(?:{_NAMES}){_JUNK}{_SLASH}{_JUNK}{_CLOSE}", re.IGNORECASE)
_WIDE = str.maketrans({chr(code): chr(code - 0xFEE0) for code in range(0xFF21, 0xFF5B)})


def wrap(tag: str, text: str) -> str:
    """The text between `<tag>` and `</tag>`, unable to end there by itself."""
    return f"<{tag}>\n{neutralise(text)}\n</{tag}>"


def neutralise(text: str) -> str:
    """The text without anything that could be read as one of our tags, and without half characters."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
        if text.translate(_WIDE) != text and _TAG.search(text.translate(_WIDE)):
            text = text.translate(_WIDE)
    return _TAG.sub(REMOVED, text)
