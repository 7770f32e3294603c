"""From personas, or from the dialogues of any run, to items. What `i2a benchmark build` runs.

In each tree a dialogue is held (or told again), and at some of its turns the replies of an item are drafted: by the
Responders of a simulation, with hints about this person or about another.
"""

import asyncio
import random
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from agents.responders import RejectedResponder
from evaluation.cases import USER, Case, Cases, crossed, recorded
from evaluation.choice.drafts import Draft, balanced, lead, leads, recalled, recalls_earlier
from evaluation.choice.items import FILE, ChoiceDialogue, ChoiceItem, ItemSet, ItemsHeader, fingerprint
from evaluation.choice.settings import ItemBuild
from evaluation.choice.writers import ROLES, Around, Stranger, Writers, manner_shown
from i2a.errors import UsageError
from i2a.jsonl import JsonMapping
from i2a.models.autogen import Client
from i2a.models.model import Model
from i2a.runs.clients import check_clients, spec_for
from i2a.runs.outcome import RunResult
from i2a.runs.panels import turns_of
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import RunFolder
from i2a.runs.runner import execute
from i2a.runs.session import Session
from i2a.runs.simulated import is_simulated
from i2a.runs.sync import run_sync
from i2a.simulator.language.text import sentences, stems
from i2a.trees.json import read
from i2a.trees.persona import Persona
from i2a.trees.tree import PERSONA, Inference, Node, Tree, Utterance
from scenarios.people import LATER
from scenarios.replies import replies

ITEM = "choice"  # where the metadata of a message holds its item


@dataclass(frozen=True, slots=True)
class BuildResult:
    """How the `run` ended, and the items; None while dialogues are left, or where no dialogue gave any."""

    run: RunResult
    items: ItemSet | None = None


def build_items(
    config: ItemBuild, *, clients: Mapping[str, Client] = {}, console: Console | None = None
) -> BuildResult:
    """Make items, e.g. `build_items(ItemBuild(out="runs/items"))`, and write them to `items.jsonl` in its folder.

    `clients` are open model clients of your own, by role or model string; `"*"` serves every role without one. Raises
    `UsageError` for what is not as it must be, before anything is written or called.
    """
    return run_sync(build_items_async(config, clients=clients, console=console))


async def build_items_async(
    config: ItemBuild, *, clients: Mapping[str, Client] = {}, console: Console | None = None
) -> BuildResult:
    """`build_items` for callers that await."""
    plan, cases = plan_build(config, clients)
    run = await execute(plan, config, console=console)
    if not run.complete:
        return BuildResult(run)
    folder = RunFolder(run.folder)
    dialogues = tuple(filter(None, map(dialogue_of, read(folder.trees_file))))
    if not dialogues:
        return BuildResult(run)
    items = ItemSet(header_of(config, plan, cases, dialogues, folder.manifest()), dialogues)
    items.write(run.folder / FILE)
    return BuildResult(run, items)


def plan_build(config: ItemBuild, clients: Mapping[str, Client] = {}) -> tuple[RunPlan, Cases]:
    """Raises `UsageError` for whatever cannot work."""
    if unknown := next((role for role in config.role_model if role not in ROLES), None):
        raise UsageError(f"a build has no role {unknown!r}; its roles: {', '.join(ROLES)}")
    models = {role: spec_for(role, config.role_model.get(role, config.model), clients) for role in ROLES}
    check_clients(clients, models)
    if config.source is None:
        cases = crossed(config.profiles, config.personalities, config.cases, config.seed)
    elif config.profiles or config.personalities:
        raise UsageError("--from takes the personas from the run: leave out --profiles and --personalities")
    else:
        cases = recorded(config.source, config.cases, config.seed)
    later = becoming(config, cases)
    by_id = {case.id: case for case in cases.all}
    strangers = {case.id: others(case, cases, config.seed)[: config.drafts] for case in cases.all}

    def grow(tree: Tree, session: Session) -> Awaitable[None]:
        clients = session.clients(tree.id, tree.seed, models)
        return held(tree, clients, by_id[tree.id], strangers[tree.id], config)

    plan = RunPlan(
        fingerprint={
            "scenario": "choice items",
            "personas": cases.fingerprint,
            "turns": config.turns,
            "every": config.every,
            "drafts": config.drafts,
            "seed": config.seed,
            "models": {role: str(spec) for role, spec in models.items()},
            "prompts": {name: role.prompt.fingerprint for name, role in ROLES.items()},
            **({} if config.change is None else {"change": config.change}),
        },
        models=models,
        trees=[
            Tree(case.id, "choice items", case.persona, case.seed, personas=later.get(case.id, {}))
            for case in cases.all
        ],
        grow=grow,
        unit="dialogues",
        steps=lambda tree: (turns_of(tree)[0], config.turns),
        warnings=cases.warnings,
    )
    return plan, cases


