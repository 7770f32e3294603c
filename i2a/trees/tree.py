"""A conversation tree while it grows: only facts are stored; paths, siblings and pairs are computed from them.

It does not know agents or models, and stores who spoke, not chat roles. Its form on disk: `i2a.trees.json`.
"""

from __future__ import annotations

import random
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from i2a.jsonl import JsonMapping, JsonObject
from i2a.text import counted, one_line
from i2a.trees.persona import Persona

if TYPE_CHECKING:
    from pandas import DataFrame

Label = Literal["preferred", "rejected"]
MessageDict = dict[str, str]  # `role` and `content`, as the chat API of OpenAI has them
SHOWN = 60  # characters of an utterance in a line

# In the metadata of a node: the faults that an utterance was kept with, those for which it was asked for again before,
# and by role how many of the oldest turns were left out of the calls that it comes from or that are about it.
FAULTS, ASKED_AGAIN, LEFT_OUT = "faults", "asked_again", "turns_left_out"
RATINGS = "ratings"  # and of a rated reply: what each judge gave it
OTHER_RATINGS = (
    "other_ratings"  # of one whose user changes: what it gave it told of the persona that does not hold there
)
NOTE, MEMORY = "note", "memory"  # speakers: who shows a note of earlier sessions and asks for one, and who writes it
SESSION = "session"  # in the metadata of the first node of a session: which one it is, from 1
PERSONA = "persona"  # there too: which of the tree's `personas` the user is from this node on

# And of a reply of a policy: the digest of the tokens that were drawn, which the journal keeps; by name what each
# reward gives it (None: it could not be had) and their weighted sum; why a reward could not be had.
SAMPLE, REWARDS, REWARD, UNSCORED = "sample", "rewards", "reward", "unscored"


class Inference(BaseModel):
    """What an attentive reader already knows about the user, in the persona's own words."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: str = Field(description="One or two sentences, written before the answer")
    profile: list[str] = Field(description="Parts of the profile that the user's messages have revealed")
    personality: list[str] = Field(description="Parts of the personality that the user's messages have shown")


class TokenUsage(NamedTuple):
    """Tokens of one call, as the model's server counted them."""

    prompt_tokens: int
    completion_tokens: int


class SentPrompt(NamedTuple):
    """What a role was sent beside the dialogue: a system message and a request, a user message; empty if there is none.

    `shows_dialogue`: the request shows the dialogue as a transcript; else the dialogue followed as chat messages.
    `private`: it holds a hint that must not be learnt, so no training row has it.
    """

    system: str
    request: str = ""
    shows_dialogue: bool = False
    private: bool = False


class KeptAnswer(NamedTuple):
    """An answer with structure that a role gave about a node, as JSON text, and the prompt that it answered."""

    role: str
    content: str
    prompt: SentPrompt


class Utterance(NamedTuple):
    """What a role says, before it stands in a tree. `finish_reason`: why the model ended there, see `Node`.

    `notes`: what the metadata of its node begins with, such as the faults that it was kept with. `prompt`: what the
    role was sent, if that is kept.
    """

    speaker: str
    content: str
    usage: TokenUsage | None = None
    finish_reason: str | None = None
    notes: JsonMapping = MappingProxyType({})
    prompt: SentPrompt | None = None


class Placed(Utterance):
    """An utterance that stands in a tree already, as `node`: one of several replies, through which a script goes on."""

    node: Node


class Verdict(NamedTuple):
    """One comparison of two replies, in the order in which the judge saw them.

    `winner` is `first` or `second`, or None where the judge gave no usable answer; `reason` then says why. `judge`: the
    model that gave it, where several do.
    """

    first: Node
    second: Node
    winner: Node | None
    reason: str
    judge: str | None = None


