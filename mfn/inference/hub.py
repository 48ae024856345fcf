"""Networks on the Hugging Face hub, through its own client, which is an extra of mfn."""

from pathlib import Path
from typing import Any

from mfn.about import optional
from mfn.checkpoint.folder import FILES
from mfn.errors import CheckpointError, first_line


def download(name: str, **options: Any) -> Path:
    """Fetches a network, only the files that mfn knows.

    Args:
        name: Of the repository, as ``user/name``.
        **options: Of ``huggingface_hub.snapshot_download``, as ``revision``, ``token`` and ``cache_dir``.

    Returns:
        The folder.

    Raises:
        CheckpointError: The client is not installed, or the network cannot be fetched.
    """
    hub = _client()
    try:
        return Path(hub.snapshot_download(name, allow_patterns=list(FILES), **options))
    except Exception as error:  # the client's and the network's errors have no common base
        raise CheckpointError(f"{name} could not be fetched from the hub ({first_line(error)})") from error


def upload(folder: Path, name: str, *, private: bool, token: str | None, message: str) -> str:
    """Puts a folder on the hub, which is made where it is missing; returns its address.

    Raises:
        CheckpointError: The client is not installed, or the network cannot be put there.
    """
    hub = _client()
    try:
        hub.create_repo(name, private=private, token=token, exist_ok=True)
        done = hub.upload_folder(
            repo_id=name, folder_path=str(folder), token=token, commit_message=message, allow_patterns=list(FILES)
        )
    except Exception as error:  # the client's and the network's errors have no common base
        raise CheckpointError(f"{name} could not be uploaded to the hub ({first_line(error)})") from error
    return str(done)


def _client() -> Any:
    return optional("huggingface_hub", "the hub needs huggingface_hub", "hub", CheckpointError)
