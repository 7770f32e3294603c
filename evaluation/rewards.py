"""Rewards that ask a model: the judge's score by any protocol, wins among the siblings, how well a reply fits this
person and no other, and what could be learnt of the person by then (the profile reward of RLPA).

Plug-ins of the group `i2a.rewards`, found by name at run time; what a reward is stands in `scenarios.rewards`.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from math import exp, fsum

from agents.inducer import Inducer, beginnings
from agents.judge import Judge
from agents.prompt import Prompt
from agents.role import Role, RoleView
from evaluation.judge import Rater, find_rater
from i2a.errors import ModelError
from i2a.personas.pool import PersonaPool
from i2a.trees.persona import Persona
from i2a.trees.tree import Node, Tree, Utterance
from scenarios.replies import compare
from scenarios.rewards import Reward, Value, Worth, group_reward, of_function

NOTHING = "the person has revealed nothing yet"
OTHERS = 3  # persons among whom the right one is to be recognised: with it they are four, as in `i2a choice`


def judge(protocol: str) -> Reward:
    """`judge`: the score of 1 to 5 by the rubric of ALOE; `judge:strict`: 1 if it passes, else 0; `judge:FILE.py`."""
    rater = find_rater(protocol or "aloe")

    async def score(tree: Tree, reply: Node, judge: Rater) -> Value:
        """The judge's score."""
        if reply.parent is None:
            return None
        given = (await judge(reply.parent, reply)).score
        return given if rater.protocol.has(given) else None

    return of_function(score, f"judge:{protocol}" if protocol else "judge", {"judge": rater})


@group_reward()
async def wins(tree: Tree, replies: Sequence[Node], judge: Judge) -> list[Value]:
    """Which part of the other replies a reply beats; where the two orders disagree, the pair is half a win for both.

    A reply has none if one of its comparisons failed: it would be measured against others than its siblings are.
    """
    here = replies[0].parent
    pairs = [(a, b) for a in range(len(replies)) for b in range(a + 1, len(replies))]
    if here is None or not pairs:
        return [None] * len(replies)
    won = await asyncio.gather(*(compare(judge, here, replies[a], replies[b], label=False) for a, b in pairs))
    failed = {node for verdict in here.verdicts if verdict.winner is None for node in verdict[:2]}
    points = [0.0] * len(replies)
    for (a, b), winner in zip(pairs, won, strict=True):
        points[a] += 0.5 if winner is None else float(winner is replies[a])
        points[b] += 0.5 if winner is None else float(winner is replies[b])
    return [None if node in failed else each / (len(replies) - 1) for node, each in zip(replies, points, strict=True)]


class Reader(Role):
    """Is told whom it talks to. Values: `profile`, `personality`."""

    prompt = Prompt.beside(__file__, "reader.txt")
    chat_role = "assistant"


@group_reward(likelihoods=True)
async def recognised(tree: Tree, replies: Sequence[Node], reader: Reader) -> list[Value]:
    """How sure one who reads a reply can be that it was written for this person, and not for one of three others.

    The share of p(reply | dialogue, person) among those of the four, of a model with likelihoods.
    """
    person = tree.persona_at(replies[0])
    people = [person, *others(person, tree.seed)]
    contents = [reply.content for reply in replies]
    dialogue = [
        Utterance(reader.name if node.speaker == replies[0].speaker else "user", node.content)
        for node in replies[0].path[:-1]
    ]
    asked = [reader.messages(RoleView(dialogue), person.values) for person in people]
    found = await asyncio.gather(*(reader.model.likelihoods(messages, contents) for messages in asked))
    shares: list[Value] = []
    for of_reply in zip(*found, strict=True):
        best = max(each.logprob for each in of_reply)
        parts = [exp(each.logprob - best) for each in of_reply]
        shares.append(parts[0] / fsum(parts))
    return shares


def others(persona: Persona, seed: int) -> list[Persona]:
    """Three persons who are somebody else in profile and personality."""
    pool = _people()
    mine = (persona.profile, persona.personality)
    drawn = pool.draw(min(pool.pairs, 4 * OTHERS), seed)
    return [one for one in drawn if one.profile != mine[0] and one.personality != mine[1]][:OTHERS]


@cache
def _people() -> PersonaPool:
    """Those that come with i2a, read once: they are asked for in every place of every tree."""
    return PersonaPool.read(None, None)


class Guesser(Role):
    """Says what it knows of the person from the dialogue alone: in phrases, which the smallest model can write."""

    prompt = Prompt.beside(__file__, "guesser.txt")
    max_tokens = 256
    keeps_cut = True


@group_reward()
async def inferred(tree: Tree, replies: Sequence[Node], policy: Guesser, inducer: Inducer) -> list[Value | Worth]:
    """F1 of what the policy says it knows of the person after a reply, against what the person has revealed by then.

    By content words. As the profile reward of RLPA (arXiv 2505.15456), with the Inducer's list as the truth.
    """
    here = replies[0].parent
    if here is None:
        return [None] * len(replies)
    truth = here.inference or await inducer(here)
    known = {each for item in (*truth.profile, *truth.personality) for each in beginnings(item)}
    guesses = await asyncio.gather(*(policy(reply) for reply in replies), return_exceptions=True)
    values: list[Value | Worth] = []
    for guess in guesses:
        if isinstance(guess, ModelError):
            values.append(Worth(None, str(guess)))
        elif isinstance(guess, BaseException):
            raise guess
        else:
            values.append(f1(set(beginnings(guess.content)), known) if known else Worth(None, NOTHING))
    return values


def f1(guess: set[str], truth: set[str]) -> float:
    """2 x shared / (guessed + true); 0 if nothing is shared."""
    return 2 * len(guess & truth) / (len(guess) + len(truth)) if guess & truth else 0.0