@dataclass(eq=False, slots=True, repr=False)
class Node:
    """One utterance. `verdicts` compare its children; `label` is what agreeing verdicts say about this node.

    `finish_reason`: why it ends there, where that is known and not because all was said ("stop"): "length", it was cut
    at its limit of tokens; "stop_string", the model went on past its end, and was cut there; "unknown".
    `prompt`: what its speaker was sent beside the dialogue; `answers`: those with structure about this node. Both only
    where they are kept, see `agents.role.Role.keeps_prompt`.
    """

    parent: Node | None
    speaker: str
    content: str
    usage: TokenUsage | None = None
    finish_reason: str | None = None
    inference: Inference | None = None
    label: Label | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    continued: bool = False
    metadata: JsonObject = field(default_factory=dict)
    prompt: SentPrompt | None = None
    answers: list[KeptAnswer] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    def __repr__(self) -> str:
        text = one_line(self.content)
        said = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        return f"<Node {self.speaker}{f' [{self.label}]' if self.label else ''}: {said!r}>"

    @property
    def cut(self) -> bool:
        """Whether it breaks off in the middle."""
        return self.finish_reason == "length"

    def number(self, name: str) -> float | None:
        """A number in the metadata, `a.b` for a nested one; None if there is none."""
        found: object = self.metadata
        for key in name.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None

    @property
    def path(self) -> list[Node]:
        """The utterances from the first one to this one."""
        path: list[Node] = []
        node: Node | None = self
        while node is not None:
            path.append(node)
            node = node.parent
        return path[::-1]

    @property
    def siblings(self) -> list[Node]:
        """The other answers to what this node answers."""
        return [] if self.parent is None else [node for node in self.parent.children if node is not self]


class Pair(NamedTuple):
    """A preference pair; `chosen` and `rejected` (as TRL has them) answer the last node of `history`, or open."""

    history: list[Node]
    chosen: Node
    rejected: Node

    @property
    def verdicts(self) -> list[Verdict]:
        """The usable verdicts on it; none on openings, which nobody compares under a node."""
        both = {self.chosen, self.rejected}
        given = self.history[-1].verdicts if self.history else []
        return [verdict for verdict in given if verdict.winner and {*verdict[:2]} == both]

    @property
    def margin(self) -> float | None:
        """The share of the usable verdicts for the chosen reply, less that for the rejected one.

        From -1 to 1; None without verdicts, as for an imported pair, whose label comes from the record.
        """
        winners = [verdict.winner for verdict in self.verdicts]
        return (winners.count(self.chosen) - winners.count(self.rejected)) / len(winners) if winners else None


def chat_messages(path: Sequence[Node], answering: AbstractSet[str]) -> list[MessageDict]:
    """A path as chat messages, in the view of the speakers who are `answering`: they are the assistant.

    So are those whose utterance stands in place of theirs. Consecutive messages of one side become one.
    """
    messages: list[MessageDict] = []
    for node in path:
        mine = node.speaker in answering or any(other.speaker in answering for other in node.siblings)
        role, content = "assistant" if mine else "user", node.content.strip()
        if messages and messages[-1]["role"] == role:
            content = f"{messages.pop()['content']}\n\n{content}"
        messages.append({"role": role, "content": content})
    return messages


def as_sent(prompt: SentPrompt | None, dialogue: list[MessageDict]) -> list[MessageDict]:
    """The messages of a request; consecutive ones of the user become one. A private prompt is left out."""
    if prompt is None or prompt.private:
        return dialogue
    messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
    rest = [] if prompt.shows_dialogue else dialogue
    if prompt.request:
        request = prompt.request
        if rest and rest[0]["role"] == "user":
            request, rest = f"{request}\n\n{rest[0]['content']}", rest[1:]
        messages.append({"role": "user", "content": request})
    return [*messages, *rest]


