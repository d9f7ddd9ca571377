"""The settings of supervisors that tests start as processes: the test's database, a job that only counts.

DATA_DIR and DATABASE_URL come from the test; see `tests/runs/conftest.py`.
"""

from rftstudio.engine.job import MODULES
from rftstudio.settings import *  # noqa: F403

MODULES["training"] = "tests.runs.counting_job"
JOB_ENDED_TASKS: list[str] = []
