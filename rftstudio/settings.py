"""Every setting, driven by the environment. A bad value stops start-up with a sentence that says which and why."""

import contextlib
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from rftstudio.engine import machine
from rftstudio.engine.errors import SpecError
from rftstudio.engine.models.memory import read_machine
from rftstudio.engine.trackers import read_names
from rftstudio.lib.broker import find_broker

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _read(kind, name: str, default):
    try:
        return kind(name, default=default)
    except (ValueError, ImproperlyConfigured) as error:
        raise ImproperlyConfigured(f"{name}={os.environ.get(name)!r} cannot be used: {error}") from error


def _kept_key(file: Path) -> str:
    """From a file that only this user can read, made on first start. Whole from the moment that it is there."""
    with contextlib.suppress(FileNotFoundError):
        return file.read_text().strip()
    fresh = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):  # another process was first: its key is the one
            os.link(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)
    return file.read_text().strip()


def _keys(name: str, file: Path) -> list[str]:
    """From the environment, with commas between several, or the one kept in the file. There is no default."""
    keys = [key.strip() for key in os.environ.get(name, "").split(",") if key.strip()] or [_kept_key(file)]
    if any(len(key) < 32 for key in keys):
        raise ImproperlyConfigured(f"{name} is shorter than 32 characters. Generate a longer one.")
    return keys


def _secret_key(file: Path) -> str:
    key = os.environ.get("SECRET_KEY") or _kept_key(file)
    if len(key) < 32:
        raise ImproperlyConfigured("SECRET_KEY is shorter than 32 characters. Generate a longer one.")
    return key


def _hub(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ImproperlyConfigured(f"HF_ENDPOINT={address!r} is no web address. Write it like https://huggingface.co.")
    return address.rstrip("/")


# Where everything that is not code lives.
DATA_DIR = Path(_read(env.str, "DATA_DIR", str(BASE_DIR / ".data"))).resolve()
try:
    DATA_DIR.mkdir(parents=True, exist_ok=True)
except OSError as error:
    raise ImproperlyConfigured(f"DATA_DIR={DATA_DIR} cannot be made: {error}. Name a folder you may write.") from error
JOBS_DIR = DATA_DIR / "jobs"
MODELS_DIR = DATA_DIR / "models"
# The sentence model of text_similarity's cosine; the engine and its jobs read it from the environment.
EMBEDDING_MODEL = Path(_read(env.str, "EMBEDDING_MODEL", str(MODELS_DIR / "all-minilm-l6-v2"))).resolve()
os.environ["EMBEDDING_MODEL"] = str(EMBEDDING_MODEL)

# Base models. The hub they come from; folders whose models owners may add (operators may add any folder's); what
# trains, where that is another machine than this one.
HF_ENDPOINT = _hub(_read(env.str, "HF_ENDPOINT", "https://huggingface.co"))
HUB_OFFLINE = _read(env.bool, "HF_HUB_OFFLINE", False)
MODEL_FOLDERS = [Path(folder).resolve() for folder in _read(env.list, "MODEL_FOLDERS", [])]
if os.environ.get("TRAINING_MACHINE"):
    try:
        read_machine(os.environ["TRAINING_MACHINE"])
    except ValueError as error:
        raise ImproperlyConfigured(f"TRAINING_MACHINE={os.environ['TRAINING_MACHINE']!r}: {error}.") from error

SECRET_KEY = _secret_key(DATA_DIR / "secret_key")
# What encrypts stored secrets: the first key writes, all of them read. A file of its own, so that a new SECRET_KEY,
# which only signs people out, costs nobody their judges' keys.
SECRETS_KEYS = _keys("SECRETS_KEY", DATA_DIR / "secrets_key")
DEBUG = _read(env.bool, "DEBUG", False)
ALLOWED_HOSTS = _read(env.list, "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = _read(env.list, "CSRF_TRUSTED_ORIGINS", [])
HTTPS = _read(env.bool, "HTTPS", False)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "django_htmx",
    "template_partials",
    "axes",
    "csp",
    "rftstudio.lib",
    "rftstudio.accounts",
    "rftstudio.tasksets",
    "rftstudio.graders",
    "rftstudio.registry",
    "rftstudio.runs",
    "rftstudio.evaluations",
    "rftstudio.home",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "rftstudio.accounts.middleware.SignInRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "rftstudio.urls"
WSGI_APPLICATION = "rftstudio.wsgi.application"
FORM_RENDERER = "rftstudio.lib.forms.FieldRenderer"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "rftstudio.accounts.context.workspaces",
            ],
            "builtins": ["rftstudio.lib.templatetags.studio", "template_partials.templatetags.partials"],
        },
    },
]

