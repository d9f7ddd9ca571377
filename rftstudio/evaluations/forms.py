"""What is looked at on a comparison's page, and the settings of a new comparison. Nothing here saves."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import F, Q, QuerySet
from django.http import QueryDict

from rftstudio.engine.limits import JUDGE_DIALS
from rftstudio.engine.presets import EVALUATION_DIALS
from rftstudio.evaluations.models import ComparedItem, Comparison, Outcome
from rftstudio.runs.models import Run

SHOWN = {
    "": "All tasks",
    "differs": "Score differs",
    "worse": "Worse",
    "better": "Better",
    "same": "Same score",
    "no_score": "No score",
    "words": "Words differ",
}
ORDERS = {"": "Worse first", "better": "Better first", "file": "As in the task set"}
CONDITIONS = {
    "differs": Q(outcome__in=[Outcome.BETTER, Outcome.WORSE]),
    "words": Q(changed=True),
    **{outcome: Q(outcome=outcome) for outcome in ("worse", "better", "same", "no_score")},
}
SORTING: dict[str, list[Any]] = {
    "": [F("difference").asc(nulls_last=True), "position"],
    "better": [F("difference").desc(nulls_last=True), "position"],
    "file": ["position"],
}


class ItemFilter(forms.Form):
    """The filters above the items; they live in the address."""

    show = forms.ChoiceField(required=False, label="Show", choices=list(SHOWN.items()))
    tag = forms.ChoiceField(required=False, label="Tag")
    sort = forms.ChoiceField(required=False, label="Order", choices=list(ORDERS.items()))
    q = forms.CharField(
        required=False,
        label="Search",
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Search tasks and answers"}),
    )

    def __init__(self, data: QueryDict, *, tags: list[str]) -> None:
        super().__init__(data)
        self.fields["tag"].choices = [("", "Any tag"), *((tag, tag) for tag in tags)]  # type: ignore[attr-defined]

    def apply(self, comparison: Comparison) -> QuerySet[ComparedItem]:
        """The items asked for, in order. A value that is not offered counts as none."""
        self.is_valid()
        wanted: dict[str, str] = self.cleaned_data
        items = ComparedItem.objects.filter(comparison=comparison)
        if show := wanted.get("show"):
            items = items.filter(CONDITIONS[show])
        if tag := wanted.get("tag"):
            items = items.filter(tags__contains=f"\n{tag}\n")
        for word in wanted.get("q", "").lower().split()[:8]:
            items = items.filter(search_text__contains=word)
        return items.order_by(*SORTING[wanted.get("sort", "")])

    @property
    def query(self) -> str:
        """The filters as they stand in an address, without the empty ones."""
        chosen = {name: value for name, value in self.cleaned_data.items() if value}
        return f"?{urlencode(chosen)}" if chosen else ""


class OpponentField(forms.ModelChoiceField):
    """Whose model answers on the other side; none for the base model."""

    def __init__(self) -> None:
        super().__init__(
            Run.objects.none(),
            required=False,
            label="Against",
            empty_label="The base model",
            help_text="Or the model of another training that had the same base model and the same versions of tasks "
            "and grader.",
        )

    def label_from_instance(self, obj: Any) -> str:
        best = obj.result.get("best_valid_reward_mean")
        reached = f", validation reward {best:.2f}" if best is not None else ""
        return f"Training {obj.pk}: {obj} ({obj.way.label}{reached})"


class ComparisonForm(forms.Form):
    """Against whom, and the evaluation's settings, from the engine's own description of them.

    judged: whether the grader asks a judge; else nothing is said of what judges may cost.
    """

    against = OpponentField()
    seed = forms.IntegerField(
        label="Seed",
        min_value=0,
        max_value=2**31 - 1,
        help_text="Both models draw the same random numbers from it. Another seed, other answers.",
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        initial: dict[str, Any],
        opponents: "QuerySet[Run]",
        judged: bool,
    ) -> None:
        super().__init__(data, initial=initial)
        self.fields["against"].queryset = opponents  # type: ignore[attr-defined]
        self.dials = [dial.name for dial in EVALUATION_DIALS if judged or dial not in JUDGE_DIALS]
        for dial in EVALUATION_DIALS:
            if dial.name not in self.dials:
                continue
            kind = forms.IntegerField if dial.kind == "int" else forms.FloatField
            unit = f" ({dial.unit})" if dial.unit and not dial.label.endswith(f"in {dial.unit}") else ""
            self.fields[dial.name] = kind(
                label=f"{dial.label}{unit}",
                help_text=dial.help,
                required=not dial.advanced,
                min_value=dial.minimum,  # type: ignore[arg-type]
                max_value=dial.maximum,  # type: ignore[arg-type]
            )
        self.order_fields(["against", *self.dials, "seed"])

    @property
    def settings(self) -> dict[str, Any]:
        """The checked values without opponent and seed."""
        return {name: self.cleaned_data[name] for name in self.dials if self.cleaned_data[name] is not None}
