"""Whether the models of a run were simulated: then its numbers and its rows are about the simulator, not about LLMs."""

from collections.abc import Iterator, Mapping
from typing import Any


def is_simulated(manifest: Mapping[str, Any]) -> bool:
    """Whether a simulator played in the run of this manifest: any role, or the user or a judge of an evaluation.

    The candidates of an evaluation do not count: a simulated one is measured as every other is.
    """
    recorded = manifest.get("simulated", {})
    return any(recorded.get(model, simulated_by_name(model)) for model in models_of(manifest))


def models_of(manifest: Mapping[str, Any]) -> Iterator[str]:
    """The model strings of those who played in the run, less the candidates of an evaluation."""
    identity = manifest.get("identity", {})
    if "judges" in identity:
        yield from identity["judges"]
        user = identity.get("simulator", {}).get("model")
        yield from [user] if user else []
    else:
        yield from map(str, identity.get("models", {}).values())
        yield from [identity["model"]] if isinstance(identity.get("model"), str) else []


def simulated_by_name(model: str) -> bool:
    """Whether a model string names the simulator, in this process or behind `i2a serve`.

    Manifests of version 0.1 hold nothing else. A server under another name is only recognised by what it says itself.
    """
    kind, _, rest = model.partition("?")[0].partition(":")
    return "offline" in (kind, rest.partition("@")[0])
