"""Which words of an English text stand in a negation: “no fever”, “denies cough”, “rash was not seen”.

The method is NegEx's (Chapman et al. 2001): a list of cues, each with a reach that ends at the sentence, at a word such
as “but”, or after a few words. It knows nothing of grammar, of hedges (“possible fever” is no negation) or of any other
language.
"""

from collections.abc import Collection, Sequence

REACH = 6  # words, commas and “or” not counted
_Cue = tuple[str, ...]


def _cues(text: str) -> dict[str, list[_Cue]]:
    """Cues by their first word, the longest first."""
    cues: dict[str, list[_Cue]] = {}
    for phrase in text.split("|"):
        cue = tuple(phrase.split())
        cues.setdefault(cue[0], []).append(cue)
    for each in cues.values():
        each.sort(key=len, reverse=True)
    return cues


# What they say holds for the words that follow, for those before, or for none although it looks like it.
_BEFORE = _cues(
    "no|not|without|never|neither|nor|none of|cannot|denies|denied|denying|deny|negative for|absence of|absent|free of|"
    "free from|lack of|lacks|lacked|lacking|excludes|excluded|rules out|ruled out|rule out|unlikely|instead of|"
    "rather than|as opposed to|in place of"
)
_AFTER = _cues(
    "absent|not present|not seen|not found|not detected|not observed|not evident|not identified|not noted|not reported|"
    "not given|not needed|not necessary|not indicated|not recommended|not required|ruled out|excluded|unlikely|"
    "negative|: no|: none|: negative|: absent|: not"
)
_NEITHER = _cues(
    "not only|not just|not merely|no doubt|without doubt|no question|no wonder|not necessarily|not excluded|"
    "not ruled out|not been ruled out|not been excluded|cannot be ruled out|cannot be excluded|cannot exclude|"
    "cannot rule out|not absent|not unlikely|not without|not negative|no change|not uncommon"
)
_ENDS_TEXT = ". ; : ? ! ( ) [ ] but however although though yet except despite nevertheless whereas because"
_ENDS = frozenset(_ENDS_TEXT.split())
_TWO_WORD_ENDS = frozenset({("apart", "from"), ("aside", "from"), ("other", "than"), ("as", "well")})
_JOINING = frozenset({",", "and"})
_NEW_CLAUSE_TEXT = (
    "has have had is are was were shows showed presents presented reports reported complains complained with he "
    "she they it there the give gives take takes start do does did"
)
_NEW_CLAUSE = frozenset(_NEW_CLAUSE_TEXT.split())
_PASSIVE = frozenset({"is", "are", "was", "were", "be", "been"})
_FREE = frozenset({",", "or", "and", "nor", "any", "a", "an", "the"})


def negated(words: Sequence[str], breaks: Collection[int]) -> bytearray:
    """1 for each word that a negation reaches, otherwise 0. breaks: places of words that begin a line."""
    marks = bytearray(len(words))
    place = 0
    while place < len(words):
        word = words[place]
        if cue := _at(_NEITHER, words, place, word):
            place += len(cue)
            continue
        after = _at(_AFTER, words, place, word)
        if word == ":" and after and not _ends_at(words, breaks, place + len(after)):
            after = ()  # “Symptoms: no fever” says nothing of symptoms
        if after:
            _mark_before(marks, words, breaks, place)
        before = _at(_BEFORE, words, place, word)
        if before and not (after and place and words[place - 1] in _PASSIVE):
            _mark_after(marks, words, breaks, place + len(before))
        place += max(len(after), len(before)) if after or before else 1
    return marks


def _at(cues: dict[str, list[_Cue]], words: Sequence[str], place: int, word: str) -> _Cue:
    for cue in cues.get(word, ()):
        if len(cue) == 1 or tuple(words[place : place + len(cue)]) == cue:
            return cue
    return ()


def _ends_at(words: Sequence[str], breaks: Collection[int], place: int) -> bool:
    return place >= len(words) or place in breaks or words[place] == "," or words[place] in _ENDS


def _mark_after(marks: bytearray, words: Sequence[str], breaks: Collection[int], place: int) -> None:
    if place < len(words) and words[place] == ":":  # “Denies: fever, cough”
        place += 1
    left = REACH
    while place < len(words) and left and place not in breaks:
        word, following = words[place], words[place + 1] if place + 1 < len(words) else ""
        if word in _ENDS or (word, following) in _TWO_WORD_ENDS or (word in _JOINING and following in _NEW_CLAUSE):
            return
        marks[place] = 1
        left -= word not in _FREE
        place += 1


def _mark_before(marks: bytearray, words: Sequence[str], breaks: Collection[int], place: int) -> None:
    left = REACH
    while place > 0 and left and place not in breaks:
        place -= 1
        word = words[place]
        if word in _ENDS:
            return
        marks[place] = 1
        left -= word not in _FREE
