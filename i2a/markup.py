"""What a model's text can hold besides its words: thoughts, and the special tokens of a chat template.

One table of forms, for servers and local models. What cannot be told from words is left alone, and `unclear`.
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

_NAME = r"[\w:.-]{0,40}(?:think|thought|reasoning|scratchpad|monologue)[\w:.-]{0,40}"
_HOW = r"(?:thinking|think|thought|thoughts|reasoning)"

# How a thought begins and ends. The name in a tag may have a prefix: <seed:think>, <mm:think>, <antthinking>.
FORMS = (
    (rf"<\s*{_NAME}(?:\s[^<>]{{0,80}})?/?>", rf"<\s*/\s*{_NAME}\s*>"),
    (rf"\[\s*{_HOW}\s*\]", rf"\[\s*/\s*{_HOW}\s*\]"),  # Magistral
    (rf"◁{_HOW}▷", rf"◁/{_HOW}▷"),  # Kimi
    (rf"<\|(?:begin_of_|start_of_|start_)?{_HOW}\|>", rf"<\|(?:end_of_|end_|/){_HOW}\|>"),  # Command A, OpenThinker
    (r"<\|channel>\s*thought\b|<unused94>\s*thought\b", r"<channel\|>|<unused95>"),  # Gemma 4, MedGemma
    (r"\A\s*Here(?:'s| is) my thought process:", r"Here(?:'s| is) my response:"),  # Granite
)
_TAG = re.compile("|".join(f"(?P<o{i}>{o})|(?P<c{i}>{c})" for i, (o, c) in enumerate(FORMS)), re.IGNORECASE)
_WRAPPER = re.compile(
    r"\s*(?P<open><(?P<name>answer|response|final|final_answer|output)>|<\|begin_of_solution\|>|<\|START_RESPONSE\|>)"
    r"(?P<text>.*?)(?:</(?P=name)>|<\|end_of_solution\|>|<\|END_RESPONSE\|>)?\s*",
    re.DOTALL | re.IGNORECASE,
)

# gpt-oss, see https://cookbook.openai.com/articles/openai-harmony; the second as it reads without special tokens.
_CHANNEL = re.compile(
    r"<\|channel\|>\s*(?P<name>\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
    r"(?P<text>.*?)(?:<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)|\Z)",
    re.DOTALL,
)
_OPENED_CHANNEL = re.compile(r"\s*(?=(?:analysis|commentary|final)(?:<\|constrain\|>[^<]*)?<\|message\|>)")
_BARE_CHANNELS = re.compile(r"\s*analysis(?=\S)(?P<thought>.*)assistant(?:commentary.*assistant)?final", re.DOTALL)

# Special tokens of chat templates: any <|word|>, those of Gemma and DeepSeek, and the few without a bar.
_SPECIAL = re.compile(
    r"<\|[^<>|\s]{1,40}\|?>|<[\w/]{1,40}\|>|<\uff5c[^\uff5c<>\s]{1,40}\uff5c>|</?s>|\[/?INST\]|\[/?SYSTEM_PROMPT\]|<</?SYS>>|\[gMASK\]"
    r"|<(?:bos|eos|eod|eot|pad|sop|eop|end_of_turn|start_of_turn|end_of_utterance|endoftext)>"
    r"|<(?:extra_id_|reserved_|unused)\d+>",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"(?:\s*(?:(?:<\|(?:im_start|start_header_id|start|turn)\|?>|<start_of_turn>)\s*(?:assistant|model)?\s*"
    r"(?:<\|(?:end_header_id|message|im_sep)\|>)?"
    r"|<\|(?:assistant|bot|model|CHATBOT_TOKEN|begin_of_text|startoftext|START_OF_TURN_TOKEN|START_RESPONSE"
    r"|begin_of_solution|im_sep)\|>|<\uff5c(?:Assistant|begin▁of▁sentence)\uff5c>|<bos>|\[/INST\]"
    r"|<s>(?![^<]{0,200}</s>[ \t]*\w)))+\s*",
    re.IGNORECASE,
)
_SENTENCE_ENDS = ".!?…\u3002\uff01\uff1f)*"  # or a line's
_A_FEW = 4  # words; a tag that somebody writes about encloses fewer


class Spoken(NamedTuple):
    """A text taken apart. `went_on`: it ran past the end of its turn, where `content` is cut."""

    content: str
    thought: str
    went_on: bool


def spoken(text: str) -> Spoken:
    """What is said in a reply: without thoughts, and up to the first special token that ends a turn."""
    opened = _OPENING.match(text)
    content, thought = _without_thoughts(text[opened.end() :] if opened else text)
    content, went_on = _up_to_the_end(content)
    return Spoken(content, thought, went_on)


def unclear(text: str) -> bool:
    """Whether `text` still holds what may be a thought or a special token, or somebody's words about one."""
    return bool(_TAG.search(text) or _SPECIAL.search(text))


