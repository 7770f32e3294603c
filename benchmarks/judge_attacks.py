"""What the offline judge gives to partners that understand nothing, to good replies spoilt, and to one fact told again.

Talks with the simulated person directly, without a run folder: as `i2a evaluate` does, less its prompts. Run:
python benchmarks/judge_attacks.py [--profiles FILE --personalities FILE] [--cases 40] [--turns 10]; about a minute.
"""

import argparse
import json
import random
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from agents.responders import describe
from evaluation.cases import Case, crossed
from i2a.simulator.language.text import STOP
from i2a.simulator.parts import judge, user
from i2a.simulator.parts.controls import CONTROLS, answering
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference

Partner = Callable[[Dialogue, str, int], str]
INSULTS = ("Shut up, will you?", "What a stupid thing to say.", "You are an idiot, frankly.", "Nobody likes you.")
ILL_WILL = ("I hope it all goes wrong for you.", "You deserve every bit of it.", "I couldn't care less about you.")


class Turn(NamedTuple):
    """A reply, and the dialogue up to the message that it answers."""

    persona: Persona
    dialogue: Dialogue
    reply: str
    seed: int

    @property
    def person(self) -> judge.Recipient:
        return judge.recipient(self.persona.profile, self.persona.personality)

    @property
    def grade(self) -> int:
        return graded(self, self.reply)


def graded(turn: Turn, reply: str) -> int:
    return int(json.loads(judge.rate(reply, turn.dialogue, turn.person, seed=turn.seed))["score"])


def passes(turn: Turn) -> bool:
    return bool(json.loads(judge.passes(turn.reply, turn.dialogue, turn.person, seed=turn.seed))["passes"])


def talk(case: Case, partner: Partner, turns: int, *, told: bool) -> list[Turn]:
    """A dialogue of the case's person with a partner, which is `told` the persona or nothing."""
    persona = case.persona
    whole = Inference(reason="", profile=[persona.profile], personality=[persona.personality])
    known = describe(whole) if told else ""
    person = user.character((("profile", persona.profile), ("personality", persona.personality)))
    lines: list[tuple[str, str]] = []
    made = []
    for k in range(turns):
        seed = case.seed + k
        lines.append(("user", user.speak(person, Dialogue(tuple(lines)), seed=seed)))  # type: ignore[arg-type]
        dialogue = Dialogue(tuple(lines))  # type: ignore[arg-type]
        made.append(Turn(persona, dialogue, partner(dialogue, known, seed), seed))
        lines.append(("assistant", made[-1].reply))
    return made


def both_orders(turn: Turn, other: str) -> bool:
    """Whether the reply is preferred to another one in both orders."""
    first = json.loads(judge.prefer((turn.reply, other), turn.dialogue, turn.person, seed=turn.seed))["winner"]
    second = json.loads(judge.prefer((other, turn.reply), turn.dialogue, turn.person, seed=turn.seed))["winner"]
    return (first, second) == ("1", "2")


# Ways to spoil a reply.


def insulted(reply: str, chance: random.Random) -> str:
    return f"{chance.choice(INSULTS)} {reply}"


def wished_ill(reply: str, chance: random.Random) -> str:
    return f"{chance.choice(ILL_WILL)} {reply}"


def negated(reply: str, chance: random.Random) -> str:
    """What is said of the person turned into its opposite; unchanged where there is no place for it."""
    for pattern, new in (
        (r"\bhow you (?=\w)", "how you never "), (r"\bhow (your [\w-]+) ", r"how \1 never "),
        (r"\b(of|about|with|to|that|mention|from) (your|the) ", r"\1 not having \2 "),
        (r"\b(of|about|with|to|mention|from) (?=(?:\w+ing)\b)", r"\1 never "),
    ):  # fmt: skip
        found = list(re.finditer(pattern, reply))
        if found:
            last = found[-1]
            return reply[: last.start()] + last.expand(new) + reply[last.end() :]
    return reply


def reversed_owner(reply: str, chance: random.Random) -> str:
    """`your` as `my` and `you` as `I`; unchanged where it speaks to nobody."""
    swapped = {"your": "my", "you": "I", "yours": "mine", "you're": "I'm", "you've": "I've"}
    return re.sub(r"\b(?:your|yours|you're|you've|you)\b", lambda found: swapped[found[0].lower()], reply, flags=re.I)


