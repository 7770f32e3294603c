"""A tree as one JSON line, `"format": "i2a.tree/1"`; a corpus is a file of such lines.

Only a tree whose personas have further fields, or that has several by role, is of `i2a.tree/2`.

Run it to update the schema of a line, `i2a/trees/tree.schema.json`: python -m i2a.trees.json
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from i2a import jsonl
from i2a.errors import UsageError
from i2a.trees.persona import Persona
from i2a.trees.tree import Inference, KeptAnswer, Label, Node, SentPrompt, TokenUsage, Tree, Utterance, Verdict
from i2a.validation import problem

FORMAT = "i2a.tree/1"
WITH_FIELDS = "i2a.tree/2"


class StoredUsage(BaseModel):
    prompt_tokens: int
    completion_tokens: int


class StoredVerdict(BaseModel):
    """Node ids; `winner` is null if the judge gave no usable answer, and `reason` then says why. `judge`: the model
    that gave it, where several do."""

    first: int
    second: int
    winner: int | None
    reason: str
    judge: str | None = None


class StoredPrompt(BaseModel):
    """What a role was sent beside the dialogue, see `i2a.trees.tree.SentPrompt`."""

    system: str = ""
    request: str = ""
    shows_dialogue: bool = False
    private: bool = False


class StoredAnswer(BaseModel):
    """An answer with structure, as JSON text. `prompt`: its place in the tree's `prompts`."""

    role: str
    content: str
    prompt: int = Field(ge=0)


class StoredNode(BaseModel):
    """`id` counts depth first from 0, and `parent` is the id of the node that this one answers.

    `prompt`: the place of what its speaker was sent in the tree's `prompts`, if that is kept.
    """

    model_config = ConfigDict(extra="forbid")

    id: int
    parent: int | None
    speaker: str
    content: str
    continued: bool
    label: Label | None
    inference: Inference | None
    verdicts: list[StoredVerdict]
    usage: StoredUsage | None
    finish_reason: str | None = None
    notes: dict[str, object] = {}
    prompt: int | None = Field(None, ge=0)
    answers: list[StoredAnswer] = []


class StoredPersona(BaseModel):
    """`fields`: whatever else is known of the person, by name; only in `i2a.tree/2`."""

    id: str
    profile: str
    personality: str
    profile_id: str
    personality_id: str
    fields: dict[str, JsonValue] = {}


class StoredTree(BaseModel):
    """One conversation: the persona, how it was grown, and its nodes depth first.

    `personas`: those of roles that play another one than `persona`; only in `i2a.tree/2`.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal["i2a.tree/1", "i2a.tree/2"]
    id: str
    scenario: str
    seed: int
    options: dict[str, object]
    persona: StoredPersona
    personas: dict[str, StoredPersona] = {}
    nodes: list[StoredNode]
    prompts: list[StoredPrompt] = []


def schema() -> dict[str, object]:
    """The JSON Schema (2020-12) of a line."""
    return StoredTree.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def dump(tree: Tree) -> str:
    """`tree` as one line of JSON, without the newline. Equal trees give equal text.

    Raises `UsageError` for what a script has written on a node that cannot be stored.
    """
    nodes = list(tree)
    for node in nodes:
        if node.label not in (None, *get_args(Label)):
            where = f"tree {tree.id}, what {node.speaker} says"
            raise UsageError(f'{where}: label {node.label!r}; write here.label = "preferred" or "rejected"')
    number = {node: i for i, node in enumerate(nodes)}
    further = bool(tree.personas) or any(persona.fields for persona in tree.people)
    prompts: dict[SentPrompt, int] = {}
    stored = {
        "format": WITH_FIELDS if further else FORMAT,
        "id": tree.id,
        "scenario": tree.scenario,
        "seed": tree.seed,
        "options": dict(tree.options),
        "persona": _persona(tree.persona),
        **({"personas": {role: _persona(each) for role, each in tree.personas.items()}} if tree.personas else {}),
        "nodes": [_node(node, number, prompts) for node in nodes],
    }
    if prompts:
        stored["prompts"] = [_without_defaults(prompt) for prompt in prompts]
    try:
        return json.dumps(stored, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise UsageError(f"tree {tree.id}: {_no_json(nodes)} is not JSON: {error}") from None


def load(line: str | bytes) -> Tree:
    """The tree in `line`. Raises `UsageError` that says what is wrong with it."""
    try:
        stored = StoredTree.model_validate_json(line)
    except ValidationError as error:
        raise UsageError(f"not a tree of format {FORMAT}: {problem(error)}") from None
    personas = {role: Persona(**each.model_dump()) for role, each in stored.personas.items()}
    persona = Persona(**stored.persona.model_dump())
    tree = Tree(stored.id, stored.scenario, persona, stored.seed, stored.options, personas=personas)
    prompts = [SentPrompt(**prompt.model_dump()) for prompt in stored.prompts]
    nodes: list[Node] = []
    for item in stored.nodes:
        if item.id != len(nodes) or (item.parent is not None and not 0 <= item.parent < item.id):
            raise UsageError(f"not a tree of format {FORMAT}: node {item.id} does not follow its parent")
        parent = None if item.parent is None else nodes[item.parent]
        usage = None if item.usage is None else TokenUsage(**item.usage.model_dump())
        node = tree.add(parent, Utterance(item.speaker, item.content, usage, item.finish_reason))
        node.inference, node.label, node.metadata = item.inference, item.label, item.notes
        try:
            node.prompt = None if item.prompt is None else prompts[item.prompt]
            node.answers = [KeptAnswer(answer.role, answer.content, prompts[answer.prompt]) for answer in item.answers]
        except IndexError:
            raise UsageError(f"not a tree of format {FORMAT}: node {item.id} names no prompt of the tree") from None
        nodes.append(node)
    for node, item in zip(nodes, stored.nodes, strict=True):
        node.continued = item.continued
        for verdict in item.verdicts:
            first, second = verdict.first, verdict.second
            if not (min(first, second) >= 0 and max(first, second) < len(nodes)):
                raise UsageError(f"not a tree of format {FORMAT}: a verdict of node {item.id} names no node")
            if verdict.winner not in (None, first, second):
                raise UsageError(f"not a tree of format {FORMAT}: a verdict of node {item.id} has another winner")
            winner = None if verdict.winner is None else nodes[verdict.winner]
            node.verdicts.append(Verdict(nodes[first], nodes[second], winner, verdict.reason, verdict.judge))
    return tree


def trees_of(run: Path) -> Path:
    """The file of trees of a run: `trees.jsonl` in its folder, or the `run` itself. Raises `UsageError`."""
    file = run / "trees.jsonl" if run.is_dir() else run
    if not file.is_file():
        raise UsageError(f"{run} holds no trees; `i2a simulate --out {run}` grows some, `i2a import` takes some in")
    return file


def read(path: Path) -> Iterator[Tree]:
    """The trees of a `trees.jsonl`, one at a time, less a torn last line. Raises `UsageError` with file and line."""
    return jsonl.parse(path, load, must_exist=True)


def write(path: Path, trees: Iterable[Tree]) -> int:
    """Write `trees` to `path`, one line each; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for tree in trees:
            file.write(dump(tree) + "\n")
            count += 1
    return count


