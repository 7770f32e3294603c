"""Stand-ins for choices: a few items, and models that choose by a rule."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.choice.items import ChoiceDialogue, ChoiceItem, ItemSet, ItemsHeader, fingerprint
from evaluation.choice.run import ChoiceRunResult, choose
from evaluation.choice.settings import Choosing
from i2a.jsonl import JsonMapping
from i2a.models.model import REPLIES, Completion, Likelihood, Message, Model
from i2a.testing import Request, ScriptedModel

ANIMALS = ("cat", "goat", "parrot", "mule")
LLM = "openai:x@http://localhost:1/v1"


def item(turn: int, animal: str, other: str) -> ChoiceItem:
    """The reply that fits is the only one about this person's animal in this person's manner.

    At turn 2 it has the most words in common with the person; at any other turn the item is hard.
    """
    fits, manner = f"Ha! And the {animal}?", f"One does wonder about the {animal} of which you spoke."
    if turn != 2:
        fits, manner = f"Ha! And the {animal}, how is it now that it is so late?", f"The {animal}, one would think."
    options = {
        "fits": fits,
        "facts": f"Ha! And your {other}, at turn {turn}, of which there was so much talk when we last met here?",
        "manner": manner,
        "generic": "How nice.",
    }
    return ChoiceItem.model_validate({"turn": turn, "options": options, "facts_of": "q", "manner_of": "q"})


def dialogue(profile: int, personality: int, turns: Sequence[int] = (2, 3)) -> ChoiceDialogue:
    animal, other = ANIMALS[profile % 4], ANIMALS[(profile + 1) % 4]
    messages = [f"Ha! I have a {animal}.", "Oh."]
    for turn in range(2, max(turns) + 1):
        messages += [f"Ha! Day {turn} was long.", "I see."]
    return ChoiceDialogue(
        case=f"p{profile}+t{personality}",
        profile=f"p{profile}",
        personality=f"t{personality}",
        messages=messages[: 2 * max(turns) - 1],
        items=[item(turn, animal, other) for turn in turns],
    )


def items(profiles: int = 4, personalities: int = 3, **more: Any) -> ItemSet:
    dialogues = tuple(dialogue(p, t, **more) for p in range(profiles) for t in range(personalities))
    header = ItemsHeader(
        command="by hand",
        writer={"user": {"model": "openai:y", "prompt": "0"}},
        simulated=False,
        provenance="made up",
        fingerprint=fingerprint(dialogues),
        profiles={f"p{p}": f"She has a {ANIMALS[p % 4]}." for p in range(profiles)},
        personalities={f"t{t}": f"She laughs {t} times." for t in range(personalities)},
    )
    return ItemSet(header, dialogues)


def stored(folder: Path, **more: Any) -> Path:
    file = folder / "items.jsonl"
    items(**more).write(file)
    return file


def options(request: Request) -> dict[str, str]:
    """The replies that a chooser was shown, by letter."""
    return {letter.upper(): text for letter, text in re.findall(r"<reply_(\w)>\n(.*?)\n</reply_", request.text)}


def by_letter(pick: Callable[[Mapping[str, str], Request], str]) -> ScriptedModel:
    """A model that answers with the letter that `pick` takes among the replies."""
    return ScriptedModel(lambda request: json.dumps({"letter": pick(options(request), request)}))


class Likely(Model):
    """A model with likelihoods: `score` is the log-probability per token of a reply after messages."""

    def __init__(self, score: Callable[[Sequence[Message], str], float]) -> None:
        self.score = score
        self.asked: list[Sequence[Message]] = []

    @classmethod
    def scores_replies(cls, params: Mapping[str, str]) -> bool:
        return True

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        self.asked.append(messages)
        found = []
        for reply in parameters[REPLIES]:
            tokens = len(reply.split())
            found.append(Likelihood(tokens * self.score(messages, reply), tokens))
        return Completion(json.dumps(found), "stop", 1, 1)


def chosen_by(folder: Path, model: Model, text: str = LLM, /, name: str = "run", **more: Any) -> ChoiceRunResult:
    """The choices of `model` among the items in `folder`."""
    config = Choosing(out=folder / name, candidates=[f"it={text}"], items=stored(folder), quiet=True, **more)
    return choose(config, clients={"it": model})


def accuracy(result: ChoiceRunResult, stratum: str = "all", name: str = "it") -> float | None:
    value: float | None = result.written["strata"][stratum][name]["accuracy"]["value"]
    return value
