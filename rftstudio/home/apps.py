from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "rftstudio.home"
    label = "home"
