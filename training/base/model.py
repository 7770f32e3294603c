"""The base model: a small Llama whose attention starts out as induction heads, so that it can copy from the start."""

import math
from typing import Any, NamedTuple, Self

import torch
from transformers import LlamaConfig, LlamaForCausalLM

CONTEXT = 4096
STD = 0.04
THETA = 1e7  # slow rotations, so that content can be matched across a whole chat
QUIET = 0.1  # what the random parts add to the residual stream, so that they do not drown the built ones
SHARP = 2.0
MATCH = 4.0
OPENERS = (" I", "I", " my", "My")  # of what people say about themselves
START, TALK, FIND = (0.8, 3.0, 0.2), (0.5, 0.6), (4.0, 0.5)


def build(tokenizer: Any, *, hidden: int, layers: int, heads: int, seed: int) -> Any:
    """An untrained model. The same arguments give the same weights."""
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
        _copying(model, tokenizer)
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

    def look_back(self, fastest: float, slowest: float, strength: float, *, back: int = 0) -> None:
        """Attend to the token so far back, less and less to those around it; fast rotations make it narrow."""
        pairs = ((self.frequency <= fastest) & (self.frequency >= slowest)).float()
        turn = -back * self.frequency
        self.attention.q_proj.weight[self.rows, 0] = strength * torch.cat((pairs * turn.cos(), pairs * turn.sin()))
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


def _copying(model: Any, tokenizer: Any) -> None:
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

    for number, place in enumerate((space.before, space.earlier)):
        head = Head.of(model, 0, number)
        head.look_back(2.0, 0.01, 1.2, back=number + 1)
        head.move(space.now, place, 0.075)
    # Two that look alike: what is said is told from other words by twice as many dimensions.
    for number, place in enumerate((space.said, space.told)):
        induction = Head.of(model, 1, number)
        induction.match((space.now, space.before), (space.before, space.earlier), strength=MATCH)
        induction.move(place, place, 1.0)
    if len(model.model.layers) < 3:
        return

    openers = [number for text in OPENERS if len(found := tokenizer.encode(text)) == 1 for number in found]
    # A mark that they share, at the same length: attention to the token before depends on it.
    plain = embeddings[openers, 1:]
    marked = plain + plain.norm(dim=-1, keepdim=True) * space.now[0, 1:]
    embeddings[openers, 1:] = marked * plain.norm(dim=-1, keepdim=True) / marked.norm(dim=-1, keepdim=True)
    start = Head.of(model, 1, 2)
    start.look_back(0.08, 0.008, START[0])
    slow = int((start.frequency < 0.004).nonzero()[0]) + start.rows.start
    start.attention.q_proj.weight[slow, 0] = START[1]
    start.attention.k_proj.weight[slow] = START[1] * space.before[0]
    start.move(space.now, space.start, START[2])
    talk = Head.of(model, 1, 3)
    talk.look_back(0.15, 0.015, TALK[0])
    talk.move(space.now, space.talk, TALK[1])
    find = Head.of(model, 2, 0)
    find.match((space.talk, space.now), strength=FIND[0])
    find.move(space.start, space.now, FIND[1])
