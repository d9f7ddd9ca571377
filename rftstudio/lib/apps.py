from django.apps import AppConfig


class LibConfig(AppConfig):
    name = "rftstudio.lib"
    label = "lib"

    def ready(self) -> None:
        # Makes the Celery app the current one wherever Django runs; the engine's processes never come here.
        import rftstudio.celery  # noqa: F401
