"""What carries the loss, token by token, for templates of every kind; and why some cannot be trained with."""

from typing import Any

import pytest

from i2a.errors import UsageError
from i2a.models.local.template import ChatTemplate, Tokens
from tests.chat_templates import DIALOGUE, FAMILIES, LLAMA3, MISTRAL, REPLY
from tests.tiny import CHATML, tokenizer


def split(words: Any, tokens: Tokens) -> tuple[str, str]:
    """What the model is shown, and what it learns."""
    return words.decode(tokens.ids[: tokens.start]), words.decode(tokens.ids[tokens.start :])


def says(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


every_family = pytest.mark.parametrize("name", FAMILIES)


# Which tokens carry the loss.


@every_family
def test_the_loss_is_on_the_reply_and_its_end_alone(name: str) -> None:
    family = FAMILIES[name]
    words = family.make()
    assert split(words, ChatTemplate(words).tokens(DIALOGUE, REPLY)) == (family.before, family.scored)


@every_family
def test_the_whole_is_what_the_tokenizer_makes_of_the_chat(name: str) -> None:
    words = FAMILIES[name].make()
    whole = words.apply_chat_template([*DIALOGUE, says("assistant", REPLY)], return_dict=False)
    assert ChatTemplate(words).tokens(DIALOGUE, REPLY).ids == whole


@every_family
def test_a_dialogue_begins_with_one_bos_at_most(name: str) -> None:
    words = FAMILIES[name].make()
    ids = ChatTemplate(words).tokens(DIALOGUE[:1], REPLY).ids
    assert ids[:2].count(words.bos_token_id) <= 1
    if words.bos_token_id is not None:
        assert ids[0] == words.bos_token_id


@every_family
def test_the_token_that_ends_a_reply_carries_loss_and_is_known(name: str) -> None:
    words = FAMILIES[name].make()
    template = ChatTemplate(words)
    tokens = template.tokens(DIALOGUE, REPLY)
    assert template.stop_id in tokens.ids[tokens.start :]
    assert words.decode([template.stop_id]) in ("<|eot_id|>", "</s>", "<|im_end|>", "<|endoftext|>", "<end_of_turn>")


def test_the_end_of_a_reply_need_not_be_the_eos_of_the_tokenizer() -> None:
    words = FAMILIES["Gemma"].make()
    assert ChatTemplate(words).stop_id == words.convert_tokens_to_ids("<end_of_turn>") != words.eos_token_id


def test_batches_are_filled_with_the_pad_token_or_else_with_the_end_of_a_reply() -> None:
    words = tokenizer()
    assert ChatTemplate(words).pad_id == words.pad_token_id
    words.pad_token = None
    assert ChatTemplate(words).pad_id == ChatTemplate(words).stop_id


def test_a_reply_that_melts_into_what_opens_it_is_scored_from_the_token_they_share() -> None:
    plain = "{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}" + (
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    words = tokenizer(plain, specials=("</s>",), merges=[("Ġ", "B")])
    assert split(words, ChatTemplate(words).tokens(DIALOGUE[:1], REPLY)) == (
        "user: I row.</s>assistant:",
        " Brave!</s>",
    )
    assert split(words, ChatTemplate(words).tokens(DIALOGUE[:1], "Oh.")) == ("user: I row.</s>assistant: ", "Oh.</s>")


def test_a_template_that_opens_no_reply_teaches_how_a_reply_opens() -> None:
    words = tokenizer(CHATML.partition("{% if add")[0])
    before, scored = split(words, ChatTemplate(words).tokens(DIALOGUE[:1], REPLY))
    assert before == "<|im_start|>user\nI row.<|im_end|>\n"
    assert scored == "<|im_start|>assistant\nBrave!<|im_end|>\n"


# Pairs.


@every_family
def test_both_replies_of_a_pair_start_where_the_dialogue_ends(name: str) -> None:
    family = FAMILIES[name]
    words = family.make()
    chosen, rejected = ChatTemplate(words).pair(DIALOGUE, REPLY, "Brr.")
    assert chosen == ChatTemplate(words).tokens(DIALOGUE, REPLY)
    assert chosen.ids[: chosen.start] == rejected.ids[: rejected.start]
    assert split(words, rejected)[1] == family.scored.replace(REPLY, "Brr.")


def test_a_pair_starts_at_the_earlier_of_two_starts() -> None:
    words = tokenizer(FAMILIES["reasoning"].template)
    thought, plain = ChatTemplate(words).pair(DIALOGUE, "<think>\nHm.</think>Oh.", REPLY)
    assert thought.start == plain.start == ChatTemplate(words).tokens(DIALOGUE, REPLY).start
    assert split(words, thought)[1].startswith("<think>\nHm.")


def test_thoughts_of_earlier_turns_are_seen_as_the_template_shows_them() -> None:
    words = FAMILIES["thinking"].make()
    thought = [DIALOGUE[0], says("assistant", "<think>\nWhere?\n</think>\n\nOn a lake?"), DIALOGUE[2]]
    assert ChatTemplate(words).tokens(thought, REPLY) == ChatTemplate(words).tokens(DIALOGUE, REPLY)


# Inference and training.


@pytest.mark.parametrize("system", [False, True], ids=["no system message", "system message"])
@pytest.mark.parametrize("turns", [1, 2, 3, 4])
@every_family
def test_a_model_is_asked_in_the_tokens_that_it_was_trained_on(name: str, turns: int, system: bool) -> None:
    words = FAMILIES[name].make()
    template = ChatTemplate(words)
    messages = [*([says("system", "Be brief.")] if system else []), *dialogue(turns)]
    asked, (trained, start) = template.prompt(messages), template.tokens(messages, REPLY)
    if name == "reasoning":  # the one template that opens a reply with what no reply begins with, which is a note
        asked = asked[: -len(words.encode("<think>\n"))]
        assert template.warnings == (
            "generation opens a reply with '<think>\\n', which the replies trained on do not begin with",
        )
    assert trained[:start] == asked
    assert words.decode(asked).count("Be brief.") == system


def test_a_system_message_that_is_rendered_with_the_last_user_message_goes_before_the_first() -> None:
    template = ChatTemplate(FAMILIES["Mistral"].make())
    messages = [says("system", "SYS"), says("user", "one"), says("assistant", "two"), says("user", "three")]
    asked = "<s>[INST] SYS\n\none[/INST] two</s>[INST] three[/INST]"
    assert template.tokenizer.decode(template.prompt(messages)) == asked
    assert template.tokenizer.decode(template.tokens(messages, "four").ids) == asked + " four</s>"


def test_a_template_that_cannot_be_trained_with_can_still_be_asked() -> None:
    counted = ChatTemplate(tokenizer("{{ messages | length }} messages " + CHATML))
    assert counted.untrainable == (
        "the chat template of the tokenizer cannot be trained with: "
        "once there is a reply, it renders the messages before it differently"
    )
    asked = counted.tokenizer.decode(counted.prompt([says("system", "Be brief."), *DIALOGUE]))
    assert asked.startswith("4 messages <|im_start|>system\nBe brief.")
    assert counted.stop_id == counted.tokenizer.eos_token_id


# What a template has no place for.


def test_a_system_message_is_put_before_the_user_where_the_template_refuses_it() -> None:
    words = FAMILIES["Gemma"].make()
    template = ChatTemplate(words)
    before, _ = split(words, template.tokens([says("system", "Be brief."), *DIALOGUE], REPLY))
    assert before.startswith("<bos><start_of_turn>user\nBe brief.\n\nI row.<end_of_turn>")
    assert any("system message" in warning for warning in template.warnings)


def test_a_system_message_that_would_vanish_with_the_reply_is_put_before_the_user() -> None:
    words = FAMILIES["Mistral"].make()
    before, scored = split(words, ChatTemplate(words).tokens([says("system", "Be brief."), *DIALOGUE], REPLY))
    assert before.startswith("<s>[INST] Be brief.\n\nI row.[/INST]")
    assert scored == " Brave!</s>"


def test_a_system_message_of_the_templates_own_is_named_and_yields_to_one_that_is_given() -> None:
    words = FAMILIES["Qwen"].make()
    template = ChatTemplate(words)
    assert template.warnings == (
        "the chat template gives a dialogue without a system message one of its own: 'Be helpful.'",
    )
    for system, written in (
        ([], "Be helpful."),
        ([says("system", "")], ""),
        ([says("system", "Be brief.")], "Be brief."),
    ):
        opening = f"<|im_start|>system\n{written}<|im_end|>\n<|im_start|>user\nI row."
        assert words.decode(template.prompt([*system, *DIALOGUE])).startswith(opening)
        assert words.decode(template.tokens([*system, *DIALOGUE], REPLY).ids).startswith(opening)


@pytest.mark.parametrize("name", ["Llama-3", "OLMo", "marked"])
def test_a_template_with_a_place_for_everything_has_no_warnings(name: str) -> None:
    words = FAMILIES[name].make()
    template = ChatTemplate(words)
    assert template.warnings == ()
    assert "Be brief." in split(words, template.tokens([says("system", "Be brief."), *DIALOGUE], REPLY))[0]


def test_an_assistant_that_speaks_first_is_left_out_where_users_must_begin() -> None:
    words = FAMILIES["Mistral"].make()
    template = ChatTemplate(words)
    opened = [says("assistant", "Welcome."), *DIALOGUE]
    assert template.tokens(opened, REPLY) == template.tokens(DIALOGUE, REPLY)
    assert any("before the user" in warning for warning in template.warnings)


def test_messages_that_a_template_refuses_are_an_error_of_one_line() -> None:
    with pytest.raises(UsageError, match=r"refuses messages of user, user: roles must alternate$"):
        ChatTemplate(FAMILIES["Mistral"].make()).tokens([DIALOGUE[0], DIALOGUE[0]], REPLY)


# Templates that cannot work.

UNUSABLE = {
    "it leaves out messages of the assistant": CHATML.replace(
        "{{ message.content }}", "{% if message.role == 'user' %}{{ message.content }}{% endif %}"
    ),
    "it leaves out messages of the user": CHATML.replace(
        "{{ message.content }}", "{% if message.role == 'assistant' %}{{ message.content }}{% endif %}"
    ),
    "a reply ends without any token": "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{% endfor %}",
    r"a reply ends with '\\n###\\n', which is no special token": CHATML.replace("<|im_end|>\n", "\n###\n"),
    "it writes '<|im_start|>assistant' after the end": CHATML.partition("{% if add")[0] + "<|im_start|>assistant\n",
    "it begins with the BOS token twice": "{{ bos_token }}{{ bos_token }}" + CHATML,
    "it renders the messages before it differently": "{{ messages | length }} messages " + CHATML,
    "refuses messages of user, assistant, user: 'str object' has no attribute 'text'": CHATML.replace(
        "message.content", "message.content.text.strip()"
    ),
    "refuses messages of user, assistant, user: only one turn": "{% if messages | length > 2 %}"
    "{{ raise_exception('only one turn') }}{% endif %}" + CHATML,
}


@pytest.mark.parametrize("reason", UNUSABLE)
def test_a_template_that_cannot_work_is_refused_with_the_reason(reason: str) -> None:
    with pytest.raises(UsageError) as error:
        ChatTemplate.for_training(tokenizer(UNUSABLE[reason], bos_token="<s>"))
    assert reason.replace("\\\\", "\\") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_tokenizer_without_a_template_is_refused() -> None:
    with pytest.raises(UsageError, match=r"has no chat template; take a chat model .* chat_template\.jinja"):
        ChatTemplate(tokenizer(None))


def test_a_template_whose_special_tokens_the_tokenizer_does_not_know_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a reply ends with '<\|eot_id\|>', which is no special token"):
        ChatTemplate.for_training(tokenizer(LLAMA3, bos_token="<s>"))


def test_a_row_whose_dialogue_changes_with_the_reply_is_refused_though_the_template_seemed_fine() -> None:
    moody = "{% if messages | length > 5 %}{{ messages[-1].role }}{% endif %}" + CHATML
    template = ChatTemplate(tokenizer(moody))
    assert template.tokens(DIALOGUE, REPLY)
    with pytest.raises(UsageError, match="renders the messages before it differently"):
        template.tokens([*DIALOGUE, DIALOGUE[1], DIALOGUE[2]], REPLY)


# Too long.


def dialogue(turns: int) -> list[dict[str, str]]:
    said = [message for i in range(turns) for message in (says("user", f"Point {i}."), says("assistant", f"Yes {i}."))]
    return said[:-1]


@pytest.mark.parametrize("name", ["Llama-3", "Mistral", "thinking"])
@pytest.mark.parametrize("turns", [1, 2, 7, 8])
def test_as_few_of_the_oldest_turns_are_dropped_as_let_every_reply_fit(name: str, turns: int) -> None:
    template = ChatTemplate(FAMILIES[name].make())
    prompt, replies = dialogue(turns), ["Oh.", "Tell me more."]
    lengths = [
        max(len(tokens.ids) for tokens in template.pair(prompt[2 * dropped :], *replies)) for dropped in range(turns)
    ]
    for limit in {length + more for length in lengths for more in (-1, 0)}:
        fitted = template.fit(prompt, replies, limit)
        fewest = next((dropped for dropped, length in enumerate(lengths) if length <= limit), None)
        assert (fitted and fitted.dropped) == fewest
        if fitted:
            assert fitted.prompt == prompt[2 * fitted.dropped :]
            assert fitted.tokens == template.pair(fitted.prompt, *replies)


def test_a_system_message_stays_when_turns_are_dropped() -> None:
    template = ChatTemplate(FAMILIES["Llama-3"].make())
    prompt = [says("system", "Be brief."), *dialogue(4)]
    fitted = template.fit(prompt, ["Oh."], len(template.tokens(prompt, "Oh.").ids) - 1)
    assert fitted is not None
    assert fitted.dropped == 1
    assert fitted.prompt == [prompt[0], *prompt[3:]]


def test_without_a_limit_nothing_is_dropped() -> None:
    prompt = dialogue(30)
    fitted = ChatTemplate(tokenizer(MISTRAL, bos_token="<s>", specials=("[INST]", "[/INST]", "</s>"))).fit(
        prompt, ["Oh."], None
    )
    assert fitted is not None
    assert (fitted.prompt, fitted.dropped) == (prompt, 0)


# Special tokens in what is said.


def special_ids(words: Any, ids: list[int]) -> list[int]:
    special = {id for id, token in words.added_tokens_decoder.items() if token.special} | set(words.all_special_ids)
    return [id for id in ids if id in special]


@every_family
def test_special_tokens_in_what_is_said_are_words_like_any_other(name: str) -> None:
    words = FAMILIES[name].make()
    template = ChatTemplate(words)
    for token in words.all_special_tokens:
        said = [
            says("user", f"a {token}user\nb{token}"),
            says("assistant", f"{token}c"),
            says("user", f"{token}{token}"),
        ]
        reply = f"no{token}\n{token}assistant\nyes"
        tokens, plain = template.tokens(said, reply), template.tokens(DIALOGUE, REPLY)
        assert special_ids(words, tokens.ids) == special_ids(words, plain.ids)
        rendered = words.apply_chat_template([*said, says("assistant", reply)], tokenize=False)
        assert words.decode(tokens.ids) == rendered
        learnt = words.decode(tokens.ids[tokens.start :])
        assert reply in learnt or learnt in rendered
        assert special_ids(words, template.prompt(said)) == special_ids(words, template.prompt(DIALOGUE))
    assert words.decode(template.replies([says("assistant", "a</s><|im_end|>b")])[0]) == "a</s><|im_end|>b"


def test_tokens_that_mark_who_speaks_are_kept_apart_though_the_tokenizer_does_not_call_them_special() -> None:
    words = tokenizer(specials=("<|im_end|>",))
    words.add_tokens(["<|im_start|>", "<think>"])
    template = ChatTemplate(words)
    ids = template.prompt([says("user", "<|im_start|>system\n<think>")])
    start, thought = words.convert_tokens_to_ids(["<|im_start|>", "<think>"])
    assert (ids.count(start), ids.count(thought)) == (2, 1), "one for the user, one for the reply; thoughts stay"


def test_a_tokenizer_that_puts_a_space_before_what_comes_first_puts_none_into_a_word() -> None:
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted({*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ<>|_/.?!\n▁"})
    inner = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    inner.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    words = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
    words.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    words.chat_template = CHATML
    ids = ChatTemplate(words).prompt([says("user", "say <|im_end|> to me")])
    plain = ChatTemplate(words).prompt([says("user", "say xxxxxxxxxx to me")])
    assert words.decode(ids).replace("<|im_end|> to", "xxxxxxxxxx to") == words.decode(plain)
    assert special_ids(words, ids) == special_ids(words, plain)


# The date.

DATED = (
    "{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}"
    "{% set date_string = '26 Jul 2024' %}{% endif %}{% endif %}<|im_start|>system\n"
    "Today Date: {{ date_string }}<|im_end|>\n" + CHATML
)


def test_a_template_that_writes_the_date_is_given_that_of_the_run() -> None:
    words = tokenizer(DATED)
    template = ChatTemplate(words, today="2031-02-03")
    assert "Today Date: 03 Feb 2031<|im_end|>" in words.decode(template.prompt(DIALOGUE))
    assert "Today Date: 03 Feb 2031<|im_end|>" in words.decode(template.tokens(DIALOGUE, REPLY).ids)
    assert "Today Date: 01 Mar 2032<|im_end|>" in words.decode(template.prompt(DIALOGUE, today="2032-03-01"))
    assert template.dated
    assert "the chat template writes the date, which stays 2031-02-03 for the whole run" in template.warnings
    assert not ChatTemplate(tokenizer()).dated
