"""A plain text put into a style: openers, closers, punctuation, length. The user and the responders share it."""

import random
import re
from collections.abc import Sequence
from functools import lru_cache

from i2a.simulator.language import grammar
from i2a.simulator.language.text import capital, fixed_part, lower_first, sentences
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.persona.fact_kinds import Tone, tone
from i2a.simulator.persona.style import STYLES, shape

LEADING = 0.9  # of the messages that show a style: by one of its leads, where one fits
CLOSING = 0.6  # of the others, where it has a closer
MIRRORED = 0.9  # of the replies to a person who has used a lead

SIGNS = "+-~^#*"
_BARRED: dict[Tone, str] = {"good": "-^", "bad": "+~", "grave": "+~^", "plain": "+-"}
# Numbers, and words of more or less or of doubt: what `strictly speaking` can qualify.
_MEASURED = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty"
    r"|hundred|thousand|half|third|quarter|most(?:ly)?|every|each|never|always|once|twice|often|seldom|rarely|usually"
    r"|sometimes|only|more|less|few|many|both|several|at least|almost|nearly|roughly|maybe|perhaps|probably|suppose"
    r"|guess|think|doubt|might|could|seems?|fairly sure|as far as)\b",
    re.I,
)

_FULL = {"I'm": "I am", "I've": "I have", "I'd": "I would", "I'll": "I will", "it's": "it is", "It's": "It is",
         "that's": "that is", "That's": "That is", "don't": "do not", "can't": "cannot", "didn't": "did not",
         "isn't": "is not", "couldn't": "could not", "wouldn't": "would not", "won't": "will not",
         "there's": "there is", "There's": "There is", "you're": "you are", "You're": "You are", "hasn't": "has not",
         "you've": "you have", "You've": "You have", "hadn't": "had not", "haven't": "have not", "What's": "What is",
         "what's": "what is", "who's": "who is", "I'm,": "I am,"}  # fmt: skip


def say(parts: Sequence[str], styles: tuple[str, ...], used: str, chance: random.Random) -> str:
    """A message of the person, at most three sentences or so, visibly in its style."""
    forms = shape(styles)
    style = _pick(styles, chance)
    parts = list(parts)
    if "short" in forms and len(parts) > 1 and chance.random() < 0.6:
        parts = parts[-1:]
    if style and chance.random() < (0.75 if len(parts) < 2 else 0.5):
        mood, core = tone(parts[-1]), parts[-1]
        leads = [lead for lead in phrases(style, "lead", mood, used, core) if _goes_before(lead, core)]
        closers = phrases(style, "say_close", mood, used) if not core.endswith("?") else []
        openers = [phrase for phrase in phrases(style, "say_open", mood, used, core) if _goes_before(phrase, core)]
        if leads and chance.random() < LEADING:
            parts[-1] = _lead(chance.choice(leads), parts[-1])
        elif openers and (not closers or chance.random() < 0.5):
            parts[-1] = _lead(chance.choice(openers), parts[-1])
        elif closers and chance.random() < CLOSING:
            parts.append(chance.choice(closers))
    return _finish(parts, forms, chance)


def reply(
    parts: Sequence[str], styles: tuple[str, ...], dialogue: Dialogue, chance: random.Random, *, mirrors: bool = True
) -> str:
    """A reply to the last message, in a style that suits a person of these styles.

    `mirrors`: it picks up what the person begins sentences with. Partners who attend to each other come to speak alike,
    most of all in such small words (Niederhoffer & Pennebaker 2002).
    """
    forms, mood = shape(styles), tone(dialogue.last)
    style = _pick(styles, chance)
    parts = list(parts)
    opens = chance.random() < 0.6 or parts[-1].endswith("?")
    suitable = [name for name in dict.fromkeys((style, *styles[:3])) if name and not _jests(name, mood)]
    if mirrors and chance.random() < MIRRORED and (lead := _used_lead(dialogue, mood, parts[0])):
        parts[0] = _lead(lead, parts[0])
    else:
        for name in suitable:
            choices = phrases(name, "reply_open" if opens else "reply_close", mood, dialogue.used, parts[0])
            if choices:
                _attach(parts, chance.choice(choices), opens=opens)
                break
    return _finish(parts[:3], forms - {"long-forms"} if style != "formal" else forms, chance)


def _used_lead(dialogue: Dialogue, mood: Tone, before: str) -> str:
    """The lead that the person used last, but for that of the last reply; empty where none fits before the text, and
    beside grave news."""
    if mood == "grave":
        return ""
    recent = " ".join(dialogue.assistants[-1:])
    leads = [lead for lead in _leads(mood, is_measured(before)) if lead not in recent]
    return next((lead for message in reversed(dialogue.users) for lead in leads if lead in message), "")


