"""What the person says to the other's last words: an answer to a question, pleasure where they remembered."""

import random
import re
from collections.abc import Sequence

from i2a.simulator.language.text import fold, fresh, load, sentences, stems
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.persona.evidence import mentions, revealed
from i2a.simulator.persona.facts import Fact
from i2a.simulator.persona.topics import topics

LINES = load("user.toml")["react"]
_QUESTIONS = tuple(
    (re.compile(pattern, re.I), group)
    for pattern, group in (
        (r"what(?:'s| is) it like|what(?:'s| is) that like|what was (?:it|that) like", "like"),
        (r"what (?:got|made) you|how did you (?:come|get|end|start)|how did (?:it|that) (?:start|come)", "start"),
        (r"\b(?:best|favourite)\b|like most|enjoy most", "best"),
        (r"first thing you do", "morning"), (r"switch off", "off"), (r"rather be", "rather"),
        (r"good day look", "good_day"), (r"what happen", "happened"),
        (r"what (?:will|would) you|what are you going", "plan"),
        (r"\bwhen (?:do|will|did|is)\b", "when"),
        (r"will you|get to\b|(?:find|have|be|make) (?:the )?time|any time", "time"),
        (r"are you still|do you still|still\b.*\bgoing", "still"),
        (r"would\b.*\b(?:help|do)|couldn't|isn't it time|does it help", "would"),
        (r"did(?:n't)? you (?:say|tell|mention)|you (?:said|told|mentioned)|aren't you|right\?", "said"),
        (r"(?:what|how) (?:did|does|do|would|will) your", "others"),
        (r"\bhow long|since when", "how_long"), (r"\bhow often", "how_often"), (r"\bhow\b", "how"), (r"\bwhy\b", "why"),
        (r"\bwho\b", "who"), (r"\bwhere\b", "where"), (r"\bwh(?:at|ich)\b", "what"),
    )
)  # fmt: skip
_SYMPATHY = re.compile(
    r"sorry to hear|bad luck|hope (?:it|you|that|tomorrow)|fingers crossed|look after yourself", re.I
)
_STALE = re.compile(
    r"many people|a (?:great|good|nice) way|important|takes (?:time|patience|some)|these days|in general|everybody has"
    r"|always (?:nice|good|helps|a good)|can be (?:a lot|very|hard|tiring|tricky)",
    re.I,
)


def reaction(facts: Sequence[Fact], dialogue: Dialogue, used: str, chance: random.Random) -> tuple[str, bool]:
    """What to say first, or nothing; and whether it answers a question."""
    if not dialogue.lines or dialogue.lines[-1][0] != "assistant":
        return "", False
    reply = dialogue.lines[-1][1]
    recalled = bool(mentions(revealed(facts, dialogue.users[:-1]), reply))
    asked = _asked(reply)
    if asked:
        answer = fresh(LINES[_kind(asked)], used, chance) if chance.random() < 0.85 else ""
        if recalled and _kind(asked) not in ("said", "others") and chance.random() < 0.3:
            return f"{fresh(LINES['remembered'], used, chance)} {answer}".strip(), True
        return answer, True
    if recalled and chance.random() < 0.75:
        return fresh(LINES["remembered"], used, chance), False
    if _SYMPATHY.search(reply):
        return fresh(LINES["thanks"], used, chance), False
    touched = bool(stems(reply) & stems(dialogue.last)) or set(topics(reply)) & set(topics(dialogue.last))
    if _STALE.search(reply):
        return (fresh(LINES["cool"], used, chance) if chance.random() < 0.55 else ""), False
    if not touched:
        return (fresh(LINES["missed"], used, chance) if chance.random() < 0.35 else ""), False
    return (fresh(LINES["engaged"], used, chance) if chance.random() < 0.45 else ""), False


def _asked(reply: str) -> str:
    """The reply's last question, where it comes near the end."""
    return next((part for part in reversed(sentences(fold(reply))[-2:]) if part.rstrip().endswith("?")), "")


def _kind(question: str) -> str:
    return next((group for pattern, group in _QUESTIONS if pattern.search(question)), "yes_no")
