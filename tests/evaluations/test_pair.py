"""A reinforcement and its SFT baseline: each against the base, and against each other, on the same test tasks."""

import json
import re

import pytest

from rftstudio.engine.errors import SpecError
from rftstudio.engine.job import read_job
from rftstudio.evaluations.actions import compare_again, compare_pair_once, create_comparison
from rftstudio.evaluations.models import Comparison
from rftstudio.evaluations.tasks import compare_finished
from rftstudio.graders.actions import publish_grader, save_draft
from rftstudio.graders.models import GraderVersion
from rftstudio.registry.actions import keep_tuned_model
from rftstudio.runs.actions import launch_baseline
from rftstudio.runs.jobs import Status
from rftstudio.runs.models import Run
from tests.evaluations.build import HASH, LABELS, make_comparison, make_tuned_run
from tests.factories import make_run
from tests.graders.test_judges import SCORE

SFT_HASH = "ef56ab78" * 8
RIGHT = [LABELS[number % 4] for number in range(8)]
SOME = [*RIGHT[:4], "no", "no", "no", "no"]
NONE = ["no"] * 8


@pytest.fixture
def rft(workspace, alice):
    return make_tuned_run(workspace=workspace, by=alice)


@pytest.fixture
def sft(rft, alice):
    """The baseline, over and with a model of its own."""
    run = launch_baseline(run=rft, by=alice)
    adapter = run.directory / "checkpoints" / "step-4"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    run.tuned_model = keep_tuned_model(
        workspace=run.workspace, base_model=run.base_model, name="SFT", path=adapter, adapter_hash=SFT_HASH,
        lineage={}, by=alice,
    )  # fmt: skip
    run.status = Status.SUCCEEDED
    run.save()
    return run


def test_both_sides_answer_with_an_adapter(rft, sft, alice):
    comparison = create_comparison(run=rft, against=sft, by=alice)
    job = read_job(comparison.directory)
    assert [(adapter.name, adapter.path) for adapter in job.adapters] == [
        ("base", sft.tuned_model.path),
        ("tuned", rft.tuned_model.path),
    ]
    assert comparison.names == {"base": "SFT", "tuned": "RFT"}
    assert (job.labels["base"], job.labels["tuned"]) == ("SFT", "RFT"), "so that its log names the two"
    again = compare_again(comparison=comparison, by=alice)
    assert (again.against, again.settings, again.seed) == (sft, comparison.settings, comparison.seed)


def test_models_of_other_tasks_graders_or_bases_are_refused(rft, sft, workspace, alice):
    other = make_run(workspace=workspace, by=alice)
    with pytest.raises(SpecError, match="do not have the same tasks.*Compare each with its base"):
        create_comparison(run=rft, against=other)
    grader = rft.grader_version.grader
    save_draft(grader=grader, by=alice, spec={**grader.spec, "name": "another"})
    Run.objects.filter(pk=sft.pk).update(grader_version=publish_grader(grader=grader, by=alice))
    with pytest.raises(SpecError, match="do not have the same grader"):
        create_comparison(run=rft, against=Run.objects.get(pk=sft.pk))


def test_when_both_are_over_all_three_comparisons_are_made_once(rft, sft):
    assert compare_finished() == 3
    made = {(one.run, one.against) for one in Comparison.objects.all()}
    assert made == {(rft, None), (sft, None), (rft, sft)}
    assert len({(one.seed, str(one.settings)) for one in Comparison.objects.all()}) == 1, "the same random numbers"
    assert all(one.automatic for one in Comparison.objects.all())
    assert compare_finished() == 0


@pytest.mark.parametrize("status", [Status.RUNNING, Status.FAILED, Status.CANCELLED])
def test_not_before_both_have_a_model(rft, sft, status):
    Run.objects.filter(pk=rft.pk).update(status=status)
    assert compare_finished() == 1, "the baseline with its base"
    assert compare_pair_once(baseline=Run.objects.get(pk=sft.pk)) is None
    assert compare_pair_once(baseline=Run.objects.get(pk=rft.pk)) is None, "it is nobody's baseline"
    Run.objects.filter(pk=rft.pk).update(status=Status.SUCCEEDED)
    assert compare_finished() == 2


