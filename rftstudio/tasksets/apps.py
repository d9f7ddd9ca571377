from django.apps import AppConfig


class TasksetsConfig(AppConfig):
    name = "rftstudio.tasksets"
    label = "tasksets"