@dataclass(eq=False, repr=False)
class Tree:
    """A conversation with one persona. The same (scenario, options, persona, seed) and models grow the same tree.

    `personas`: by role, for those that play somebody else. `chance`: what `random` is drawn from, if not its id and
    seed; it is not stored, as a tree that is read is not grown.
    """

    id: str
    scenario: str
    persona: Persona
    seed: int
    options: JsonMapping = field(default_factory=dict)
    roots: list[Node] = field(default_factory=list)
    personas: Mapping[str, Persona] = field(default_factory=dict, kw_only=True)
    chance: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        self.chance = self.chance or f"{self.id}/{self.seed}"

    @cached_property
    def random(self) -> random.Random:
        """The script's source of chance. Draw in a fixed order: never from branches that grow at the same time."""
        return random.Random(self.chance)

    def persona_of(self, role: str) -> Persona:
        """Whom a role is told about: its own persona, if it has one, else that of the tree."""
        return self.personas.get(role, self.persona)

    @property
    def people(self) -> list[Persona]:
        """All whom it is with: its persona, and those of roles or, of one who changes, the later one."""
        return [self.persona, *self.personas.values()]

    def persona_at(self, node: Node) -> Persona:
        """Whom the user is at `node`: the persona of the tree until a node on the path names another one of `personas`
        under `PERSONA` in its metadata."""
        names = [said.metadata[PERSONA] for said in node.path if PERSONA in said.metadata]
        return self.personas[names[-1]] if names else self.persona

    def add(self, parent: Node | None, utterance: Utterance) -> Node:
        """Put an utterance under `parent` (None: it opens the dialogue), which the dialogue thereby goes through.

        One that stands there already (`Placed`) is put nowhere, and its node returned.
        Raises `TypeError` for anything else, such as a call of a role that was not awaited.
        """
        if not isinstance(utterance, Utterance):
            if isinstance(utterance, Coroutine):
                utterance.close()
                raise TypeError("tree.add got a call that was not awaited; write: tree.add(here, await ROLE(here))")
            raise TypeError(
                f"tree.add takes an Utterance, not a {type(utterance).__name__}; add what a role says in text"
            )
        if not isinstance(parent, Node | None):
            raise TypeError(f"tree.add takes a node to answer, or None, not a {type(parent).__name__}")
        if isinstance(utterance, Placed) and utterance.node.parent is parent:
            return utterance.node
        speaker, content, usage, finish_reason, notes, prompt = utterance
        node = Node(parent, speaker, content, usage, finish_reason, metadata=dict(notes), prompt=prompt)
        if parent is None:
            self.roots.append(node)
        else:
            parent.continued = True
            parent.children.append(node)
        return node

    def keep(self, node: Node) -> Node:
        """Mark that the dialogue continues through `node`, even if nothing follows it."""
        node.continued = True
        return node

    def forget(self) -> None:
        """Be empty again, as before it grew."""
        self.roots.clear()
        self.__dict__.pop("random", None)

    def __repr__(self) -> str:
        nodes = sum(1 for _ in self)
        said = f"{counted(nodes, 'utterances')}, {counted(len(self.pairs), 'labelled pairs')}"
        return f"<Tree {self.id}: scenario {self.scenario}, persona {self.persona.id}, seed {self.seed}, {said}>"

    def __iter__(self) -> Iterator[Node]:
        """All nodes, depth first, siblings in the order in which they were added."""
        stack = self.roots[::-1]
        while stack:
            node = stack.pop()
            yield node
            stack += node.children[::-1]

    @property
    def ends(self) -> list[Node]:
        """The last node of each dialogue that really took place (a reply that was not continued is none)."""
        return [node for node in self if node.continued and not any(child.continued for child in node.children)]

    @property
    def pairs(self) -> list[Pair]:
        """Every labelled pair of alternatives; pairs without a label are left out."""
        return [
            Pair(chosen.path[:-1], chosen, rejected)
            for chosen in self
            if chosen.label == "preferred"
            for rejected in self.alternatives(chosen)
            if rejected.label == "rejected"
        ]

    def alternatives(self, node: Node) -> list[Node]:
        """The utterances in one place, `node` among them: all answers to what it answers, or all openings; but sessions
        follow each other."""
        if node.parent is not None:
            return node.parent.children
        return [node] if SESSION in node.metadata else self.roots

    def to_messages(self, node: Node | None = None, *, viewpoint: str | None = None) -> list[MessageDict]:
        """The dialogue up to `node` as OpenAI's chat messages; None: the whole of it.

        `viewpoint` is the speaker who is the assistant; the others are the user. None: all but the speaker who opened
        the dialogue are the assistant. Raises `ValueError` where several dialogues took place (see `ends`), and for a
        viewpoint that nobody has.
        """
        ends = [node] if node else self.ends
        if not ends:
            return []
        if len(ends) > 1:
            raise ValueError(f"{self.id} holds {len(ends)} dialogues; say which: to_messages(tree.ends[0])")
        path = ends[0].path
        if viewpoint is None:
            return chat_messages(path, {one.speaker for one in path} - {path[0].speaker})
        speakers = dict.fromkeys(one.speaker for one in self)
        if viewpoint not in speakers:
            raise ValueError(f"nobody called {viewpoint!r} speaks in {self.id}; there are: {', '.join(speakers)}")
        return chat_messages(path, {viewpoint})

    def to_dataframe(self) -> DataFrame:
        """A table of its utterances, a row each, see `i2a.trees.frame.utterances`. Needs pandas."""
        from i2a.trees.frame import to_dataframe, utterances

        return to_dataframe(utterances([self]))
