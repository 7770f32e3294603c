"""What the base model reads, and when: people it never meets again, what they say, what can be recalled of it.

Everything follows from a seed and the number of a document. A document is a list of parts, of which only some carry
loss. Copying is read first, then dialogue. It knows no tokenizer.
"""

import random
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal, NamedTuple

from i2a.simulator.language.text import STOP, fresh, lexicon, rng, stems
from i2a.simulator.parts import responder, user
from i2a.simulator.parts.phrasing import brief, phrase, recall
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.parts.references import reference
from i2a.simulator.parts.voice import reply, say
from i2a.simulator.parts.writer import personality
from i2a.simulator.parts.writer_profile import profile
from i2a.simulator.persona.evidence import revealed
from i2a.simulator.persona.facts import Fact, closeness, facts, fits
from i2a.simulator.persona.style import styles
from i2a.simulator.persona.topics import topics
from i2a.trees.persona import Persona

USER, ASSISTANT, END = "<|user|>", "<|assistant|>", "<|end|>"
TURNS = 10
QUESTIONS = 8  # about earlier messages, at most
BY_WORD = 0.4  # of the questions name a word of the fact; the others, something related to it
TAKEN_UP = 0.4  # of the messages that state a fact also ask for a remark on it
ASKING = 0.3  # of the messages of a dialogue ask for something earlier; with more, the model recalls unasked
REMARK, MANNER = 0.4, 0.85  # of the answers begin with a remark; show some manner
BRIEFLY = ("And {}?", "So, {}?", "About {}?", "What about {}?")
ABOUT = (
    "What did I say about {}?",
    "Do you remember what I told you about {}?",
    "Remind me, what was that with {}?",
    "I mentioned {}, didn't I?",
)
AROUND = ("Remember?", "Does that ring a bell?", "What goes with that?")
ABOUT_IT = ("What do you say to that?", "Ask me about it.", "Any questions?")
NOTHING = ("I don't think you've told me.", "Nothing that I know of.", "No, nothing comes to mind.")
_WORD = re.compile(r"[A-Za-z]{4,}")
_VERBS = lexicon("verbs")
_SAME = re.compile(r"(?:s|ing|ed|ly)$")


class DocumentPart(NamedTuple):
    """A piece of a document. `context` is only read, `reply` and `recall` the model learns to write; recall is what can
    be right or wrong."""

    text: str
    kind: Literal["context", "reply", "recall"]


Document = Sequence[DocumentPart]


def person(chance: random.Random, *, scrambled: float = 0.0) -> Persona:
    """An invented person. `scrambled`: the share of the nouns that is drawn anew, so that no value can be guessed."""
    text = profile(chance, "seen").text
    if scrambled:
        text = _WORD.sub(lambda found: _other(found, text, scrambled, chance), text)
    return Persona("", text, personality(chance).text)


def _other(found: re.Match[str], text: str, share: float, chance: random.Random) -> str:
    """Another word in the place of one that names something; verbs and the words of the grammar stay."""
    word = found[0]
    starts = found.start() == 0 or text[found.start() - 2] in ".!?"
    stays = word.lower() in STOP or word.lower() in _VERBS or _SAME.search(word) or starts
    if stays or chance.random() >= share:
        return word
    if word[0].isupper():
        return invented(chance).capitalize()
    return invented(chance) if chance.random() < 0.4 else chance.choice(_nouns())


def invented(chance: random.Random) -> str:
    """A word that nobody has read before: `norvel`, `takimo`."""
    syllables = chance.choice((2, 2, 3))
    return "".join(
        chance.choice("bcdfghjklmnprstvwz") + chance.choice("aeiou") + chance.choice(("", "", "n", "r", "l", "s"))
        for _ in range(syllables)
    )


@cache
def _nouns() -> tuple[str, ...]:
    """Words that name something, from some profiles."""
    found = dict[str, None]()
    for number in range(200):
        text = profile(rng("nouns", number), "seen").text
        for word in _WORD.findall(text):
            if word.islower() and word not in STOP and word not in _VERBS and not _SAME.search(word):
                found[word] = None
    return tuple(found)


