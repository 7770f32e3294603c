"""Candidates choose: from settings to numbers. What `i2a choice` runs.

Each tree is a dialogue with its items as one candidate was asked about them. `choices.jsonl` and `summary.json` are
derived from the trees, and written anew by each session that completes the run.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console

from evaluation.candidates import Candidate
from evaluation.cases import Case, Cases, case_seed, shuffled
from evaluation.choice.ask import ORACLE, SHUFFLED, Asking, Method, asking, parse, prompts, shown
from evaluation.choice.baselines import Shares
from evaluation.choice.items import OPTIONS, ChoiceDialogue, ItemSet
from evaluation.choice.numbers import Choices, ChoiceSummary, summarise
from evaluation.choice.settings import Choosing
from evaluation.summary import write as write_summary
from i2a import jsonl
from i2a.errors import UsageError
from i2a.files import atomic_write
from i2a.jsonl import JsonMapping, JsonObject
from i2a.models.autogen import Client
from i2a.models.spec import ModelSpec
from i2a.runs.clients import check_clients, has_likelihoods, spec_for
from i2a.runs.outcome import RunResult
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import execute
from i2a.runs.session import Session
from i2a.runs.sync import run_sync
from i2a.trees.frame import to_dataframe
from i2a.trees.json import read
from i2a.trees.tree import Node, Tree, Utterance
from i2a.validation import problem

if TYPE_CHECKING:
    from pandas import DataFrame

CHOICES = "choices.jsonl"
CHOSEN = "choice"  # where the metadata of a message holds what was chosen
CANDIDATE, REFERENCE = "candidate", "reference"
DrawChoices = Callable[[ChoiceSummary, Path], object]


@dataclass(frozen=True, slots=True)
class ChoiceRunResult:
    """How the `run` ended and what it measured: no `summary` while dialogues are left. `written`: `summary.json`."""

    run: RunResult
    summary: ChoiceSummary | None = None
    written: JsonMapping = field(default_factory=dict)

    def to_dataframe(self) -> "DataFrame":
        """A table of the choices, a row for each item and candidate. Needs pandas."""
        rows = (row for tree in read(RunFolder(self.run.folder).trees_file) for row in choices_of(tree))
        return to_dataframe(
            {name: value for name, value in row.items() if name != "share"}
            | {f"share_{option}": (row["share"] or {}).get(option) for option in OPTIONS}
            for row in rows
        )


@dataclass(frozen=True, slots=True)
class ChoicePlan:
    run: RunPlan
    items: ItemSet
    candidates: Mapping[str, Candidate]
    methods: Mapping[str, Method]
    conditions: JsonMapping


class StoredChoice(BaseModel):
    """A line of `choices.jsonl`."""

    model_config = ConfigDict(extra="allow", strict=True)

    candidate: str
    case: str
    turn: int
    share: dict[str, float] | None
    reason: str


def choose(
    config: Choosing,
    *,
    clients: Mapping[str, Client] = {},
    console: Console | None = None,
    draw: DrawChoices | None = None,
) -> ChoiceRunResult:
    """Have candidates choose, e.g. `choose(Choosing(out="runs/choice", candidates=["hf:runs/dpo"]))`.

    `clients` are open model clients of your own, by the name of a candidate, as `reference`, or by model string. `draw`
    is called with the summary and the folder of a complete run. Raises `UsageError` for what is not as it must be,
    before anything is written or called.
    """
    return run_sync(choose_async(config, clients=clients, console=console, draw=draw))


async def choose_async(
    config: Choosing,
    *,
    clients: Mapping[str, Client] = {},
    console: Console | None = None,
    draw: DrawChoices | None = None,
) -> ChoiceRunResult:
    """`choose` for callers that await."""
    plan = plan_choices(config, clients)
    run = await execute(plan.run, config, console=console)
    if not run.complete:
        return ChoiceRunResult(run)
    result = derive(plan, run, config)
    if draw is not None and result.summary is not None:
        draw(result.summary, run.folder)
    return result


def plan_choices(config: Choosing, clients: Mapping[str, Client] = {}) -> ChoicePlan:
    """Raises `UsageError` for whatever cannot work."""
    items = some(ItemSet.read(config.items), config.cases, config.seed)
    candidates = candidates_of(config, clients)
    reference = spec_for(REFERENCE, config.reference, clients) if config.reference else None
    if items.header.change and any(candidate.wrapper == ORACLE for candidate in candidates.values()):
        raise UsageError("oracle: is told of one persona, and those of these items change; leave it out")
    methods = {name: method_of(candidate, config, reference) for name, candidate in candidates.items()}
    models = {name: candidate.model for name, candidate in candidates.items()}
    models |= {REFERENCE: reference} if reference else {}
    check_clients(clients, models)
    if config.baseline not in (None, *candidates):
        raise UsageError(f"--baseline {config.baseline!r} is no candidate; choose one of: {', '.join(candidates)}")
    conditions = {
        "items": items.described,
        "seed": config.seed,
        "reference": str(reference) if reference else None,
    }
    trees, dialogues = laid_out(candidates, items, config.seed)

    def grow(tree: Tree, session: Session) -> Awaitable[None]:
        candidate, dialogue, donor = dialogues[tree.id]
        roles = {CANDIDATE: candidate.model} | ({REFERENCE: reference} if reference else {})
        clients = session.clients(tree.id, tree.seed, roles)
        how = asking(
            candidate.wrapper,
            methods[candidate.name],
            clients[CANDIDATE],
            clients.get(REFERENCE),
            tree.persona,
            f"{config.seed}/{dialogue.case}",
        )
        return asked(tree, how, candidate.wrapper, dialogue, donor)

    def steps(tree: Tree) -> tuple[int, int]:
        return sum(CHOSEN in node.metadata for node in tree), len(dialogues[tree.id][1].items)

    writer = {role: who["model"] for role, who in items.header.writer.items()}
    plan = RunPlan(
        fingerprint={
            "scenario": "choice",
            "protocol": "choice",
            **conditions,
            "models": writer,  # of those who made the items: a run is as simulated as these are
            "candidates": {
                name: {
                    "wrapper": candidate.wrapper,
                    "model": str(candidate.model),
                    "method": methods[name],
                    "prompt": prompts(candidate.wrapper, methods[name]),
                }
                for name, candidate in candidates.items()
            },
        },
        models=models,
        trees=trees,
        grow=grow,
        unit="dialogues",
        steps=steps,
        step_unit="choices",
        simulated=dict.fromkeys(writer.values(), items.header.simulated),
        roles={
            CANDIDATE: list(dict.fromkeys(candidate.model for candidate in candidates.values())),
            **({REFERENCE: [reference]} if reference else {}),
        },
    )
    return ChoicePlan(plan, items, candidates, methods, conditions)


def some(items: ItemSet, count: int | None, seed: int) -> ItemSet:
    """The items of `count` dialogues, drawn over all people; more of them hold fewer. Raises `UsageError` if there are
    fewer."""
    if count is None:
        return items
    if count > len(items.dialogues):
        raise UsageError(f"there are items of {len(items.dialogues)} dialogues; ask for no more --cases than these")
    drawn = set(shuffled((dialogue.case for dialogue in items.dialogues), seed)[:count])
    return ItemSet(items.header, tuple(dialogue for dialogue in items.dialogues if dialogue.case in drawn))


def candidates_of(config: Choosing, clients: Mapping[str, Client]) -> dict[str, Candidate]:
    """By name. Raises `UsageError` if there is none, or a name stands for two."""
    found: dict[str, Candidate] = {}
    for text in config.candidates:
        candidate = parse(text)
        if candidate.name in (*found, REFERENCE):
            raise UsageError(f"{candidate.name!r} cannot name a candidate twice; give each a name: NAME=MODEL")
        model = spec_for(candidate.name, str(candidate.model), clients)
        found[candidate.name] = replace(candidate, model=model)
    if not found:
        raise UsageError("name at least one candidate, e.g. `i2a choice hf:runs/dpo offline:generic --out runs/choice`")
    return found


def method_of(candidate: Candidate, config: Choosing, reference: ModelSpec | None) -> Method:
    """How the candidate is asked. Raises `UsageError` for a model without the likelihoods that are needed."""
    for spec in [candidate.model, *([reference] if reference else [])]:
        if config.method == "letters" and reference is None:
            return "letters"
        if not has_likelihoods(spec):
            if config.method == "logprobs" or reference is not None:
                why = "--reference" if reference is not None else "--method logprobs"
                raise UsageError(f"{spec}: {why} needs log-probabilities, which this model does not give")
            return "letters"
    return "logprobs"


def laid_out(
    candidates: Mapping[str, Candidate], items: ItemSet, seed: int
) -> tuple[list[Tree], dict[str, tuple[Candidate, ChoiceDialogue, ChoiceDialogue | None]]]:
    """An empty tree for each candidate and dialogue, `CANDIDATE/CASE`; and by its id, who is asked about what.

    Of a shuffled candidate there is a third: the dialogue whose history it is shown instead.
    """
    trees, dialogues = [], {}
    by_case = {dialogue.case: dialogue for dialogue in items.dialogues}
    cases = Cases(tuple(Case(case, items.persona(by_case[case]), case_seed(case, seed)) for case in by_case), "")
    for name, candidate in candidates.items():
        for case in cases.all:
            donor = by_case[cases.donor(case, seed).id] if candidate.wrapper == SHUFFLED else None
            options = {"candidate": name, "case": case.id} | ({"stranger": donor.case} if donor else {})
            tree = Tree(f"{name}/{case.id}", "choice", case.persona, case.seed, options)
            trees.append(tree)
            dialogues[tree.id] = candidate, by_case[case.id], donor
    return trees, dialogues


async def asked(tree: Tree, how: Asking, wrapper: str, dialogue: ChoiceDialogue, donor: ChoiceDialogue | None) -> None:
    """Put the dialogue into the tree, ask about all of its items at once, and keep each choice with its message."""
    here: Node | None = None
    messages: list[Node] = []
    for place, text in enumerate(dialogue.messages):
        here = tree.keep(tree.add(here, Utterance("assistant" if place % 2 else "user", text)))
        messages += [here] if place % 2 == 0 else []

    async def ask(message: Node, history: Sequence[str], place: int) -> None:
        message.metadata[CHOSEN] = await how.ask(history, dialogue.items[place])

    for item in dialogue.items:
        for kind in OPTIONS:
            tree.add(messages[item.turn - 1], Utterance(kind, item.options[kind]))
    async with asyncio.TaskGroup() as group:
        for place, item in enumerate(dialogue.items):
            history = shown(wrapper, dialogue.until(item.turn), donor.messages if donor else ())
            group.create_task(ask(messages[item.turn - 1], history, place))


def choices_of(tree: Tree) -> Iterator[JsonObject]:
    """The lines of `choices.jsonl` that a tree holds, turn after turn."""
    persona = tree.persona
    for message in tree:
        if CHOSEN in message.metadata:
            yield {
                "candidate": tree.options["candidate"],
                "case": tree.options["case"],
                "profile": persona.profile_id,
                "personality": persona.personality_id,
                "turn": (len(message.path) + 1) // 2,
                **message.metadata[CHOSEN],
            }


def derive(plan: ChoicePlan, run: RunResult, config: Choosing) -> ChoiceRunResult:
    """The numbers of a complete run, from its trees."""
    folder = RunFolder(run.folder)
    file = run.folder / CHOICES
    try:
        with atomic_write(file) as target:
            for tree in read(folder.trees_file):
                for line in choices_of(tree):
                    target.write(jsonl.dumps(line).encode() + b"\n")
    except OSError as error:
        raise UsageError(f"{file}: cannot be written: {error.strerror}") from None
    found = read_choices(file)
    choices: dict[str, Choices] = {name: found.get(name, {}) for name in plan.candidates}
    summary = summarise(plan.items.dialogues, choices, plan.conditions, plan.methods, baseline=config.baseline)
    local = folder.manifest().get("models", {})
    written = summary.as_json() | {
        "models": {
            name: {"wrapper": candidate.wrapper, "model": str(candidate.model)}
            | ({"effective": local[str(candidate.model)]} if str(candidate.model) in local else {})
            for name, candidate in plan.candidates.items()
        },
        "reasons": reasons(file),
        "usage": run.usage.as_json(),
    }
    write_summary(run.folder / "summary.json", written)
    return ChoiceRunResult(run, summary, written)


def read_choices(file: Path) -> dict[str, dict[tuple[str, int], Shares | None]]:
    """What each candidate chose, by case and turn. Raises `UsageError` with file and line."""
    found: dict[str, dict[tuple[str, int], Shares | None]] = {}
    for line in jsonl.parse(file, _stored, must_exist=True):
        share: Any = line.share
        found.setdefault(line.candidate, {})[line.case, line.turn] = share
    return found


def reasons(file: Path) -> dict[str, dict[str, int]]:
    """For each candidate, how often each reason left an item without a choice."""
    found: dict[str, dict[str, int]] = {}
    for line in jsonl.parse(file, _stored, must_exist=True):
        if line.share is None:
            of = found.setdefault(line.candidate, {})
            of[line.reason] = of.get(line.reason, 0) + 1
    return found


def _stored(line: bytes) -> StoredChoice:
    try:
        found = StoredChoice.model_validate_json(line)
    except ValidationError as error:
        raise UsageError(f"not a choice: {problem(error)}") from None
    if found.share is not None and set(found.share) != set(OPTIONS):
        raise UsageError(f"not a choice: share has {', '.join(found.share)}")
    return found
