"""Whether a run was simulated: its numbers and rows are then about the simulator, not about LLMs.

Read from its manifest, of any version.
"""

from collections.abc import Iterator

from i2a.jsonl import JsonMapping

OFFLINE = "offline"


def is_simulated(manifest: JsonMapping) -> bool:
    """Whether a simulator took part in a run, or in the corpus of a training.

    The candidates of an evaluation do not count: a simulated candidate is measured like any other.
    """
    engine = str(manifest.get("identity", {}).get("engine", ""))  # of an evaluation by version 0.1
    corpus = manifest.get("corpus", {}).get("simulated")
    return bool(corpus or OFFLINE in engine or simulated_roles(manifest))


def simulated_roles(manifest: JsonMapping) -> list[str]:
    """The roles that a simulator played, in the order of the manifest."""
    recorded = manifest.get("simulated", {})
    return [role for role, model in models_by_role(manifest) if recorded.get(model, simulated_by_name(model))]


def models_by_role(manifest: JsonMapping) -> Iterator[tuple[str, str]]:
    """The roles of a run and their model strings, less the candidates of an evaluation."""
    identity = manifest.get("identity", {})
    if "judges" in identity:
        if user := identity.get("simulator", {}).get("model"):
            yield "user", user
        yield from (("judge", judge) for judge in identity["judges"])
    elif "encoder" in identity:  # the growth of a pool
        yield "writer", identity["model"]
    else:
        yield from ((role, str(model)) for role, model in identity.get("models", {}).items())


def simulated_by_name(model: str) -> bool:
    """Whether a model string names the simulator, in this process or behind `i2a serve`.

    Manifests of version 0.1 contain only the name. A server under another name reports it itself (`/v1/models`).
    """
    kind, _, rest = model.partition("?")[0].partition(":")
    return OFFLINE in (kind, rest.partition("@")[0])
