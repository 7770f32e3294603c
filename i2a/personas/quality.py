"""Candidates for a pool: whether a text is fit for it, and if not, why.

Whether the pool has it already, or something like it, is for the caller to find out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from i2a.personas import lexicon
from i2a.trees.persona import Kind

# Shorter is a title, longer a story; the published ones have 36 to 102
# words, those that come with i2a 77 to 123.
WORDS = (25, 200)
# A text should hold 8 to 10 facts or traits, as in the paper (arXiv 2410.03642); two more or less are let through.
FACTS = (6, 12)

Rejection = Literal[
    "refusal",
    "placeholder",
    "markup",
    "too short",
    "too long",
    "not English",
    "too few facts",
    "too many facts",
    "describes a personality",
    "names an occupation",
    "describes a life",
]


def advice(rejected: Mapping[Rejection, int] | Mapping[str, int]) -> str:
    """What to do about texts in another language, whose words the checks cannot count; empty if there are none."""
    if not any(count for reason, count in rejected.items() if reason in ("not English", "too short")):
        return ""
    return " (the checks are for English; for texts in another language take `i2a personas grow --unchecked`)"


# Is it a text for the pool?


def check(text: str, kind: Kind) -> Rejection | None:
    """Why `text` cannot be a profile or a personality, the plainest reason first; None if it can."""
    if _REFUSAL.search(text[:60]) or _ABOUT_THE_TASK.search(text):
        return "refusal"
    if _PLACEHOLDER.search(text):
        return "placeholder"
    if _MARKUP.search(text):
        return "markup"
    words = len(text.split())
    if not WORDS[0] <= words <= WORDS[1]:
        return "too short" if words < WORDS[0] else "too long"
    if not is_english(text):
        return "not English"
    least, most = facts(text)
    if most < FACTS[0] or least > FACTS[1]:
        return "too few facts" if most < FACTS[0] else "too many facts"
    if kind == "profile" and _is_about_character(text):
        return "describes a personality"
    if kind == "personality" and _OCCUPATION.search(text):
        return "names an occupation"
    if kind == "personality" and _LIFE.search(text):
        return "describes a life"
    return None


def tally(texts: Iterable[str], kind: Kind) -> dict[Rejection, int]:
    """How many of `texts` are rejected for each reason there is, the most frequent first."""
    counts = Counter(reason for text in texts if (reason := check(text, kind)))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], _REASONS.index(item[0]))))


def facts(text: str) -> tuple[int, int]:
    """The fewest and the most facts that a text may hold: its sentences, and its clauses.

    "He is 47 and drives a bus, usually at night." is one sentence and three clauses. No rule finds the number that a
    reader would; it lies between the two. A clause ends at a punctuation mark, or where a conjunction begins another.
    """
    sentences = [part for part in re.split(r"[.!?;]+(?=\W|$)", text) if any(map(str.isalpha, part))]
    clauses = [part for part in _CLAUSE_END.split(text) if any(map(str.isalpha, part))]
    return len(sentences), len(clauses)


def is_english(text: str) -> bool:
    """Whether nine letters in ten are Latin, and one word in five one of the commonest in English.

    In English prose these make up 35 to 60% of the words; in languages that share some, as "in" or "is", under 15%.
    """
    letters = [char for char in text if char.isalpha()]
    tokens = re.findall(r"[^\W\d_]+", text.lower())
    if not tokens or sum(char < "\u0250" for char in letters) < 0.9 * len(letters):
        return False
    return sum(token in _FUNCTION_WORDS for token in tokens) >= len(tokens) / 5


def _is_about_character(text: str) -> bool:
    """Whether most sentences, and at least three, say what somebody is like; or none says anything about a life."""
    sentences = re.split(r"[.!?;]+\s", text)
    traits = sum(bool(_TRAIT.search(sentence)) for sentence in sentences)
    return (traits >= 3 and traits > len(sentences) / 2) or not any(sign.search(text) for sign in _LIFE_SIGNS)


_REASONS = get_args(Rejection)
# Not in quotation marks: a person may well be one who says "I can't" a lot.
_REFUSAL = re.compile(
    r"(?<![\w\"'\u201c\u2018])(?:i['\u2019]m sorry|i am sorry|i apologi[sz]e|i am (?:unable|not able)"
    r"|i (?:cannot|can['\u2019]t|won['\u2019]t)|i['\u2019]m (?:unable|not able)|sorry, (?:but|i))",
    re.IGNORECASE,
)
_TASK = r"(?:profiles|personalities|personas)"
_ABOUT_THE_TASK = re.compile(
    rf"\b(?:as an ai\b|language model|ai assistant|here(?: are|['\u2019]s| is) (?:\w+ ){{0,3}}{_TASK}|let me know if"
    rf"|feel free to|i hope (?:this|these)|hope this helps|as requested|(?:diverse|unique|distinct|these) {_TASK})",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"\[[^\]\n]{0,40}\]|\{[^}\n]{0,40}\}|<(?:name|age|job|city|insert)[^>\n]{0,30}>|_{3,}|\bX{3,}\b|\bXX[- ]year"
    r"|\b(?:TBD|TODO|N/A)\b"
    r"|\blorem ipsum\b|\b(?:insert|placeholder)\b (?:name|age|city|here)",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"\*\*|__|`|^\s*(?:#{1,6}\s|[-*\u2022]\s)|</?[a-z][^>\n]{0,60}>|&[a-z]{2,6};|\]\(|\||\\[nt\"]", re.IGNORECASE
)
_CLAUSE_END = re.compile(
    r"[.!?;:,]+(?=\W|$)|\s[-\u2013\u2014]\s|\b(?:and|but|or|who|whose|which|where|when|while|because|so|until|unless|though"
    r"|although|whereas|if)\b",
    re.IGNORECASE,
)
_COMMONEST = """
    a about after all also always an and are as at be because been before but by can does down every for from had has
    have he her him his how if in into is it its more most never no not of off often on one or other out over she so
    some than that the their them then there they this through to too two under up very was what when where which
    while who whose will with without would