def _persona(persona: Persona) -> dict[str, object]:
    stored: dict[str, object] = {
        "id": persona.id,
        "profile": persona.profile,
        "personality": persona.personality,
        "profile_id": persona.profile_id,
        "personality_id": persona.personality_id,
    }
    return stored | ({"fields": dict(persona.fields)} if persona.fields else {})


def _no_json(nodes: Sequence[Node]) -> str:
    """The first note on a node that JSON cannot hold, in words."""
    for node in nodes:
        for key, note in node.metadata.items():
            try:
                json.dumps({key: note}, allow_nan=False)
            except (TypeError, ValueError):
                return f"metadata[{key!r}] of what {node.speaker} says"
    return "the metadata of a node"


def _without_defaults(prompt: SentPrompt) -> dict[str, object]:
    return {name: value for name, value in prompt._asdict().items() if value}


def _node(node: Node, number: dict[Node, int], prompts: dict[SentPrompt, int]) -> dict[str, object]:
    """`prompts`: the distinct prompts so far, each with its place; those of this node are added."""
    stored: dict[str, object] = {
        "id": number[node],
        "parent": None if node.parent is None else number[node.parent],
        "speaker": node.speaker,
        "content": node.content,
        "continued": node.continued,
        "label": node.label,
        "inference": None
        if node.inference is None
        else {
            "reason": node.inference.reason,
            "profile": node.inference.profile,
            "personality": node.inference.personality,
        },
        "verdicts": [
            {
                "first": number[verdict.first],
                "second": number[verdict.second],
                "winner": None if verdict.winner is None else number[verdict.winner],
                "reason": verdict.reason,
                **({"judge": verdict.judge} if verdict.judge else {}),
            }
            for verdict in node.verdicts
        ],
        "usage": None if node.usage is None else node.usage._asdict(),
    }
    if node.finish_reason not in (None, "stop"):
        stored["finish_reason"] = node.finish_reason
    if node.metadata:
        stored["notes"] = node.metadata
    if node.prompt is not None:
        stored["prompt"] = prompts.setdefault(node.prompt, len(prompts))
    if node.answers:  # sorted: whichever of several calls about a node is done first, the tree is the same
        stored["answers"] = [
            {"role": role, "content": content, "prompt": prompts.setdefault(prompt, len(prompts))}
            for role, content, prompt in sorted(node.answers)
        ]
    return stored


if __name__ == "__main__":
    Path(__file__).with_name("tree.schema.json").write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