def test_the_weights_of_both_are_proven(rft, sft, as_alice):
    comparison = against(rft, sft, SOME, RIGHT)
    weights = comparison.summary["weights"]
    assert weights["base"]["adapter_hash"] == SFT_HASH
    assert weights["base"]["as_expected"]
    assert weights["tuned"]["as_expected"]
    text = as_alice.get(f"/comparisons/{comparison.pk}/").text
    assert f"adapter {SFT_HASH[:10]}" in text
    assert f"adapter {HASH[:10]}" in text
    assert "base, adapter off" not in text
    wrong = against(rft, sft, SOME, RIGHT, base_hash="00" * 32)
    assert not wrong.summary["weights"]["base"]["as_expected"]
    assert "are not the ones" in as_alice.get(f"/comparisons/{wrong.pk}/").text


def against(rft, sft, base, tuned, base_hash=SFT_HASH):
    return make_comparison(run=rft, against=sft, base=base, tuned=tuned, base_hash=base_hash)


def test_the_page_names_the_two_and_shows_the_three(rft, sft, as_alice, as_vera, as_charlie):
    first = make_comparison(run=rft, base=NONE, tuned=RIGHT)
    assert as_alice.get(f"/comparisons/{first.pk}/").context["trio"] == [], "one row would repeat the headline"
    make_comparison(run=sft, base=NONE, tuned=SOME, adapter_hash=SFT_HASH)
    pair = against(rft, sft, SOME, RIGHT)
    page = as_alice.get(f"/comparisons/{pair.pk}/")
    assert "On 8 unseen tasks the RFT model scores 1.00 against 0.50 of the SFT model, +0.50" in page.text
    assert [(duel.tuned, duel.base) for duel in page.context["trio"]] == [
        ("RFT", "base"),
        ("SFT", "base"),
        ("RFT", "SFT"),
    ]
    assert [duel.comparison.summary["difference"] for duel in page.context["trio"]] == [1.0, 0.5, 0.5]
    assert "Base, SFT and RFT on the same tasks" in page.text
    assert "Who answered" in page.text
    assert "Time to answer" not in page.text, "start-up and the machine's other work fall upon one of the two"
    assert '<th scope="col" class="number">SFT</th><th scope="col" class="number">RFT</th>' in page.text
    assert [trace["name"] for trace in page.context["figure"]["data"]] == ["SFT", "RFT"]
    assert as_vera.get(f"/comparisons/{pair.pk}/").status_code == 200
    assert as_charlie.get(f"/comparisons/{pair.pk}/").status_code == 404
    listed = as_alice.get(f"/tasksets/{rft.taskset.pk}/comparisons/").text
    assert "RFT against SFT" in listed
    heads = ["Training", "Result", "Score", "Against", "Difference, 95 %"]
    assert re.findall('<th scope="col"[^>]*>([^<]*)</th>', listed)[:5] == heads, "neither is the base in every row"
    for name, score in (("RFT", "1.00"), ("SFT", "0.50"), ("Tuned", "1.00"), ("Base", "0.00")):
        assert f'<td class="number" data-label="{name}">{score}<span class="whose">{name}</span></td>' in listed
    run_page = as_alice.get(f"/runs/{rft.pk}/").text
    assert f'href="/comparisons/{pair.pk}/">RFT against SFT' in run_page
    assert f'href="/comparisons/{first.pk}/">See base and tuned side by side' in run_page, "with the base"


