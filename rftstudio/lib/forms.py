"""How a form field looks everywhere: label, control, help and errors in one template."""

from django.forms.renderers import TemplatesSetting


class FieldRenderer(TemplatesSetting):
    """Renders `{{ form.name.as_field_group }}` with `components/field.html`."""

    field_template_name = "components/field.html"
    form_template_name = "components/form.html"


def control_class(widget: object) -> str:
    """The style class of a widget, by what it is."""
    from django import forms

    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect | forms.CheckboxSelectMultiple):
        return "form-check-input"
    if isinstance(widget, forms.Select | forms.SelectMultiple):
        return "form-select"
    return "form-control"


def errors_in_words(form: object) -> str:
    """Every error of a form in one line, for a message after a redirect: "Score: Enter a number."."""
    from django import forms

    assert isinstance(form, forms.BaseForm)
    parts = []
    for name, errors in form.errors.items():
        text = " ".join(map(str, errors))
        parts.append(text if name == "__all__" else f"{form.fields[name].label}: {text}")
    return " ".join(parts)
