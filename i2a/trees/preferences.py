"""Formats whose record is a preference: `trl`, `openai_pairs`, `sharegpt_pairs` and `hh`, the transcripts of HH-RLHF.

A record becomes a dialogue whose last message has two answers, labelled; `trl` also has the forms with one answer.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from i2a.errors import UsageError
from i2a.jsonl import JsonMapping, JsonObject
from i2a.trees import chats
from i2a.trees.chats import OPENAI, SHAREGPT, ChatTurn, Dialect
from i2a.trees.formats import Format, Rows
from i2a.trees.tree import Label, Node, Tree

Messages = list[JsonObject]


@dataclass(frozen=True)
class PairForm:
    """`split`: a record as (prompt, chosen, rejected, what else it says); `join`: the first three as a record.

    `holds_system`: whether a system prompt can be among the messages.
    """

    name: str
    dialect: Dialect
    split: Callable[[JsonObject], tuple[object, object, object, JsonObject]]
    join: Callable[[Messages, Messages, Messages], JsonObject]
    holds_system: bool = True

    def read(self, record: JsonObject) -> Tree:
        """The tree of a record. Raises `UsageError`."""
        prompt, chosen, rejected, rest = self.split(record)
        tree, user = opened(self.name, self.dialect, record, prompt)
        answers = turns(self.dialect, chosen, "chosen"), turns(self.dialect, rejected, "rejected")
        compare(tree, user, answers, self.name)
        return chats.mark(tree, self.name, rest)

    def rows(self, tree: Tree, *, assistant: str = "") -> Rows:
        """A row for each labelled pair."""
        who, rows, held = chats.speakers_of(tree, assistant), [], dict[Node, None]()
        for pair in tree.pairs:
            if not pair.history:
                continue
            answers = [answered(node) for node in (pair.chosen, pair.rejected)]
            prompt = chats.messages_of(pair.history, self.dialect, self.name, who, system=self.holds_system)
            replies = [[_as_assistant(self.dialect, node, self.name, who) for node in nodes] for nodes in answers]
            rows.append(self.join(prompt, *replies) | chats.noted(tree.roots[0], self.name, "record"))
            held |= dict.fromkeys([*pair.history, *answers[0], *answers[1]])
        counts = chats.left_out(tree, held, self.name, labels=True)
        if rows and not self.holds_system and chats.SYSTEM in tree.roots[0].metadata:
            counts["system prompts"] += 1
        return Rows(rows, {"rows": len(rows)}, counts)


def _as_assistant(dialect: Dialect, node: Node, format: str, who: Callable[[Node], str]) -> JsonObject:
    """A reply as a message; who is compared is the assistant."""
    speaker = who(node) if node.label is None else "assistant"
    return dialect.write(speaker, node.content, chats.noted(node, format, "message"))


def turns(dialect: Dialect, messages: object, where: str) -> list[ChatTurn]:
    """A list of messages, or a text as one of the assistant."""
    if isinstance(messages, str):
        return [ChatTurn("assistant", messages, {})]
    found = chats.get_list({where: messages}, where)
    return [dialect.read(message, f"{where}[{place}]") for place, message in enumerate(found)]


def opened(format: str, dialect: Dialect, record: JsonObject, prompt: object) -> tuple[Tree, Node]:
    """A tree with the prompt in it, and its last message. A text is one of the user."""
    said = [ChatTurn("user", prompt, {})] if isinstance(prompt, str) else turns(dialect, prompt, "prompt")
    tree = chats.new_tree(chats.tree_id(format, record, record.get("id")))
    return tree, chats.begin(tree, said, format)


def answer(tree: Tree, user: Node, said: Sequence[ChatTurn], label: Label | None, format: str) -> Node:
    """Add an answer, as a rule of one message, with its label; returns its first message."""
    chats.append(tree, user, said, format)
    first = user.children[-1]
    first.label = label
    if len(said) > 1:
        chats.note(first, format, "answer", {"messages": len(said)})
    return first


def compare(tree: Tree, user: Node, answers: tuple[Sequence[ChatTurn], Sequence[ChatTurn]], format: str) -> None:
    """Add the preferred answer, through which the dialogue goes, and the rejected one."""
    answer(tree, user, answers[0], "preferred", format)
    leave(answer(tree, user, answers[1], "rejected", format))


def leave(first: Node) -> None:
    """The dialogue does not go through an answer that begins with this node."""
    for node in answered(first):
        node.continued = False


def answered(first: Node) -> list[Node]:
    """The nodes of an answer: one, or as many as its record had."""
    notes = [said["answer"] for said in first.metadata.values() if isinstance(said, dict) and "answer" in said]
    found = [first]
    while notes and len(found) < notes[0]["messages"]:
        found.append(found[-1].children[0])
    return found


# What OpenAI's preference fine-tuning takes, and LLaMA-Factory's layout of ShareGPT.


def _split_openai(record: JsonObject) -> tuple[object, object, object, JsonObject]:
    given = record.get("input")
    prompt = given.get("messages") if isinstance(given, dict) else given
    rest = {k: v for k, v in record.items() if k not in ("input", "preferred_output", "non_preferred_output")}
    if isinstance(given, dict) and given.keys() != {"messages"}:
        rest["input"] = given
    return prompt, record.get("preferred_output"), record.get("non_preferred_output"), rest


def _join_openai(prompt: Messages, chosen: Messages, rejected: Messages) -> JsonObject:
    return {"input": {"messages": prompt}, "preferred_output": chosen, "non_preferred_output": rejected}


def _split_sharegpt(record: JsonObject) -> tuple[object, object, object, JsonObject]:
    rest = {k: v for k, v in record.items() if k not in ("conversations", "chosen", "rejected")}
    return record.get("conversations"), [record.get("chosen")], [record.get("rejected")], rest


def _join_sharegpt(prompt: Messages, chosen: Messages, rejected: Messages) -> JsonObject:
    return {"conversations": prompt, "chosen": chosen[0], "rejected": rejected[0]}


# Transcripts: "\n\nHuman: ...\n\nAssistant: ..."

_TURN = re.compile(r"\n\n(Human|Assistant):(?: |(?=\n|$))")
_TRANSCRIPT = {"Human": "user", "Assistant": "assistant"}


def _transcript(text: object, where: str) -> Messages:
    parts = _TURN.split(text) if isinstance(text, str) else []
    if len(parts) < 3 or parts[0]:
        raise UsageError(f"{where} is no transcript that begins with a blank line and Human:")
    return [{"role": _TRANSCRIPT[role], "content": said} for role, said in zip(parts[1::2], parts[2::2], strict=True)]


def _split_hh(record: JsonObject) -> tuple[object, object, object, JsonObject]:
    chosen, rejected = (_transcript(record.get(name), name) for name in ("chosen", "rejected"))
    if chosen[:-1] != rejected[:-1] or len(chosen) < 2:
        raise UsageError("chosen and rejected differ in more than the last message")
    parts = chosen[:-1], chosen[-1:], rejected[-1:]
    return *parts, chats.differing(record, _join_hh(*parts))


def _join_hh(prompt: Messages, chosen: Messages, rejected: Messages) -> JsonObject:
    def text(messages: Messages) -> str:
        names = {"assistant": "Assistant"}
        return "".join(f"\n\n{names.get(str(said['role']), 'Human')}: {said['content']}" for said in messages)

    return {"chosen": text([*prompt, *chosen]), "rejected": text([*prompt, *rejected])}


def _is_hh(record: JsonMapping) -> bool:
    both = [record.get(name) for name in ("chosen", "rejected")]
    return "prompt" not in record and all(isinstance(text, str) and text.lstrip().startswith("Human:") for text in both)


# TRL.

Kind = Literal["auto", "preference", "prompt_completion"]


def _is_trl(record: JsonMapping) -> bool:
    if _is_hh(record) or "conversations" in record:
        return False
    pair = "chosen" in record and "rejected" in record and ("prompt" in record or isinstance(record["chosen"], list))
    return pair or ("completion" in record and "prompt" in record)


def _read_trl(record: JsonObject) -> Tree:
    """Preferences, with the prompt apart or in both answers; and a prompt with one completion, labelled or not.

    Messages or texts: which it was is kept.
    """
    if "completion" in record:
        return _read_completion(record)
    chosen, rejected, prompt = record.get("chosen"), record.get("rejected"), record.get("prompt")
    form = "texts" if isinstance(prompt, str) and isinstance(chosen, str) else "messages"
    rest = {name: value for name, value in record.items() if name not in ("prompt", "chosen", "rejected")}
    if isinstance(chosen, list) and isinstance(rejected, list) and not isinstance(prompt, list):
        common = 0
        while common < min(len(chosen), len(rejected)) and chosen[common] == rejected[common]:
            common += 1
        if common and common == min(len(chosen), len(rejected)):  # the same answer twice
            common -= 1
        form = "implicit"
        if prompt is not None:  # as UltraFeedback repeats it
            rest["prompt"] = prompt
        if common:
            prompt, chosen, rejected = chosen[:common], chosen[common:], rejected[common:]
        elif prompt is not None:
            form = "text and messages"
        else:
            raise UsageError("chosen and rejected have no message in common that they answer")
    tree, user = opened("trl", OPENAI, record, prompt)
    compare(tree, user, (turns(OPENAI, chosen, "chosen"), turns(OPENAI, rejected, "rejected")), "trl")
    if form != "messages":
        rest["i2a_form"] = form
    return chats.mark(tree, "trl", rest)


def _read_completion(record: JsonObject) -> Tree:
    prompt, completion, label = record.get("prompt"), record.get("completion"), record.get("label")
    tree, user = opened("trl", OPENAI, record, prompt)
    named: Label | None = ("preferred" if label else "rejected") if isinstance(label, bool) else None
    answer(tree, user, turns(OPENAI, completion, "completion"), named, "trl")
    rest = {name: value for name, value in record.items() if name not in ("prompt", "completion")}
    if isinstance(prompt, str) and isinstance(completion, str):
        rest["i2a_form"] = "texts"
    return chats.mark(tree, "trl", rest | {"i2a_type": "prompt_completion"})


def _trl(tree: Tree, *, type: Kind = "auto", assistant: str = "") -> Rows:
    """`preference`: a row for each labelled pair; `prompt_completion`: one for each dialogue, of its last reply.

    `auto`: as the tree came in, else preferences where there are pairs. `assistant`: whose replies are learnt.
    """
    kept = chats.noted(tree.roots[0], "trl", "record") if tree.roots else {}
    if type == "auto":
        paired = any(pair.history for pair in tree.pairs)
        type = "preference" if kept.get("i2a_type") is None and paired else "prompt_completion"
    rest = {name: value for name, value in kept.items() if not name.startswith("i2a_")}
    who, rows, held = chats.speakers_of(tree, assistant), list[JsonObject](), dict[Node, None]()
    if type == "preference":
        for pair in tree.pairs if kept.get("i2a_type") is None else ():
            if pair.history:
                both = [answered(node) for node in (pair.chosen, pair.rejected)]
                made = {"chosen": both[0], "rejected": both[1]}
                rows.append(_trl_row(pair.history, made, who, str(kept.get("i2a_form", ""))) | rest)
                held |= dict.fromkeys([*pair.history, *both[0], *both[1]])
    else:
        for end in tree.ends:
            path = end.path
            if place := _completion(path, who):
                made = {"completion": answered(path[place])}
                rows.append(_trl_row(path[:place], made, who, str(kept.get("i2a_form", ""))) | rest)
                held |= dict.fromkeys([*path[:place], *made["completion"]])
    labels = type == "preference" or isinstance(rest.get("label"), bool)
    return Rows(rows, {"rows": len(rows)}, chats.left_out(tree, held, "trl", labels=labels))


def _completion(path: Sequence[Node], who: Callable[[Node], str]) -> int:
    """Where in a dialogue its last answer begins; 0: there is none."""
    several = (place for place, node in enumerate(path) if place and chats.noted(node, "trl", "answer"))
    last = (place for place in range(len(path) - 1, 0, -1) if who(path[place]) == "assistant")
    return next(several, next(last, 0))


def _trl_row(
    history: Sequence[Node], answers: dict[str, list[Node]], who: Callable[[Node], str], form: str
) -> JsonObject:
    prompt = chats.messages_of(history, OPENAI, "trl", who)
    said = {name: [_as_assistant(OPENAI, node, "trl", who) for node in nodes] for name, nodes in answers.items()}
    match form:
        case "texts":
            return {"prompt": prompt[-1]["content"], **{name: nodes[-1]["content"] for name, nodes in said.items()}}
        case "implicit":
            return {name: [*prompt, *nodes] for name, nodes in said.items()}
        case "text and messages":
            return {"prompt": prompt[-1]["content"], **said}
    return {"prompt": prompt, **said}


_openai_pairs = PairForm("openai_pairs", OPENAI, _split_openai, _join_openai)
_sharegpt_pairs = PairForm("sharegpt_pairs", SHAREGPT, _split_sharegpt, _join_sharegpt)
_hh = PairForm("hh", OPENAI, _split_hh, _join_hh, holds_system=False)

openai_pairs = Format(
    _openai_pairs.rows, read=_openai_pairs.read, fits=lambda record: "preferred_output" in record and "input" in record
)
sharegpt_pairs = Format(
    _sharegpt_pairs.rows,
    read=_sharegpt_pairs.read,
    fits=lambda record: "conversations" in record and "chosen" in record and "rejected" in record,
)
hh = Format(_hh.rows, flat=True, read=_hh.read, fits=_is_hh)
trl = Format(_trl, read=_read_trl, fits=_is_trl)
