from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    name = "rftstudio.evaluations"
    label = "evaluations"

    def ready(self) -> None:
        from rftstudio.evaluations.stored import CheckedAnswers, ComparedAnswers
        from rftstudio.graders.stored_answers import register

        register("comparison", ComparedAnswers())
        register("readiness", CheckedAnswers())
