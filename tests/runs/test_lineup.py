"""Several trainings on one chart, with what they differ in and whether their rewards mean the same."""

import csv
import io
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from rftstudio.graders.actions import publish_grader, save_draft
from rftstudio.graders.models import Grader
from rftstudio.lib.charts_runs import LOOKS, MOST
from rftstudio.runs import lineup, measures
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from rftstudio.tasksets.actions import save_item
from tests.factories import make_taskset
from tests.runs.made import metrics, run_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def taskset(workspace, bob):
    return make_taskset(workspace=workspace, by=bob, published=True)


@pytest.fixture
def url(workspace):
    return f"/w/{workspace.slug}/runs/compare/"


@pytest.fixture
def pair(workspace, taskset):
    return [run_at(step, workspace=workspace, taskset=taskset) for step in (5, 10)]


def of(runs, **more):
    return {"run": [run.pk for run in runs], **more}


def trace(figure, name):
    return next(one for one in figure["data"] if one["name"] == name)


def test_who_may(url, pair, as_alice, as_bob, as_vera, as_charlie, client):
    assert [one.get(url, of(pair)).status_code for one in (as_alice, as_bob, as_vera)] == [200, 200, 200]
    assert as_charlie.get(url, of(pair)).status_code == 404
    assert client.get(url, of(pair)).status_code == 302
    assert as_alice.post(url, of(pair)).status_code == 405
    assert as_alice.get("/w/nowhere/runs/compare/", of(pair)).status_code == 404


@pytest.mark.parametrize("bad", ["x", "-1", "%00", "99999", "9" * 30])
def test_a_bad_id_is_404(url, pair, bad, as_alice):
    assert as_alice.get(url, {"run": [pair[0].pk, bad]}).status_code == 404


def test_a_run_of_another_workspace_is_404_even_for_a_member_of_both(url, pair, as_alice, charlie, alice):
    elsewhere = charlie.memberships.get().workspace
    theirs = run_at(1, workspace=elsewhere)
    assert as_alice.get(url, of([pair[0], theirs])).status_code == 404
    elsewhere.memberships.create(user=alice, role="viewer")
    assert as_alice.get(url, of([pair[0], theirs])).status_code == 404


def test_a_number_may_be_written_in_another_way(url, pair, as_vera):
    first, second = pair
    assert as_vera.get(f"{url}?run=0{first.pk}&run={second.pk}").status_code == 200


def test_where_they_started_is_a_difference_and_a_warning(url, pair, as_vera):
    first, second = pair
    assert "the base model" not in as_vera.get(f"{url}?run={first.pk}&run={second.pk}").text
    Run.objects.filter(pk=second.pk).update(origin={"run": 1, "step": 20, "name": "An older one"}, parent_step=20)
    text = as_vera.get(f"{url}?run={first.pk}&run={second.pk}").text
    assert "step 20 of An older one" in text
    assert "did not start from the same weights" in text


def test_too_few_and_too_many_say_what_to_do(url, pair, workspace, taskset, as_vera):
    assert "No training is ticked" in as_vera.get(url).text
    one = as_vera.get(url, of(pair[:1]))
    assert (one.status_code, f"?run={pair[0].pk}" in one.text) == (200, True)
    many = [run_at(0, workspace=workspace, taskset=taskset) for _ in range(MOST + 1)]
    answer = as_vera.get(url, of(many))
    assert answer.status_code == 422
    assert "9 trainings are too many" in answer.text
    assert f"run={many[0].pk}&amp;run={many[1].pk}" in answer.text
    assert as_vera.get(url, of(many[:MOST])).status_code == 200
    assert "One training is ticked" in as_vera.get(url, of([pair[0], pair[0]])).text


