"""The launch form: versions, model, preset, and a field for every dial. It reads and checks; it saves nothing."""

from contextlib import suppress
from typing import Any, cast

from django import forms
from django.urls import reverse
from django.utils.html import format_html

from rftstudio.engine import presets
from rftstudio.engine.approaches import APPROACH_DIALS, APPROACHES, DEFAULT_APPROACH, READ_BY, RFT, SFT, SFT_RFT
from rftstudio.engine.errors import SpecError
from rftstudio.engine.limits import LIMIT_DIALS
from rftstudio.engine.presets import Dial
from rftstudio.graders.models import Grader, GraderVersion
from rftstudio.graders.proof import NotProven
from rftstudio.registry.fields import BaseModelField
from rftstudio.registry.models import BaseModel
from rftstudio.runs.again import Again
from rftstudio.runs.check import MAX_SEED
from rftstudio.runs.continuing import INSTEAD, described, kept_checkpoints
from rftstudio.runs.models import Checkpoint
from rftstudio.tasksets.models import TaskSet, TaskSetVersion

DRAFT = "draft"  # publish the draft and take the version it becomes
SHOWN_VERSIONS = 20
FIELDS = tuple(dial for dial in presets.DIALS if dial.name != "approach")  # that has a field of its own
LIMITS = frozenset(dial.name for dial in LIMIT_DIALS)
Choice = tuple[str, str]


class DialField(forms.Field):
    """One setting. Empty means: as the preset says."""

    def __init__(self, dial: Dial) -> None:
        self.dial = dial
        widget: forms.Widget
        if dial.kind in ("choice", "bool"):
            options = dial.choices or (("true", "yes"), ("false", "no"))
            widget = forms.Select(choices=[("", "as the preset says"), *options])
        else:
            widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(required=False, label=dial.label, help_text=_help(dial), widget=widget)

    def clean(self, value: Any) -> presets.Value | None:
        text = str(value).strip() if value is not None else ""
        if not text:
            return None
        try:
            return self.dial.read(text)
        except SpecError as error:
            raise forms.ValidationError(f"{error.message} {error.fix}") from error


class StartField(forms.ModelChoiceField):
    """The checkpoint of another training to go on from; none for a fresh start."""

    def __init__(self) -> None:
        super().__init__(
            Checkpoint.objects.none(),
            required=False,
            label="Starts from",
            empty_label="The base model, afresh",
            help_text="Of a checkpoint only the adapter is taken over, as a copy: steps, learning rate and optimizer "
            "begin anew, and the first point of the curve is the checkpoint’s. A KL penalty is measured from the base "
            "model, or from what SFT left where that goes first. LoRA rank, LoRA alpha and the base model stay as they "
            "were.",
            error_messages={"invalid_choice": f"This checkpoint is not kept any more. {INSTEAD}"},
        )

    def label_from_instance(self, obj: Any) -> str:
        return described(obj)


class VersionsForm(forms.Form):
    """A form that asks which version of a task set and of its grader: `taskset_version`, `grader_version`."""

    taskset: TaskSet
    grader: Grader | None

    def chosen_version(self) -> TaskSetVersion | None:
        """None for the draft."""
        chosen = self.cleaned_data["taskset_version"]
        return None if chosen == DRAFT else self.taskset.versions.get(pk=chosen)

    def chosen_grader_version(self) -> GraderVersion | None:
        """None for the draft."""
        assert self.grader is not None
        chosen = self.cleaned_data["grader_version"]
        return None if chosen == DRAFT else self.grader.versions.get(pk=chosen)

    def add_spec_error(self, error: SpecError) -> None:
        """Show an engine's complaint on the field it names, or above the form."""
        show_spec_error(self, error)