def becoming(config: ItemBuild, cases: Cases) -> dict[str, dict[str, Persona]]:
    """By case, whom its person becomes, if it changes. Raises `UsageError`."""
    if config.change is None:
        return {}
    if config.source is not None:
        raise UsageError("--from takes dialogues in which nobody changes: leave out --change")
    if config.change > config.turns:
        raise UsageError(f"--change {config.change}: there are {config.turns} turns; raise --turns")
    return {case: {LATER: persona} for case, persona in cases.becoming("personality", config.seed).items()}


def others(case: Case, cases: Cases, seed: int) -> list[Persona]:
    """Personas of another profile and another personality, in an order drawn for this case. Raises `UsageError`."""
    mine = case.persona
    found = [
        other.persona
        for other in cases.all
        if other.persona.profile_id != mine.profile_id and other.persona.personality_id != mine.personality_id
    ]
    if not found:
        raise UsageError("items need personas of at least two profiles and two personalities; add cases")
    random.Random(f"{seed}/{case.id}/others").shuffle(found)
    return found


async def held(
    tree: Tree, clients: Mapping[str, Model], case: Case, others: Sequence[Persona], config: ItemBuild
) -> None:
    """Hold the dialogue, or tell a stored one again, with an item at every `config.every` turns where one can be made.

    As in the scenario of the paper, either reply, drawn at random, continues a new dialogue.
    """
    writers = Writers.of(tree.persona, clients)
    responder = RejectedResponder("rejected", clients["rejected"])
    strangers = await asyncio.gather(*(Stranger.met(other, clients["user"], responder) for other in others))
    around = await Around.of(tree, clients, responder) if config.change else None
    here: Node | None = None
    turns = min(config.turns, case.messages) if case.dialogue else config.turns
    stored = dict(zip(case.dialogue, case.dialogue[1:], strict=False))
    told = [node for node in case.dialogue if node.speaker == USER]
    for turn in range(1, turns + 1):
        wanted = turn % config.every == 0
        if case.dialogue:
            source = told[turn - 1]
            here = tree.add(here, Utterance(USER, source.content))
            here.inference = source.inference
            if wanted and here.inference is None:
                here.inference = await writers.inducer(here)
            if wanted:
                drafting = Drafting(here, writers, strangers, config.drafts, strangers, manner_shown(tree, here))
                await add_item(tree, here, drafting)
            if (reply := stored.get(source)) is None or reply.speaker == USER:
                break
            here = tree.keep(tree.add(here, Utterance(reply.speaker, reply.content)))
        else:
            changes = turn == config.change
            writers = writers.told_of(tree.personas[LATER]) if changes else writers
            here = tree.add(here, await writers.user(here))
            here.metadata |= {PERSONA: LATER} if changes else {}
            pair = await replies(writers.inducer, writers.preferred, writers.rejected, here)
            if wanted:
                other = strangers if around is None else [around.other(tree, here)]
                await add_item(
                    tree, here, Drafting(here, writers, strangers, config.drafts, other, manner_shown(tree, here))
                )
            here = tree.keep(tree.add(here, tree.random.choice(pair)))


async def add_item(tree: Tree, here: Node, drafting: "Drafting") -> None:
    """Keep an item with the message `here`, if drafts make one."""
    hinted = await drafting.hinted()
    if not (fits := drafting.recalling(hinted)):
        return
    belongs = frozenset[str]().union(*(draft.lines for draft in hinted))
    facts = [*await drafting.misplaced(belongs), *await drafting.foreign()]
    manner, generic = await drafting.ill_mannered(), await drafting.generic()
    chance = random.Random(f"{tree.id}/{tree.seed}/{len(here.path)}")
    said = [node.content for node in here.path if node.speaker == USER]
    item = balanced(said, fits, facts, manner, generic, chance)
    if item is not None:
        here.metadata[ITEM] = {
            "options": {kind: draft.text for kind, draft in item._asdict().items()},
            "facts_of": item.facts.of or tree.persona.id,
            "manner_of": item.manner.of,
        }


