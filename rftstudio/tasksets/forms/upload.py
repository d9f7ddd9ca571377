"""Upload a file or paste rows, and say what each column becomes."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from rftstudio.tasksets.definition import Definition
from rftstudio.tasksets.imports.mapping import check_targets, choices

SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")


class UploadForm(forms.Form):
    """A file, or rows pasted from a spreadsheet."""

    file = forms.FileField(
        required=False,
        label="File",
        help_text="CSV from a spreadsheet (File → Save as → CSV UTF-8), or JSONL with one object a line. "
        "The first line of a CSV holds the column names.",
        widget=forms.FileInput(attrs={"accept": ",".join(SUFFIXES)}),
    )
    pasted = forms.CharField(
        required=False,
        strip=False,
        label="Or paste rows",
        help_text="Copy cells in a spreadsheet, with the line of column names, and paste them here.",
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false"}),
    )

    def clean_file(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data.get("file")
        if file and not str(file.name).lower().endswith(SUFFIXES):
            message = f"“{str(file.name)[:80]}” is neither CSV nor JSONL. In a spreadsheet, save it as CSV (UTF-8)."
            raise ValidationError(message)
        return file

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if not self.errors and not data.get("file") and not data.get("pasted", "").strip():
            self.add_error("file", "Choose a file, or paste rows below.")
        return data


class MappingForm(forms.Form):
    """A select a column, and whether a single bad row stops everything."""

    all_or_nothing = forms.BooleanField(
        required=False,
        label="Import nothing unless every row is good",
        help_text="Otherwise you may import the good rows and leave the others.",
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        *,
        columns: Sequence[Mapping[str, Any]],
        mapping: Mapping[str, Any],
        definition: Definition,
    ) -> None:
        super().__init__(data, initial={"all_or_nothing": mapping.get("all_or_nothing", False)})
        self.columns = columns
        self.definition = definition
        for index, (column, target) in enumerate(zip(columns, mapping["targets"], strict=True)):
            options = [(group, entries) if group else entries[0] for group, entries in choices(definition, column)]
            self.fields[f"column-{index}"] = forms.ChoiceField(
                choices=options, required=False, initial=target, label=column["name"]
            )

    @property
    def rows(self) -> list[tuple[Mapping[str, Any], Any]]:
        return [(column, self[f"column-{index}"]) for index, column in enumerate(self.columns)]

    @property
    def targets(self) -> list[str]:
        return [self.cleaned_data.get(f"column-{index}", "") for index in range(len(self.columns))]

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            for error in check_targets(self.targets, self.columns, self.definition):
                text = f"{error.message} {error.fix}".strip()
                self.add_error(f"column-{error.path}" if error.path else None, text)
        return self.cleaned_data
