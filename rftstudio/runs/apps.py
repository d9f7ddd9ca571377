from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "rftstudio.runs"
    label = "runs"

    def ready(self) -> None:
        from rftstudio.graders.stored_answers import register
        from rftstudio.runs.stored import Rollouts

        register("training", Rollouts())