# One writer at a time, readers never wait: WAL with immediate transactions (four writers: no lock error).
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA mmap_size=134217728;"
        "PRAGMA journal_size_limit=67108864;PRAGMA cache_size=-16000;PRAGMA temp_store=MEMORY;"
    ),
}
DATABASES = {"default": _read(env.db, "DATABASE_URL", f"sqlite:///{DATA_DIR / 'studio.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "home:home"
LOGOUT_REDIRECT_URL = "accounts:sign_in"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
AXES_VERBOSE = False

SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "rftstudio.accounts.views.expired"

# Plotly injects styles: the one exception. Scripts come from our own files only, and never from eval.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
MEDIA_ROOT = DATA_DIR / "uploads"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
IMPORT_MAX_BYTES = _read(env.int, "IMPORT_MAX_BYTES", 100 * 1024 * 1024)
IMPORT_MAX_ROWS = _read(env.int, "IMPORT_MAX_ROWS", 100_000)

# Celery: short tasks only; a task may run for ten minutes at most, below the visibility timeout.
BROKER = find_broker(DATA_DIR, os.environ.get("BROKER_URL"))
CELERY_BROKER_URL = BROKER.url
CELERY_BROKER_TRANSPORT_OPTIONS = BROKER.transport_options
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_SOFT_TIME_LIMIT = 540
CELERY_TASK_TIME_LIMIT = 600
CELERY_TASK_ALWAYS_EAGER = _read(env.bool, "CELERY_TASK_ALWAYS_EAGER", False)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "reconcile jobs": {"task": "runs.reconcile", "schedule": 10.0, "options": {"expires": 10}},
    "look after errands": {"task": "runs.look_after_errands", "schedule": 30.0, "options": {"expires": 30}},
    "compare finished runs": {"task": "evaluations.compare_finished", "schedule": 10.0, "options": {"expires": 10}},
}

# Long jobs at once: as many as cores and memory allow (`engine/machine.py`: one up to seven cores or below 12 GB, and
# one where there is a GPU), which counts on models of the embedded one's size; with larger ones set it to 1. Each gets
# its share of the cores. A supervisor silent for so long is replaced. A new one has longer: on a machine that swaps it
# takes that long to begin, and replacing it over and over would never end.
MAX_RUNNING_JOBS = _read(env.int, "MAX_RUNNING_JOBS", machine.places_here())
if MAX_RUNNING_JOBS < 1:
    raise ImproperlyConfigured(f"MAX_RUNNING_JOBS={MAX_RUNNING_JOBS} would let nothing run. Use 1 or more.")
JOB_STALE_SECONDS = _read(env.int, "JOB_STALE_SECONDS", 20)
JOB_START_SECONDS = _read(env.int, "JOB_START_SECONDS", 60)
# Trackers that every training tells its figures (tensorboard, mlflow, wandb); where they are is in their own variables,
# MLFLOW_TRACKING_URI, WANDB_API_KEY and the like, which reach the job's process and no file.
try:
    REPORT_TO = read_names(os.environ.get("RFT_REPORT_TO", "").split(","))
except SpecError as error:
    raise ImproperlyConfigured(f"RFT_REPORT_TO={os.environ['RFT_REPORT_TO']!r} cannot be used: {error}") from error
JOB_ENDED_TASKS = ["evaluations.compare_finished", "runs.look_at_speeds"]  # woken at once when a job has ended

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s  %(message)s", "datefmt": "%H:%M:%S"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": _read(env.str, "LOG_LEVEL", "INFO")},
    "loggers": {
        "axes": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
        # A line for every look round would drown the lines that say something.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
