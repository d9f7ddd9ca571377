"""The builder page: what its buttons do, what it keeps, what it says."""

import json

import pytest
from django.urls import reverse

from rftstudio.engine.errors import SpecError
from rftstudio.graders.actions import create_grader
from rftstudio.graders.forms.tree import Node, texts_of
from rftstudio.graders.models import Grader
from rftstudio.graders.workbench import Workbench
from tests.factories import DESKS, make_grader, make_taskset
from tests.graders.specs import PLAIN
from tests.graders.test_judges import make_judge

HTMX = {"HTTP_HX_REQUEST": "true"}
LABELS = list(DESKS)


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


@pytest.fixture
def grader(taskset, bob) -> Grader:
    return make_grader(taskset=taskset, by=bob, spec={"type": "exact_choice", "name": "desk", "choices": LABELS})


def url(grader: Grader, name: str = "builder") -> str:
    return reverse(f"graders:{name}", args=[grader.pk])


def typed(grader: Grader, **changes: str) -> dict[str, str]:
    """What the page of a grader sends, with some fields typed over (`partial` is the field `g-partial`)."""
    return texts_of(grader.spec) | {f"g-{name}": text for name, text in changes.items()}


def test_it_opens_with_a_working_grader_and_the_reference_answer(grader, as_bob):
    response = as_bob.get(url(grader))
    page = response.content.decode()
    assert "How would you mark this answer?" in page
    assert "The answer is one label out of a list" in page
    assert response.context["tryout"].grade["score"] == 1.0
    assert "My chest hurts badly." in page
    assert "Not published yet" in page


def test_a_task_set_without_a_grader_gets_one_by_a_button(taskset, as_bob, as_vera):
    opener = reverse("graders:open", args=[taskset.pk])
    page = as_bob.get(opener).content.decode()
    assert "Start with a working grader" in page
    assert "Start with a working grader" not in as_vera.get(opener).content.decode()
    response = as_bob.post(opener)
    grader = taskset.graders.get()
    assert response["Location"] == url(grader)
    assert as_bob.get(opener)["Location"] == url(grader)
    as_bob.post(opener)
    assert taskset.graders.count() == 1


def test_saving_keeps_what_was_typed(grader, as_bob):
    response = as_bob.post(url(grader), {**typed(grader, partial="0.25"), "op": "save"})
    assert response["Location"] == url(grader)
    grader.refresh_from_db()
    assert grader.spec["partial"] == 0.25
    assert grader.spec["name"] == "desk"


def test_saving_in_place_answers_with_the_form_and_the_state(grader, as_bob):
    response = as_bob.post(url(grader), {**typed(grader, partial="0,25"), "op": "save"}, **HTMX)
    page = response.content.decode()
    assert "<html" not in page
    assert 'id="marking"' in page
    assert "Saved." in page
    grader.refresh_from_db()
    assert grader.spec["partial"] == 0.25


def test_an_error_stands_at_its_field_and_nothing_typed_is_lost(grader, as_bob):
    response = as_bob.post(
        url(grader), {**typed(grader, partial="a lot", choices="one\ntwo"), "op": "save", "note": "why", "answer": "x"}
    )
    page = response.content.decode()
    assert response.status_code == 200
    for text in ("“a lot” is not a number", 'value="a lot"', "one\ntwo", 'value="why"', 'href="#id_g-partial"'):
        assert text in page
    grader.refresh_from_db()
    assert grader.spec["choices"] == LABELS


def test_a_wrong_variable_names_the_known_ones_at_the_field(grader, as_bob):
    response = as_bob.post(url(grader), {**typed(grader, reference="{{ item.desk }}"), "op": "save"})
    errors = response.context["node"].form.errors
    assert set(errors) == {"reference"}
    assert "no field “desk”" in errors["reference"][0]
    assert "message, reference_answer" in errors["reference"][0]


@pytest.mark.parametrize("kind", PLAIN)
def test_any_kind_can_be_chosen_and_is_whole_at_once(grader, as_bob, kind):
    make_judge(grader.taskset.workspace)
    response = as_bob.post(url(grader), {**typed(grader), "op": f"kind:g:{kind}"})
    bench: Workbench = response.context["bench"]
    assert bench.spec is not None, bench.failures
    assert bench.spec.type == kind
    if kind not in ("json_fields", "number") and not bench.spec.waits:  # a label is neither; nobody is there to ask
        assert response.context["tryout"].grade["score"] is not None
    assert "Undo" in response.content.decode() or kind == "exact_choice"


def test_a_composite_takes_the_present_grader_in_and_gives_it_back(grader, as_bob):
    response = as_bob.post(url(grader), {**typed(grader, partial="0.3"), "op": "kind:g:rubric"})
    texts = response.context["bench"].texts
    check = response.context["node"].spec["criteria"][0]["check"]
    assert (check["type"], check["partial"], check["name"]) == ("exact_choice", 0.3, "desk")
    response = as_bob.post(url(grader), {**texts, "op": "kind:g:multi"})
    spec = response.context["bench"].spec
    assert spec.model_dump()["graders"]["right_answer"]["partial"] == 0.3
    response = as_bob.post(url(grader), {**response.context["bench"].texts, "op": "kind:g:exact_choice"})
    assert response.context["node"].spec["partial"] == 0.3


