"""A dataset for the Hugging Face Hub: one file and its card, in a repository that is private unless told otherwise.

Needs huggingface_hub, which the extra `train` brings. HF_TOKEN and HF_ENDPOINT count as everywhere.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from i2a.errors import UsageError
from i2a.extras import needs

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def push_dataset(name: str, data: Path, card: str, *, public: bool = False, api: "HfApi | None" = None) -> str:
    """Upload a file under its name, and its card; returns where they are.

    What is there already is replaced. Raises `UsageError`: no access, or a public repository where `public` is not set.
    """
    with needs("train", "--push-to-hub"):
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
        from huggingface_hub.utils import LocalTokenNotFoundError
    api = api or HfApi()
    try:
        repository = api.create_repo(name, repo_type="dataset", private=not public, exist_ok=True).repo_id
        if not (public or api.repo_info(repository, repo_type="dataset").private):
            raise UsageError(f"{repository} is a public dataset; add --public to push to it, or choose another name")
        files = {data.name: data.read_bytes(), "README.md": card.encode()}
        api.create_commit(
            repository,
            [CommitOperationAdd(path_in_repo=path, path_or_fileobj=content) for path, content in files.items()],
            commit_message=f"{data.name}, by i2a export",
            repo_type="dataset",
        )
    except LocalTokenNotFoundError:
        raise UsageError("cannot push without a token; set HF_TOKEN, or log in with `hf auth login`") from None
    except HFValidationError as error:
        raise UsageError(f"{name} is no name of a dataset: {_in_a_line(error)}") from None
    except HfHubHTTPError as error:
        advice = "; set HF_TOKEN to one that may write there" if _status(error) in (401, 403, 404) else ""
        raise UsageError(f"cannot push to {name}: {_in_a_line(error)}{advice}") from None
    except OSError as error:
        raise UsageError(f"cannot push to {name}: {_in_a_line(error)}") from None
    return f"{api.endpoint}/datasets/{repository}"


def _status(error: Exception) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
