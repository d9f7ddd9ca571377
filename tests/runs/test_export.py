"""A training's figures and answers to take away."""

import csv
import io
import json
import zipfile

import pytest

from rftstudio.engine.flat import flat
from rftstudio.runs.models import RunEvent
from tests.runs.made import event, metrics, rollout, run_at

pytestmark = pytest.mark.django_db
PAGES = ("metrics", "answers", "tensorboard")


@pytest.fixture
def run(workspace, bob):
    return run_at(7, workspace=workspace, by=bob)


def got(client, url):
    answer = client.get(url)
    assert answer.status_code == 200, url
    return b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize("page", PAGES)
def test_who_may(run, page, as_alice, as_vera, as_charlie, client):
    url = f"/runs/{run.pk}/{page}/"
    folder = run.directory / "tensorboard"
    folder.mkdir()
    (folder / "events.out").write_bytes(b"x")
    assert as_vera.get(url).status_code == 200
    assert as_charlie.get(url).status_code == 404
    assert client.get(url).status_code == 302
    assert as_alice.post(url).status_code == 405
    assert as_alice.get(f"/runs/{run.pk + 999}/{page}/").status_code == 404


def test_figures_as_csv(run, as_vera):
    text = got(as_vera, f"/runs/{run.pk}/metrics/")
    assert text.startswith("\ufeffstep,total_steps,train_reward_mean,valid_reward_mean,")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["step"] for row in rows] == [str(step) for step in range(8)]
    for row, step in zip(rows, range(8), strict=True):
        wanted = flat(metrics(step))
        assert {name: float(value) for name, value in row.items() if value} == pytest.approx(wanted)
    assert rows[5]["valid_scores.desk"]
    assert rows[5]["valid_reward_ci.1"]
    assert rows[6]["valid_scores.desk"] == ""


def test_figures_as_json(run, as_vera):
    found = json.loads(got(as_vera, f"/runs/{run.pk}/metrics/?format=json"))
    assert found["metrics"] == [flat(metrics(step)) for step in range(8)]
    assert found["run"]["settings"] == run.settings
    assert found["run"]["taskset"]["content_hash"] == run.taskset_version.content_hash
    assert as_vera.get(f"/runs/{run.pk}/metrics/?format=xls").status_code == 404


def test_no_cell_is_a_formula_and_numbers_keep_their_sign(run, as_vera):
    name = "=HYPERLINK(0)"
    data = metrics(8, train_reward_mean=-0.5, scores={"desk": -1.25}) | {name: 1.0, "note": "@SUM(1)"}
    run.ingest("events", [event(900, "metrics", data)])
    rows = list(csv.DictReader(io.StringIO(got(as_vera, f"/runs/{run.pk}/metrics/").removeprefix("\ufeff"))))
    assert (rows[8]["train_reward_mean"], rows[8]["scores.desk"]) == ("-0.5", "-1.25")
    assert rows[8]["note"] == "'@SUM(1)"
    assert f"'{name}" in rows[8]
    assert name not in rows[8]


def test_answers_as_jsonl_all_or_some(run, as_vera):
    text = 'line\u2028 "two"\n=1+1'
    run.ingest("rollouts", [rollout(500, 8, 0, 0, run.rollouts.first().item_key, None, text=text)])
    rows = [json.loads(line) for line in got(as_vera, f"/runs/{run.pk}/answers/").split("\n") if line]
    assert len(rows) == run.rollouts.count()
    assert rows[-1]["text"] == text
    assert rows[-1]["reward"] is None
    first = run.taskset_version.items.get(key=rows[0]["item_id"])
    assert rows[0]["reference_answer"] == first.reference_answer
    assert rows[0]["grade"]["reason"] == "reason 1"
    url = f"/runs/{run.pk}/answers/?phase=train&step=3&item={rows[0]['item_id']}"
    some = [json.loads(line) for line in got(as_vera, url).splitlines()]
    assert {(row["step"], row["item_id"]) for row in some} == {(3, rows[0]["item_id"])}
    assert len(some) == 4
    assert got(as_vera, f"/runs/{run.pk}/answers/?item=%00") == ""


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "answers"),
        ("?phase=train", "answers-training"),
        ("?phase=valid&step=05", "answers-validation-step-5"),
        ("?item=A%22%0D%0A%20b/%C3%A9", "answers-item-a-be"),
        ("?item=%E2%80%A6", "answers-item"),
    ],
)
def test_files_of_other_answers_have_other_names(run, as_vera, query, name):
    answer = as_vera.get(f"/runs/{run.pk}/answers/{query}")
    assert answer["Content-Disposition"] == f'attachment; filename="run-{run.pk}-{name}.jsonl"'


def test_tensorboard_files_are_named_and_packed(run, as_vera):
    assert as_vera.get(f"/runs/{run.pk}/tensorboard/").status_code == 404
    page = as_vera.get(f"/runs/{run.pk}/?tab=settings").text
    assert "figures also go to" not in page
    job = json.loads((run.directory / "job.json").read_text())
    (run.directory / "job.json").write_text(json.dumps({**job, "report_to": ["tensorboard", "mlflow"]}))
    folder = run.directory / "tensorboard"
    folder.mkdir()
    (folder / "events.out.1").write_bytes(b"abc")
    page = as_vera.get(f"/runs/{run.pk}/?tab=settings").text
    assert "figures also go to TensorBoard, MLflow" in page
    assert f"tensorboard --logdir {folder}" in page
    packed = b"".join(as_vera.get(f"/runs/{run.pk}/tensorboard/").streaming_content)
    with zipfile.ZipFile(io.BytesIO(packed)) as found:
        assert {name: found.read(name) for name in found.namelist()} == {f"run-{run.pk}/events.out.1": b"abc"}


def test_a_run_without_a_step_has_a_header_and_no_line(workspace, as_alice):
    run = run_at(0, workspace=workspace)
    RunEvent.objects.filter(run=run).delete()
    run.rollouts.all().delete()
    assert (
        got(as_alice, f"/runs/{run.pk}/metrics/").strip()
        == "\ufeffstep,total_steps,train_reward_mean,valid_reward_mean"
    )
    assert got(as_alice, f"/runs/{run.pk}/answers/") == ""
