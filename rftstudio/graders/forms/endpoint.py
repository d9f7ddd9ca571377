"""Form of `endpoint`: the address of a service, and the name of its secret."""

from rftstudio.graders.forms.fields import NumberField, SpecField
from rftstudio.graders.forms.kind import KindForm


class EndpointForm(KindForm):
    kind = "endpoint"
    question = "A service of our own gives the score"
    example = "Your chemistry server checks the molecule."

    url = SpecField(label="Address", big=True, help_text="Such as https://grader.example.org/score. It is sent JSON.")
    secret = SpecField(
        label="Name of its secret", help_text="Which stored secret is sent along, by its name. Empty: none."
    )
    timeout_s = NumberField(label="Time allowed", help_text="Seconds for one try. It is tried three times.")
