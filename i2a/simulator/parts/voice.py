"""A plain text put into a style: openers, closers, punctuation, length. The user and the responders share it."""

import random
import re
from collections.abc import Sequence
from functools import lru_cache

from i2a.simulator.language import grammar
from i2a.simulator.language.text import capital, fixed_part, lower_first
from i2a.simulator.parts.prompt_parser import Dialogue
from i2a.simulator.persona.fact_kinds import Tone, tone
from i2a.simulator.persona.style import STYLES, shape

LEADING = 0.9  # of the messages that show a style: by one of its leads, where one fits
MIRRORED = 0.9  # of the replies to a person who has used a lead

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
    if style and chance.random() < (0.85 if len(parts) < 2 else 0.66):
        mood = tone(parts[-1])
        leads = [lead for lead in _leads(style, mood) if lead.lower() not in used and _goes_before(lead, parts[-1])]
        closers = phrases(style, "say_close", mood, used) if not parts[-1].endswith("?") else []
        openers = [phrase for phrase in phrases(style, "say_open", mood, used) if _goes_before(phrase, parts[-1])]
        if leads and chance.random() < LEADING:
            parts[-1] = _lead(chance.choice(leads), parts[-1])
        elif openers and (not closers or chance.random() < 0.5):
            parts[-1] = _lead(chance.choice(openers), parts[-1])
        elif closers:
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
    if mirrors and chance.random() < MIRRORED and (lead := _used_lead(dialogue, mood)):
        parts[0] = _lead(lead, parts[0])
    else:
        for name in dict.fromkeys((style, *styles[:3])) if style else ():
            choices = phrases(name, "reply_open" if opens else "reply_close", mood, dialogue.used)
            if choices:
                _attach(parts, chance.choice(choices), opens=opens)
                break
    return _finish(parts[:3], forms - {"long-forms"} if style != "formal" else forms, chance)


def _used_lead(dialogue: Dialogue, mood: Tone) -> str:
    """The lead that the person used last, but for that of the last reply; empty where there is none."""
    recent = " ".join(dialogue.assistants[-1:])
    leads = [lead for style in STYLES for lead in _leads(style, mood) if lead not in recent]
    return next((lead for message in reversed(dialogue.users) for lead in leads if lead in message), "")


def _attach(parts: list[str], phrase: str, *, opens: bool) -> None:
    """Put a phrase before or behind the parts."""
    if not opens:
        parts.append(phrase)
    elif phrase[-1] in ",:":
        parts[0] = _lead(phrase, parts[0])
    else:
        parts.insert(0, phrase)


def phrases(style: str, key: str, mood: Tone, used: str) -> list[str]:
    """The phrases of a style that fit good, bad or plain news and were not used yet.

    In the data a phrase may carry a sign: `+` after good news only, `-` after bad news only, `~` never after bad news.
    """
    return [phrase for phrase, fixed in _signed(style, key, mood) if fixed not in used]


def _leads(style: str, mood: Tone) -> list[str]:
    """The leads of a style that fit such news. Whoever looks for one must mind the comma: `ha` stands in `that`."""
    return [lead for lead, _ in _signed(style, "lead", mood)]


@lru_cache(maxsize=1024)
def _signed(style: str, key: str, mood: Tone) -> tuple[tuple[str, str], ...]:
    barred = {"good": "-", "bad": "+~", "plain": "+-"}[mood]
    kept = (phrase for phrase in STYLES[style][key] if phrase[0] not in barred)
    return tuple((phrase.lstrip("+-~"), fixed_part(phrase.lstrip("+-~"))) for phrase in kept)


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