def test_what_two_kinds_share_is_carried_over(grader, as_bob):
    sent = {**typed(grader, input="{{ sample.output_json.desk }}"), "op": "kind:g:number"}
    node = as_bob.post(url(grader), sent).context["node"]
    assert node.spec["input"] == "{{ sample.output_json.desk }}"


def test_rows_are_added_moved_removed_and_brought_back(taskset, as_bob, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=_rubric())
    sent = {**texts_of(grader.spec), "g-r1-sentence": "Typed just now"}

    def press(word: str) -> list[str]:
        nonlocal sent
        context = as_bob.post(url(grader), {**sent, "op": word}).context
        sent = context["bench"].texts
        return [criterion["sentence"] for criterion in context["node"].spec["criteria"]]

    assert press("up:g:1") == ["Typed just now", "Names the drug."]
    assert press("up:g:1") == ["Typed just now", "Names the drug."]
    assert press("add:g") == ["Typed just now", "Names the drug.", ""]
    assert press("down:g:1") == ["Names the drug.", "Typed just now", ""]
    assert press("remove:g:1") == ["Names the drug.", ""]
    assert press("undo") == ["Names the drug.", "Typed just now", ""]


def test_rows_are_copied_and_dropped_at_a_place_and_it_is_said(taskset, as_bob, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=_rubric())
    sent = texts_of(grader.spec)

    def press(word: str) -> tuple[list[str], str]:
        nonlocal sent
        context = as_bob.post(url(grader), {**sent, "op": word}).context
        sent = context["bench"].texts
        return [criterion["sentence"] for criterion in context["node"].spec["criteria"]], context["bench"].said

    first, second = "Names the drug.", "Blames the patient"
    assert press("copy:g:0") == ([first, first, second], "Criterion 2 is a copy; there are 3.")
    assert press("move:g:1:0") == ([second, first, first], "Criterion 3 is now number 1 of 3.")
    assert press("move:g:1:99") == ([first, first, second], "Criterion 1 is now number 3 of 3.")
    assert press("move:g:1:x")[0] == [first, first, second]
    assert press("down:g:0")[1] == "Criterion 1 is now number 2 of 3."
    rows, said = press("remove:g:1")
    assert rows == [first, first]
    assert said == "Criterion 3 is removed; “Undo the last change” brings it back."
    assert press("undo") == ([first, first, second], "The last change is undone.")
    context = as_bob.post(url(grader), {**sent, "op": "save"}, follow=True).context
    names = [criterion["name"] for criterion in context["node"].spec["criteria"]]
    assert len(set(names)) == 3


def test_a_copied_part_of_a_formula_gets_a_name_of_its_own(taskset, as_bob, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=PLAIN["multi"])
    sent = texts_of(grader.spec)
    for word in ("copy:g:0", "copy:g:0"):
        sent = as_bob.post(url(grader), {**sent, "op": word}).context["bench"].texts
    assert set(Node(sent).spec["graders"]) == {"right", "right_2", "right_3", "short"}


def test_a_folded_criterion_says_what_it_is(taskset, as_bob, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=_rubric())
    page = as_bob.get(url(grader)).content.decode()
    for words in ("must not · caps the whole at 0.3", "100\xa0%", "contains the reference answer", "Alt+ArrowUp"):
        assert words in page


def test_a_nested_grader_changes_kind_in_its_place(taskset, as_bob, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=_rubric())
    sent = {**texts_of(grader.spec), "op": "kind:g-r1-g:number"}
    context = as_bob.post(url(grader), sent).context
    assert [each["check"]["type"] for each in context["node"].spec["criteria"]] == ["string_check", "number"]
    assert context["bench"].open_rows == ["g-r1"]


@pytest.mark.parametrize(
    "word", ["kind:g:magic", "kind:zz:number", "up:g:99", "remove:g:x", "add:g", "undo", "a:b:c:d", ""]
)
def test_an_unknown_button_changes_nothing(grader, as_bob, word):
    context = as_bob.post(url(grader), {**typed(grader, partial="0.3"), "op": word, "undo": "{broken"}).context
    assert context["node"].spec["partial"] == 0.3


