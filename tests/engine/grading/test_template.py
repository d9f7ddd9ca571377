import pytest

from rftstudio.engine.grading.failure import FieldError, NoScore
from rftstudio.engine.grading.path import PathError, follow, format_path, parse_path
from rftstudio.engine.grading.template import compile_template
from rftstudio.engine.types import Item, Sample

ITEM = Item("1", (), {"gene": "FBN1", "Patient age": 7, "a.b": "dotted", "tree": {"x": [{"y": 2}, "z"]}, "none": None})
SAMPLE = Sample.from_text('{"diagnosis": [{"code": "I21"}], "n": 1.5}')


def render(text, item=ITEM, sample=SAMPLE):
    return compile_template(text).render(item, sample)


def value(text, item=ITEM, sample=SAMPLE):
    return compile_template(text).value(item, sample)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{ item.gene }}", "FBN1"),
        ("{{item.gene}}", "FBN1"),
        ("<{{ item.gene }}|{{ item.Patient age }}>", "<FBN1|7>"),
        ('{{ item["Patient age"] }}', "7"),
        ("{{ item['a.b'] }}", "dotted"),
        ("{{ item.tree.x[0].y }}", "2"),
        ("{{ item.tree }}", '{"x": [{"y": 2}, "z"]}'),
        ("{{ item.none }}", ""),
        ("{{ sample.output_json.diagnosis[0].code }}", "I21"),
        ("{{ sample.output_json.n }}", "1.5"),
        ("{{ sample.output_tools }}", "[]"),
        ("a } }} b", "a } }} b"),
    ],
)
def test_render(text, expected):
    assert render(text) == expected


def test_a_single_variable_keeps_its_type():
    assert value("{{ item.tree.x }}") == [{"y": 2}, "z"]
    assert value(" {{ item.Patient age }} ") == 7
    assert value("{{ item.Patient age }}!") == "7!"
    assert value("{{ item.none }}") is None


def test_what_was_put_in_is_never_expanded_again():
    item = Item("1", (), {"question": "{{ item.reference_answer }}", "reference_answer": "secret"})
    assert render("{{ item.question }}", item) == "{{ item.reference_answer }}"
    assert "secret" not in render("{{ sample.output_text }}", item, Sample.from_text("{{ item.reference_answer }}"))


@pytest.mark.parametrize(
    "text",
    [
        "{{ gene }}",
        "{{ items.gene }}",
        "{{ item }}",
        "{{ item[0] }}",
        "{{ sample.text }}",
        "{{ sample.__class__ }}",
        "{{ }}",
        "{{ item.gene",
        "{{ item.a..b }}",
        "{{ item.gene | upper }} {{",
        "{{ item.x() . }}",
        "{{{ item.gene }}}",
        "{{ 1 + 1 }}",
    ],
)
def test_not_a_template(text):
    with pytest.raises(FieldError) as caught:
        compile_template(text)
    assert caught.value.fix


@pytest.mark.parametrize(
    "text",
    [
        "{{ item.unknown }}",
        "{{ item.gene.upper }}",
        "{{ item.gene.__class__ }}",
        "{{ item.tree.x[9] }}",
        "{{ item.tree.x.y }}",
        "{{ item.__dict__ }}",
        "{{ item.id }}",
        "{{ sample.output_json.x }}",
        "{{ item.tree[0] }}",
    ],
)
def test_a_variable_that_leads_nowhere(text):
    with pytest.raises(NoScore) as caught:
        render(text)
    assert caught.value.error.flag == "invalid_variable_error"


def test_output_json_of_an_answer_that_is_no_json():
    with pytest.raises(NoScore) as caught:
        render("{{ sample.output_json }}", sample=Sample.from_text("not json"))
    assert caught.value.error.flag == "sample_parse_error"
    assert value("{{ sample.output_json }}", sample=Sample.from_text(" null ")) is None


@pytest.mark.parametrize("text", ["a", "a.b", "a[0]", "[0].a", "a[0][1].b", '["odd.key"].b', 'a["x.y"]', "a b.c-d"])
def test_paths_read_and_written(text):
    assert format_path(parse_path(text)) == text


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[b]", "a[-1]", "a[0", "a]", "a[0]b", "[" * 5000, "a." * 5000]
)
def test_not_a_path(text):
    with pytest.raises(PathError):
        parse_path(text)


def test_follow_never_reads_attributes_or_indexes_text():
    for path in ("x.items", "x[0]"):
        with pytest.raises(LookupError):
            follow({"x": "text"}, parse_path(path))