@lru_cache(maxsize=16)
def _leads(mood: Tone, measured: bool) -> tuple[str, ...]:
    """The leads of all styles that a reply to such news may pick up. Mind the comma: `ha` stands in `that`."""
    suitable = (style for style in STYLES if not _jests(style, mood))
    return tuple(lead for style in suitable for lead, _, needs in _signed(style, "lead", mood) if measured or not needs)


def _jests(style: str, mood: Tone) -> bool:
    """Whether a reply in the style would make light of bad news."""
    return mood in ("bad", "grave") and "jests" in STYLES[style]["shape"]


def _attach(parts: list[str], phrase: str, *, opens: bool) -> None:
    """Put a phrase before or behind the parts."""
    if not opens:
        parts.append(phrase)
    elif phrase[-1] in ",:":
        parts[0] = _lead(phrase, parts[0])
    else:
        parts.insert(0, phrase)


def phrases(style: str, key: str, mood: Tone, used: str, before: str = "") -> list[str]:
    """The phrases of a style that fit good, bad, grave or plain news, and the sentence that they stand before, and were
    not used yet. The signs are those that `styles.toml` tells of."""
    measured = is_measured(before)
    return [
        phrase
        for phrase, fixed, needs in _signed(style, key, mood)
        if (measured or not needs) and fixed[0] not in used and fixed[1] not in used
    ]


@lru_cache(maxsize=8192)
def is_measured(text: str) -> bool:
    """Whether the first sentence of a text is one of number or doubt."""
    return bool(_MEASURED.search(" ".join(sentences(text)[:1])))


@lru_cache(maxsize=8192)
def fixed_parts(template: str) -> tuple[str, str]:
    """What of a template is not to be said twice, and the same without contractions."""
    return fixed_part(template), fixed_part(_written_out(template))


@lru_cache(maxsize=1024)
def _signed(style: str, key: str, mood: Tone) -> tuple[tuple[str, tuple[str, str], bool], ...]:
    """The phrases without their signs, what of each is not to be said twice, and whether it needs a number or doubt."""
    found = []
    for text in STYLES[style][key]:
        phrase = text.lstrip(SIGNS)
        signs = text[: len(text) - len(phrase)]
        if not set(signs) & set(_BARRED[mood]) and (mood != "grave" or "*" in signs):
            fixed = (phrase.lower(),) * 2 if key == "lead" else fixed_parts(phrase)
            found.append((phrase, fixed, "#" in signs))
    return tuple(found)


def _pick(styles: tuple[str, ...], chance: random.Random) -> str:
    """One style to show: the leading ones most often."""
    if not styles:
        return ""
    return chance.choices(styles, weights=[5, 3, 2, 1, 1][: len(styles)])[0]


_OPENS_PLAINLY = re.compile(r"(?:I|I'm|I've|I'd|My|The|There|There's|It|We|Our|A|Somebody|Something|One|Two|Nothing)\b")


def _goes_before(opener: str, text: str) -> bool:
    """Whether an opener can stand before a text: one that has no opener of its own, and no second `but` or colon."""
    if opener[-1] not in ".!?" and (text.startswith("I don't think I've") or not _OPENS_PLAINLY.match(text)):
        return False
    return not (opener.endswith("but") and " but " in text) and not (opener.endswith(":") and ": " in text)


def _lead(opener: str, text: str) -> str:
    """An opener and what follows it; after a comma or a colon the sentence goes on in lower case."""
    return f"{opener} {text if opener[-1] in '.!?' else lower_first(text)}"


def _finish(parts: Sequence[str], forms: frozenset[str], chance: random.Random) -> str:
    text = " ".join(capital(part.strip()) for part in parts if part.strip())
    if "exclaim" in forms and "flat" not in forms and text.endswith(".") and not text.endswith(".."):
        text = text[:-1] + "!"
    if "flat" in forms:
        text = text.replace("!", ".")
    if "trailing" in forms and text.endswith(".") and not text.endswith("..") and chance.random() < 0.4:
        text += ".."
    if "long-forms" in forms:
        text = _written_out(text)
    return grammar.tidy(text)


def _written_out(text: str) -> str:
    """The text without contractions; "it's been" is left alone, as the 's there is another one."""
    tokens = text.split(" ")
    following = [*tokens[1:], ""]
    return " ".join(_full(word, after) for word, after in zip(tokens, following, strict=True))


def _full(word: str, after: str) -> str:
    if word.endswith("'d") and after.endswith(("en", "ed")):
        return word.removesuffix("'d") + " had"
    return word if after in ("been", "got", "had", "better") else _FULL.get(word, word)
