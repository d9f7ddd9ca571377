"""The tab of a training that lists all it gives: every link works, and nothing is offered that is not there."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext

from rftstudio.evaluations.actions import create_comparison
from rftstudio.runs.models import Run
from tests.evaluations.build import LABELS, make_comparison, make_tuned_run
from tests.runs.made import event, metrics, rollout, run_at


def links(client, run: Run) -> list[str]:
    answer = client.get(f"/runs/{run.pk}/?tab=downloads", headers={"HX-Request": "true", "HX-Target": "tab"})
    _, _, tab = answer.text.partition("</nav>")
    return [href.replace("&amp;", "&") for href in re.findall(r'href="([^"]+)"', tab)]


def test_everything_is_there_and_can_be_fetched(workspace, alice, as_vera, as_charlie):
    run = make_tuned_run(workspace=workspace, by=alice)
    (run.directory / "checkpoints" / "step-10" / "adapter_model.safetensors").write_bytes(b"weights")
    run.ingest("events", [event(1, "metrics", metrics(1))])
    run.ingest("rollouts", [rollout(1, 1, 0, 0, run.taskset_version.items.first().key, 1.0)])
    for name in ("events.jsonl", "rollouts.jsonl", "log.txt", "tensorboard/events.out.1"):
        (run.directory / name).parent.mkdir(exist_ok=True)
        (run.directory / name).write_text("{}\n")
    create_comparison(run=run)
    assert "under way" in as_vera.get(f"/runs/{run.pk}/?tab=downloads").text
    comparison = make_comparison(run=run, base=["no"] * 8, tuned=LABELS * 2)
    found = links(as_vera, run)
    of_run = ("metrics/", "metrics/?format=json", "answers/", "answers/?phase=train", "tensorboard/")
    files = (f"files/{name}/" for name in ("job", "events", "rollouts", "log"))
    wanted = {f"/runs/{run.pk}/{name}" for name in (*of_run, *files)}
    wanted |= {f"/comparisons/{comparison.pk}/answers.{form}" for form in ("csv", "jsonl")}
    wanted |= {f"/models/{run.tuned_model.pk}/download/", f"/tasksets/{run.taskset.pk}/export/?format=csv&version=1"}
    wanted |= {f"/graders/{run.grader_version.grader_id}/export/?version=1"}
    assert wanted <= set(found)
    assert {as_vera.get(href).status_code for href in found} == {200}
    assert as_charlie.get(f"/runs/{run.pk}/?tab=downloads").status_code == 404
    assert 'href="?tab=downloads#tab"' in as_vera.get(f"/runs/{run.pk}/").text


def test_what_is_not_there_yet_is_said_and_not_offered(workspace, as_vera):
    run = run_at(0, workspace=workspace)
    text = as_vera.get(f"/runs/{run.pk}/?tab=downloads").text
    assert "made at the end" in text
    assert "after the end" in text
    assert {as_vera.get(href).status_code for href in links(as_vera, run)} == {200}


def test_comparisons_with_other_trainings_are_listed_from_both_sides(workspace, alice, as_vera):
    run, other = (make_tuned_run(workspace=workspace, by=alice) for _ in range(2))
    Run.objects.filter(pk=other.pk).update(
        taskset_version=run.taskset_version, grader_version=run.grader_version, base_model=run.base_model
    )
    other.refresh_from_db()
    made, queries = [], []
    for _ in range(2):
        made += [make_comparison(run=run, against=other, base=["no"] * 8, tuned=LABELS * 2) for _ in range(3)]
        for one in (run, other):
            with CaptureQueriesContext(connection) as seen:
                found = links(as_vera, one)
            assert all(f"/comparisons/{comparison.pk}/answers.csv" in found for comparison in made)
            queries.append(len(seen))
    assert queries[:2] == queries[2:], "as many for six comparisons as for three"
