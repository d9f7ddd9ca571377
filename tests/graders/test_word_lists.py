"""Word lists: uploaded, looked at, saved as versions that never change, and used by graders under their version."""

import json

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.grading import grade, parse_spec
from rftstudio.engine.grading.tools import Tools, using
from rftstudio.engine.job import Job, read_job, read_lists
from rftstudio.engine.types import Item, Sample
from rftstudio.evaluations.actions import create_comparison
from rftstudio.graders.actions import create_grader, publish_grader, save_draft
from rftstudio.graders.lists import actions
from rftstudio.graders.lists.grading import lists_of
from rftstudio.graders.lists.reading import Reading
from rftstudio.graders.models import WordList, WordListUpload, WordListVersion
from rftstudio.graders.named import named_lists, with_lists
from rftstudio.graders.trial import try_on_items
from rftstudio.graders.used_by import Uses
from rftstudio.registry.models import TunedModel
from rftstudio.tasksets.actions import publish_version
from tests.factories import make_base_model, make_run, make_taskset

DESKS = b"label,other names\nemergency,ER|casualty\nbilling,accounts\n"
CHOICE = {"type": "exact_choice", "choices": ["emergency", "appointment", "billing", "prescription"]}


def make_list(workspace, text: bytes = DESKS, *, name: str = "Desks", word_list: WordList | None = None):
    upload = actions.receive_list(
        workspace=workspace, by=None, name=name, file_name="desks.csv", chunks=[text], word_list=word_list
    )
    return actions.save_upload(upload=upload, by=None)


def test_a_file_is_looked_at_and_then_saved(workspace, bob):
    upload = actions.receive_list(workspace=workspace, by=bob, name=" Our  desks ", file_name="d.csv", chunks=[DESKS])
    assert not WordList.objects.exists()
    assert upload.report["labels"] == 2
    assert upload.report["names"] == 3
    assert upload.report["preview"] == [["emergency", ["ER", "casualty"]], ["billing", ["accounts"]]]
    version = actions.save_upload(upload=upload, by=bob)
    assert (version.word_list.name, version.reference, version.n_labels) == ("Our desks", "our-desks@1", 2)
    assert [(entry.label, entry.names) for entry in version.entries.all()] == [
        ("emergency", ["ER", "casualty"]),
        ("billing", ["accounts"]),
    ]
    assert not WordListUpload.objects.exists()
    assert not actions.file_of(upload).exists()


def test_saving_twice_makes_one_version(workspace):
    upload = actions.receive_list(workspace=workspace, by=None, name="Desks", file_name="d.csv", chunks=[DESKS])
    again = WordListUpload.objects.get(pk=upload.pk)
    actions.save_upload(upload=upload, by=None)
    with pytest.raises(SpecError):
        actions.save_upload(upload=again, by=None)
    assert WordListVersion.objects.count() == 1


def test_the_same_content_is_no_new_version(workspace):
    first = make_list(workspace)
    assert make_list(workspace, word_list=first.word_list) == first
    second = make_list(workspace, DESKS + b"billing,till\n", word_list=first.word_list)
    assert second.number == 2
    assert first.entries.get(label="billing").names == ["accounts"]


def test_what_was_given_up_leaves_nothing(workspace):
    upload = actions.receive_list(workspace=workspace, by=None, name="Desks", file_name="d.csv", chunks=[DESKS])
    actions.give_up(upload=upload)
    assert not WordListUpload.objects.exists()
    assert not actions.file_of(upload).exists()


