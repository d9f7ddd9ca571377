"""The settings of supervisors that tests start as processes: the test's database, a job that only counts unless
RFT_TEST_ENGINE is "real".

DATA_DIR and DATABASE_URL come from the test; see `tests/runs/conftest.py`.
"""

import os

from rftstudio.engine.job import MODULES
from rftstudio.settings import *  # noqa: F403

if os.environ.get("RFT_TEST_ENGINE") != "real":
    MODULES["training"] = "tests.runs.counting_job"
JOB_ENDED_TASKS: list[str] = []
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # How long a statement waits for a lock before it is an error; 20 in the product.
    DATABASES["default"]["OPTIONS"]["timeout"] = float(os.environ.get("RFT_TEST_LOCK_SECONDS", 20))  # noqa: F405
# Workers of tests look round more often than every ten seconds.
CELERY_BEAT_SCHEDULE["reconcile jobs"]["schedule"] = float(os.environ.get("RFT_TEST_LOOK_SECONDS", 10))  # noqa: F405
