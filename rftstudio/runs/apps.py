from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "rftstudio.runs"
    label = "runs"
