"""Form of `text_similarity`: which measure of likeness."""

from rftstudio.graders.forms.fields import ChoiceField
from rftstudio.graders.forms.kind import AnswerForm


class TextSimilarityForm(AnswerForm):
    kind = "text_similarity"
    question = "Free text, scored by how close its wording is to the reference"
    example = "A translation that should read much like the reference."
    heading = "words"

    evaluation_metric = ChoiceField(
        label="Likeness is measured by",
        choices=[
            ("cosine", "meaning, by a language model (cosine of embeddings)"),
            ("fuzzy_match", "letters: how few changes turn one into the other"),
            ("rouge_l", "words in the same order (ROUGE-L)"),
            ("rouge_1", "words in common (ROUGE-1)"),
            ("rouge_2", "runs of 2 words in common (ROUGE-2)"),
            ("rouge_3", "runs of 3 words in common (ROUGE-3)"),
            ("rouge_4", "runs of 4 words in common (ROUGE-4)"),
            ("rouge_5", "runs of 5 words in common (ROUGE-5)"),
            ("meteor", "words in common, endings ignored (METEOR)"),
            ("bleu", "runs of 1 to 4 words, as for translations (BLEU)"),
            ("gleu", "the same, suited to single sentences (GLEU)"),
        ],
        help_text="Letters for short answers and names; words for sentences. Meaning also sees other words for the "
        "same, but hardly sees a “not” or another number.",
    )