def _without_thoughts(text: str) -> tuple[str, str]:
    """(content, thought)."""
    text = _OPENED_CHANNEL.sub("<|channel|>", text, count=1) if _OPENED_CHANNEL.match(text) else text
    if channels := list(_CHANNEL.finditer(text)):
        final = [channel["text"] for channel in channels if channel["name"] == "final"]
        others = [channel["text"] for channel in channels if channel["name"] != "final"]
        return final[0].strip() if final else "", "".join(others).strip()
    if bare := _BARE_CHANNELS.match(text):
        return text[bare.end() :].strip(), bare["thought"].strip()
    kept, thoughts = _blocks(text)
    if not thoughts:
        return text, ""
    content = kept.lstrip()
    if wrapper := _WRAPPER.fullmatch(content):
        content = wrapper["text"].strip()
    return content, "".join(thoughts).strip()


def _blocks(text: str) -> tuple[str, list[str]]:
    """What is outside of the blocks in `text`, and what is in them."""
    kept, thoughts, at, i = "", list[str](), 0, 0
    tags = list(_TAG.finditer(text))
    while i < len(tags):
        tag, form = tags[i], tags[i].lastgroup or ""
        if tag.start() < at or _quoted(text, tag):
            i += 1
        elif form[0] == "c":  # the template had opened it
            if not _SPECIAL.search(text[at : tag.start()]) and not _mentioned(text, tag):
                thoughts.append(kept + text[at : tag.start()])
                kept, at = "", tag.end()
            i += 1
        elif tag[0].endswith("/>"):
            thoughts.append("")
            kept, at, i = kept + text[at : tag.start()], tag.end(), i + 1
        else:
            last = _closing(tags, i)
            end = None if last is None else tags[last]
            if _is_block(text, tag, end, at):
                kept += text[at : tag.start()]
                thoughts.append(text[tag.end() : end.start() if end else None])
                at = end.end() if end else len(text)
                if kept[-1:].isspace():
                    at += len(text[at:]) - len(text[at:].lstrip())
            i = i + 1 if last is None else last + 1
    return kept + text[at:], thoughts


def _closing(tags: Sequence[re.Match[str]], opening: int) -> int | None:
    """Which tag closes this one: the one that balances it, or else the last that could."""
    form, depth, last = (tags[opening].lastgroup or "")[1:], 0, None
    for i in range(opening, len(tags)):
        if (tags[i].lastgroup or "")[1:] == form:
            closes = (tags[i].lastgroup or "")[0] == "c"
            depth += -1 if closes else 1
            last = i if closes else last
            if not depth:
                return i
    return last


def _is_block(text: str, tag: re.Match[str], end: re.Match[str] | None, at: int) -> bool:
    """Whether it stands where a thought does, or is too long for a word about one."""
    before = text[: tag.start()].rstrip(" \t")
    if not before.strip() or before[-1] in f"\n{_SENTENCE_ENDS}" or not text[at : tag.start()].strip():
        return True
    if end is None:
        return False
    inside = text[tag.end() : end.start()].strip()
    glued = text[end.end() : end.end() + 1].isalnum()
    return glued or "\n" in inside or len(inside.split()) >= _A_FEW or (not inside.isascii() and len(inside) > 15)


def _mentioned(text: str, tag: re.Match[str]) -> bool:
    """Whether a tag stands amid the words of a sentence: `I write </think> at times`."""
    return text[tag.start() - 1 : tag.start()] == " " and bool(re.match(r" [a-z]", text[tag.end() : tag.end() + 2]))


def _quoted(text: str, tag: re.Match[str]) -> bool:
    around = text[max(0, tag.start() - 1) : tag.start()] + text[tag.end() : tag.end() + 1]
    return len(around) == 2 and around in ("``", '""', "''", "“”", "\u2018\u2019", "«»")


def _up_to_the_end(text: str) -> tuple[str, bool]:
    """`text` up to the first special token, and whether there was one. A JSON object may hold some: it is whole."""
    for token in _SPECIAL.finditer(text, _end_of_json(text)):
        struck = token[0] in ("<s>", "</s>") and -1 < text.find("<s>", 0, token.end()) < text.rfind("</s>")
        if not struck and not _quoted(text, token):
            return text[: token.start()].rstrip(), True
    return text, False


def _end_of_json(text: str) -> int:
    start = len(text) - len(text.lstrip())
    if text[start : start + 1] != "{":
        return 0
    try:
        return int(json.JSONDecoder().raw_decode(text, start)[1])
    except (ValueError, RecursionError):
        return 0