def test_rewards_by_step_in_the_order_of_the_address(url, pair, as_vera):
    page = as_vera.get(url, of(reversed(pair)))
    assert [entry.run.pk for entry in page.context["entries"]] == [pair[1].pk, pair[0].pk]
    figure = as_vera.get(url, of(pair, figure=1)).json()["figure"]
    first, second = (f"{run} ({run.pk})" for run in pair)
    assert trace(figure, second)["x"] == [0, 5, 10]
    assert trace(figure, second)["y"] == pytest.approx([0.1, 0.225, 0.35])
    assert trace(figure, first)["line"]["width"] == 3 > trace(figure, f"{first}, training")["line"]["width"]
    looks = {(one["line"]["color"], one["line"]["dash"]) for one in figure["data"]}
    assert len(looks) == 4
    for run in pair:
        assert f'<a href="/runs/{run.pk}/">{run}</a>' in page.text


def test_by_time_counts_work_only(url, pair, as_vera):
    figure = as_vera.get(url, of(pair, by="time", figure=1)).json()["figure"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "seconds in the steps"
    # A validation at step 0 (3 s), four steps of 2 s, a fifth with its validation (5 s).
    assert trace(figure, f"{pair[0]} ({pair[0].pk})")["x"] == [3.0, 16.0]
    long = [metrics(step, timing={"step": 100.0}) for step in range(9)]
    assert measures.training_seconds(long)[-1] == 900


def test_long_trainings_are_drawn_by_minutes(pair, monkeypatch):
    points = [metrics(step, timing={"step": 120.0}) for step in range(11)]
    monkeypatch.setattr(lineup.curves, "points_of", lambda run: points)
    figure = lineup.figure(lineup.entries(pair), measures.REWARD, by_time=True)
    assert figure["layout"]["xaxis"]["title"]["text"] == "minutes in the steps"
    assert trace(figure, f"{pair[0]} ({pair[0].pk})")["x"] == [2.0, 12.0, 22.0]


def test_other_measures(url, pair, as_vera):
    page = as_vera.get(url, of(pair, metric="score:desk"))
    names = [one.name for one in page.context["measures"]]
    assert names[:3] == ["reward", "score:desk", "score:form"]
    assert "entropy" in names
    assert "kl" not in names  # never reported
    desk = as_vera.get(url, of(pair, metric="score:desk", figure=1)).json()["figure"]
    assert trace(desk, f"{pair[0]} ({pair[0].pk})")["y"] == pytest.approx([0.1, 0.225])
    entropy = as_vera.get(url, of(pair, metric="entropy", figure=1)).json()["figure"]
    assert [one["name"] for one in entropy["data"]] == [f"{run} ({run.pk})" for run in pair]
    assert as_vera.get(url, of(pair, metric="nonsense")).context["measure"].name == "reward"
    part = as_vera.get(url, of(pair), headers={"HX-Request": "true", "HX-Target": "chart-part"}).text
    assert 'id="chart-part"' in part
    assert "What they differ in" not in part


def test_the_legend_has_what_is_drawn_as_it_is_drawn(url, pair, as_vera):
    copied = pair[1]
    for row in copied.events.filter(type="metrics"):
        row.data.pop("completion_length_mean", None)
        row.save()
    page = as_vera.get(url, of(pair, metric="length"))
    [drawn] = page.context["figure"]["data"]
    assert drawn["name"] == f"{pair[0]} ({pair[0].pk})"
    legend, _, rest = page.text.partition('class="run-legend"')[2].partition("</ul>")
    assert legend.count("<li>") == 1
    assert legend.count("<path") == 1, "no marks on a line that has none"
    assert f"stroke-{drawn['line']['dash']}" in legend
    assert f"{copied} ({copied.pk})</a>, which has no such figures" in rest
    legend = as_vera.get(url, of(pair)).text.partition('class="run-legend"')[2].partition("</ul>")[0]
    assert (legend.count("<li>"), legend.count("<path"), "stroke-dot" in legend) == (2, 4, False)


def test_only_what_differs(workspace, taskset, url, as_vera):
    same = [run_at(5, workspace=workspace, taskset=taskset) for _ in range(2)]
    page = as_vera.get(url, of(same))
    assert page.context["differences"] == []
    assert "Nothing: the same tasks" in page.text
    Run.objects.filter(pk=same[1].pk).update(
        seed=7, preset="balanced", settings={**same[1].settings, "learning_rate": 1e-5, "odd": "<b>"}
    )
    page = as_vera.get(url, of(same))
    rows = {row.label: row.values for row in page.context["differences"]}
    assert rows == {
        "Preset": ["Quick look", "Balanced"],
        "Learning rate": ["0.0003", "1e-05"],
        "odd": ["–", "<b>"],
        "Seed": ["0", "7"],
    }
    assert "&lt;b&gt;" in page.text
    assert page.context["warnings"] == []


def test_results(workspace, taskset, url, as_vera):
    runs = [run_at(10, workspace=workspace, taskset=taskset, status=Status.SUCCEEDED), run_at(3, workspace=workspace)]
    Run.objects.filter(pk=runs[0].pk).update(result={"ended_early": "Validation has stopped rising."})
    page = as_vera.get(url, of(runs))
    done, young = page.context["entries"]
    assert (done.base, done.best, done.best_step) == (pytest.approx(0.1), pytest.approx(0.35), 10)
    assert done.gain == pytest.approx(0.25)
    assert (young.best, young.gain) == (None, None)
    assert "Validation has stopped rising." in page.text
    assert "+0.25" in page.text
    cells = re.findall(r"<td[^>]*>", page.text)
    assert cells
    assert all("data-label=" in cell for cell in cells), "on a phone each cell says what it is"


def test_a_gain_fits_the_figures_beside_it(workspace, taskset, url, as_vera):
    runs = [run_at(5, workspace=workspace, taskset=taskset) for _ in range(2)]
    for event in runs[0].events.filter(type="metrics", step__in=(0, 5)):
        event.data["valid_reward_mean"] = 0.2751 if event.step == 0 else 0.2849
        event.save()
    text = as_vera.get(url, of(runs)).text
    assert all(figure in text for figure in (">0.275<", ">0.285<", ">+0.010<"))


def test_other_task_sets_and_graders_are_warned_of(workspace, bob, taskset, url, as_vera):
    first = run_at(5, workspace=workspace, taskset=taskset)
    other = run_at(5, workspace=workspace, taskset=make_taskset(workspace=workspace, name="Second", published=True))
    assert "different task sets" in as_vera.get(url, of([first, other])).text
    grader = Grader.objects.used_by(taskset)
    spec = {"type": "string_check", "operation": "ilike", "input": "{{sample.output_text}}", "reference": "billing"}
    save_draft(grader=grader, spec=spec, by=bob)
    publish_grader(grader=grader, by=bob)
    second = run_at(5, workspace=workspace, taskset=taskset)
    (warning,) = as_vera.get(url, of([first, second])).context["warnings"]
    assert warning.startswith("They were marked by different graders or versions of one")


def test_other_versions_say_whether_the_validation_tasks_are_the_same(workspace, bob, taskset, url, as_vera):
    first = run_at(5, workspace=workspace, taskset=taskset)
    trained = taskset.items.filter(split="train").first()
    save_item(item=trained, by=bob, fields={"message": "Quite another message."}, reference_answer="billing")
    second = run_at(5, workspace=workspace, taskset=taskset)
    assert second.taskset_version.number == 2
    (warning,) = as_vera.get(url, of([first, second])).context["warnings"]
    assert "so the rewards can be compared" in warning
    checked = taskset.items.filter(split="validation").first()
    save_item(item=checked, by=bob, fields={"message": "Something new."}, reference_answer="billing")
    third = run_at(5, workspace=workspace, taskset=taskset)
    (warning,) = as_vera.get(url, of([first, third])).context["warnings"]
    count = first.taskset_version.counts["validation"]
    assert f"Only {count - 1} of up to {count} validation tasks are the same" in warning


def test_take_away(url, pair, as_vera):
    Run.objects.filter(pk=pair[0].pk).update(name="=cmd|' /C calc'!A0", seed=3)
    text = b"".join(as_vera.get(url, of(pair, csv="curves")).streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["training"], row["step"]) for row in rows][:7] == [
        *((str(pair[0].pk), str(step)) for step in range(6)),
        (str(pair[1].pk), "0"),
    ]
    assert rows[0]["name"].startswith("'=cmd")
    assert float(rows[5]["seconds"]) == 16
    table = list(
        csv.reader(io.StringIO(b"".join(as_vera.get(url, of(pair, csv="table")).streaming_content).decode("utf-8-sig")))
    )
    found = {row[0]: row[1:] for row in table}
    assert found["Best validation reward"] == ["0.225", "0.35"]
    assert found["Seconds in its steps"] == ["16.0", "29.0"]
    assert all(float(cell) < 60 for cell in found["Seconds from start to end"]), "they started just now"
    assert found["Seed"] == ["3", "0"]


