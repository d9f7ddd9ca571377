import pytest

from rftstudio.engine.grading.text import as_text, normalise, quote


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("café", "cafe\u0301"),
        ("ﬁne", "fine"),
        ("a\u00a0b", "a  b"),
        ("a\u200bb", "ab"),
        ("rock'n'roll", "rock’n’roll"),
        ("follow-up", "follow – up".replace(" ", "")),
        ("yes", "“Yes”…"),
        ("yes", "***yes***"),
        ("yes", "((yes))".replace("((", "(").replace("))", ")")),
        ("a", "a)"),
        ("", " . "),
    ],
)
def test_the_same(one, other):
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A+", "A-"),
        ("C", "C++"),
        ("C", "C#"),
        ("-1", "1"),
        ("50%", "50"),
        ("no", "not"),
        ("hypertension (severe)", "hypertension"),
        ("a b", "ab"),
    ],
)
def test_not_the_same(one, other):
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize("text", ["Résumé – (draft)!", "A-1", "“x”", "[ (a) ]", "- - a", "İstanbul", "ß\u0301"])
def test_normalising_twice_changes_nothing(text):
    assert normalise(normalise(text)) == normalise(text)


def test_long_text_is_normalised_like_short():
    text = "Café ﬁne “quoted” – Straße. " * 300
    assert normalise(text) == " ".join([normalise("Café ﬁne “quoted” – Straße. x")[:-2]] * 300).rstrip(".")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, ""),
        (True, "true"),
        (3, "3"),
        (1.5, "1.5"),
        ([1, "ü"], '[1, "ü"]'),
        ({"a": None}, '{"a": null}'),
    ],
)
def test_as_text(value, text):
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("a", "“a”"),
        ("a\n\t b\0c", "“a b c”"),
        ("\ud800x", "“?x”"),
        ("a\u202eb", "“a b”"),
        ("x" * 100, "“" + "x" * 79 + "…”"),
        ("", "“”"),
    ],
)
def test_quote(text, quoted):
    assert quote(text) == quoted
