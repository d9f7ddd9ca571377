"""The product's settings over a throw-away data directory; static files unhashed, tasks run in place."""

import os
import tempfile

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="rftstudio-tests-")
os.environ.pop("DATABASE_URL", None)
if url := os.environ.get("RFT_TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = url
os.environ["BROKER_URL"] = "memory://"
os.environ["MAX_RUNNING_JOBS"] = "1"

from rftstudio.settings import *  # noqa: F403
from rftstudio.settings import DATA_DIR, DATABASES, STORAGES

STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: supervisors and engine children are other processes that open the same database.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
