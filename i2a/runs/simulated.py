"""Whether the numbers of a run are those of a simulator: read from its manifest, whichever version wrote it."""

from collections.abc import Mapping
from typing import Any

OFFLINE = "offline"


def is_simulated(manifest: Mapping[str, Any]) -> bool:
    """Whether the offline engine took part in a run, or in the corpus of a training."""
    engine = str(manifest.get("identity", {}).get("engine", ""))  # of an evaluation
    recorded = manifest.get("simulated") or manifest.get("corpus", {}).get("simulated")
    return bool(recorded or OFFLINE in engine or simulated_roles(manifest))


def simulated_roles(manifest: Mapping[str, Any]) -> list[str]:
    """The roles that the offline engine played, by their model strings, in the order of the manifest."""
    models = manifest.get("identity", {}).get("models", {})
    return [role for role, model in models.items() if _is_offline(str(model))]


def _is_offline(model: str) -> bool:
    """`offline...` is the engine in this process, `openai:offline@URL` the one behind `i2a serve`."""
    kind, _, rest = model.partition(":")
    return OFFLINE in (kind.partition("?")[0], rest.partition("@")[0].partition("?")[0])
