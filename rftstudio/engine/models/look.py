"""What the hub says about a model before anything of its weights is fetched: commit, licence, files, configuration.

Only called in processes of their own: huggingface_hub takes 34 MB and waits for the network.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from rftstudio.engine.errors import SpecError, SystemFault
from rftstudio.engine.models.address import COMMIT, endpoint
from rftstudio.engine.models.contents import BYTES_OF, INDEX, MAX_JSON, Contents, safe_name
from rftstudio.engine.models.web import hub_session

SECONDS = 10.0  # for one answer
READ = ("config.json", "tokenizer_config.json", INDEX)
DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


@dataclass(frozen=True)
class HubModel:
    """closed: its files are only for accounts that accepted its terms, and the token given (if any) is none of them.

    hashes: a file's name to ("sha256" | "git", hex). licence: the hub's short name; own_licence: what the model calls
    it where that is "other".
    """

    hub_id: str
    commit: str
    contents: Contents
    hashes: dict[str, tuple[str, str]] = field(default_factory=dict)
    licence: str = ""
    own_licence: str = ""
    licence_url: str = ""
    gated: bool = False
    closed: bool = False


def look(hub_id: str, revision: str = "", *, token: str = "") -> HubModel:
    """Raises `SpecError` where there is no such model or revision, `SystemFault` where the hub does not answer."""
    with hub_errors(hub_id, revision, token), hub_session() as session:
        api = HfApi(endpoint=endpoint(), token=token or False)
        info = api.model_info(hub_id, revision=revision or None, files_metadata=True, timeout=SECONDS)
        commit = str(info.sha or "")
        if not COMMIT.fullmatch(commit):
            raise SystemFault(f"The hub names no commit of {hub_id}. Try again later.")
        siblings = info.siblings or []
        files = {file.rfilename: int(file.size or 0) for file in siblings if "/" not in file.rfilename.strip("/")}
        files |= {file.rfilename: 0 for file in siblings if _leads_out(file.rfilename)}
        hashes = {}
        for file in siblings:
            if file.lfs is not None:
                hashes[file.rfilename] = ("sha256", str(file.lfs.sha256))
            elif file.blob_id:
                hashes[file.rfilename] = ("git", str(file.blob_id))
        read: dict[str, Any] = {}
        closed = False
        try:
            for name in READ:
                if name in files:
                    read[name] = json.loads(_small(session, hub_id, commit, name, token))
            template: Any = ""
            if "chat_template.jinja" in files:
                template = _small(session, hub_id, commit, "chat_template.jinja", token).decode("utf-8")
            elif "chat_template.json" in files:
                template = json.loads(_small(session, hub_id, commit, "chat_template.json", token))["chat_template"]
        except GatedRepoError:
            closed = True
        except (ValueError, KeyError, RecursionError) as error:
            message = f"A file of {hub_id} cannot be read ({error})."
            raise SpecError(message, path="hub_id", fix="Choose another model.") from error
    for name, content in read.items():
        if not isinstance(content, dict):
            raise SpecError(f"{name} of {hub_id} holds no object.", path="hub_id", fix="Choose another model.")
    config, tokenizer = read.get("config.json", {}), read.get("tokenizer_config.json", {})
    contents = Contents(
        name=hub_id,
        files=files,
        config=config,
        tokenizer_config=tokenizer,
        chat_template=template or tokenizer.get("chat_template") or "" if not closed else "",
        index=read.get(INDEX, {}),
        dtype=_dtype(info.safetensors, config),
    )
    card = info.card_data
    return HubModel(
        hub_id=hub_id,
        commit=commit,
        contents=_counted(contents, info.safetensors),
        hashes=hashes,
        licence=_licence(info.tags or [], card),
        own_licence=str(getattr(card, "license_name", "") or "")[:120],
        licence_url=_web(getattr(card, "license_link", "")),
        gated=bool(info.gated),
        closed=closed,
    )


class hub_errors:
    """What the hub answers as our own errors, and never a token in one of them."""

    def __init__(self, hub_id: str, revision: str, token: str) -> None:
        self.hub_id, self.revision, self.token = hub_id, revision, token

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        name, host = self.hub_id, endpoint()
        if isinstance(error, GatedRepoError):
            why = "The token given is not of such an account." if self.token else "No token was given."
            fix = f"Accept its terms at {host}/{name}, then give a token of that account (Settings, Access Tokens)."
            message = f"{name} is only for accounts that accepted its terms. {why}"
            raise SpecError(message, path="token", fix=fix) from None
        if isinstance(error, RevisionNotFoundError):
            message = f"{name} has no revision called “{self.revision}”."
            raise SpecError(message, path="revision", fix="Leave it empty for its main branch.") from None
        if isinstance(error, RepositoryNotFoundError):
            message = f"The hub has no model {name}, or it is private."
            fix = "Check the id." if self.token else "Check the id; for a private model give a token."
            raise SpecError(message, path="hub_id", fix=fix) from None
        if isinstance(error, EntryNotFoundError):
            raise SystemFault(f"The hub lists a file of {name} that it does not have. Try again later.") from None
        if isinstance(error, HfHubHTTPError):
            status = error.response.status_code
            if status == 401 and self.token:
                raise SpecError("The hub does not know this token.", path="token", fix="Copy it again.") from None
            raise SystemFault(f"The hub at {host} answered with an error ({status}). Try again later.") from None
        if isinstance(error, OfflineModeIsEnabled):
            raise SystemFault("Nothing is fetched while HF_HUB_OFFLINE is set.") from None
        if isinstance(error, httpx2.TimeoutException):
            raise SystemFault(f"The hub at {host} did not answer in time. Try again later.") from None
        if isinstance(error, httpx2.HTTPError):
            raise SystemFault(
                f"The hub at {host} cannot be reached. Ask whoever runs the studio whether this machine may reach it, "
                "or add the model from a directory."
            ) from None


def _small(session: httpx2.Client, hub_id: str, commit: str, name: str, token: str) -> bytes:
    url = hf_hub_url(hub_id, name, revision=commit, endpoint=endpoint())
    with session.stream("GET", url, headers=build_hf_headers(token=token or False), timeout=SECONDS) as reply:
        hf_raise_for_status(reply)
        content = bytearray()
        for chunk in reply.iter_bytes():
            content += chunk
            if len(content) > MAX_JSON:
                raise ValueError(f"{name} has more than {MAX_JSON // 1_000_000} MB")
    return bytes(content)


def _leads_out(name: str) -> bool:
    """A name in a folder is passed over; one that could leave its folder is kept, so that it is refused."""
    return not all(safe_name(part) for part in name.split("/"))


def _counted(contents: Contents, safetensors: Any) -> Contents:
    """With its number of parameters: as the hub counted, else from the weights' size."""
    count = int(safetensors.total) if safetensors is not None and safetensors.total else None
    if count is None and contents.size_bytes:
        count = contents.size_bytes // BYTES_OF.get(contents.dtype, 2)
    return Contents(**{**contents.__dict__, "n_parameters": count})


def _dtype(safetensors: Any, config: dict[str, Any]) -> str:
    if safetensors is not None and safetensors.parameters:
        return str(max(safetensors.parameters, key=lambda name: safetensors.parameters[name]))
    named = str(config.get("dtype") or config.get("torch_dtype") or "")
    return DTYPES.get(named, "")


def _licence(tags: list[str], card: Any) -> str:
    named = getattr(card, "license", None) or next((tag[8:] for tag in tags if tag.startswith("license:")), "")
    return str(named[0] if isinstance(named, list) and named else named or "")[:120]


def _web(address: Any) -> str:
    return address[:500] if isinstance(address, str) and address.startswith("https://") else ""
