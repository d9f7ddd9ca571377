"""A table of labels and other names is read however it was saved; what cannot be taken is told by line and column."""

from pathlib import Path

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.graders.lists import reading
from rftstudio.graders.lists.reading import Found, Reading, check_reading, guess, looks_headless, read_list
from rftstudio.tasksets.imports.look import look_at


def read(tmp_path: Path, text: str | bytes, **changes) -> Found:
    path = tmp_path / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    look = look_at(path, path.name)
    given = Reading(**{**guess(look.columns).__dict__, **changes})
    return read_list(path, look.dialect, [column["name"] for column in look.columns], given)


def told(found: Found) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.column, problem.message) for problem in found.problems]


def test_a_row_a_label_with_its_names(tmp_path):
    found = read(tmp_path, "label,other names\nCFTR,ABCC7|MRP7; TNR-CFTR\nFBN1,\n")
    assert found.entries == {"CFTR": ["ABCC7", "MRP7", "TNR-CFTR"], "FBN1": []}
    assert found.n_names == 3
    assert not found.problems


def test_a_row_a_pair(tmp_path):
    found = read(tmp_path, "label,other name\nCFTR,ABCC7\nFBN1,SGS\nCFTR,MRP7\nCFTR,ABCC7\n")
    assert found.entries == {"CFTR": ["ABCC7", "MRP7"], "FBN1": ["SGS"]}
    assert found.n_merged == 2
    assert not found.problems


def test_a_register_with_many_columns(tmp_path):
    text = "hgnc_id\tsymbol\tname\tlocus\talias_symbol\tprev_symbol\n"
    text += "HGNC:1884\tCFTR\tCF transmembrane conductance regulator\tprotein\tABCC7|MRP7\tCF\n"
    assert read(tmp_path, text).entries == {"CFTR": ["ABCC7", "MRP7", "CF"]}


def test_commas_separate_only_where_that_is_said(tmp_path):
    text = 'label,synonyms\n2-4-D,"2,4-dichlorophenoxyacetic acid"\n'
    assert read(tmp_path, text).entries == {"2-4-D": ["2,4-dichlorophenoxyacetic acid"]}
    assert read(tmp_path, text, separator="commas").entries == {"2-4-D": ["2", "4-dichlorophenoxyacetic acid"]}
    bars = "label,synonyms\nA,x|y\n"
    assert read(tmp_path, bars, separator="none").entries == {"A": ["x|y"]}


def test_a_name_that_is_itself_a_label_is_left_out(tmp_path):
    found = read(tmp_path, "label,synonyms\nMI,heart attack\ninfarction,mi|coronary\n")
    assert found.entries == {"MI": ["heart attack"], "infarction": ["coronary"]}
    [(line, column, message)] = told(found)
    assert (line, column) == (3, "synonyms")
    assert "“mi” is itself a label (line 2)" in message


def test_a_name_of_two_labels_is_left_out_of_both(tmp_path):
    found = read(tmp_path, "label,synonyms\nA,x|shared\nB,y\nC,Shared|z\n")
    assert found.entries == {"A": ["x"], "B": ["y"], "C": ["z"]}
    assert [line for line, _, _ in told(found)] == [2, 4]
    assert all("stands for “A” (line 2) and “C” (line 4)" in message for _, _, message in told(found))


def test_duplicate_labels_are_one(tmp_path):
    found = read(tmp_path, "label,synonyms\nCFTR,a\ncftr.,b\n")
    assert found.entries == {"CFTR": ["a", "b"]}
    assert told(found) == [(3, "label", "“cftr.” is the same label as “CFTR” in line 2.")]


def test_a_name_that_is_only_another_spelling_says_nothing_new(tmp_path):
    assert read(tmp_path, "label,synonyms\nHeart-attack,heart attack|HEART ATTACK|MI|mi\n").entries == {
        "Heart-attack": ["MI"]
    }


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        ("A\0B,x", "label", "NUL byte"),
        ("A,x\0", "synonyms", "NUL byte"),
        ("A,x\u202ey", "synonyms", "reading direction"),
        ("A," + "x" * 1_000_000, "synonyms", "1,000,000 characters"),
        ("L" * 301 + ",x", "label", "301 characters"),
        (",x", "label", "The label is empty"),
        ("!!,x", "label", "The label is empty"),
        ("A,...", "synonyms", "only punctuation"),
        ("A", "", "only 1 of 2 cells"),
        ("A,x,y", "", "3 cells, the header only 2"),
    ],
)
def test_a_bad_row_is_told_and_the_others_are_taken(tmp_path, row, column, message):
    found = read(tmp_path, f"label,synonyms\nfirst,one\n{row}\nlast,two\n")
    [(line, where, said)] = told(found)
    assert (line, where) == (3, column)
    assert message in said
    assert found.problems[0].fix
    assert list(found.entries.items())[0] == ("first", ["one"])
    assert list(found.entries.items())[-1] == ("last", ["two"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_usual_encoding(tmp_path, encoding):
    text = "label;synonyms\nÖdem;Schwellung|œdème\n".replace("œ", "o" if encoding == "cp1252" else "œ")
    found = read(tmp_path, text.encode(encoding))
    assert list(found.entries) == ["Ödem"]
    assert len(found.entries["Ödem"]) == 2


def test_without_a_header_the_first_line_is_a_row(tmp_path):
    text = "CFTR,ABCC7\n\nFBN1,SGS\n"
    assert read(tmp_path, text).entries == {"FBN1": ["SGS"]}
    assert read(tmp_path, text, header=False).entries == {"CFTR": ["ABCC7"], "FBN1": ["SGS"]}
    path = tmp_path / "list.csv"
    assert looks_headless(look_at(path, path.name).columns)
    path.write_text("term,variants\nA,b\n")
    assert not looks_headless(look_at(path, path.name).columns)


def test_an_empty_cell_of_a_headless_first_line_is_no_name(tmp_path):
    assert read(tmp_path, "CFTR,,ABCC7\nFBN1,SGS,\n", header=False, names=(1, 2)).entries == {
        "CFTR": ["ABCC7"],
        "FBN1": ["SGS"],
    }


def test_one_column_is_refused(tmp_path):
    with pytest.raises(SpecError, match="only one column"):
        read(tmp_path, "label\nA\nB\n")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (Reading(0, (0,)), "names"),
        (Reading(0, ()), "names"),
        (Reading(0, (7,)), "names"),
        (Reading(-1, (1,)), "label"),
        (Reading(0, (1,), "tabs"), "separator"),
    ],
)
def test_a_reading_that_cannot_be_names_its_field(given, path):
    with pytest.raises(SpecError) as caught:
        check_reading(given, ["a", "b"])
    assert caught.value.path == path


def test_too_many_rows_or_names_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_ROWS", 2)
    with pytest.raises(SpecError, match="more than 2 rows"):
        read(tmp_path, "label,synonyms\nA,x\nB,y\nC,z\n")
    monkeypatch.setattr(reading, "MAX_NAMES", 1)
    with pytest.raises(SpecError, match="more than 1 other names"):
        read(tmp_path, "label,synonyms\nA,x|y\n")


def test_problems_are_counted_and_not_all_kept(tmp_path):
    found = read(tmp_path, "label,synonyms\nA,b\n" + ",x\n" * 500)
    assert found.n_problems == 500
    assert len(found.problems) == reading.SHOWN
