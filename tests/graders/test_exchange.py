"""The pages that take graders from other tools and give them out: a report first, and only then something is kept."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from rftstudio.engine.grading import parse_spec
from tests.factories import make_grader, make_taskset
from tests.graders.test_judges import make_judge

CHECK = {
    "type": "string_check",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.message }}",
    "operation": "neq",
}
PROMPTFOO = """
defaultTest:
  assert:
    - {type: icontains, value: emergency, weight: 2}
    - {type: not-contains, value: cure}
    - {type: javascript, value: output.length}
"""


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


@pytest.fixture
def address(taskset) -> str:
    return reverse("graders:import", args=[taskset.pk])


def test_what_becomes_what_is_shown_before_anything_is_saved(taskset, address, as_bob):
    page = as_bob.post(address, {"text": PROMPTFOO, "do": "look"}).content.decode()
    for words in ("promptfoo assertions", "defaultTest.assert[2]", "JavaScript is not run here", "Import what can be"):
        assert words in page
    assert "<code>not-</code> becomes must not" in page
    assert not taskset.graders.exists()


def test_then_it_is_saved_as_a_draft(taskset, address, as_bob):
    response = as_bob.post(address, {"text": PROMPTFOO, "name": "From elsewhere", "do": "save"})
    grader = taskset.graders.get()
    assert response["Location"] == reverse("graders:builder", args=[grader.pk])
    assert grader.name == "From elsewhere"
    assert [each["polarity"] for each in grader.spec["criteria"]] == ["must", "must_not"]
    assert as_bob.get(response["Location"]).context["bench"].spec is not None


def test_a_file_of_openais_comes_through_verbatim(taskset, address, as_bob):
    given = {"type": "multi", "graders": [{**CHECK, "name": "a"}], "calculate_output": "a"}
    file = SimpleUploadedFile("grader.json", b"\xef\xbb\xbf" + json.dumps({"grader": given}).encode())
    page = as_bob.post(address, {"file": file, "do": "look"}).content.decode()
    assert "Everything can be imported." in page
    assert "The array of graders is read as graders by name." in page
    as_bob.post(address, {"text": json.dumps(given), "source": "openai", "do": "save"})
    assert taskset.graders.get().spec["graders"]["a"]["operation"] == "ne"


@pytest.mark.parametrize(
    ("sent", "words", "status"),
    [
        ({"text": ""}, "There is nothing here", 422),
        ({"text": '{"type": '}, "line 1", 422),
        ({"text": "x" * 1_000_001}, "1,000,000 characters", 422),
        ({"file": SimpleUploadedFile("x.json", b"\xff\xfe\x00")}, "not text in UTF-8", 422),
        ({"file": SimpleUploadedFile("x.json", b"a" * 4_000_001)}, "One grader is much smaller", 422),
        ({"text": '{"type": "magic"}'}, "no grader type “magic”", 200),
        ({"text": json.dumps({**CHECK, "reference": "{{ item.colour }}"})}, "no field “colour”", 422),
    ],
)
def test_what_cannot_be_taken_is_said_and_kept(taskset, address, as_bob, sent, words, status):
    response = as_bob.post(address, {**sent, "do": "save"})
    page = response.content.decode()
    assert response.status_code == status
    assert words in page
    assert not taskset.graders.exists()
    if sent.get("text", "").startswith("{"):
        assert "&quot;type&quot;" in page


def test_a_script_in_what_is_pasted_is_shown_and_not_run(address, as_bob):
    evil = "<script>alert(1)</script>"
    page = as_bob.post(address, {"text": json.dumps([{"type": evil, "value": "`<b>`"}]), "do": "look"}).content.decode()
    assert "<script>alert" not in page


def test_a_grader_goes_out_with_what_became_what(taskset, as_vera, bob):
    grader = make_grader(taskset=taskset, by=bob, published=True)
    address = reverse("graders:export", args=[grader.pk])
    page = as_vera.get(address).content.decode()
    assert "Every part has a twin." in page
    assert "Written as Python with the same scores" in page
    response = as_vera.get(f"{address}openai.json")
    assert response["Content-Disposition"] == f'attachment; filename="grader-{grader.pk}-openai.json"'
    found = json.loads(response.content)
    assert (found["type"], found["name"]) == ("python", "label")
    assert "def grade(sample, item)" in found["source"]


def test_a_version_goes_out_as_it_was(taskset, as_bob, bob):
    grader = make_grader(taskset=taskset, by=bob, spec=CHECK, published=True)
    grader.spec = parse_spec({**CHECK, "operation": "eq"}).model_dump(mode="json", exclude_none=True)
    grader.save()
    address = reverse("graders:export", args=[grader.pk])
    assert json.loads(as_bob.get(f"{address}openai.json").content)["operation"] == "eq"
    assert json.loads(as_bob.get(f"{address}openai.json", {"version": "1"}).content)["operation"] == "ne"
    for number in ("99", "x", "9" * 30):
        assert as_bob.get(address, {"version": number}).status_code == 200


def test_what_has_no_twin_stands_in_a_list_and_there_is_no_file(taskset, as_bob, bob):
    spec = {"type": "json_fields", "json_schema": {"properties": {"a": {"pattern": "^x"}}}}
    grader = make_grader(taskset=taskset, by=bob, spec=spec)
    page = as_bob.get(reverse("graders:export", args=[grader.pk])).content.decode()
    assert "no twin" in page
    assert "<code>pattern</code>" in page
    assert "Download" not in page
    assert as_bob.get(reverse("graders:export_file", args=[grader.pk])).status_code == 404


JUDGED = {
    "type": "score_model",
    "name": "s",
    "model": "gpt-4o",
    "input": [{"role": "user", "content": "{{ sample.output_text }}"}],
}


def test_a_judge_from_elsewhere_is_replaced_by_one_of_ours(taskset, address, as_bob):
    given = {"type": "multi", "graders": {"model": {**JUDGED, "name": "model"}}, "calculate_output": "model"}
    sent = {"text": json.dumps(given), "do": "look"}
    page = as_bob.post(address, sent).content.decode()
    assert "Who judges in place of “gpt-4o”" in page
    assert "Set one up in a new tab" in page
    make_judge(taskset.workspace)
    page = as_bob.post(address, sent).content.decode()
    assert "Import it" not in page
    page = as_bob.post(address, {**sent, "judge": "main"}).content.decode()
    assert "<option selected>main</option>" in page
    assert "Import it" in page
    assert as_bob.post(address, {**sent, "do": "save", "judge": "of another workspace"}).status_code == 422
    as_bob.post(address, {**sent, "do": "save", "judge": "main"})
    spec = taskset.graders.get().spec
    assert spec["graders"]["model"]["model"] == "main"
    assert spec["calculate_output"] == "model"
