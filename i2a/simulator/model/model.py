"""The base model: a small Llama whose attention starts out able to copy, and to find what a message is about."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase
from transformers.models.llama.modeling_llama import LlamaAttention

from i2a.simulator.model.batches import Associations
from i2a.simulator.model.documents import ASSISTANT, USER

CONTEXT = 4096
STD = 0.04
THETA = 1e7  # slow rotations, so that content can be matched across a whole chat
SLOW = 0.004  # radians a token, from which on a pair of dimensions compares over a long way
QUIET = 0.1  # what the random parts add to the residual stream, so that they do not drown the built ones
SHARP = 2.0  # of the last norm: how sure it is of what it copies
FAINT = 0.6  # share of a common token's identity that is left out: rare words decide what matches
TOPICS = 18  # dimensions of the cues of a message and of the words that answer them
ABOUT = 0.45  # length of a token's associations, as a share of a whole embedding


def build(
    tokenizer: PreTrainedTokenizerBase,
    *,
    hidden: int,
    layers: int,
    heads: int,
    seed: int,
    common: Sequence[int] = (),
    associations: Associations | None = None,
) -> LlamaForCausalLM:
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
        space = Subspaces.draw(hidden, topics=topic_dimensions(hidden // heads))
        _copying(model, space, common)
        if associations is not None and layers > 2:
            _finding(model, space, associations, *tokenizer.convert_tokens_to_ids([USER, ASSISTANT]))
    return model


def topic_dimensions(dim: int) -> int:
    """How many dimensions of a head of `dim` compare topics over a long way; one slow pair is left for the speaker."""
    return min(TOPICS, 2 * int((_frequencies(dim) < SLOW).sum()) - 2)


def _frequencies(dim: int) -> torch.Tensor:
    return THETA ** (-torch.arange(dim // 2) / (dim // 2))


class Subspaces(NamedTuple):
    """Directions of the residual stream, each (n, hidden) with orthonormal rows, and none along the shared one.

    `now`: what a token is; `before` and `earlier`: what the one and the two before it were; `copied` and `copied_too`:
    what is copied; `cue` and `answer`: its associations; `talk`: the cues of the last words; `speaker`: who says it.
    """

    now: torch.Tensor
    before: torch.Tensor
    earlier: torch.Tensor
    copied: torch.Tensor
    copied_too: torch.Tensor
    cue: torch.Tensor
    answer: torch.Tensor
    talk: torch.Tensor
    speaker: torch.Tensor
    tag: torch.Tensor

    @classmethod
    def draw(cls, hidden: int, *, topics: int) -> Self:
        """`topics`: dimensions of each of `cue`, `answer` and `talk`."""
        topics = max(1, min(topics, (hidden - 8) // 8))
        part = (hidden - 3 - 3 * topics) // 5
        sizes = (*[part] * 5, *[topics] * 3, 1, 1)
        basis = torch.zeros(hidden - 1, hidden)
        basis[:, 1:] = torch.linalg.qr(torch.randn(hidden - 1, hidden - 1))[0]
        return cls(*basis[: sum(sizes)].split(sizes))


class Head(NamedTuple):
    """One head of an attention layer, and how fast each of its pairs of dimensions rotates with distance."""

    attention: LlamaAttention
    rows: slice
    frequency: torch.Tensor

    @classmethod
    def of(cls, model: LlamaForCausalLM, layer: int, number: int) -> Self:
        """An empty one: it attends to everything alike and says nothing."""
        config = model.config
        dim = config.hidden_size // config.num_attention_heads
        rows, attention = slice(number * dim, number * dim + dim), model.model.layers[layer].self_attn
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
            projection.weight[rows] = 0.0
        attention.o_proj.weight[:, rows] = 0.0
        return cls(attention, rows, _frequencies(dim))

    def look_back(self, fastest: float, slowest: float, strength: float, *, back: int = 0) -> None:
        """Attend to the token so far back, less and less to those around it; fast rotations make it narrow."""
        pairs = ((self.frequency <= fastest) & (self.frequency >= slowest)).float()
        turn = -back * self.frequency
        self.attention.q_proj.weight[self.rows, 0] = strength * torch.cat((pairs * turn.cos(), pairs * turn.sin()))
        self.attention.k_proj.weight[self.rows, 0] = strength * torch.cat((pairs, torch.zeros_like(pairs)))

    def match(self, *queries_keys: tuple[torch.Tensor, torch.Tensor], strength: float) -> None:
        """Attend to where the key is what the query asks for. Only what rotates slowly compares over a long way."""
        slowest_first = (self.frequency < SLOW).nonzero().flatten()[:-1].flip(0)
        for place, (query, key) in enumerate(queries_keys):
            pairs = slowest_first[place :: len(queries_keys)]
            rows = torch.stack((pairs, pairs + len(self.frequency)), 1).flatten()[: len(key)] + self.rows.start
            self.attention.q_proj.weight[rows] = strength * query[: len(rows)]
            self.attention.k_proj.weight[rows] = strength * key[: len(rows)]

    def prefer(self, direction: torch.Tensor, query: float, key: float) -> None:
        """Attend to tokens that have something, wherever they stand. Takes the slowest dimension, which `match` leaves
        free."""
        row = self.rows.stop - 1
        self.attention.q_proj.weight[row] = 0.0
        self.attention.q_proj.weight[row, 0] = query
        self.attention.k_proj.weight[row] = key * direction

    def move(self, source: torch.Tensor, target: torch.Tensor, strength: float) -> None:
        """Write what is found there in one subspace into another."""
        rows = slice(self.rows.start, self.rows.start + min(len(source), len(self.frequency) * 2))
        count = rows.stop - rows.start
        self.attention.v_proj.weight[rows] = source[:count]
        self.attention.o_proj.weight[:, rows] = strength * target[:count].T


def _copying(model: LlamaForCausalLM, space: Subspaces, common: Sequence[int]) -> None:
    """Induction heads as in Olsson et al. 2022, made rather than learnt; cf. mimetic initialisation (Trockman & Kolter
    2023)."""
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.mul_(QUIET)
        layer.mlp.down_proj.weight.mul_(QUIET)
    model.model.norm.weight.fill_(SHARP)
    embeddings = model.model.embed_tokens.weight
    embeddings[:, 0] = 0.5 * STD * math.sqrt(model.config.hidden_size)
    # Rare words decide what matches; all keep their length, on which attention to the token before depends.
    _set(embeddings, list(common), lambda plain: plain - FAINT * plain @ space.now[:, 1:].T @ space.now[:, 1:])

    for number, place in enumerate((space.before, space.earlier)):
        head = Head.of(model, 0, number)
        head.look_back(2.0, 0.01, 1.2, back=number + 1)
        head.move(space.now, place, 0.12)
    # Two of them: twice as many dimensions tell the copied word from others.
    for number, place in enumerate((space.copied, space.copied_too)):
        induction = Head.of(model, _last(model), number)
        induction.match((space.now, space.before), (space.before, space.earlier), strength=5.0)
        induction.move(place, place, 1.0)


def _finding(model: LlamaForCausalLM, space: Subspaces, associations: Associations, user: int, assistant: int) -> None:
    """A head that goes from the cues of the last message to a word of the user's that answers them, and copies it."""
    embeddings = model.model.embed_tokens.weight
    whole = STD * math.sqrt(model.config.hidden_size)
    for place in (space.cue, space.answer, space.talk, space.speaker, space.tag):
        embeddings.sub_(embeddings @ place.T @ place)
    for place, known in zip((space.cue, space.answer), associations, strict=True):
        embeddings.add_(_lengths(known[:, : len(place)], ABOUT * whole) @ place)
    embeddings[user] += 0.7 * whole * space.tag[0]
    embeddings[assistant] -= 0.7 * whole * space.tag[0]

    # Attention to the token before depends on the shared direction, so all must have the same share of it.
    embeddings[:, 1:] *= whole / embeddings[:, 1:].norm(dim=1, keepdim=True).clamp(min=1e-6)

    speaker = Head.of(model, 0, 2)
    speaker.look_back(0.08, SLOW, 0.8)
    tags = torch.nn.functional.normalize(embeddings[[user, assistant]], dim=1).sum(0)
    tags[0] = 0.0
    speaker.prefer(tags, 4.0, 6.0)
    speaker.move(space.tag, space.speaker, 0.04)
    talk = Head.of(model, 1, 0)
    talk.look_back(0.02, 0.009, 1.0)  # faster rotations come round again within a chat
    talk.prefer(space.speaker[0], 2.0, 0.5)
    talk.move(space.cue, space.talk, 0.8)
    find = Head.of(model, _last(model), 2)
    find.match((space.talk, space.answer), strength=2.5)
    find.prefer(space.speaker[0], 2.0, 1.0)
    word = torch.cat((space.copied, space.now))
    find.move(word, word, 1.0)


def _last(model: LlamaForCausalLM) -> int:
    """The layer that copies and finds: with more than three, the others come after it."""
    return min(2, len(model.model.layers) - 1)


def _lengths(vectors: torch.Tensor, usual: float) -> torch.Tensor:
    """Vectors scaled alike so that most of those that say anything have at most the usual length, and none twice it."""
    lengths = vectors.norm(dim=1, keepdim=True)
    scaled = usual / lengths[lengths > 1e-3].quantile(0.75)
    return vectors * scaled * (1.5 * usual / (lengths * scaled).clamp(min=1e-9)).clamp(max=1.0)


def _set(embeddings: torch.nn.Embedding, tokens: list[int], change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Change what is random of some embeddings, but not their lengths."""
    plain = embeddings[tokens, 1:]
    changed = change(plain)
    embeddings[tokens, 1:] = changed * plain.norm(dim=-1, keepdim=True) / changed.norm(dim=-1, keepdim=True)
