"""The embedded model as a judge."""


def ensure_running() -> str:
    raise NotImplementedError
