"""The card of the small base model that `i2a train base` makes."""

from collections.abc import Iterator

from i2a.jsonl import JsonMapping
from i2a.report.cards.markdown import fill
from i2a.simulator.model.settings import Base


def base_card(result: JsonMapping, manifest: JsonMapping) -> str:
    """The card, from the `result.json` and `manifest.json` of the training."""
    settings = manifest["identity"]["settings"]
    return fill(
        "base",
        parameters=f"{result['parameters']:,}",
        layers=settings["layers"],
        command=" ".join(_command(settings)),
        tokens=f"{result['tokens']:,}",
        stages="\n".join(_stage(name, stage) for name, stage in result["stages"].items()),
        dtype=result["dtype"],
        steps=f"{result['steps']:,}",
        seconds=f"{result['cpu_seconds']:.0f}",
        versions=", ".join(f"{name} {number}" for name, number in manifest["versions"].items()),
    )


def _command(settings: JsonMapping) -> Iterator[str]:
    """What was typed, but for the folder."""
    yield "i2a train base"
    for name, field in Base.model_fields.items():
        if name in settings and settings[name] != field.default:
            yield f"--{name.replace('_', '-')} {settings[name]}"
    yield "--out runs/base"


def _stage(name: str, stage: JsonMapping) -> str:
    recall = stage["recall"][name]
    return f"| {name} | {stage['loss']:.3f} | {recall['whole']:.1%} | {recall['tokens']:.1%} |"
