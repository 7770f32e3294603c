"""A closed lexicon of everyday topics: what a message, a fact or a reply is about."""

from functools import lru_cache

from agents.offline.style import plain
from agents.offline.text import STOP, load, stem, words

TOPICS = load("topics.toml")
_TOPICS_OF: dict[str, tuple[str, ...]] = {}
for _topic, _entry in TOPICS.items():
    for _word in " ".join(_entry["words"]).split():
        _known = _TOPICS_OF.get(stem(_word), ())
        if _topic not in _known:
            _TOPICS_OF[stem(_word)] = (*_known, _topic)


@lru_cache(maxsize=32768)
def topics_of(word: str) -> tuple[str, ...]:
    """The topics of one word; a hyphenated word has those of its parts as well."""
    parts = (word, *word.split("-")) if "-" in word else (word,)
    return tuple(dict.fromkeys(topic for part in parts for topic in _TOPICS_OF.get(stem(part.lower()), ())))


@lru_cache(maxsize=32768)
def topics(text: str) -> tuple[str, ...]:
    """The topics of a text, most frequent first, ties by first mention."""
    count: dict[str, int] = {}
    for word in plain(words(text)):
        if word in STOP:
            continue
        for part in (word, *word.split("-")) if "-" in word else (word,):
            for topic in _TOPICS_OF.get(stem(part), ()):
                count[topic] = count.get(topic, 0) + 1
    return tuple(sorted(count, key=lambda topic: -count[topic]))