def test_a_file_can_be_read_another_way(workspace):
    upload = actions.receive_list(
        workspace=workspace, by=None, name="Desks", file_name="d.csv", chunks=[b"ER,emergency,x\ntill,billing,y\n"]
    )
    assert upload.report["headless"]
    changed = actions.read_differently(upload=upload, reading=Reading(1, (2, 0), header=False))
    assert changed.report["preview"] == [["emergency", ["ER", "x"]], ["billing", ["till", "y"]]]
    assert not changed.report["headless"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "empty"),
        (b"label\nA\n", "only one column"),
        (b"label,other names\n", "no rows"),
        (b"PK\x03\x04zip", "Excel"),
        (b'{"a": 1}\n', "not a table"),
        (b"\x00\x01\x02\x03" * 50, "control character"),
    ],
)
def test_what_is_no_table_is_refused_and_not_kept(workspace, settings, text, message):
    before = len(list(settings.MEDIA_ROOT.iterdir())) if settings.MEDIA_ROOT.exists() else 0
    with pytest.raises(SpecError, match=message):
        actions.receive_list(workspace=workspace, by=None, name="Desks", file_name="d.csv", chunks=[text])
    assert not WordListUpload.objects.exists()
    assert len(list(settings.MEDIA_ROOT.iterdir())) == before


def test_a_file_that_is_too_large_is_refused(workspace, monkeypatch):
    monkeypatch.setattr(actions, "MAX_BYTES", 20)
    with pytest.raises(SpecError, match="larger than"):
        actions.receive_list(workspace=workspace, by=None, name="Desks", file_name="d.csv", chunks=[DESKS])


def test_names_are_free_and_short_names_differ(workspace):
    make_list(workspace)
    with pytest.raises(SpecError, match="already") as caught:
        make_list(workspace, name="dESKS")
    assert caught.value.path == "name"
    assert make_list(workspace, name="Desks!").word_list.slug == "desks-2"
    assert make_list(workspace, name="診断").word_list.slug == "list"


def test_lists_are_found_wherever_a_grader_names_them():
    inner = {"type": "set_match", "synonyms_list": "genes"}
    check = {**inner, "synonyms_list": "b@2"}
    spec = {
        "type": "multi",
        "graders": {
            "input": inner,
            "synonyms_list": {
                "type": "rubric",
                "criteria": [{"name": "a", "check": check}],
            },
            "c": {"type": "json_fields", "json_schema": {"synonyms_list": "not a list"}, "fields": []},
        },
    }
    assert named_lists(spec) == [
        ("graders.input.synonyms_list", "genes"),
        ("graders.synonyms_list.criteria[0].check.synonyms_list", "b@2"),
    ]
    changed = with_lists(spec, lambda name: name.upper())
    assert named_lists(changed)[0][1] == "GENES"
    assert changed["graders"]["c"]["json_schema"] == {"synonyms_list": "not a list"}


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob)


def test_an_unknown_list_is_an_error_at_its_field(workspace, taskset):
    with pytest.raises(SpecError, match="has none yet") as caught:
        create_grader(taskset=taskset, by=None, spec={**CHOICE, "synonyms_list": "desks"})
    assert caught.value.path == "synonyms_list"
    make_list(workspace)
    with pytest.raises(SpecError, match="Did you mean desks"):
        create_grader(taskset=taskset, by=None, spec={**CHOICE, "synonyms_list": "deks"})
    with pytest.raises(SpecError, match="no such version"):
        create_grader(taskset=taskset, by=None, spec={**CHOICE, "synonyms_list": "desks@2"})
    create_grader(taskset=taskset, by=None, spec={**CHOICE, "synonyms_list": "desks"})


def test_somebody_else_s_list_is_unknown(taskset, charlie):
    make_list(charlie.workspaces.get())
    with pytest.raises(SpecError, match="no word list"):
        create_grader(taskset=taskset, by=None, spec={**CHOICE, "synonyms_list": "desks"})


def test_publishing_pins_the_version_so_that_its_meaning_stays(workspace, taskset):
    first = make_list(workspace)
    grader = create_grader(taskset=taskset, by=None, spec={**CHOICE, "synonyms_list": "desks"})
    version = publish_grader(grader=grader, by=None)
    assert version.spec["synonyms_list"] == "desks@1"
    assert grader.spec["synonyms_list"] == "desks"
    assert grader.content_hash == version.content_hash
    assert publish_grader(grader=grader, by=None) == version

    make_list(workspace, b"label,other names\nemergency,111\n", word_list=first.word_list)
    assert grader.content_hash != version.content_hash
    assert lists_of(workspace, version.spec)["desks@1"]["emergency"] == ("ER", "casualty")
    assert lists_of(workspace, grader.spec)["desks"]["emergency"] == ("111",)
    assert publish_grader(grader=grader, by=None).spec["synonyms_list"] == "desks@2"


