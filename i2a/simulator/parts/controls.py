"""Partners with one behaviour, whatever the prompt: controls of a benchmark, named `offline:NAME`.

`generic` knows the last message only, the others try to please a judge without understanding anything.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from i2a.simulator.language.grammar import tidy
from i2a.simulator.language.text import STOP, capital, fresh, lower_first, rng, sentences, stems, words
from i2a.simulator.parts.penalties import SELF
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.parts.responder import generic, impression, informed
from i2a.simulator.persona.style import STYLES
from i2a.simulator.persona.topics import topics

_MINE = re.compile(rf"\b(?:{'|'.join(sorted(SELF, key=len, reverse=True))})\b", re.I)
_OF_SELF = re.compile(r"(?:I|I'm|I've|My|Our)\s+(?:\S+\s+){2}")
_LEADS = tuple(lead.lstrip("+-~^#*") for style in STYLES.values() for lead in style["lead"])
_OPENING = re.compile(r"(?:A[hw]+|Argh|Eh|Er|Erm|Ha|Haha|Hm+|Huh|Mm+|Oh|Ooh|Phew|Tsk|Uh|Um|Ugh|Wow|Yay)[,.!](?= \S)")
_REMARKS = (
    "The stairs were blue before anybody asked.",
    "Nobody counts the spoons on a Tuesday.",
    "That would be a matter for the harbour master, wouldn't it?",
    "The left one is usually a little taller.",
    "Somebody should really tell the ducks about it.",
    "There are only two ways to fold a map like that.",
    "I would have painted the other side first.",
    "It rhymes better in the original, they say.",
    "Where do all the buttons go, do you suppose?",
    "The minister never mentioned any of the lamps.",
    "A third of it is usually made of cork.",
    "Isn't that what the ladder was for in the end?",
)
_FRAMES = (
    "Who knew about the {now} when your {one} {two} came along?",
    "Is the {now} to do with how you {one} the {two}?",
    "Does the {now} sit between your {one} and the {two} again?",
    "You and your {one}, does that make the {now} a {two}?",
    "What would your {one} say to the {two} in all this {now}?",
    "I take it that the {now} goes over your {one} like the {two}?",
    "You did say the {one} was for the {two}, so where is the {now}?",
    "Isn't your {one} the {two} of every {now}?",
    "I can't help seeing the {now} under your {one} and {two}.",
    "Would you put the {now} down to your {one} {two}?",
    "So your {one} has more {two} than the {now}, doesn't it?",
    "How much {now} is there in your {one} for the {two}?",
)
_BEFORE_IT = re.compile(r".*\b(?:but|and|because),? (?=(?:I|I'm|I've|my|our)\b)|.*: (?=\w)")
_HONEST = (
    "You did tell me that {old}. Is it to do with that?",
    "I remember you said that {old}. How is that going?",
    "It makes me think of what you told me, that {old}.",
    "Didn't you say that {old}? I wonder how that goes together.",
    "You mentioned that {old}. Does that come into it?",
    "I haven't forgotten that {old}. How do you feel about it now?",
    "Would you say it has to do with the fact that {old}?",
    "You told me before that {old}. Is that still so?",
    "That takes me back to when you said that {old}.",
    "Am I right that {old}? That might explain it.",
)
_MOST_FACTS = 5
_MOST_WORDS = 24


def echo(dialogue: Dialogue, known: str, seed: int) -> str:
    """The person's last message, me and you exchanged."""
    return capital(_mirrored(dialogue.last)) or "Hello!"


def fact_list(dialogue: Dialogue, known: str, seed: int) -> str:
    """What it knows of the person, one fact after the other: from its hint, else from the person's messages."""
    person = impression(known)
    facts = [fact.clause("you") for fact in (*person.revealed, *person.described)] or _self_descriptions(dialogue.users)
    chance = rng("facts", seed, dialogue.last)
    picked = chance.sample(facts, min(_MOST_FACTS, len(facts)))
    return f"{capital(', '.join(picked))}." if picked else "I know nothing about you yet."


def word_salad(dialogue: Dialogue, known: str, seed: int) -> str:
    """The content words of what it knows and of what the person said, in no order."""
    content = dict.fromkeys(word for text in (known, *dialogue.users) for word in words(text) if word not in STOP)
    chance = rng("salad", seed, dialogue.last)
    return capital(" ".join(chance.sample(list(content), min(_MOST_WORDS, len(content)))))


def manner(dialogue: Dialogue, known: str, seed: int) -> str:
    """The small words that the person opened with, and a remark that would fit nobody: no memory, no topic."""
    chance = rng("manner", seed, dialogue.last, len(dialogue.lines))
    opening = _opening(dialogue.users)
    remark = fresh(_REMARKS, dialogue.used, chance)
    return f"{opening} {lower_first(remark)}" if opening else remark