def test_a_run_that_has_reported_nothing(url, pair, workspace, taskset, as_vera):
    from tests.factories import make_run

    waiting = make_run(workspace=workspace, taskset=taskset)
    page = as_vera.get(url, of([pair[0], waiting]))
    assert page.status_code == 200
    legend, _, rest = page.text.partition('class="run-legend"')[2].partition("</ul>")
    assert f"/runs/{pair[0].pk}/" in legend
    assert f"/runs/{waiting.pk}/" not in legend
    assert f"{waiting} ({waiting.pk})</a>, which has no step yet." in rest
    json.dumps(page.context["figure"], allow_nan=False)


def test_eight_runs_cost_few_queries(url, workspace, taskset, as_vera, django_assert_max_num_queries):
    runs = [run_at(2, workspace=workspace, taskset=taskset) for _ in range(MOST)]
    with django_assert_max_num_queries(22):
        as_vera.get(url, of(runs))


# Colours -------------------------------------------------------------------------------------------------------

# Machado, Oliveira & Fernandes 2009, severity 1: linear RGB as somebody sees it who lacks a kind of cone.
SIGHTS = {
    "full": np.eye(3),
    "no red cones": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green cones": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "no blue cones": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
# Ottosson 2020: linear RGB to OKLab, whose distances are those that are seen. 0.02 is just noticeable.
TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip  # noqa: E501
TO_LAB = np.array([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]])  # fmt: skip  # noqa: E501