def test_json_is_put_into_the_form(grader, as_bob):
    text = json.dumps({"type": "number", "tolerance": 2})
    bench = as_bob.post(url(grader), {**typed(grader), "op": "apply_json", "json": text}).context["bench"]
    assert bench.spec.model_dump()["tolerance"] == 2
    assert bench.unsaved


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"type": "numb', "line 1"),
        ("[]", "JSON object"),
        ('{"type": "nomber"}', "Did you mean number?"),
        ('{"type": "exact_choice", "choices": ["", "a"]}', "choices[0]"),
        ('{"type": "number", "tolerance": 1, "tolerance": 2}', "stands twice"),
        ('{"type": "number", "name": "a\\u0000b"}', "NUL"),
    ],
)
def test_json_that_cannot_be_used_stays_with_its_reason(grader, as_bob, text, words):
    response = as_bob.post(url(grader), {**typed(grader, partial="0.3"), "op": "apply_json", "json": text})
    bench = response.context["bench"]
    assert words in bench.json.error
    assert bench.json.text == text
    assert bench.node.spec["partial"] == 0.3


def test_json_that_was_typed_and_not_put_into_the_form_is_not_passed_over(grader, as_bob):
    shown = Workbench.stored(grader, {})
    sent = {**typed(grader), "op": "save", "json_was": shown.json_was}
    assert as_bob.post(url(grader), {**sent, "json": shown.spec_json.replace("\n", "\r\n")}).status_code == 302
    response = as_bob.post(url(grader), {**sent, "json": '{"type": "number"}'})
    assert "not in the form yet" in response.context["bench"].json.error
    assert response.context["bench"].json.text == '{"type": "number"}'


def test_publishing_from_the_page(grader, as_bob):
    response = as_bob.post(
        url(grader), {**typed(grader, partial="0.1"), "op": "publish", "note": "softer"}, follow=True
    )
    version = grader.versions.get()
    assert (version.number, version.note, version.spec["partial"]) == (1, "softer", 0.1)
    assert "Version 1" in response.content.decode()
    assert "nothing changed since" in response.content.decode()


def test_publishing_what_cannot_mark_the_references_says_which(grader, as_bob):
    sent = {**typed(grader, choices="emergency\nappointment\nprescription"), "op": "publish"}
    page = as_bob.post(url(grader), sent).content.decode()
    assert "billing-0" in page
    assert not grader.versions.exists()


def test_references_below_full_marks_are_told_after_publishing(grader, as_bob):
    exact = {"type": "exact_choice", "choices": list(DESKS)}
    spec = {"type": "multi", "graders": {"right": exact}, "calculate_output": "0.9 * right"}
    page = as_bob.post(url(grader), {**texts_of(_full(spec)), "op": "publish"}, follow=True).content.decode()
    assert "does not get full marks on 12 of 12 items" in page


def test_a_viewer_sees_the_form_switched_off(grader, as_vera):
    page = as_vera.get(url(grader)).content.decode()
    assert '<fieldset class="plain" disabled>' in page
    assert 'value="save"' not in page


def test_a_script_in_a_name_or_label_is_shown_and_not_run(taskset, as_bob, bob):
    evil = "</script><script>alert(1)</script>"
    grader = make_grader(
        taskset=taskset, by=bob, spec={"type": "exact_choice", "name": evil, "choices": [*LABELS, evil]}
    )
    page = as_bob.get(url(grader)).content.decode()
    assert "<script>alert" not in page


def test_a_page_of_a_hundred_criteria_is_drawn_and_read(taskset, as_bob, bob):
    criterion = _rubric()["criteria"][0]
    spec = {"type": "rubric", "criteria": [{**criterion, "name": f"c{number}"} for number in range(100)]}
    grader = make_grader(taskset=taskset, by=bob, spec=spec)
    assert as_bob.get(url(grader)).status_code == 200
    assert as_bob.post(url(grader), {**texts_of(grader.spec), "op": "save"}).status_code == 302
    assert Node(texts_of(grader.spec)).spec["criteria"][99]["name"] == "c99"


def _rubric() -> dict:
    criteria = [
        {key: value for key, value in each.items() if key != "applies_if"} for each in PLAIN["rubric"]["criteria"]
    ]
    return {"type": "rubric", "criteria": [{**criteria[0], "sentence": "Names the drug."}, criteria[1]]}


def _full(spec: dict) -> dict:
    from rftstudio.engine.grading import parse_spec

    return parse_spec(spec).model_dump(mode="json", exclude_none=True)


NOTHING = {"type": "string_check", "input": "{{ sample.output_text }}", "reference": "", "operation": "like"}
LIKE_NOTHING = {"type": "text_similarity", "input": "x", "reference": " ", "evaluation_metric": "rouge_l"}


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (NOTHING, "reference"),
        (LIKE_NOTHING, "reference"),
        ({"type": "multi", "graders": {"a": NOTHING}, "calculate_output": "a"}, "graders.a.reference"),
    ],
)
def test_a_comparison_with_nothing_is_not_saved(workspace, bob, spec, path):
    taskset = make_taskset(workspace=workspace, by=bob)
    with pytest.raises(SpecError, match="There is nothing to") as caught:
        create_grader(taskset=taskset, by=bob, spec=spec)
    assert caught.value.path == path
    assert create_grader(taskset=taskset, by=bob, spec={**NOTHING, "operation": "eq"}).pk  # may have to be empty
