"""Files on Hugging Face: address, token, licence and checksum, by huggingface_hub.

The library takes the token and the offline mode from where all its users do: `hf auth login`, HF_TOKEN, HF_HUB_OFFLINE.
It is imported when a file is looked up, because its HTTP client is slow to import.
"""

import os
from pathlib import Path
from typing import Any

from srgan_cli import __version__
from srgan_cli.errors import UsageError, WeightsError, errors_as
from srgan_cli.weights.download import TIMEOUT, RemoteFile, check_safe

PREFIX = "hf://"
ENDPOINT_VARIABLE = "HF_ENDPOINT"  # the environment variable that names a mirror of Hugging Face
_FORM = "write it as hf://owner/repository/file"


def locate(source: str, *, offline: bool = False) -> RemoteFile:
    """The file that hf://owner/repository/file or hf://owner/repository@revision/file names.

    It has a local copy if another program has downloaded this version into the cache of huggingface_hub.
    Raises UsageError for a malformed reference or an unsafe mirror, and without a local copy when offline;
    WeightsError if the repository does not exist or may not be read.
    """
    from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.utils import build_hf_headers

    repository, revision, path = parse_reference(source)
    endpoint = os.environ.get(ENDPOINT_VARIABLE, constants.ENDPOINT).rstrip("/")
    check_safe(endpoint)
    offline = offline or constants.HF_HUB_OFFLINE
    info = None if offline else _model_info(endpoint, repository, revision)
    commit = (info and info.sha) or revision
    with errors_as(UsageError, "cannot read {source}: {reason}", _FORM, ValueError, source=source):  # forbidden names
        copy = try_to_load_from_cache(repository, path, revision=commit)
        url = hf_hub_url(repository, path, revision=commit, endpoint=endpoint)
    if offline and not isinstance(copy, str):
        raise UsageError(f"{source} is not in the cache", "to download it, omit --offline and unset HF_HUB_OFFLINE")
    large = {file.rfilename: file.lfs for file in (info and info.siblings) or []}.get(path)  # of Git LFS
    return RemoteFile(
        url,
        build_hf_headers(library_name="srgan", library_version=__version__),
        licence=str(getattr(info and info.card_data, "license", None) or ""),
        sha256=str(large.sha256) if large else "",
        local_copy=Path(copy) if isinstance(copy, str) else None,
    )


def parse_reference(source: str) -> tuple[str, str, str]:
    """Repository, revision and file of hf://owner/repository@revision/file.  Raises UsageError for other forms."""
    owner, _, rest = source.removeprefix(PREFIX).partition("/")
    repository, _, file = rest.partition("/")
    name, _, revision = repository.partition("@")
    if not (owner and name and file):
        raise UsageError(f"cannot read {source}", _FORM)
    return f"{owner}/{name}", revision or "main", file


def _model_info(endpoint: str, repository: str, revision: str) -> Any:
    """What the repository states; None if the server does not answer, as a mirror that only has files."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    try:
        return HfApi(endpoint).model_info(repository, revision=revision, timeout=TIMEOUT, files_metadata=True)
    except RepositoryNotFoundError as error:
        hint = "check the name; a private or gated repository needs a token in HF_TOKEN"
        raise WeightsError(f"no access to a repository {repository} on {endpoint}", hint) from error
    except RevisionNotFoundError as error:
        raise WeightsError(f"{repository} has no revision {revision}", "check the name of the revision") from error
    except Exception:  # errors of several HTTP clients without a common class; the download then states the reason
        return None
