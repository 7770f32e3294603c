"""What gives a simulated person away in one message, by rules and without a model: while simulating, and in audits.

Talk of assistants and of being one, claims that the persona does not support (`scenarios.claims`), what was said
before, a language that is not the person's. Rules find what they know the form of: a count of faults is a lower bound.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from agents.role import Role
from i2a.trees.persona import KINDS, LANGUAGE
from i2a.trees.tree import Utterance
from i2a.words import words
from scenarios.claims import unsupported_claim

ALIKE = 0.8  # a message repeats an earlier one from this share of common words on
FEWEST = 4  # words; a shorter message may come twice
LOOP = 3  # times that a sentence is said in one message

# What assistants say and friends do not.
REVERSAL = re.compile(
    r"\bhow (?:can|may|could) i (?:help|assist)|\b(?:happy|glad|here) to (?:help|assist)|\bas an ai\b"
    r"|\blanguage model\b|\b(?:assist|help) you with\b|\banything else (?:i can|you(?:'d| would) like)"
    r"|\bfeel free to (?:ask|reach)|\blet me know if you (?:need|have any)"
    r"|\bi(?:'d| would) (?:recommend|suggest) (?:that )?you\b"
    r"|(?:^|\n)\s*(?:1[.)]|[-*\u2022])\s.*\n\s*(?:2[.)]|[-*\u2022])\s",
    re.I,
)
LEAVING = re.compile(
    r"\b(?:good)?bye\b(?! bye)|\bgood-bye\b|\bgood night\b"
    r"|\btalk (?:to you )?(?:soon|later)\b|\bsee you (?:soon|later|around)\b"
    r"|\b(?:gotta|got to|have to|must|should|better|need to|let you) (?:go|run|get going)(?: now| then)?(?=[.!,;]|$)"
    r"|\bhave a (?:good|great|nice|lovely|wonderful) (?:day|one|evening|night|weekend|time)\b",
    re.I,
)
_I_AM = r"\bi(?:['\u2019]m| am|['\u2019]ve been) (?:(?:not|just|only|actually|really|still) )*(?:an? |the |your )?"
_MACHINE = r"(?:ai(?: assistant| model)?|chat ?bot|bot|(?:virtual|digital|personal) assistant|language model)"
OUT_OF_ROLE = re.compile(
    rf"{_I_AM}{_MACHINE}\b|\byour assistant\b"
    rf"|\b(?:ai|{_MACHINE}) (?:designed|trained|created|built|made|programmed) (?:to|by|for)\b"
    r"|\b(?:my|the) (?:profile|persona|character) (?:says|states|describes|is described)\b"
    r"|\b(?:system prompt|role-?play(?:ing)?|stay(?:ing)? in character)\b|\bmy (?:instructions|prompt)\b"
    r"|^\W*(?:user|assistant)\s*:",
    re.I | re.M,
)
_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\n]+")


def alike(message: str, before: str) -> bool:
    """Whether a message repeats another one, in whatever order."""
    mine, theirs = set(words(message)), set(words(before))
    return len(mine & theirs) >= ALIKE * len(mine | theirs)


def loops(message: str) -> bool:
    """Whether a message says one sentence again and again."""
    said = Counter(" ".join(words(sentence)) for sentence in _END.split(message))
    return any(count >= LOOP and sentence.count(" ") > 1 for sentence, count in said.items())


def repeats(message: str, before: Iterable[str]) -> bool:
    """Whether a message repeats itself or one of those before it."""
    return loops(message) or (len(words(message)) >= FEWEST and any(alike(message, other) for other in before))


def person_audit(role: Role[object], dialogue: Sequence[Utterance], message: str) -> list[str]:
    """What is wrong with a message of the person that the role is told of when it speaks, by name.

    The audit of the roles that play the person of a tree, who may change while it grows.
    """
    profile, personality, language = (role.told.get(name, "") for name in (*KINDS, LANGUAGE))
    faults = faults_of(message, [said.content for said in dialogue], profile, personality)
    known = [f"{profile}\n{personality}", role.prompt.text]
    if is_not_in(message, language.strip()) if language.strip() else is_foreign(message, known):
        faults.append("wrong_language")
    return faults


def faults_of(message: str, before: Iterable[str], profile: str, personality: str) -> list[str]:
    """The faults that show whatever the language is; `before`: what was said before it."""
    faults = ["role_reversal"] if REVERSAL.search(message) else []
    if OUT_OF_ROLE.search(message):
        faults.append("out_of_role")
    if unsupported_claim(message, profile, personality):
        faults.append("invented")
    if repeats(message, before):
        faults.append("repetition")
    return faults


# Languages: which one a text is in, as far as its letters and its commonest words tell.

_COMMON = {
    "English": "the and is you of to that it was for with this have not but what are my your i they there a in on at "
    "he she her his has",
    "German": "der die das und ist nicht ich du ein eine zu mit auf f\u00fcr es war sich auch wie mein in habe hat er",
    "French": "le la les et est pas je tu un une des du que pour avec dans sur mais mon c'est ce qui",
    "Spanish": "el la los las y es no que en un una de por para con pero mi muy como est\u00e1 lo se a ha",
    "Italian": "il lo gli e non che di un una per con sono ma mi molto come della nel questo anche",
    "Portuguese": "o os as e n\u00e3o que de um uma para com mas meu muito como est\u00e1 em eu isso voc\u00ea a no na",
    "Dutch": "de het een en is niet ik je van dat op te met voor maar mijn ook zijn er wat in heb heeft",
}
_COMMON_WORDS = {name: frozenset(words(listed)) for name, listed in _COMMON.items()}
_NAMED = re.compile(
    r"\b(?:english|german|french|spanish|italian|portuguese|dutch|polish|turkish|russian|ukrainian|arabic|hebrew|hindi"
    r"|japanese|chinese|mandarin|cantonese|korean|thai|greek|swedish|norwegian|danish|finnish|language|bilingual)\b",
    re.I,
)
_CODES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
}
_SURE, _FEWEST_LETTERS = 3, 12


def is_foreign(message: str, known: Sequence[str]) -> bool:
    """Whether a message is in the language of none of the texts `known`; not where one names a language, or where it
    cannot be told."""
    return not any(_NAMED.search(text) for text in known) and all(_differ(message, text) for text in known)


def is_not_in(message: str, wanted: str) -> bool:
    """Whether a message is in another language than the one `wanted`, by its name or code; False where it cannot be
    told, as for a language without a list of common words."""
    name = _CODES.get(wanted.strip().lower().replace("_", "-").partition("-")[0], wanted.strip().capitalize())
    found = language(message)
    if name in _COMMON and script(message) not in ("", "LATIN"):
        return True
    return name in _COMMON and bool(found) and found != name


def _differ(one: str, other: str) -> bool:
    for told in (script, language):
        mine, theirs = told(one), told(other)
        if mine and theirs and mine != theirs:
            return True
    return False


def script(text: str) -> str:
    """The script of most letters of `text`, by its Unicode name; empty for too few letters, or where two are mixed."""
    letters = [char for char in text if char.isalpha()]
    if len(letters) < _FEWEST_LETTERS:
        return ""
    counts = Counter(_kin(unicodedata.name(char, "").partition(" ")[0]) for char in letters)
    ((most, count),) = counts.most_common(1)
    return most if count > 0.8 * len(letters) else ""


def _kin(name: str) -> str:
    return "CJK" if name in ("CJK", "HIRAGANA", "KATAKANA") else name


def language(text: str) -> str:
    """The language of `text` among those with a list of common words, where one is far ahead of all others."""
    counts = Counter(words(text))
    hits = sorted(
        ((sum(counts[word] for word in common), name) for name, common in _COMMON_WORDS.items()), reverse=True
    )
    (most, name), (next_most, _) = hits[:2]
    return name if most >= _SURE and most >= 2 * next_most else ""
