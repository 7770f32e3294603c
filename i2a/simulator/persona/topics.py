"""A closed lexicon of everyday topics: what a message, a fact or a reply is about."""

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from i2a.simulator.language.text import STOP, load, stem, words
from i2a.simulator.persona.style import plain

TOPICS = load("topics.toml")
_TOPICS_OF: dict[str, tuple[str, ...]] = {}
for _topic, _entry in TOPICS.items():
    for _word in " ".join(_entry["words"]).split():
        _known = _TOPICS_OF.get(stem(_word), ())
        if _topic not in _known:
            _TOPICS_OF[stem(_word)] = (*_known, _topic)


def _by_part(word: str) -> Iterator[str]:
    """The topics of a word in small letters; a hyphenated one has those of its parts as well."""
    for part in (word, *word.split("-")) if "-" in word else (word,):
        yield from _TOPICS_OF.get(stem(part), ())


@lru_cache(maxsize=32768)
def topics_of(word: str) -> tuple[str, ...]:
    """The topics of one word."""
    return tuple(dict.fromkeys(_by_part(word.lower())))


@lru_cache(maxsize=32768)
def topics(text: str) -> tuple[str, ...]:
    """The topics of a text, most frequent first, ties by first mention."""
    content = (word for word in plain(words(text)) if word not in STOP)
    return tuple(topic for topic, _ in Counter(topic for word in content for topic in _by_part(word)).most_common())
