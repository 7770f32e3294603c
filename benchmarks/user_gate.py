"""What the audit of the simulated person catches while simulating, what it misses, and what it costs in calls.

The person is the offline engine, whose messages are replaced by chance by lines of the kinds that language models say
in its place (they are below, half of them in words that no rule was written for).

Run it:  python benchmarks/user_gate.py --share 0.3
"""

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from i2a.jsonl import JsonMapping
from i2a.models.model import Completion, Message, Model
from i2a.models.spec import ModelSpec
from i2a.trees.json import read
from i2a.trees.tree import ASKED_AGAIN, FAULTS
from scenarios.settings import Simulation
from scenarios.simulation import simulate

KINDS = {
    "assistant talk": [
        "I'm here to help you find your next opportunity.",
        "How can I assist you today?",
        "That's a great question! Let me know if you need anything else.",
        "Feel free to reach out whenever you have questions.",
        "I'd recommend that you start with a budget and a calendar.",
        "Certainly! Here are some ideas:\n1. Take a walk.\n2. Call a friend.",
        "Thank you for sharing. What would you like to explore next?",
        "Great to hear! Is there a particular topic you want advice on?",
        "I understand how you feel. It's important to take care of yourself.",
        "Here's a quick overview of what we have discussed so far.",
        "You might consider speaking with a professional about that.",
        "Absolutely, I can walk you through the steps.",
    ],
    "out of role": [
        "I'm the AI designed to help people to find their way.",
        "As an AI, I don't have a favourite food.",
        "I'm not a chatbot, I promise.",
        "My profile says that I like gardening.",
        "I'm just a language model, so I can't travel.",
        "According to my instructions I should be blunt.",
        "I was trained on data up to last year.",
        "In this conversation I play the part of a teacher.",
        "The character would say something short here.",
        "I do not have feelings or a body.",
    ],
    "another language": [
        "Das ist nicht so einfach, und ich habe es auch schon mit der Nachbarin versucht.",
        "Je ne sais pas ce que je vais faire, mais c'est la vie et je suis dans le jardin.",
        "No lo s\u00e9, pero mi hermana est\u00e1 muy contenta con el perro y los gatos.",
        "\u4eca\u5929\u5929\u6c14\u5f88\u597d \u6211\u60f3\u53bb\u516c\u56ed\u8d70\u4e00\u8d70 \u4f60\u5462",
        "Oggi piove.",
    ],
    "repetition": ["(its last message again)", "(the other's last message again)"],
}

MARK = 1_000_000  # tokens; more than any message of the engine takes


class Bad(Model):
    """The offline engine, of whose messages as the user this share is bad.

    `kinds`: of each bad message, by its tokens of usage: a number of its own, by which it is found in a tree.
    """

    simulated = False

    def __init__(self, share: float) -> None:
        self._model, self._share = ModelSpec("offline").open(), share
        self.calls = 0
        self.kinds: dict[int, str] = {}

    async def complete(self, messages: Sequence[Message], parameters: JsonMapping) -> Completion:
        self.calls += 1
        chance = random.Random(f"{parameters['seed']}/bad")
        if chance.random() >= self._share:
            return await self._model.complete(messages, parameters)
        kind = chance.choice(sorted(KINDS))
        text = chance.choice(KINDS[kind])
        if kind == "repetition":
            earlier = [m.content for m in messages if m.role == ("assistant" if "its" in text else "user")][1:]
            if not earlier:
                return await self._model.complete(messages, parameters)
            text = earlier[-1]
        number = MARK + len(self.kinds)
        self.kinds[number] = kind
        return Completion(text, "stop", number, 20)


@dataclass(frozen=True, slots=True)
class Gate:
    """What became of the messages of a run, in which `calls` were made for `messages`.

    By kind: `said` are all bad messages that the model gave, `missed` those that stand in the trees without a mark;
    all others were asked for again, or marked. `false_alarms`: good messages that were asked for again or marked.
    """

    calls: int
    messages: int
    said: Counter[str]
    missed: Counter[str]
    marked: int
    false_alarms: int

    @property
    def caught(self) -> int:
        return self.said.total() - self.missed.total()

    @property
    def extra_calls(self) -> float:
        """Calls beyond one a message, as a share of the messages."""
        return self.calls / self.messages - 1


def measure(share: float, conversations: int, audit: str) -> Gate:
    """Hold conversations with a person of whose messages this share is bad; `audit`: on or off."""
    bad = Bad(share)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        config = Simulation.model_validate({"out": out, "conversations": conversations, "audit_user": audit})
        simulate(config, clients={"user": bad})
        nodes = [node for tree in read(out / "trees.jsonl") for node in tree if node.speaker == "user"]
    kinds = {node: bad.kinds.get(node.usage.prompt_tokens if node.usage else 0, "") for node in nodes}
    left = [node for node in nodes if kinds[node]]
    missed = Counter(kinds[node] for node in left if FAULTS not in node.metadata)
    again = sum(len(node.metadata.get(ASKED_AGAIN, ())) for node in nodes)
    good_marked = sum(FAULTS in node.metadata for node in nodes if not kinds[node])
    false_alarms = again - (len(bad.kinds) - len(left)) + good_marked
    return Gate(bad.calls, len(nodes), Counter(bad.kinds.values()), missed, len(left) - missed.total(), false_alarms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--conversations", type=int, default=50)
    args = parser.parse_args()
    for audit in ("off", "on"):
        gate = measure(args.share, args.conversations, audit)
        bad = gate.said.total()
        print(f"audit {audit}: {gate.messages} messages in {gate.calls} calls ({gate.extra_calls:.1%} extra)")
        print(f"  bad messages said: {bad}: {dict(gate.said.most_common())}")
        share = gate.caught / max(1, bad)
        print(f"  caught: {gate.caught} ({share:.1%}), of which {gate.marked} stayed, and are marked")
        print(f"  missed: {gate.missed.total()}: {dict(gate.missed.most_common())}")
        print(f"  false alarms: {gate.false_alarms} of {gate.calls - bad} good messages")


if __name__ == "__main__":
    main()
