from django.apps import AppConfig


class GradersConfig(AppConfig):
    name = "rftstudio.graders"
    label = "graders"
