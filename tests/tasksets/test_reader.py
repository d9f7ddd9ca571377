"""Reading hostile, broken and merely odd files: every one says what, where and what to do."""

import json

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.tasksets.imports.look import look_at
from rftstudio.tasksets.imports.reader import MAX_LINE, read_rows


@pytest.fixture
def save(tmp_path):
    def write(content, name="items.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def names(look):
    return [column["name"] for column in look.columns]


def rows(path, look):
    return list(read_rows(path, look.dialect, names(look)))


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("q,a\nx,y\n", ","),
        ("q;a\n1,5;2,5\n3,5;4,5\n", ";"),
        ("q\ta\nx, y\tz\n", "\t"),
        ("q|a\nx|y\n", "|"),
        ("question\nonly one column\nand more\n", ","),
        ('q,a\n"a; b; c",d\n"e; f; g",h\n', ","),
    ],
)
def test_the_separator_is_found(save, content, delimiter):
    assert look_at(save(content), "items.csv").dialect.delimiter == delimiter


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("latin-1", "Latin-1"),
        ("cp1252", "Latin-1"),
    ],
)
def test_the_encoding_is_found(save, encoding, note):
    path = save("frage;antwort\nWie heißt das Fieber?;Dengue\n".encode(encoding))
    look = look_at(path, "items.csv")
    assert names(look) == ["frage", "antwort"]
    assert rows(path, look)[0].cells["frage"] == "Wie heißt das Fieber?"
    assert note in " ".join(look.dialect.notes)


def test_a_character_cut_by_the_read_buffer_is_no_error(save):
    path = save("q\n" + "a" * (1 << 20) + "é" * 10 + "\n")
    assert look_at(path, "items.csv").dialect.encoding == "utf-8"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "empty"),
        (b" \n\n", "a.csv", "nothing but spaces"),
        (b"q,a\n", "a.csv", "column names but no rows"),
        (b"q,a,q\n1,2,3\n", "a.csv", "Two columns are called “q” (columns 1, 3)"),
        (b"PK\x03\x04rest", "a.csv", "Excel workbook"),
        (b"\xd0\xcf\x11\xe0rest", "a.csv", "old Excel workbook"),
        (b"%PDF-1.7", "a.csv", "a PDF"),
        (b"PAR1....", "a.csv", "Parquet"),
        (b"q,a\n" + b"\0" * 500, "a.csv", "NUL bytes"),
        (b"\xff\xfeq\x00,\x00a\x00\n\x00\xd8", "a.csv", "broken at byte"),
        (",".join(f"c{n}" for n in range(300)).encode() + b"\n1\n", "a.csv", "300 columns"),
        (b"x" * 500 + b",b\n1,2\n", "a.csv", "500 characters long"),
        (b"q\x1b,a\n1,2\n", "a.csv", "control character"),
        (b'[{"q": 1}]', "a.json", "one JSON list"),
        (b"not json at all\n", "a.jsonl", "not valid JSON"),
        (b"[1, 2]\n", "a.jsonl", "one JSON list"),
        (b"3\n4\n", "a.jsonl", "not a JSON object"),
    ],
)
def test_a_file_that_cannot_be_read(save, content, name, message):
    with pytest.raises(SpecError) as caught:
        look_at(save(content, name), name)
    assert message in str(caught.value)
    assert caught.value.fix


def test_unnamed_columns_get_a_name_and_a_note(save):
    look = look_at(save("q,,a,,\n1,2,3,,\n"), "items.csv")
    assert names(look) == ["q", "column 2", "a"]
    assert "Column 2 has no name" in look.dialect.notes[0]


def test_rows_of_the_wrong_width_are_faults_of_their_own(save):
    path = save('q,a\nx,y\n\nonly\n1,2,3\n"line\nbreak",z\n')
    found = rows(path, look_at(path, "items.csv"))
    assert [row.line for row in found] == [2, 4, 5, 6]
    assert "only 1 of 2 cells. Missing: a" in found[1].faults[0].message
    assert "3 cells, the header only 2" in found[2].faults[0].message
    assert found[3].cells == {"q": "line\nbreak", "a": "z"}


def test_a_quote_never_closed_does_not_stop_the_reading(save):
    path = save('q,a\n"never closed,b\n' + "x" * 9_000_000 + "\nc,d\n")
    found = rows(path, look_at(path, "items.csv"))
    assert "quote" in found[0].faults[0].fix
    assert found[0].line == 2


def test_an_apostrophe_that_tames_a_formula_is_taken_off_again(save):
    path = save("q,a\n'=1+1,'quoted\n")
    assert rows(path, look_at(path, "items.csv"))[0].cells == {"q": "=1+1", "a": "'quoted"}


def test_jsonl_lines(save):
    lines = [
        '{"q": "x", "n": 4, "l": ["a"]}',
        "",
        "{broken",
        '{"q": NaN}',
        '{"q": 1, "q": 2}',
        '"text"',
        '{"q": "a\\u0000b"}',
        "[" * 100_000,
        '{"later": "y"}',
    ]
    path = save("\ufeff" + "\n".join(lines), "items.jsonl")
    look = look_at(path, "items.jsonl")
    found = rows(path, look)
    assert names(look) == ["q", "n", "l", "later"]
    assert [row.line for row in found] == [1, 3, 4, 5, 6, 7, 8, 9]
    assert found[0].cells == {"q": "x", "n": 4, "l": ["a"]}
    said = [row.faults[0].message + row.faults[0].fix if row.faults else "" for row in found]
    assert "character 2" in said[1]
    assert "NaN" in said[2]
    assert "stands twice" in said[3]
    assert "not a JSON object" in said[4]
    assert said[5] == ""  # the NUL inside is found where the cell is checked
    assert said[6]
    assert said[7] == ""


def test_a_giant_jsonl_line_is_skipped_and_the_next_one_read(save):
    path = save(
        json.dumps({"q": "ok"}) + "\n" + json.dumps({"q": "x" * (MAX_LINE * 2)}) + "\n" + json.dumps({"q": "z"}),
        "a.jsonl",
    )
    found = rows(path, look_at(path, "a.jsonl"))
    assert [row.cells.get("q") for row in found] == ["ok", None, "z"]
    assert "longer than 4,000,000" in found[1].faults[0].message


def test_examples_are_short_and_printable(save):
    path = save("q\n" + "x" * 5000 + "\na\0b\n")
    look = look_at(path, "items.csv")
    assert look.columns[0]["examples"][0].endswith("…")
    assert "\0" not in json.dumps(look.rows)
    assert look.columns[0]["examples"][1] == "a\ufffdb"