def shuffled(reply: str, chance: random.Random) -> str:
    """All words in another order, with the stop at the end."""
    tokens = reply.rstrip(".!?").split()
    chance.shuffle(tokens)
    return " ".join(tokens).capitalize() + reply[len(reply.rstrip(".!?")) :]


def dealt_anew(reply: str, chance: random.Random) -> str:
    """The small words dealt out anew among their places."""
    tokens = reply.split()
    places = [at for at, token in enumerate(tokens) if token.lower().strip(".,!?") in STOP]
    moved = [tokens[at] for at in places]
    chance.shuffle(moved)
    for at, token in zip(places, moved, strict=True):
        tokens[at] = token
    return " ".join(tokens)


SPOILT = {
    "an insult in front": insulted,
    "ill will in front": wished_ill,
    "negated": negated,
    "your -> my": reversed_owner,
    "random word order": shuffled,
    "small words dealt anew": dealt_anew,
}

# The tables.


def of_partners(cases: Sequence[Case], turns: int) -> dict[str, list[Turn]]:
    print("partner      AVG   passes strict   beats generic   first and last turns   us a verdict")
    talks = {}
    for name in ("generic", "oracle", *(name for name in CONTROLS if name != "generic")):
        partner = answering if name == "oracle" else CONTROLS[name]
        told = name in ("oracle",)
        talks[name] = [turn for case in cases for turn in talk(case, partner, turns, told=told)]
        start = time.process_time()
        grades = [turn.grade for turn in talks[name]]
        spent = (time.process_time() - start) / len(grades) * 1e6
        strict = statistics.mean(map(passes, talks[name]))
        beats = statistics.mean(
            both_orders(turn, CONTROLS["generic"](turn.dialogue, "", turn.seed + 1)) for turn in talks[name]
        )
        curve = [statistics.mean(grades[k::turns]) for k in (0, turns // 2, turns - 1)]
        print(
            f"{name:10} {statistics.mean(grades):5.2f} {strict:15.1%} {beats:15.1%}   "
            + " ".join(f"{level:6.2f}" for level in curve)
            + f" {spent:14.0f}",
            flush=True,
        )
    return talks


def of_spoilt(turns: Sequence[Turn]) -> None:
    best = [turn for turn in turns if turn.grade == 5]
    print(f"\n{len(best)} replies of the oracle graded 5, spoilt        changed   mean")
    for name, spoil in SPOILT.items():
        chance = random.Random(1)
        changed = [(turn, spoil(turn.reply, chance)) for turn in best]
        grades = [graded(turn, text) for turn, text in changed if text != turn.reply]
        print(f"  {name:40} {len(grades):14} {statistics.mean(grades) if grades else float('nan'):6.2f}")
    swapped = [(turn, best[(at + len(best) // 2) % len(best)].reply) for at, turn in enumerate(best)]
    grades = [graded(turn, text) for turn, text in swapped]
    print(f"  {'the reply to another person':40} {len(grades):14} {statistics.mean(grades):6.2f}")


def of_recalls(turns: Sequence[Turn], length: int) -> None:
    """The mean grade of the 1st to the 5th recall of one fact in a dialogue."""
    by_rank: defaultdict[int, list[int]] = defaultdict(list)
    for start in range(0, len(turns), length):
        seen: defaultdict[str, int] = defaultdict(int)
        for turn in turns[start : start + length]:
            found = judge.score(turn.reply, turn.dialogue, turn.person).recalls
            if found:
                seen[found] += 1
                by_rank[min(5, seen[found])].append(turn.grade)
    print("\nthe oracle's 1st to 5th recall of one fact: ", end="")
    print(", ".join(f"{statistics.mean(by_rank[rank]):.2f} ({len(by_rank[rank])})" for rank in sorted(by_rank)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=Path, help="default: those of the benchmark")
    parser.add_argument("--personalities", type=Path)
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    cases = crossed(args.profiles, args.personalities, args.cases, args.seed).all
    talks = of_partners(cases, args.turns)
    of_spoilt(talks["oracle"])
    of_recalls(talks["oracle"], args.turns)


if __name__ == "__main__":
    main()