@pytest.mark.parametrize("other", [{"samples": 2}, {"temperature": 0.5}, {"max_completion_length": 9}, {"seed": 77}])
def test_only_what_was_asked_alike_stands_in_one_table(rft, sft, as_alice, other):
    twice = other.get("samples", 1)
    first = make_comparison(run=rft, base=NONE, tuned=RIGHT, automatic=True)
    second = make_comparison(run=sft, base=NONE, tuned=SOME, adapter_hash=SFT_HASH, automatic=True)
    text = as_alice.get(f"/comparisons/{first.pk}/").text
    assert "not made yet: it follows by itself" in text
    third = make_comparison(
        run=rft, against=sft, base_hash=SFT_HASH, base=[(word,) * twice for word in SOME],
        tuned=[("no",) * twice] * 8, **other,
    )  # fmt: skip
    page = as_alice.get(f"/comparisons/{first.pk}/")
    assert [duel.comparison for duel in page.context["trio"]] == [first, second, None]
    assert "not made with these settings and this seed" in page.text
    assert as_alice.get(f"/comparisons/{third.pk}/").context["trio"] == [], "nothing else was asked like it"
    fourth = make_comparison(run=rft, against=sft, base_hash=SFT_HASH, base=SOME, tuned=RIGHT, automatic=True)
    fifth = against(rft, sft, SOME, RIGHT)
    for shown in (fourth, fifth):
        trio = as_alice.get(f"/comparisons/{shown.pk}/").context["trio"]
        assert [duel.comparison for duel in trio] == [first, second, shown], "its own row is itself"
    for run in (rft, sft):
        assert as_alice.get(f"/runs/{run.pk}/").context["versus"] == fourth, "not what was tried by hand"


def test_the_other_way_round_and_against_a_third(rft, sft, as_alice, workspace):
    make_comparison(run=rft, base=NONE, tuned=RIGHT)
    mirrored = make_comparison(run=sft, against=rft, base=RIGHT, tuned=SOME, base_hash=HASH, adapter_hash=SFT_HASH)
    trio = as_alice.get(f"/comparisons/{mirrored.pk}/").context["trio"]
    assert [(duel.tuned, duel.base) for duel in trio][2] == ("SFT", "RFT")
    assert trio[2].comparison == mirrored
    third = make_tuned_run(workspace=workspace, taskset=rft.taskset)
    apart = make_comparison(run=rft, against=third, base=SOME, tuned=RIGHT, base_hash=HASH)
    assert as_alice.get(f"/comparisons/{apart.pk}/").context["trio"] == []


def test_a_training_without_baseline_shows_no_three(rft, as_alice):
    comparison = make_comparison(run=rft, base=NONE, tuned=RIGHT)
    page = as_alice.get(f"/comparisons/{comparison.pk}/")
    assert page.context["trio"] == []
    assert "the tuned model scores 1.00 against 0.00" in page.text


def test_files_have_the_names_of_the_two(rft, sft, as_alice):
    pair = against(rft, sft, SOME, RIGHT)
    table = b"".join(as_alice.get(f"/comparisons/{pair.pk}/answers.csv").streaming_content).decode()
    assert "sft_answer,sft_score" in table
    assert "rft_answer,rft_score" in table
    line = b"".join(as_alice.get(f"/comparisons/{pair.pk}/answers.jsonl").streaming_content).decode().splitlines()[7]
    assert (json.loads(line)["sft_score"], json.loads(line)["rft_score"]) == (0.0, 1.0)
    assert json.loads(line)["rft"][0]["text"] == RIGHT[7]


def test_the_pair_can_be_compared_again_from_its_page(rft, sft, as_alice, as_vera):
    pair = against(rft, sft, SOME, RIGHT)
    address = f"/comparisons/{pair.pk}/again/"
    assert f'action="{address}"' in as_alice.get(f"/comparisons/{pair.pk}/").text
    assert as_vera.post(address).status_code == 403
    assert as_alice.get(address).status_code == 405
    as_alice.post(address)
    assert Comparison.objects.order_by("-pk")[0].against == sft


def test_comparing_the_two_again_says_what_judges_may_spend_on_it(rft, sft, as_alice, as_vera):
    pair = against(rft, sft, SOME, RIGHT)
    url = f"/comparisons/{pair.pk}/"
    Comparison.objects.filter(pk=pair.pk).update(settings={**pair.settings, "judge_tokens": 50_000})
    assert "once more" not in as_alice.get(url).text, "no judge is asked"
    GraderVersion.objects.filter(pk=rft.grader_version_id).update(spec=SCORE)
    page = as_alice.get(url).text
    assert "Judges may spend up to 50,000 tokens once more." in page.partition("Compare the two again")[2]
    assert "once more" not in as_vera.get(url).text
