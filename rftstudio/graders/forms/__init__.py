"""The form of each grader kind. A new kind is a file here, a fragment in templates, and a line below."""

from rftstudio.graders.forms.endpoint import EndpointForm
from rftstudio.graders.forms.exact_choice import ExactChoiceForm
from rftstudio.graders.forms.format import FormatForm
from rftstudio.graders.forms.json_fields import JsonFieldsForm
from rftstudio.graders.forms.judge import JudgeForm
from rftstudio.graders.forms.keywords import KeywordsForm
from rftstudio.graders.forms.kind import KindForm
from rftstudio.graders.forms.label_model import LabelModelForm
from rftstudio.graders.forms.multi import MultiForm
from rftstudio.graders.forms.number import NumberForm
from rftstudio.graders.forms.other import OtherForm
from rftstudio.graders.forms.pairwise import PairwiseForm
from rftstudio.graders.forms.ranking import RankingForm
from rftstudio.graders.forms.regex import RegexForm
from rftstudio.graders.forms.rubric import RubricForm
from rftstudio.graders.forms.score_model import ScoreModelForm
from rftstudio.graders.forms.set_match import SetMatchForm
from rftstudio.graders.forms.string_check import StringCheckForm
from rftstudio.graders.forms.text_similarity import TextSimilarityForm

FORMS: dict[str, type[KindForm]] = {
    form.kind: form
    for form in (
        ExactChoiceForm,
        NumberForm,
        RankingForm,
        SetMatchForm,
        JsonFieldsForm,
        TextSimilarityForm,
        StringCheckForm,
        KeywordsForm,
        RegexForm,
        FormatForm,
        RubricForm,
        MultiForm,
        JudgeForm,
        ScoreModelForm,
        LabelModelForm,
        PairwiseForm,
        EndpointForm,
    )
}

__all__ = ["FORMS", "KindForm", "OtherForm"]
