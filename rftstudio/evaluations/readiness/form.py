"""What a readiness check is made of. Nothing here saves."""

from typing import Any

from django import forms

from rftstudio.engine.limits import JUDGE_DIALS
from rftstudio.evaluations.models import Readiness
from rftstudio.evaluations.readiness.actions import FEWEST_SAMPLES, N_ITEMS, usual_settings
from rftstudio.graders.models import Grader
from rftstudio.registry.fields import BaseModelField
from rftstudio.registry.models import BaseModel
from rftstudio.runs.check import MAX_SEED
from rftstudio.runs.forms import SHOWN_VERSIONS, VersionsForm, set_version_choices
from rftstudio.tasksets.models import TaskSet

SETTINGS = ("samples", "max_completion_length", *(dial.name for dial in JUDGE_DIALS))


class ReadinessForm(VersionsForm):
    """Versions, model, and how much is asked of it."""

    taskset_version = forms.ChoiceField(label="Task set")
    grader_version = forms.ChoiceField(label="Grader")
    base_model = BaseModelField()
    n_items = forms.IntegerField(
        label="Tasks",
        initial=N_ITEMS,
        min_value=1,
        max_value=512,
        help_text="Training tasks that are asked, at most; drawn by chance where there are more.",
    )
    samples = forms.IntegerField(
        label="Answers per task",
        min_value=FEWEST_SAMPLES,
        max_value=64,
        help_text="A training compares answers to the same task, so several are needed.",
    )
    max_completion_length = forms.IntegerField(
        label="Longest answer (tokens)",
        min_value=1,
        max_value=16_384,
        help_text="An answer is cut off after so many tokens.",
    )
    pass_score = forms.FloatField(
        label="Right from a score of",
        initial=1.0,
        min_value=-1e6,
        max_value=1e6,
        help_text="An answer that scores so much counts as right. 1 asks for full marks.",
    )
    seed = forms.IntegerField(
        label="Seed",
        initial=0,
        min_value=0,
        max_value=MAX_SEED,
        help_text="The same seed draws the same tasks and the same random numbers.",
    )

    def __init__(self, *args: Any, taskset: TaskSet, grader: Grader | None, changed: dict[str, int], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.taskset = taskset
        self.grader = grader
        versions = list(taskset.versions.all()[:SHOWN_VERSIONS])
        marks = list(grader.versions.all()[:SHOWN_VERSIONS]) if grader else []
        set_version_choices(self.fields["taskset_version"], versions, changed.get("taskset", 0))
        set_version_choices(self.fields["grader_version"], marks, changed.get("grader", 0))
        self.fields["base_model"].initial = BaseModel.objects.values_list("pk", flat=True).first()
        for dial in JUDGE_DIALS:
            kind = forms.IntegerField if dial.kind == "int" else forms.FloatField
            self.fields[dial.name] = kind(
                label=dial.label,
                help_text=dial.help,
                required=False,
                min_value=dial.minimum,  # type: ignore[arg-type]
                max_value=dial.maximum,  # type: ignore[arg-type]
            )
        usual = usual_settings(taskset)
        for name in SETTINGS:
            self.fields[name].initial = usual[name]

    @property
    def settings(self) -> dict[str, Any]:
        """What differs from the usual ones."""
        return {name: self.cleaned_data[name] for name in SETTINGS if self.cleaned_data.get(name) is not None}

    @property
    def what(self) -> list[forms.BoundField]:
        return [self[name] for name in ("taskset_version", "grader_version", "base_model")]

    @property
    def how(self) -> list[forms.BoundField]:
        return [self[name] for name in ("n_items", "samples", "max_completion_length", "pass_score")]

    @property
    def further(self) -> list[forms.BoundField]:
        return [self[name] for name in ("seed", *(dial.name for dial in JUDGE_DIALS))]

    @property
    def further_errors(self) -> bool:
        return any(field.errors for field in self.further)


def settings_of(check: Readiness) -> dict[str, Any]:
    """Initial values of a form that asks the same again, of the drafts as they are now."""
    taken = {name: check.settings[name] for name in SETTINGS if name in check.settings}
    own = {"base_model": check.base_model_id, "n_items": check.n_items, "pass_score": check.pass_score}
    return {**own, "seed": check.seed, **taken}
