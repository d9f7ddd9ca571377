"""The chooser of base models: one that the machine cannot hold says so."""

from typing import Any

from django import forms

from rftstudio.registry.models import BaseModel


class BaseModelField(forms.ModelChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(BaseModel.objects.all(), label="Base model", empty_label=None, **kwargs)

    def label_from_instance(self, model: BaseModel) -> str:
        return f"{model}, too large for this machine" if model.too_large else str(model)
