"""Model folders from the Hugging Face hub: ``hf:OWNER/NAME@REVISION``.

The two files of a model folder are fetched once, at the named revision, into the platform's cache
folder; afterwards no connection is opened. Nothing that is fetched is run as code. The user's token
is not sent, and the hub's telemetry is off.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import platformdirs

from earmark.errors import ExtractorError, ExtractorNotFound, ExtractorRefused
from earmark.features.manifest import read_manifest
from earmark.features.model import MANIFEST, MODEL
from earmark.words import one_line

PREFIX = "hf:"

_NAME = re.compile(r"(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})@(?P<revision>[\w.-]{1,100})", re.ASCII)
_MOVING = ("main", "master", "head")


def is_hub(name: str) -> bool:
    """Whether that is the name of such a folder."""
    return name.startswith(PREFIX)


def cache_folder() -> Path:
    """Return where what was fetched is kept."""
    return platformdirs.user_cache_path("earmark") / "hub"


def folder_of(name: str, *, download: bool) -> Path:
    """Return the model folder of ``hf:OWNER/NAME@REVISION``.

    Parameters
    ----------
    name
        The name.
    download
        Fetch what is not in the cache yet.

    Raises
    ------
    ExtractorError
        The name is none such; the extra is not installed; the hub cannot be reached.
    ExtractorNotFound
        It is not in the cache, or not on the hub.
    ExtractorRefused
        Its ``model.json`` is wrong, or states no checksum.
    """
    found = _NAME.fullmatch(name.removeprefix(PREFIX))
    if found is None:
        raise ExtractorError(
            f"{name}: name a model as hf:OWNER/NAME@REVISION; the revision, a commit or a tag, "
            "makes sure that it stays the same"
        )
    repo, revision = found["repo"], found["revision"]
    if revision.lower() in _MOVING:
        raise ExtractorError(
            f"{name}: {revision} moves; name a commit or a tag instead, so that the model "
            "stays the same"
        )
    manifest = _file(name, repo, revision, MANIFEST, download)
    # Read before anything large is fetched.
    if read_manifest(manifest).sha256 is None:
        raise ExtractorRefused(name, f"its {MANIFEST} states no 'sha256', which the hub needs")
    return _file(name, repo, revision, MODEL, download).parent


def _file(name: str, repo: str, revision: str, file: str, download: bool) -> Path:
    """Return a file of a repository from the cache, fetched if it may be."""
    hub = _library()
    options: dict[str, Any] = {
        "repo_id": repo,
        "filename": file,
        "revision": revision,
        "cache_dir": cache_folder(),
        "token": False,
    }
    try:
        return Path(hub.hf_hub_download(**options, local_files_only=True))
    except hub.errors.LocalEntryNotFoundError:
        if not download:
            raise ExtractorNotFound(
                f"{name} is not in the cache; run 'earmark extractors check {name}' to fetch it"
            ) from None
    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        return Path(hub.hf_hub_download(**options, endpoint=endpoint))
    except hub.errors.RepositoryNotFoundError:
        raise ExtractorNotFound(f"{name}: the hub has no such model, or it is not public") from None
    except hub.errors.RevisionNotFoundError:
        raise ExtractorNotFound(f"{name}: the model has no revision {revision}") from None
    except hub.errors.LocalEntryNotFoundError as error:
        # Raised, after some attempts, also where nobody answers.
        where = endpoint or "the hub"
        raise ExtractorError(f"{name}: cannot be fetched; there is no way to {where}") from error
    except hub.errors.EntryNotFoundError:
        raise ExtractorNotFound(
            f"{name}: has no {file}; a model folder has {MANIFEST} and {MODEL}"
        ) from None
    except Exception as error:
        # Of the library that fetches, of the one that it uses, or of the system.
        raise ExtractorError(
            f"{name}: cannot be fetched: {one_line(f'{type(error).__name__}: {error}', 300)}"
        ) from error


def _library() -> Any:
    """Return the library that fetches, with its telemetry switched off before it is imported."""
    import earmark.features.runtime  # noqa: F401

    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError as error:
        raise ExtractorError(
            "models of the hub need the extra 'hub'; install it with: pip install 'earmark[hub]'"
        ) from error
    return huggingface_hub
