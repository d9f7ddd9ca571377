"""Upload a list, and say how its table is read. Nothing here saves."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from rftstudio.engine.errors import SpecError
from rftstudio.graders.lists.actions import MAX_BYTES, MAX_NAME
from rftstudio.graders.lists.reading import MAX_ROWS, SEPARATORS, Reading, check_reading

SUFFIXES = (".csv", ".tsv", ".txt")


class ListUploadForm(forms.Form):
    """A table, and a name where it makes a new list."""

    name = forms.CharField(
        max_length=MAX_NAME,
        help_text="What the list holds, such as Genes or Diagnoses (ICD-10). Graders name it by a short form of this.",
    )
    file = forms.FileField(
        label="Table",
        help_text=f"CSV with column names in its first line: one column for the label, others for its other names, "
        f"separated by | or ;. Or a row for each pair. At most {MAX_BYTES // 1_048_576} MB and {MAX_ROWS:,} rows.",
        widget=forms.FileInput(attrs={"accept": ",".join(SUFFIXES)}),
    )

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not new:
            del self.fields["name"]

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if not str(file.name).lower().endswith(SUFFIXES):
            raise ValidationError(f"“{str(file.name)[:80]}” is no CSV. In a spreadsheet, save it as CSV (UTF-8).")
        return file


class ReadingForm(forms.Form):
    """Which columns hold what."""

    label = forms.TypedChoiceField(label="Column with the label", coerce=int)
    names = forms.TypedMultipleChoiceField(
        label="Columns with its other names", coerce=int, widget=forms.CheckboxSelectMultiple
    )
    separator = forms.ChoiceField(
        label="Names in one cell are separated by", choices=[(key, words) for key, (words, _) in SEPARATORS.items()]
    )
    headless = forms.BooleanField(
        required=False,
        label="The first line is a row already",
        help_text="Tick this where the file has no line of column names.",
    )

    def __init__(
        self, data: Mapping[str, Any] | None, *, columns: Sequence[Mapping[str, Any]], reading: Reading
    ) -> None:
        initial = {
            "label": reading.label,
            "names": reading.names,
            "separator": reading.separator,
            "headless": not reading.header,
        }
        super().__init__(data, initial=initial)
        self.columns = columns
        choices = [(place, _title(column)) for place, column in enumerate(columns)]
        for name in ("label", "names"):
            self.fields[name].choices = choices  # type: ignore[attr-defined]

    @property
    def reading(self) -> Reading:
        found = self.cleaned_data
        return Reading(found["label"], tuple(found["names"]), found["separator"], not found["headless"])

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                check_reading(self.reading, self.columns)
            except SpecError as error:
                self.add_error(error.path, f"{error.message} {error.fix}")
        return self.cleaned_data


def _title(column: Mapping[str, Any]) -> str:
    examples = [str(example)[:24] for example in column["examples"][:2]]
    return f"{column['name']} ({', '.join(examples)})" if examples else str(column["name"])
