"""The Celery application. Tasks are short; a training is not a task (see `runs/supervisor.py`)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rftstudio.settings")
app = Celery("rftstudio")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
