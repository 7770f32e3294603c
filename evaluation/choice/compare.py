"""Runs of the protocol `choice` side by side, computed from what their trees hold. Only runs on the same items."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from evaluation.choice.items import OPTIONS, ChoiceDialogue, ChoiceItem
from evaluation.choice.numbers import ChoiceSummary, summarise
from evaluation.choice.run import CHOICES, read_choices
from i2a import jsonl
from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.trees.json import read
from i2a.trees.tree import Tree
from i2a.validation import problem


class StoredChoiceSummary(BaseModel):
    """The part of a `summary.json` that a comparison needs."""

    format: Literal["i2a.choice/1"]
    items: JsonObject
    seed: int
    reference: str | None
    methods: dict[str, str]

    @property
    def conditions(self) -> JsonObject:
        return {"items": self.items, "seed": self.seed, "reference": self.reference}


def is_choice(run: Path) -> bool:
    """Whether the folder holds a complete run of this protocol."""
    try:
        StoredChoiceSummary.model_validate_json((run / "summary.json").read_bytes())
    except (OSError, ValidationError):
        return False
    return True


def compare_choices(runs: Sequence[Path], *, baseline: str | None = None) -> ChoiceSummary:
    """The candidates of `runs` in one summary. One that is in several runs is called `NAME [RUN]`.

    Raises `UsageError`: a folder holds no complete run of this protocol or is named twice, the runs differ in items,
    seed or reference, or the baseline is unknown.
    """
    stored = {run: _open(run) for run in runs}
    if len({run.resolve() for run in runs}) < len(runs):
        raise UsageError("a run is named twice")
    first = stored[runs[0]].conditions
    for run, summary in stored.items():
        for where, one, other in jsonl.differences(first, summary.conditions, ""):
            raise UsageError(f"these runs cannot be compared: {where} is {one!r} in {runs[0]} and {other!r} in {run}")
    times = Counter(name for summary in stored.values() for name in summary.methods)
    choices, methods = {}, {}
    for run, summary in stored.items():
        found = read_choices(run / CHOICES)
        for name, method in summary.methods.items():
            shown = name if times[name] == 1 else f"{name} [{run.resolve().name}]"
            choices[shown], methods[shown] = found.get(name, {}), method
    dialogues = dialogues_of(tree for run in runs for tree in read(run / "trees.jsonl"))
    return summarise(list(dialogues.values()), choices, first, methods, baseline=baseline)


def dialogues_of(trees: Iterable[Tree]) -> Mapping[str, ChoiceDialogue]:
    """The dialogues and items that candidates were asked about, by case."""
    found: dict[str, ChoiceDialogue] = {}
    for tree in trees:
        case = str(tree.options["case"])
        if case in found:
            continue
        (end,) = tree.ends
        items = []
        for place, message in enumerate(end.path):
            options = {node.speaker: node.content for node in message.children if node.speaker in OPTIONS}
            if options:
                item = {"turn": place // 2 + 1, "options": options, "facts_of": "", "manner_of": ""}
                items.append(ChoiceItem.model_validate(item))
        found[case] = ChoiceDialogue(
            case=case,
            profile=tree.persona.profile_id,
            personality=tree.persona.personality_id,
            messages=[node.content for node in end.path],
            items=items,
        )
    return found


def _open(run: Path) -> StoredChoiceSummary:
    file = run / "summary.json"
    try:
        return StoredChoiceSummary.model_validate_json(file.read_bytes())
    except OSError:
        raise UsageError(f"{run} holds no complete run; `i2a choice ... --out {run}` makes one") from None
    except ValidationError as error:
        raise UsageError(f"{file}: not a summary of the protocol choice: {problem(error)}") from None
