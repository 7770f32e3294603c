"""What a batch of rows gets out of a model: the same as each row alone, whatever the family."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch

from i2a.models.local.batching import Row
from i2a.models.local.generation import PREFILL, SLICE, Generator
from i2a.models.local.padded import can_be_split
from i2a.models.local.prefixes import BLOCK, Prefixes
from i2a.models.local.repetition import Dry
from i2a.models.local.sampling import LIKELIEST, pick
from tests import tiny

WORDS = tiny.tokenizer()
STOP = WORDS.eos_token_id
COUNT = PREFILL + 4  # so that prompts are read in two parts


def rows(*, limit: int = 40, temperature: float = 1.0) -> list[Row]:
    """Prompts of 3 to 117 tokens."""
    return [Row([(n * k) % 200 for k in range(3 + 6 * n)], limit - n, temperature, 1.0, seed=n) for n in range(COUNT)]


def replies(generator: Generator, batch: Sequence[Row], *, at_once: int) -> list[list[int]]:
    """What the rows get, `at_once` new ones at a time, if those before have ended or not."""
    waiting, running = list(batch), list[Row]()
    while waiting or running:
        new, waiting = waiting[:at_once], waiting[at_once:]
        generator.advance(running, new, partial(bool, waiting))
        running = [row for row in (*running, *new) if row.end is None]
    return [row.written for row in batch]


def double(family: str = "Llama", **config: Any) -> Any:
    return tiny.model(WORDS, family=family, **config).double()


@pytest.mark.parametrize("family", ["Llama", "Qwen3", "Phi3", "GPTNeoX", "OPT"])
def test_a_batch_says_what_each_row_says_alone(family: str) -> None:
    model = double(family)
    assert can_be_split(model)
    alone = replies(Generator(model, [STOP], keep=0), rows(), at_once=1)
    batched = Generator(model, [STOP], keep=1000)
    assert replies(batched, rows(), at_once=COUNT) == alone
    assert replies(batched, rows(), at_once=7) == alone, "what is remembered of the first time makes no difference"
    assert {len(reply) for reply in alone} != {40}, "some end before they must"


@pytest.mark.parametrize(("family", "config"), [("Mistral", {"sliding_window": 8}), ("Cohere2", {}), ("Mamba", {})])
def test_a_model_whose_cache_cannot_be_split_is_batched_too(family: str, config: dict[str, Any]) -> None:
    model = double(family, **config)
    assert not can_be_split(model)
    alone = replies(Generator(model, [STOP], keep=0), rows(), at_once=1)
    assert replies(Generator(model, [STOP], keep=1000), rows(), at_once=COUNT) == alone


def test_a_dialogue_that_goes_on_is_not_computed_again() -> None:
    model = double()
    generator = Generator(model, [STOP], keep=1000)
    first = Row(list(range(60)), 20, 1.0, 1.0, seed=1)
    generator.advance([], [first], lambda: False)
    longer = [*first.ids, *range(30)]
    read: list[int] = []
    hook = model.register_forward_pre_hook(
        lambda module, args, kwargs: read.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    second = Row(list(longer), 20, 1.0, 1.0, seed=2)
    generator.advance([], [second], lambda: False)
    hook.remove()
    assert read[0] in (30, 31), "all but the new message, and the last token drawn, which was never read"
    assert second.written == replies(Generator(model, [STOP], keep=0), [Row(longer, 20, 1.0, 1.0, 2)], at_once=1)[0]


def test_an_end_is_a_stop_token_or_the_limit() -> None:
    batch = rows(limit=40)
    replies(Generator(double(), [STOP, 7], keep=0), batch, at_once=1)
    for row in batch:
        assert row.end == ("stop" if row.written[-1] in (STOP, 7) else "length")
        assert not {STOP, 7} & set(row.written[:-1])
        assert row.end == "stop" or len(row.written) == row.limit
    assert {row.end for row in batch} == {"stop", "length"}


def test_no_reply_begins_with_its_end() -> None:
    model = double(initializer_range=0.0)  # every token is as likely as any other
    batch = [Row([1, 2], 3, 1.0, 1.0, seed) for seed in range(50)]
    written = replies(Generator(model, range(128), keep=0), batch, at_once=50)
    assert all(reply[0] >= 128 for reply in written)
    assert any(reply[-1] < 128 for reply in written)


def test_no_two_tokens_follow_each_other_twice_also_after_a_pause_and_other_rows_are_left_alone() -> None:
    def made(dry: Dry | None) -> list[Row]:
        varied = [Row([1, 2], 40, 0.1, 1.0, seed, dry, earlier=[list(range(200))]) for seed in range(4)]
        return [*varied, Row([1, 2], 40, 0.1, 1.0, seed=9)]

    model = double()
    plain = replies(Generator(model, [STOP], keep=1000), made(None), at_once=5)
    varied = replies(Generator(model, [STOP], keep=1000), made(Dry(99.0, 1.0, 1)), at_once=1)
    assert varied[-1] == plain[-1]
    assert max(map(len, varied[:-1])) > SLICE
    for reply in varied[:-1]:
        pairs = list(pairwise(reply))
        assert len(set(pairs)) == len(pairs)
        assert not any(after == token + 1 < 200 for token, after in pairs)


def test_scores_that_are_no_numbers_are_told_and_spoil_no_other_row() -> None:
    model = double()
    with torch.no_grad():
        model.get_input_embeddings().weight[9] = float("nan")
    good, bad = Row([1, 2, 3], 5, 1.0, 1.0, 1), Row([1, 9], 5, 1.0, 1.0, 1)
    replies(Generator(model, [STOP], keep=100), [good, bad], at_once=2)
    assert (good.end, bad.end) == ("length", "nan")


def test_nothing_of_the_checkpoints_own_sampling_is_taken() -> None:
    model = double()
    plain = replies(Generator(model, [STOP], keep=0), rows(), at_once=4)
    model.generation_config.update(
        repetition_penalty=9.0, do_sample=True, top_k=1, temperature=0.01, min_new_tokens=30, bad_words_ids=[[1]]
    )
    assert replies(Generator(model, [STOP], keep=0), rows(), at_once=4) == plain


# Drawing


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None]


def drawn(scores: torch.Tensor, temperature: float, top_p: float, chance: float) -> int:
    tokens, broken = pick(scores[None], column(temperature), column(top_p), column(chance))
    assert not broken.any()
    return int(tokens)


SCORES = torch.tensor([0.1, 0.0, 0.6, 0.3]).log()


@pytest.mark.parametrize(
    ("chance", "token"), [(0.0, 0), (0.09, 0), (0.11, 2), (0.69, 2), (0.71, 3), (0.9999, 3), (1.0, 3)]
)
def test_a_token_is_drawn_as_often_as_it_is_likely_and_never_an_impossible_one(chance: float, token: int) -> None:
    assert drawn(SCORES, 1.0, 1.0, chance) == token


def test_temperature_sharpens_and_zero_takes_the_likeliest() -> None:
    assert [drawn(SCORES, 0.0, 1.0, chance) for chance in (0.0, 0.5, 0.99)] == [2, 2, 2]
    assert drawn(SCORES, 0.1, 1.0, 0.02) == 2
    assert drawn(SCORES, 9.0, 1.0, 0.29) == 0


@pytest.mark.parametrize(("top_p", "left"), [(0.5, {2}), (0.59, {2}), (0.65, {2, 3}), (0.95, {0, 2, 3})])
def test_top_p_leaves_the_likeliest_tokens_that_hold_that_share(top_p: float, left: set[int]) -> None:
    assert {drawn(SCORES, 1.0, top_p, chance / 100) for chance in range(100)} == left


def test_top_p_may_hold_more_words_than_are_looked_at_first() -> None:
    words = 3 * LIKELIEST
    flat, steep = torch.zeros(words), torch.arange(words) * -1.0
    tokens, _ = pick(torch.stack((flat, steep)), column(1.0, 1.0), column(0.5, 0.5), column(0.999, 0.5))
    assert tokens[:, 0].tolist() == [words // 2, 0]


def test_of_equally_likely_words_top_p_takes_the_first_whoever_else_is_in_the_batch() -> None:
    scores = torch.full((3 * LIKELIEST,), float("-inf"))
    scores[[5, 9, 2 * LIKELIEST, 2 * LIKELIEST + 1]] = torch.tensor([0.4, 0.2, 0.2, 0.2]).log()
    flat = torch.zeros(len(scores))
    for batch in (scores[None], torch.stack((scores, flat))):
        ones = torch.ones(len(batch), 1)
        kept = {int(pick(batch, ones, ones * 0.5, ones * chance / 100)[0][0, 0]) for chance in range(100)}
        assert kept == {5, 9}


def test_each_row_has_its_own_settings() -> None:
    tokens, _ = pick(SCORES.expand(3, 4), column(1.0, 0.0, 1.0), column(1.0, 1.0, 0.5), column(0.05, 0.05, 0.05))
    assert tokens[:, 0].tolist() == [0, 2, 2]


# Remembering


def known(n: int) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    return tuple((torch.arange(n).expand(2, n)[..., None], torch.zeros(2, n, 1)) for _ in range(2))


def found(prefixes: Prefixes, ids: list[int]) -> int:
    parts = prefixes.longest(ids)
    return parts[0][0].shape[1] if parts else 0


def test_the_longest_common_beginning_is_found_and_leaves_a_token_to_read() -> None:
    prefixes = Prefixes(1000)
    ids = list(range(100))
    prefixes.keep(ids, known(100))
    assert found(prefixes, [*ids, 7]) == 100
    assert found(prefixes, ids) == 99
    assert found(prefixes, [*ids[:50], 7, 7]) == 50
    assert found(prefixes, [*ids[: BLOCK - 1], *[7] * 50]) == 0


def test_what_was_used_last_is_kept_and_a_longer_entry_replaces_its_beginning() -> None:
    prefixes = Prefixes(250)
    one, two, three = ([start + n for n in range(100)] for start in (0, 1000, 2000))
    prefixes.keep(one, known(100))
    prefixes.keep(two, known(100))
    assert found(prefixes, [*one, 7]) == 100
    prefixes.keep(three, known(100))
    assert [found(prefixes, [*ids, 7]) for ids in (one, two, three)] == [100, 0, 100]
    prefixes.keep([*one, *range(48)], known(148))
    assert [found(prefixes, [*ids, 7]) for ids in (one, two, three)] == [100, 0, 100], "148 + 100 tokens fit"