def fitting(known: Sequence[Fact], last: str) -> Fact | None:
    """The known fact that is closest to a message by words and topics; of several, the last."""
    spoken, about = stems(last), topics(last)
    best = [fact for fact in known if fact.kind != "belief" and not fact.keywords <= spoken and fits(fact, last, about)]
    return max(reversed(best), key=lambda fact: closeness(fact, spoken, about), default=None)


def cue(fact: Fact, used: str, chance: random.Random) -> str:
    """A message that leads back to a fact without saying it; empty where there is none."""
    lines = user.LINES["back"]
    named = next((topic for topic in fact.topics if topic in lines), "")
    return fresh(lines[named], used, chance) if named else ""


def dense_recall(seed: int, number: int) -> Document:
    """A few messages that each state a fact, then questions about these facts."""
    chance = rng("dense", seed, number)
    who = person(chance, scrambled=chance.choice((0.0, 0.0, 0.4)))
    known = list(facts(who.profile))
    chance.shuffle(known)
    known = known[: chance.randint(2, 7)]
    talk, asking = Talk(who), BRIEFLY if chance.random() < 0.7 else ABOUT
    for fact in known:
        message = talk.in_manner(phrase(fact, talk.used, chance), chance)
        if chance.random() < TAKEN_UP:
            talk.ask(f"{message} {chance.choice(ABOUT_IT)}", fact, "echo", chance)
        else:
            talk.tell(message)
    for fact in chance.sample([*known, *known], k=min(2 * len(known), QUESTIONS)):
        if chance.random() < BY_WORD and (named := reference(fact)):
            word = named.text.split()[0].rstrip(",")
            talk.ask(chance.choice(asking).format(word), fact, "weave", chance)
        else:
            remark = cue(fact, talk.used, chance) or chance.choice(user.LINES["follow"]["any"])
            around = f"{talk.in_manner(remark, chance)} {chance.choice(AROUND)}"
            talk.ask(around, fitting(known, remark), "weave", chance)
    return talk.parts


def long_recall(seed: int, number: int) -> Document:
    """A dialogue with a partner whose replies would suit anybody, and who recalls facts when asked."""
    chance = rng("long", seed, number)
    who = person(chance, scrambled=chance.choice((0.0, 0.0, 0.4)))
    acting = user.character((("profile", who.profile), ("personality", who.personality)))
    talk = Talk(who)
    for _ in range(chance.randint(2, TURNS)):
        message = user.speak(acting, talk.dialogue, seed=chance.getrandbits(32))
        if chance.random() < ASKING:
            messages = talk.dialogue.users
            before = fitting(in_order(revealed(facts(who.profile), messages), messages), message)
            just = next((fact for fact in revealed(facts(who.profile), [message]) if fact.kind != "belief"), None)
            if just and (before is None or chance.random() < 0.5):
                talk.ask(f"{message} {chance.choice(ABOUT_IT)}", just, "echo", chance)
            else:
                talk.ask(f"{message} {chance.choice(AROUND)}", before, "weave", chance)
        else:
            answer = responder.generic(talk.upto(message), seed=chance.getrandbits(32))
            talk.answer(message, [DocumentPart(answer + END, "reply")])
    return talk.parts