def test_an_archived_list_goes_on_working(workspace, taskset):
    version = make_list(workspace)
    grader = create_grader(taskset=taskset, by=None, spec={**CHOICE, "synonyms_list": "desks"})
    actions.archive_list(word_list=version.word_list)
    save_draft(grader=grader, spec=grader.spec, by=None)
    assert publish_grader(grader=grader, by=None).spec["synonyms_list"] == "desks@1"


def test_who_uses_a_list(workspace, taskset):
    make_list(workspace)
    grader = create_grader(taskset=taskset, by=None, spec={**CHOICE, "synonyms_list": "desks"})
    publish_grader(grader=grader, by=None)
    [use] = Uses(workspace).of_list("desks")
    assert (use.grader, use.in_words) == (grader, "draft, version 1")
    save_draft(grader=grader, spec=CHOICE, by=None)
    assert Uses(workspace).of_list("desks")[0].in_words == "version 1"
    assert not Uses(workspace).of_list("desk")


def test_the_playground_s_trial_knows_the_lists(workspace, bob):
    make_list(workspace)
    taskset = make_taskset(workspace=workspace, by=bob)
    taskset.items.filter(reference_answer="billing").update(reference_answer="accounts")
    spec = parse_spec({**CHOICE, "synonyms_list": "desks"})
    found = try_on_items(taskset, spec)
    assert found.right.mean == 1
    assert not found.right.n_no_score


def test_a_training_and_its_comparison_get_the_lists_as_files(workspace, bob):
    make_list(workspace)
    taskset = make_taskset(workspace=workspace, by=bob, published=True)
    create_grader(taskset=taskset, by=bob, spec={**CHOICE, "synonyms_list": "desks"})
    run = make_run(workspace=workspace, by=bob, taskset=taskset)
    job = read_job(run.directory)
    assert job.lists == {"desks@1": "lists/desks@1.json"}
    lists = read_lists(run.directory, job)
    assert lists == {"desks@1": {"emergency": ("ER", "casualty"), "billing": ("accounts",)}}
    with using(Tools(lists=lists)):
        marked = grade(parse_spec(job.grader), Item("1", (), {"reference_answer": "emergency"}), Sample.from_text("ER"))
    assert marked.score == 1

    model = TunedModel.objects.create(
        workspace=workspace, base_model=make_base_model(), name="T", path=str(run.directory), adapter_hash="0" * 64
    )
    run.tuned_model = model
    run.save()
    comparison = create_comparison(run=run, by=bob)
    assert read_lists(comparison.directory, read_job(comparison.directory)) == lists
    assert publish_version(taskset=taskset, by=bob)


@pytest.mark.parametrize(
    ("place", "text", "message"),
    [
        ("lists/a.json", None, "missing"),
        ("lists/a.json", "{", "cannot be read"),
        ("lists/a.json", '["a"]', "cannot be read"),
        ("../a.json", "{}", "outside"),
        ("/etc/hostname", None, "outside"),
    ],
)
def test_a_list_that_cannot_be_read_is_named(tmp_path, place, text, message):
    directory = tmp_path / "job"
    (directory / "lists").mkdir(parents=True)
    if text is not None:
        (directory / place).write_text(text)
    job = Job.from_json(
        {"format": 1, "kind": "training", "model": {"path": "m"}, "grader": {}, "settings": {}, "data": {}}
        | {"lists": {"a": place}}
    )
    with pytest.raises(SpecError, match=message) as caught:
        read_lists(directory, job)
    assert caught.value.path == place


def test_an_older_job_has_no_lists():
    row = {"format": 1, "kind": "training", "model": {"path": "m"}, "grader": {}, "settings": {}, "data": {}}
    job = Job.from_json(json.loads(json.dumps(row)))
    assert job.lists == {}