@dataclass(frozen=True, slots=True)
class Drafting:
    """Drafts of replies to the message `here`, with whose inference it is known what the chat has shown.

    Of each kind there are at most `count`; those that are not of their kind after all are left out. `ill`: in whose
    manner the ill-mannered ones are; `shown`: the messages in the person's own.
    """

    here: Node
    writers: Writers
    strangers: Sequence[Stranger]
    count: int
    ill: Sequence[Stranger]
    shown: Sequence[str]

    @property
    def known(self) -> Inference:
        assert self.here.inference is not None
        return self.here.inference

    async def hinted(self) -> list[Draft]:
        """With what the chat has shown."""
        return [
            self._draft((await self.writers.preferred(self.here, inducer=self.known)).content, "")
            for _ in range(self.count)
        ]

    def recalling(self, drafts: Sequence[Draft]) -> list[Draft]:
        """Those that recall what an earlier message revealed."""
        known, last = self.known.profile, self.here.content
        return [draft for draft in drafts if recalls_earlier(draft.text, known, last) and self._is_new(draft.text)]

    async def foreign(self) -> list[Draft]:
        """This person's manner, with facts of somebody else."""
        found = []
        for stranger in self.strangers:
            lines = list(sentences(stranger.persona.profile))
            hint = Inference(reason="", profile=lines, personality=self.known.personality)
            text = (await self.writers.preferred(self.here, inducer=hint)).content
            if recalled(text, lines) and self._is_new(text):
                found.append(self._draft(text, stranger.persona.id))
        return found

    async def misplaced(self, belongs: frozenset[str]) -> list[Draft]:
        """This person's manner and facts, in a reply to earlier messages that have least to do with this one.

        `belongs`: what a reply to this one brings up, and what is not misplaced.
        """
        messages = [node for node in self.here.path[:-1] if node.speaker == USER]
        said = stems(self.here.content)
        messages.sort(key=lambda node: len(said & stems(node.content)))
        found = []
        for message in messages[: self.count]:
            draft = self._draft((await self.writers.preferred(message, inducer=self.known)).content, "")
            if draft.lines and not draft.lines & belongs and self._is_new(draft.text):
                found.append(draft)
        return found

    async def ill_mannered(self) -> list[Draft]:
        """This person's facts, in the manner that suits somebody else.

        The Responder sees the last message behind a chat with that other person, and so picks up the other manner.
        """
        own = leads(self.shown)
        found = []
        for stranger in self.ill:
            manner = list(sentences(stranger.persona.personality))
            hint = Inference(reason="", profile=self.known.profile, personality=manner)
            message = Node(stranger.here, USER, self.here.content)
            text = (await self.writers.preferred(message, inducer=hint)).content
            if lead(text) not in own and self._is_new(text):
                found.append(self._draft(text, stranger.persona.id))
        return found

    async def generic(self) -> list[Draft]:
        """No hint, and nothing in it that the chat has shown."""
        texts = [(await self.writers.rejected(self.here)).content for _ in range(self.count)]
        return [draft for text in texts if not (draft := self._draft(text, "")).lines and self._is_new(text)]

    def _draft(self, text: str, of: str) -> Draft:
        return Draft(text, of, frozenset(recalled(text, self.known.profile)))

    def _is_new(self, reply: str) -> bool:
        return all(reply != node.content for node in self.here.path)


def dialogue_of(tree: Tree) -> ChoiceDialogue | None:
    """The dialogue of a grown tree and its items; None if it gave none."""
    path = list(tree)  # drafts are no nodes, so it has one branch
    items = [
        ChoiceItem(turn=place // 2 + 1, **message.metadata[ITEM])
        for place, message in enumerate(path)
        if ITEM in message.metadata
    ]
    if not items:
        return None
    messages = [node.content for node in path][: 2 * items[-1].turn - 1]
    persona = tree.persona
    return ChoiceDialogue(
        case=tree.id,
        profile=persona.profile_id,
        personality=persona.personality_id,
        messages=messages,
        items=items,
    )


def header_of(
    config: ItemBuild, plan: RunPlan, cases: Cases, dialogues: Sequence[ChoiceDialogue], manifest: JsonMapping
) -> ItemsHeader:
    personas = {case.id: case.persona for case in cases.all}
    used = [personas[dialogue.case] for dialogue in dialogues]
    return ItemsHeader(
        command=command_of(config),
        writer={
            role: {"model": str(spec), "prompt": ROLES[role].prompt.fingerprint} for role, spec in plan.models.items()
        },
        simulated=is_simulated(manifest),
        provenance=cases.provenance,
        fingerprint=fingerprint(dialogues),
        profiles={persona.profile_id: persona.profile for persona in used},
        personalities={persona.personality_id: persona.personality for persona in used},
        change=config.change,
    )


def command_of(config: ItemBuild) -> str:
    """The command line that makes these items, less what may differ from one session to the next."""
    fields = ItemBuild.model_fields
    words = ["i2a", "benchmark", "build"]
    for name in ItemBuild.__annotations__:
        value = getattr(config, name)
        if name == "out" or value in (fields[name].get_default(), None, {}):
            continue
        flag = "--from" if name == "source" else f"--{name.replace('_', '-')}"
        values = [f"{key}={text}" for key, text in value.items()] if isinstance(value, dict) else [str(value)]
        words += [word for text in values for word in (flag, text)]
    return " ".join(words)