def babble(dialogue: Dialogue, known: str, seed: int) -> str:
    """Two words of an old message and one of the last in a frame that means nothing, behind the person's opening."""
    chance = rng("babble", seed, dialogue.last, len(dialogue.lines))
    here = _content(dialogue.last) or ["weather"]
    old = [found for message in dialogue.users[:-1] if len(found := _content(message)) > 1]
    # Two words of a message that touches the topic may look like a memory.
    near = [found for found in old if not set(topics(" ".join(found))).isdisjoint(topics(dialogue.last))]
    borrowed = chance.choice(near) if near else here
    start = chance.randrange(max(1, len(borrowed) - 1))
    one, two = (*borrowed[start:], *here, *here)[:2]
    frame = fresh(_FRAMES, dialogue.used, chance)
    text = tidy(frame.format(one=one, two=two, now=chance.choice(here)))
    opening = _opening(dialogue.users)
    return f"{opening} {lower_first(text)}" if opening else text


def retrieval(dialogue: Dialogue, known: str, seed: int) -> str:
    """An old sentence of the person that shares most with the last message, me and you swapped, in an honest frame."""
    chance = rng("retrieval", seed, dialogue.last, len(dialogue.lines))
    here, about = stems(dialogue.last), set(topics(dialogue.last))
    kept = [text for text in _told(dialogue.users[:-1]) if text.lower() not in dialogue.used[-300:]]

    def nearness(sentence: str) -> float:
        return len(stems(sentence) & here) + 2.0 * len(about.intersection(topics(sentence)))

    best = max(reversed(kept), key=nearness, default="")
    if not best or (about and not nearness(best)):
        text = generic(dialogue, seed=seed)
    else:
        text = tidy(fresh(_HONEST, dialogue.used, chance).format(old=best))
    opening = _opening(dialogue.users)
    return f"{opening} {lower_first(text)}" if opening else text


def note(dialogue: Dialogue) -> str:
    """What the person has told of itself before the last message, to its face, and how it likes to begin."""
    told = [*dict.fromkeys(_told(dialogue.users[:-1]))]
    opening = _opening(dialogue.users[:-1])
    lines = [
        capital("; ".join(told)) or "You have told me little",
        *([f'You like to begin with "{opening}"'] * bool(opening)),
    ]
    return f"{'. '.join(lines)}."


def _told(messages: Sequence[str]) -> list[str]:
    """The sentences about the person itself, me and you swapped."""
    told = [_BEFORE_IT.sub("", _without_opening(part)) for text in messages for part in sentences(text)]
    kept = [_mirrored(lower_first(part)).rstrip(".!") for part in told if _MINE.match(part) and not part.endswith("?")]
    return [text for text in kept if len(_content(text)) > 1]


def _opening(messages: Sequence[str]) -> str:
    """The small words that the person began a sentence with last: `Ugh,`, `Strictly speaking,`."""
    for message in reversed(messages):
        for part in reversed(sentences(message)):
            known = next((lead for lead in _LEADS if part.startswith(lead)), "")
            found = _OPENING.match(part)
            if known or found:
                return known or (found[0] if found else "")
    return ""


def _without_opening(sentence: str) -> str:
    return sentence.removeprefix(_opening((sentence,))).lstrip()


def _content(message: str) -> list[str]:
    """The words that carry something in the longest sentence of a message, in its order."""
    longest = max(map(_without_opening, sentences(message)), key=len, default="")
    return [word for word in words(longest) if word not in STOP and len(word) > 3]


def _self_descriptions(messages: Sequence[str]) -> list[str]:
    """The sentences in which the person speaks of itself, to its face."""
    found = (part.rstrip(".!?") for message in messages for part in sentences(message) if _OF_SELF.match(part))
    return list(dict.fromkeys(lower_first(_mirrored(sentence)) for sentence in found))


def _mirrored(text: str) -> str:
    return _MINE.sub(lambda found: SELF[found[0].lower()], text)


def answering(dialogue: Dialogue, known: str, seed: int) -> str:
    """The engine's own reply: with what it knows of the person, if anything."""
    return informed(known, dialogue, seed=seed) if known else generic(dialogue, seed=seed)


CONTROLS: Mapping[str, Callable[[Dialogue, str, int], str]] = {
    "generic": lambda dialogue, known, seed: generic(dialogue, seed=seed),
    "parrot": echo,
    "facts": fact_list,
    "salad": word_salad,
    "manner": manner,
    "babble": babble,
    "retrieval": retrieval,
}
