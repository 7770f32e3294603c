"""What a Persona Writer answered, taken apart: the texts in an answer, whatever its form."""

import json
import re
from collections.abc import Iterable, Iterator

from i2a.personas.quality import WORDS
from i2a.trees.persona import clean

# Every step of `parse` takes time in proportion to the answer; beyond these sizes it is no batch of texts any more.
MAX_ANSWER = 300_000
MAX_TEXT = 10_000
MAX_TEXTS = 1_000

_LABEL = r"(?:profile|personality|persona|person|character|individual|item|entry|example|no\.?|number)"
_LABELLED = re.compile(
    rf"[\s>#*_\-+\u2022]*{_LABEL}\s*[#(]?(\d{{1,4}})\b[\s.):\]\-\u2013\u2014*_]*",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"[\s>#*_\-+\u2022]*(?:[#(\[](\d{1,4})\b[.):\]]*|(\d{1,4})(?:\\?[.):\]]|\s+[-\u2013\u2014](?=\s)))"
    r"(?=[\s*_\"\u201cA-Z]|$)[*_:]*\s*"
)
_BULLET = re.compile(r"\s*(?:[-+\u2022\u25cf\u2023\u00b7\u2013\u2014]|\*(?!\*))\s+")
_HEADING = re.compile(r"\s*(?:#{1,6}\s+\S.*|(?:\*\*|__)[^*_]{1,80}(?:\*\*|__):?\s*)$")
_RULE = re.compile(r"\s*(?:[-*_=~]\s*){3,}$|\s*(?:```|~~~)\s*\w*\s*$")
_INLINE = re.compile(r"(?:^|(?<=\s))\(?(\d{1,4})[.)]\s+")
_SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019*)]*$")
_LEAD_IN = re.compile(
    r"\W*(?:sure|certainly|of course|absolutely|okay|ok|great|got it|understood|here(?: is| are|['\u2019]s)"
    r"|below (?:is|are)|the following|as requested|i(?:['\u2019]ve| have))(?![\w-])",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\W*(?:let me know|i hope|hope (?:this|these|that)|feel free|would you like"
    r"|if you(?:['\u2019]d| would| need| want)|please (?:let|note)|note:"
    r"|(?:these|all|each)(?: of these)? (?:\d+ )?(?:profile|personalit|persona)\w*"
    r"|is there anything|do you want|i can (?:also )?(?:write|make|provide|generate)|(?:the )?end of (?:the )?list)\b",
    re.IGNORECASE,
)
_TITLE = re.compile(r"(?:\*\*|__)[^*_]{1,80}(?::(?:\*\*|__)|(?:\*\*|__)\s*[:\u2013\u2014-])\s*(?=\S+\s+\S+\s+\S)")
_OWN_LABEL = re.compile(r"(?:profile|personality|persona)\s*:\s*", re.IGNORECASE)
_KEYS = ("profile", "personality", "persona", "text", "description", "content", "value")
_QUOTES = {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019", "\u00ab": "\u00bb", "\u201e": "\u201c"}


def parse(answer: str) -> list[str]:
    """The texts in an answer, each in one line: a list of any kind, paragraphs, lines, or JSON.

    What stands before the first and after the last (a greeting, a closing remark) is left out, and so are numbers,
    bold type, titles and quotation marks around a text. An answer that was cut off gives what there is of it; JSON
    without the value that was cut. Never raises; gives no text longer than `MAX_TEXT` characters, and no more than
    `MAX_TEXTS` of them, from the first `MAX_ANSWER` characters.
    """
    answer = _readable(answer[:MAX_ANSWER])
    found = (_tidy(text) for text in _json_texts(answer) or _plain_texts(answer) if len(text) <= MAX_TEXT)
    return [text for text in found if any(map(str.isalpha, text))][:MAX_TEXTS]


def _readable(answer: str) -> str:
    """The answer without a model's thoughts and without control characters; nothing at all if it is full of those."""
    answer = re.sub("\r\n?|\u2028|\u2029|\x85", "\n", answer).replace("\t", " ").replace("\u00a0", " ")
    junk = sum(not (char.isprintable() or char == "\n") or char == "\ufffd" for char in answer)
    if junk > len(answer) / 20:
        return ""
    head, opened, rest = answer.partition("<think>")
    if opened or "</think>" in head:
        answer = (rest if opened else head).partition("</think>")[2]
    return "".join(char if char.isprintable() or char == "\n" else " " for char in answer).strip()


# JSON: an array, an object that holds one, one value to a line; in a fence, or with words around it.


def _json_texts(answer: str) -> list[str]:
    begin = re.search(r"^ *[\[{\"]", answer, re.MULTILINE)
    if not begin:
        return []
    texts = [text for value in _values(answer, begin.end() - 1) for text in _texts_of(value)]
    # A sentence that begins with quoted speech looks like JSON too, and would stand for the whole answer.
    return texts if sum(map(len, texts)) > (len(answer) - begin.start()) / 4 else []


def _values(answer: str, at: int) -> Iterator[object]:
    """The JSON values from `at` on. After an unreadable part it continues at the next line or array, a few times."""
    decoder = json.JSONDecoder(strict=False)
    # An array is entered, not decoded: when it was cut off, the values before the cut are still there.
    between = re.compile(r"[\s,\]]*\[?[\s,\]]*")
    key = re.compile(r"\s*:")
    failures = 0
    while failures < 5:
        if gap := between.match(answer, at):
            at = gap.end()
        try:
            value, end = decoder.raw_decode(answer, at)
        except (ValueError, RecursionError):
            failures += 1
            ahead = [place for sign in "\n[" if (place := answer.find(sign, at + 1)) >= 0]
            if not ahead:
                return
            at = min(ahead)
        else:
            at = end
            if not key.match(answer, at):
                yield value


def _texts_of(value: object) -> list[str]:
    """The texts in one JSON value: a string, or what an object or an array holds of them."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for inner in value for text in _texts_of(inner)]
    if not isinstance(value, dict):
        return []
    named = {key.strip().lower(): inner for key, inner in value.items()}
    for known in _KEYS:
        if text := _joined(named.get(known)):
            return [text]
    if all(re.fullmatch(rf"(?:{_LABEL}[ _-]?)?\d{{1,4}}", name) for name in named):
        return [text for inner in named.values() for text in _texts_of(inner)]
    if all(isinstance(inner, list) for inner in named.values()):
        return [text for inner in named.values() for text in _texts_of(inner)]
    return [max(texts, key=len)] if (texts := [text for inner in named.values() if (text := _joined(inner))]) else []


def _joined(value: object) -> str:
    """A string, or a list of strings - one fact each - as one text."""
    if isinstance(value, list):
        return _sentences(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _sentences(facts: Iterable[str]) -> str:
    """Facts in one line; one that is no sentence gets its full stop."""
    stripped = (fact.strip() for fact in facts)
    return " ".join(fact if not fact[-1].isalnum() else f"{fact}." for fact in stripped if fact)


# Anything else: lists, paragraphs, lines.


def _plain_texts(answer: str) -> list[str]:
    if "\n" not in answer and (entries := _inline(answer)):
        return entries
    lines = ["" if _RULE.match(line[:200]) else line for line in answer.split("\n")]
    starts = _starts(lines)
    return _entries(lines, starts) if starts else _paragraphs(lines)


def _inline(answer: str) -> list[str]:
    """A numbered list that lost its line breaks: 1. ... 2. ... 3. ..."""
    hits: list[re.Match[str]] = []
    for hit in _INLINE.finditer(answer):
        if int(hit[1]) == len(hits) + 1:
            hits.append(hit)
    ends = [*(hit.start() for hit in hits[1:]), len(answer)]
    return [answer[hit.end() : end] for hit, end in zip(hits, ends, strict=True)] if len(hits) > 1 else []


def _starts(lines: list[str]) -> dict[int, str]:
    """The lines on which a text starts, each with what follows the mark that says so; empty if there are no marks."""
    labelled = [(n, hit) for n, line in enumerate(lines) if (hit := _LABELLED.match(line))]
    numbered = [(n, hit) for n, line in enumerate(lines) if (hit := _NUMBERED.match(line))]
    bullets = {n: line[hit.end() :] for n, line in enumerate(lines) if (hit := _BULLET.match(line))}
    headings = {n: "" for n, line in enumerate(lines) if len(line) < 200 and _HEADING.match(line)}
    for marks in (labelled, numbered):
        numbers = [int(hit[1] or hit[2]) if hit.re is _NUMBERED else int(hit[1]) for _, hit in marks]
        # Numbers that begin anew under each heading count facts; a list that is all ones is a list all the same.
        restarts = numbers.count(1) > 1 and 2 in numbers
        rests = {n: lines[n][hit.end() :] for n, hit in marks}
        if restarts and len(headings) > 1:
            break
        if restarts and sorted(len(rest.split()) for rest in rests.values())[len(rests) // 2] < WORDS[0] // 2:
            return {n: rest for (n, rest), number in zip(rests.items(), numbers, strict=True) if number == 1}
        if len(numbers) > 1 or numbers == [1]:
            return rests
    if len(headings) > 1:
        return headings
    return bullets if len(bullets) > 1 else {}


def _entries(lines: list[str], starts: dict[int, str]) -> list[str]:
    """One text from each start to the next; what comes before the first is a lead-in."""
    ends = [*list(starts)[1:], len(lines)]
    bodies = [[rest, *lines[n + 1 : end]] for (n, rest), end in zip(starts.items(), ends, strict=True)]
    one_paragraph = all(sum(1 for _ in _blocks(body)) < 2 for body in bodies[:-1])
    last = next((n for n, line in enumerate(bodies[-1]) if _CLOSING.match(line)), None)
    bodies[-1] = bodies[-1][: last or None]
    if one_paragraph and len(bodies) > 1:
        bodies[-1] = next(_blocks(bodies[-1]), [])
    return [_body(body) for body in bodies]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Runs of lines that are not blank."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _body(lines: list[str]) -> str:
    """The lines of one text without titles; lines that are marked inside it are facts."""
    text = [line for line in lines if line.strip()]
    if len(text) > 1:
        text = [line for line in text if len(line) > 200 or not _HEADING.match(line)]
    marks = [_NUMBERED.match(line) or _BULLET.match(line) for line in text]
    if any(marks):
        return _sentences(line[hit.end() :] if hit else line for line, hit in zip(text, marks, strict=True))
    return " ".join(text)


def _paragraphs(lines: list[str]) -> list[str]:
    """One text to a paragraph or, where each line is one or more whole sentences of its own, to a line."""
    blocks = list(_blocks(lines))
    if blocks and _is_lead_in(blocks[0][0]) and sum(map(len, blocks)) > 1:
        blocks[0] = blocks[0][1:]
    if blocks and _CLOSING.match(blocks[-1][-1]):
        blocks[-1] = blocks[-1][:-1]
    blocks = [block for block in blocks if block]
    texts: list[str] = []
    for block in blocks:
        whole = all(_SENTENCE_END.search(line.rstrip()[-20:]) for line in block)
        if whole and (len(blocks) == 1 or all(len(line.split()) >= WORDS[0] for line in block)):
            texts += block
        else:
            texts.append(_body(block))
    return texts


def _is_lead_in(line: str) -> bool:
    line = line.rstrip()
    return len(line) < 300 and (line.endswith(":") or bool(_LEAD_IN.match(line) and _SENTENCE_END.search(line)))


def _tidy(text: str) -> str:
    """The text in one line, without what was put around it: quotation marks, bold type, a title."""
    text = " ".join(text.split())
    before = None
    while text != before:
        before = text
        text = clean(text)
        text = _OWN_LABEL.sub("", _TITLE.sub("", text, count=1), count=1) if text[:1] in "*_pP" else text
        if len(text) > 2 and text[0] in _QUOTES:
            inner = text.rstrip(",;")
            closing = _QUOTES[text[0]]
            # Quotation marks that come again inside belong to speech at the two ends.
            if inner.endswith(closing) and inner.count(closing, 1) - inner.count(f"n{closing}t") == 1:
                text = inner[1:-1].strip()
        for mark in ("**", "__", "*", "`"):
            if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
                text = text[len(mark) : -len(mark)].strip()
    return re.sub(r"(?<!\w)__(?=[^\W_])|(?<=[^\W_])__(?!\w)", "", text.replace("**", ""))
