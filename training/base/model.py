"""The base model: a small Llama whose attention starts out as induction heads, so that it can copy from the start."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import torch
from transformers import LlamaConfig, LlamaForCausalLM

CONTEXT = 4096
STD = 0.04
THETA = 1e7  # slow rotations, so that content can be matched across a whole chat
QUIET = 0.1  # what the random parts add to the residual stream, so that they do not drown the built ones
SHARP = 2.0  # of the last norm: how sure it is of what it copies
FAINT = 0.6  # share of a common token's identity that is left out: rare words decide what matches
OPENERS = (" I", "I", " my", "My")  # of what people say about themselves


def build(tokenizer: Any, *, hidden: int, layers: int, heads: int, seed: int, common: Sequence[int] = ()) -> Any:
    """An untrained model; `common` are tokens that say little about what a text is about. The same arguments give the
    same weights."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden,
            intermediate_size=hidden * 8 // 3 // 32 * 32,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            max_position_embeddings=CONTEXT,
            rope_parameters={"rope_type": "default", "rope_theta": THETA},
            initializer_range=STD,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    with torch.no_grad():
        _copying(model, tokenizer, list(common))
    return model


class Subspaces(NamedTuple):
    """Directions of the residual stream, each (n, hidden) with orthonormal rows, and none along the shared one.

    `now`: what a token is; `before` and `earlier`: what the one and the two before it were; `said` and `told`: what
    is copied; `start`: the word with which the clause began; `talk`: the words of the last sentence or two.
    """

    now: torch.Tensor
    before: torch.Tensor
    earlier: torch.Tensor
    said: torch.Tensor
    told: torch.Tensor
    start: torch.Tensor
    talk: torch.Tensor

    @classmethod
    def draw(cls, hidden: int) -> Self:
        basis = torch.zeros(hidden - 1, hidden)
        basis[:, 1:] = torch.linalg.qr(torch.randn(hidden - 1, hidden - 1))[0]
        part = (hidden - 1) // len(cls._fields)
        return cls(*basis[: part * len(cls._fields)].split(part))


class Head(NamedTuple):
    """One head of an attention layer, and how fast each of its pairs of dimensions rotates with distance."""

    attention: Any
    rows: slice
    frequency: torch.Tensor

    @classmethod
    def of(cls, model: Any, layer: int, number: int) -> Self:
        """An empty one: it attends to everything alike and says nothing."""
        config = model.config
        dim = config.hidden_size // config.num_attention_heads
        rows, attention = slice(number * dim, number * dim + dim), model.model.layers[layer].self_attn
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            projection.weight[rows] = 0.0
        attention.o_proj.weight[:, rows] = 0.0
        return cls(attention, rows, THETA ** (-torch.arange(dim // 2) / (dim // 2)))

    def look_back(self, fastest: float, slowest: float, strength: float, *, back: int = 0, away: bool = False) -> None:
        """Attend to the token so far back, less and less to those around it, or the other way round; fast rotations
        make it narrow."""
        pairs = ((self.frequency <= fastest) & (self.frequency >= slowest)).float()
        turn = -back * self.frequency
        asked = -strength if away else strength
        self.attention.q_proj.weight[self.rows, 0] = asked * torch.cat((pairs * turn.cos(), pairs * turn.sin()))
        self.attention.k_proj.weight[self.rows, 0] = strength * torch.cat((pairs, torch.zeros_like(pairs)))

    def match(self, *asked_held: tuple[torch.Tensor, torch.Tensor], strength: float) -> None:
        """Attend to where what is held is what is asked for. Only what rotates slowly compares over a long way."""
        slow = (self.frequency < 0.004).nonzero().flatten()
        for place, (asked, held) in enumerate(asked_held):
            pairs = slow[place :: len(asked_held)]
            rows = torch.cat((pairs, pairs + len(self.frequency)))[: len(held)] + self.rows.start
            self.attention.q_proj.weight[rows] = strength * asked[: len(rows)]
            self.attention.k_proj.weight[rows] = strength * held[: len(rows)]

    def move(self, source: torch.Tensor, target: torch.Tensor, strength: float) -> None:
        """Write what is found there in one subspace into another."""
        rows = slice(self.rows.start, self.rows.start + min(len(source), len(self.frequency) * 2))
        count = rows.stop - rows.start
        self.attention.v_proj.weight[rows] = source[:count]
        self.attention.o_proj.weight[:, rows] = strength * target[:count].T


def _copying(model: Any, tokenizer: Any, common: list[int]) -> None:
    """Induction heads as in Olsson et al. 2022, made rather than learnt; cf. mimetic initialisation (Trockman & Kolter
    2023). With three layers or more, others find a clause by its words and say how it began."""
    hidden = model.config.hidden_size
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.mul_(QUIET)
        layer.mlp.down_proj.weight.mul_(QUIET)
    model.model.norm.weight.fill_(SHARP)
    embeddings = model.model.embed_tokens.weight
    space = Subspaces.draw(hidden)
    embeddings[:, 0] = 0.5 * STD * math.sqrt(hidden)
    # Rare words decide what matches; all keep their length, on which attention to the token before depends.
    _set(embeddings, common, lambda plain: plain - FAINT * plain @ space.now[:, 1:].T @ space.now[:, 1:])

    for number, place in enumerate((space.before, space.earlier)):
        head = Head.of(model, 0, number)
        head.look_back(2.0, 0.01, 1.2, back=number + 1)
        head.move(space.now, place, 0.075)
    last = min(2, len(model.model.layers) - 1)
    # Two that look alike: what is said is told from other words by twice as many dimensions.
    for number, place in enumerate((space.said, space.told)):
        induction = Head.of(model, last, number)
        induction.match((space.now, space.before), (space.before, space.earlier), strength=4.0)
        induction.move(place, place, 1.0)
    if len(model.model.layers) < 3:
        return

    openers = [number for text in OPENERS if len(found := tokenizer.encode(text)) == 1 for number in found]
    _set(embeddings, openers, lambda plain: plain + plain.norm(dim=-1, keepdim=True) * space.now[0, 1:])
    start = Head.of(model, 1, 0)
    start.look_back(0.08, 0.008, 1.6)
    slow = int((start.frequency < 0.004).nonzero()[0]) + start.rows.start
    start.attention.q_proj.weight[slow, 0] = 2.0
    start.attention.k_proj.weight[slow] = 2.0 * space.before[0]
    start.move(space.now, space.start, 0.2)
    talk = Head.of(model, 1, 1)
    talk.look_back(0.15, 0.015, 0.5)
    talk.move(space.now, space.talk, 0.6)
    find = Head.of(model, 2, 2)
    find.match((space.talk, space.now), strength=3.0)
    find.look_back(0.15, 0.015, 1.2, away=True)
    find.move(space.start, space.now, 0.8)


def _set(embeddings: Any, tokens: list[int], change: Callable[[Any], Any]) -> None:
    """Change what is random of some embeddings, but not their lengths."""
    plain = embeddings[tokens, 1:]
    changed = change(plain)
    embeddings[tokens, 1:] = changed * plain.norm(dim=-1, keepdim=True) / changed.norm(dim=-1, keepdim=True)
