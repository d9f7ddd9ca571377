"""The chooser of base models: each with its size and the memory that training it takes."""

from typing import Any

from django import forms

from rftstudio.engine.models.memory import size
from rftstudio.registry.models import BaseModel


class BaseModelField(forms.ModelChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(BaseModel.objects.all(), label="Base model", empty_label=None, **kwargs)

    def label_from_instance(self, model: BaseModel) -> str:
        facts = [str(model)]
        if on_disk := model.facts.get("total_bytes"):
            facts.append(size(on_disk))
        if model.n_parameters:
            facts.append(f"about {size(model.need.training)} of memory to train")
        if model.too_large:
            facts.append("too large for this machine")
        return ", ".join(facts)
