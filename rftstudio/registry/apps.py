from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "rftstudio.registry"
    label = "registry"
