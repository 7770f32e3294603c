"""The pictures of a report, as SVG in data URIs: an image runs no script and fetches nothing, whatever is in it."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

TRAINED = {"loss": "loss", "rewards/margins": "reward margin", "rewards/accuracies": "reward accuracy"}
# Of GRPO; beside these each of its rewards, and `mismatch/max` is left to the log.
TRAINED |= {"reward": "reward", "reward_spread": "spread among siblings", "no_spread": "groups without spread"}
TRAINED |= {"kl": "KL to the start", "entropy": "entropy", "reply_tokens": "tokens of a reply"}
TRAINED |= {"clip_share": "clipped tokens", "mismatch/mean": "sampling against training"}
COLUMNS = 4


def picture(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def stored(file: Path) -> str | None:
    """The picture in `file`, None if there is no such file."""
    return picture(file.read_bytes()) if file.is_file() else None


def quantities(log: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """What the log of a training has to draw, by key, with its title."""
    terms = {key: key.replace("/", " ") for line in log for key in line if key.startswith("reward/")}
    return {key: title for key, title in {**TRAINED, **terms}.items() if any(key in line for line in log)}


def training(log: Sequence[Mapping[str, object]], name: str) -> str | None:
    """The log of a training, step by step, one panel per quantity; None if it logged none of them."""
    from matplotlib.figure import Figure

    panels = quantities(log)
    if not panels:
        return None
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.4 * rows), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).flat
    for axes, (key, title) in zip(places, panels.items(), strict=False):
        points = [(line["step"], line[key]) for line in log if key in line and "step" in line]
        axes.plot(*zip(*points, strict=True), color="#0b62a8", linewidth=1.2)
        axes.set_xlabel("step")
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in places:
        axes.set_visible(False)
    figure.suptitle(name, fontsize=10)
    target = BytesIO()
    figure.savefig(target, format="svg", metadata={"Date": None})
    return picture(target.getvalue())
