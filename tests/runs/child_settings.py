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
