"""Manners of language models that a reader did not ask for: a preamble, Markdown, an answer that is not finished.

Each function gives what it found as text, "" for nothing. Patterns, not understanding: they look at the first words,
at line beginnings and at the end. Linear in the length of the answer.
"""

import re

_PREAMBLE = re.compile(
    r"""[\s\W]{0,8}(?:
        (?:sure|certainly|absolutely|of\ course|great(?:\ question)?|good\ question|okay|ok|alright|happy\ to\ help
          |thank\ you\ for|thanks\ for|no\ problem|understood|got\ it)\b[\s!,.:;*–—-]{1,4}
          (?=\s*(?:here|i|i'd|i’d|i'll|i’ll|let|below|the\ following|this\ is|glad|happy|as\ |your|asking|sharing
            |providing|the\ question)\b)
      | here(?:'s|’s|\ is|\ are)\ (?:the|a|an|my|your|some|what|how)\b
      | (?:below|the\ following)\ (?:is|are)\b
      | i(?:'d|’d|\ would)\ be\ (?:happy|glad)\ to\b
      | i(?:'m|’m|\ am)\ (?:happy|glad)\ to\ help\b
      | as\ an?\ (?:ai|artificial|large\ language|language\ model|assistant)\b
      | let\ me\ (?:help|explain|think|break|start|answer|see|walk)\b
      | (?:based\ on|according\ to)\ (?:the\ information|what)\ (?:you(?:'ve|’ve|\ have)?|provided)\b
      | (?:certainly|absolutely|of\ course|sure(?:\ thing)?|great\ question)\s*[!.:]
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_MARKDOWN = re.compile(
    r"""^[ \t]{0,3}(?:\#{1,6}[ \t]+\S | [-*+][ \t]+\S | >[ \t]?\S | ```|~~~ | \|.{0,200}\|
          | (?:-{3,}|\*{3,}|_{3,})[ \t]*$)
      | \*\*[^\s*](?:[^*\n]{0,200}[^\s*])?\*\* | (?<!\w)__[^\s_](?:[^_\n]{0,200}[^\s_])?__(?!\w)
      | (?<![\w*])\*[^\s*](?:[^*\n]{0,200}[^\s*])?\*(?![\w*])
      | `[^`\n]{1,200}` | !?\[[^\]\n]{1,200}\]\([^)\s]{1,400}\)""",
    re.MULTILINE | re.VERBOSE,
)
_SHORT_LINE, _SHORT_ENTRY = 8, 14  # words
_CLOSERS = {")": "(", "]": "[", "}": "{"}
_ENDINGS = frozenset(".!?…。！？।؟*_`\"'”’»)]}>|")
_BRACKET = re.compile(r"[()\[\]{}]")
_SMILEY = re.compile(r"[:;]-?[)(\]]")
_LIST_MARK = re.compile(r"\s*(?:\(?\w{1,3}[.)]|[-*+•–])\s+")


def preamble_of(text: str) -> str:
    """The first words where they are chatter before the answer."""
    found = _PREAMBLE.match(text[:400])
    return text[:400].strip().split("\n", 1)[0] if found else ""


def markdown_in(text: str) -> str:
    """The first piece of Markdown."""
    if not any(sign in text for sign in "*_`#>|[-+~"):
        return ""
    found = _MARKDOWN.search(text)
    return found[0].strip() if found else ""


def unfinished(text: str) -> str:
    """Why the text looks cut off, in a sentence."""
    text = text.rstrip()
    if text.count("```") % 2:
        return "A code fence is opened and not closed."
    waiting: list[str] = []
    for sign in _BRACKET.findall(_SMILEY.sub("", text)):
        if sign in "([{":
            waiting.append(sign)
        elif sign in _CLOSERS and waiting and waiting[-1] == _CLOSERS[sign]:
            waiting.pop()
    if waiting:
        return f"A bracket {waiting[-1]} is opened and not closed."
    last = text[-1:]
    if last in _ENDINGS or not last:
        return ""
    if last in ",;:-–—/&(=+" or text.endswith((" and", " or", " the", " of", " a", " to", " with")):
        return f"Stops in the middle: it ends with “{text[-20:].split()[-1]}”."
    # A short answer, a list entry, a heading or a line of code needs no full stop; a long sentence does.
    line = text[text.rfind("\n") + 1 :]
    final = line[max(line.rfind(mark) for mark in (". ", "! ", "? ")) + 1 :]
    limit = _SHORT_ENTRY if _LIST_MARK.match(line) else _SHORT_LINE
    if len(final.split(None, limit)) <= limit:
        return ""
    return f"The last sentence does not end: “…{final[-30:].strip()}”."