def linear(code):
    share = np.array([int(code[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def tokens(theme):
    text = (Path(settings.BASE_DIR) / "static/css/tokens.css").read_text()
    block = text[text.index(f'[data-bs-theme="{theme}"]') :].split("}")[0]
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", block))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_differ_for_every_sight_and_stand_out(theme):
    found = tokens(theme)
    colours = [linear(found[look.colour]) for look in LOOKS]
    assert len(colours) == MOST
    for name, matrix in SIGHTS.items():
        seen = [TO_LAB @ np.cbrt(TO_LMS @ np.clip(matrix @ colour, 0, 1)) for colour in colours]
        nearest = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2))
        assert nearest > 0.1, f"two are too alike for {name}: {nearest:.3f}"
    light = np.array([0.2126, 0.7152, 0.0722])
    behind = light @ linear(found["--surface"])
    for look, colour in zip(LOOKS, colours, strict=True):
        bright, dark = sorted((light @ colour, behind), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 3, f"{look.colour} is too faint"


def test_every_dash_has_its_stroke_in_the_legend():
    css = (settings.BASE_DIR / "static/css/runs-compare.css").read_text()
    assert all(f".stroke-{look.dash} " in css for look in LOOKS)


def test_looks_differ_without_colour():
    assert len({look.marker for look in LOOKS}) == len({look.shape for look in LOOKS}) == MOST
