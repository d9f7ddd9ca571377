from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    name = "rftstudio.evaluations"
    label = "evaluations"