class LaunchForm(VersionsForm):
    """What a training is made of. `overrides()` holds the dials that were changed."""

    taskset_version = forms.ChoiceField(label="Task set")
    grader_version = forms.ChoiceField(label="Grader")
    base_model = BaseModelField()
    start = StartField()
    preset = forms.ChoiceField(
        label="How long and how thoroughly",
        choices=[(preset.name, preset.label) for preset in presets.PRESETS.values()],
        initial=presets.DEFAULT_PRESET,
        widget=forms.RadioSelect,
    )
    approach = forms.ChoiceField(
        label="Way of learning",
        choices=[(approach.name, approach.label) for approach in APPROACHES.values()],
        initial=DEFAULT_APPROACH,
        required=False,
        help_text=APPROACH_DIALS[0].help,
        widget=forms.RadioSelect,
    )
    baseline = forms.BooleanField(label="Also train an SFT baseline beside it", required=False)
    name = forms.CharField(label="Name", required=False, max_length=160, help_text="To find it again in the list.")
    seed = forms.IntegerField(
        label="Seed",
        initial=0,
        min_value=0,
        max_value=MAX_SEED,
        help_text="The same seed, task set, grader and settings give the same training again, unless a judge, another "
        "server or a time limit takes part.",
    )

    def __init__(
        self,
        *args: Any,
        taskset: TaskSet,
        grader: Grader | None,
        changed: dict[str, int],
        again: Again | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.taskset = taskset
        self.grader = grader
        versions = list(taskset.versions.all()[:SHOWN_VERSIONS])
        marks = list(grader.versions.all()[:SHOWN_VERSIONS]) if grader else []
        self._set_choices("taskset_version", versions, changed.get("taskset", 0))
        self._set_choices("grader_version", marks, changed.get("grader", 0))
        self.fields["base_model"].initial = BaseModel.objects.values_list("pk", flat=True).first()
        for dial in FIELDS:
            self.fields[dial.name] = DialField(dial)
        if again is not None:
            self._offer_again(again)

    def _offer_again(self, again: Again) -> None:
        """What the other training was made of, though older than what is listed; and what is not as it was."""
        for name, version in (
            ("taskset_version", again.run.taskset_version),
            ("grader_version", again.run.grader_version),
        ):
            offered = self.fields[name]
            assert isinstance(offered, forms.ChoiceField)
            wanted, listed = str(version.pk), cast("list[Choice]", offered.choices)
            if again.initial.get(name) == wanted and wanted not in dict(listed):
                offered.choices = [*listed, _choice(version)]
        start = self.fields["start"]
        assert isinstance(start, forms.ModelChoiceField)
        start.queryset = kept_checkpoints(again.run, *([again.start.run] if again.start else []))
        for name, note in again.notes.items():
            self.fields[name].help_text = format_html('<strong class="changed-note">{}</strong>', note)

    def _set_choices(self, name: str, versions: list[Any], changes: int) -> None:
        set_version_choices(self.fields[name], versions, changes)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                presets.resolve(cleaned["preset"], self.overrides(), answer_limit=self.taskset.answer_limit)
            except SpecError as error:
                self.add_spec_error(error)
        return cleaned

    def overrides(self) -> dict[str, presets.Value]:
        """The dials that were filled in with something else than what preset and method have."""
        given = {dial.name: self.cleaned_data.get(dial.name) for dial in presets.DIALS}
        preset = self.cleaned_data.get("preset", presets.DEFAULT_PRESET)
        usual = presets.usual(preset, given, answer_limit=self.taskset.answer_limit)
        return {name: value for name, value in given.items() if value not in (None, "") and value != usual.get(name)}

    def readable_dials(self) -> dict[str, presets.Value]:
        """The dials as they stand, typed or given, without those that cannot be read; for an estimate."""
        found: dict[str, presets.Value] = {}
        for dial in presets.DIALS:
            with suppress(forms.ValidationError):
                value = self.fields[dial.name].clean(self[dial.name].value())
                if value not in (None, ""):
                    found[dial.name] = value
        return found

    @property
    def common_dials(self) -> list[forms.BoundField]:
        return [self[dial.name] for dial in FIELDS if not dial.advanced and dial.name not in LIMITS]

    @property
    def limit_dials(self) -> list[forms.BoundField]:
        """What may end or pause a training early; shown without being asked for."""
        return [self[dial.name] for dial in LIMIT_DIALS]

    @property
    def advanced_dials(self) -> list[forms.BoundField]:
        return [self[dial.name] for dial in FIELDS if dial.advanced]

    @property
    def dials_filled(self) -> int:
        """How many dials of the folded section hold something, so that it can say so."""
        return sum(bool(self[dial.name].value()) for dial in FIELDS if dial.name not in LIMITS)

    @property
    def dial_errors(self) -> bool:
        return any(dial.name in self.errors for dial in FIELDS if dial.name not in LIMITS)


def show_spec_error(form: forms.Form, error: SpecError) -> None:
    """Put an error on the field that it names, or above the form, with a link where there is something to look at."""
    text = " ".join(part for part in (error.message, error.fix) if part)
    if isinstance(error, NotProven):
        address = reverse(error.page, args=error.arguments)
        text = format_html('{} <a href="{}">{}</a>', text, address, error.link)
    form.add_error(error.path if error.path in form.fields else None, text)


def set_version_choices(field: forms.Field, versions: list[Any], changes: int) -> None:
    """Offer the draft, where it has changes or nothing is published yet, then the versions; the first is chosen."""
    assert isinstance(field, forms.ChoiceField)
    choices: list[Choice] = []
    if changes or not versions:
        number = versions[0].number + 1 if versions else 1
        since = f", {_changes(changes)} since version {versions[0].number}" if versions else ""
        choices.append((DRAFT, f"Draft{since}: becomes version {number}"))
    choices += [_choice(version) for version in versions]
    field.choices = choices
    field.initial = choices[0][0]


def _choice(version: Any) -> Choice:
    return str(version.pk), f"Version {version.number}, {version.published_at:%-d %b %Y}"


def _help(dial: Dial) -> str:
    text = dial.help
    if ways := READ_BY.get(dial.name):
        text += f" For {_WAYS[ways]}."
    if dial.minimum is not None and dial.maximum is not None:
        unit = f" {dial.unit}" if dial.unit else ""
        text += f" From {_plain(dial.minimum)} to {_plain(dial.maximum)}{unit}."
    return text


# Which ways of learning read a setting that not all do, in words.
_WAYS = {
    frozenset({RFT, SFT_RFT}): "reinforcement only",
    frozenset({SFT, SFT_RFT}): "SFT only",
    frozenset({SFT_RFT}): "SFT first, then RFT",
}


def _plain(number: float) -> str:
    """A bound without exponent, so that anybody can read it."""
    return f"{number:,.7f}".rstrip("0").rstrip(".")


def _changes(count: int) -> str:
    return "1 change" if count == 1 else f"{count} changes"
