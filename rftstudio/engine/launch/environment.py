"""Which variables a job process gets: what it needs to compute, and nothing that is ours.

No database address, no secret key, no broker: a job that runs somebody's grader must have nothing to lose.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import rftstudio

# The machine's own, what the numeric libraries read, and where the sentence model lies.
KEPT = frozenset(
    {
        "EMBEDDING_MODEL", "HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "PRIVATE_ENDPOINTS",
        "PYTHON_GRADER_MEMORY_MB", "PYTHON_GRADER_SECONDS", "REQUESTS_CA_BUNDLE", "SANDBOX_LAYERS", "SHELL",
        "SSL_CERT_DIR", "SSL_CERT_FILE", "TEMP", "TMP", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV", "XDG_CACHE_HOME",
    }
)  # fmt: skip
KEPT_PREFIXES = (
    "CUDA_", "GOMP_", "HF_HOME", "HIP_", "KMP_", "LC_", "MKL_", "NCCL_", "NVIDIA_", "OMP_", "OPENBLAS_", "ROCR_",
)  # fmt: skip
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})


def environment(
    source: Mapping[str, str], *, offline: bool = True, threads: int | None = None, keys: Iterable[str] = ()
) -> dict[str, str]:
    """The variables for a job.

    offline: the model lies on this machine, so nothing may be fetched. threads: for the numeric libraries;
    None leaves it to them. keys: names of secrets the job was promised (`job.json` names them).
    """
    wanted = KEPT | set(keys) | (frozenset() if offline else PROXIES)
    chosen = {name: value for name, value in source.items() if name in wanted or name.startswith(KEPT_PREFIXES)}
    chosen["PYTHONPATH"] = str(Path(rftstudio.__file__).resolve().parents[1])
    chosen["PYTHONUNBUFFERED"] = "1"
    chosen["TOKENIZERS_PARALLELISM"] = "false"
    chosen["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if offline:
        chosen["HF_HUB_OFFLINE"] = "1"
    if threads:
        chosen["OMP_NUM_THREADS"] = str(threads)
    return chosen