class Talk:
    """A document in the making: the dialogue so far, and the parts."""

    def __init__(self, who: Persona) -> None:
        self.manner = styles(who.personality)
        self.dialogue = Dialogue(())
        self.parts: list[DocumentPart] = []

    @property
    def used(self) -> str:
        """The person's messages in lower case: what not to repeat."""
        return " ".join(self.dialogue.users).lower()

    def in_manner(self, text: str, chance: random.Random) -> str:
        """As the person says it, every other time in their own manner."""
        return say([text], self.manner, self.used, chance) if chance.random() < 0.5 else text

    def upto(self, message: str) -> Dialogue:
        """The dialogue with this message at its end."""
        return Dialogue((*self.dialogue.lines, ("user", message)))

    def tell(self, message: str) -> None:
        self.dialogue = self.upto(message)
        self.parts.append(DocumentPart(USER + message + END, "context"))

    def ask(self, message: str, known: Fact | None, frame: Literal["weave", "echo"], chance: random.Random) -> None:
        """A message that asks for something known, and what is known, in a manner that suits the person."""
        if known is None:
            self.answer(message, [DocumentPart(chance.choice(NOTHING) + END, "reply")])
            return
        about = topics(message)
        parts = [recall(known, frame, "", chance, about)]
        if chance.random() < REMARK:
            parts.insert(0, responder.acknowledged(message, "", chance))
        text = reply(parts, self.manner, self.upto(message), chance) if chance.random() < MANNER else " ".join(parts)
        found = reference(known, about)
        self.answer(message, _split(text, found.text if found else brief(known)))

    def answer(self, message: str, parts: Sequence[DocumentPart]) -> None:
        text = "".join(part.text for part in parts).removesuffix(END)
        self.dialogue = Dialogue((*self.upto(message).lines, ("assistant", text)))
        self.parts += [DocumentPart(USER + message + END + ASSISTANT, "context"), *parts]


def _split(answer: str, recalled: str) -> list[DocumentPart]:
    """An answer as parts, the last place where something is recalled as one of its own."""
    before, found, after = answer.rpartition(recalled)
    if not found:
        before, after = answer, ""
    if before.endswith(" ") and found:  # a word and the space before it are one token
        before, found = before[:-1], f" {found}"
    parts = DocumentPart(before, "reply"), DocumentPart(found, "recall"), DocumentPart(after + END, "reply")
    return [part for part in parts if part.text]


def in_order(known: Sequence[Fact], messages: Sequence[str]) -> list[Fact]:
    """Facts in the order in which the messages reveal them."""
    content = [stems(message) for message in messages]
    return sorted(known, key=lambda fact: next(i for i, spoken in enumerate(content) if fact.keywords <= spoken))


# What is read when.

HELD_OUT = 10**9  # documents from this number on are only measured on
LATER = 10**6

Writer = Callable[[int, int], Document]
KINDS: dict[str, Writer] = {"copying": dense_recall, "dialogue": long_recall}


class CurriculumStage(NamedTuple):
    """`until`: the share of all tokens after which it ends; `round`: documents between two checkpoints; `batch`: tokens
    of a step, padding counted: few while it learns to copy, which takes many steps; `embeddings`: their rate, as a
    share of the matrices'."""

    name: str
    write: Writer
    until: float
    round: int
    batch: int
    embeddings: float


def talk(seed: int, number: int) -> Document:
    """Two dialogues, then one document as before: what was learnt first would fade otherwise."""
    return long_recall(seed, number) if number % 3 else dense_recall(seed, LATER + number)


# Adam's steps are as large as its rate whatever the gradient, so at the matrices' rate the random embeddings, by which
# the copying heads tell tokens apart, would be washed out before anything is learnt.
STAGES = (
    CurriculumStage("copying", dense_recall, 0.4, 256, 1536, 0.6),
    CurriculumStage("dialogue", talk, 1.0, 96, 4096, 1.0),
)


def stage_at(share: float) -> CurriculumStage:
    """The stage at which a training is that has read this share of its tokens."""
    return next((stage for stage in STAGES if share < stage.until), STAGES[-1])


def documents(stage: CurriculumStage, seed: int, number: int) -> list[Document]:
    """The documents of round `number`."""
    return [stage.write(seed, number * stage.round + place) for place in range(stage.round)]


def held_out(seed: int, count: int) -> dict[str, Sequence[Document]]:
    """Documents of each kind about people whom the training never meets."""
    return {name: [write(seed, HELD_OUT + place) for place in range(count)] for name, write in KINDS.items()}