"""
_FUNCTION_WORDS = frozenset(_COMMONEST.split())
_TRAIT = re.compile(
    rf"\b(?:is|are|was|['\u2019]s|seems|very|quite|really|highly|and)\s+(?:\w+ly\s+|a\s+|an\s+|very\s+|quite\s+|so\s+|also\s+)*"
    rf"{lexicon.pattern(' '.join([*lexicon.TRAITS.values(), lexicon.OTHER_TRAITS])).pattern}",
    re.IGNORECASE,
)
# Said of the person: not "with the patience of a nurse", nor "as blunt as a butcher".
_OCCUPATION = re.compile(
    r"\b(?:works|worked|works part-time|employed|job|career|studying|studied|studies)"
    r" (?:as|at|for an?|in an?|in the|nights|shifts)\b"
    r"|\b(?:by profession|for a living|retired from|(?:college|university|school|graduate) student)\b"
    r"|(?:\b(?:is|was|are|were|['\u2019]s|became|being|works as)\s+an?|(?:^|[.;,]\s)as an?)\s+(?:[\w-]+\s+){0,3}?"
    + lexicon.pattern(lexicon.OCCUPATIONS).pattern,
    re.IGNORECASE,
)
# An age or a home.
_LIFE = re.compile(
    r"\b\d+[- ]years?[- ]old\b|\b(?:is|are|was|turned|aged) \d{1,2}\b(?! ?%| percent| per cent| minutes| hours)"
    r"|\b[Ll]ives? (?:in [A-Z]|in an? |with (?:his|her|their|a|two|three) |on the [a-z]+ floor)"
)
_LIFE_SIGNS = (
    _LIFE,
    _OCCUPATION,
    re.compile(
        r"\d|[a-z,] (?!I\b)[A-Z]|\b(?:lives?|works?|worked|studies|studied|owns|collects?|retired|keeps an?|plays?"
        r"|grows|drives|married|divorced|widowed|repairs|cooks|bakes)\b"
    ),
    lexicon.pattern(lexicon.PETS),
)
