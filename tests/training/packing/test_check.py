"""The self-test lets pass what is exact on trees, and refuses the rest with the reason."""

from typing import Any

import pytest
import torch

from tests.training.packing.cases import ARCHITECTURES, tiny
from training.packing.check import NotPackable, check_packable

pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated"),
]


@pytest.mark.parametrize(
    ("family", "config"), [*ARCHITECTURES, ("Qwen3", {}), ("Gemma2", {"attn_implementation": "eager"})]
)
def test_ordinary_architectures_pass_the_trial(family: str, config: Any) -> None:
    check_packable(tiny(family, **config))
    check_packable(tiny(family, **config).bfloat16())


def prompted(net: Any) -> Any:
    from peft import PromptTuningConfig, get_peft_model

    return get_peft_model(net, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4))


def with_dropout(net: Any) -> Any:
    net.model.layers[0].mlp.drop = torch.nn.Dropout(0.1)
    return net


def with_config(net: Any, **changed: Any) -> Any:
    for name, value in changed.items():
        setattr(net.config, name, value)
    return net


REFUSED = {
    "flash_attention_2 takes no custom mask": lambda: with_config(tiny(), _attn_implementation="flash_attention_2"),
    "its linear_attention layers": lambda: with_config(tiny("Qwen2"), layer_types=["linear_attention"] * 2),
    "its load-balancing loss": lambda: tiny("Mixtral", num_local_experts=2, router_aux_loss_coef=0.01),
    "puts a learned prompt before": lambda: prompted(tiny()),
    r"dropout is on \(model.layers.0.self_attn.attention_dropout = 0.1\)": lambda: tiny(attention_dropout=0.1),
    r"dropout is on \(model.layers.0.mlp.drop.p = 0.1\)": lambda: with_dropout(tiny()),
    "its forward takes no position_ids": lambda: tiny("Mpt"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_refusal_names_its_reason(reason: str) -> None:
    with pytest.raises(NotPackable, match=reason):
        check_packable(REFUSED[reason]())


def test_dropout_passes_where_the_loss_is_linear() -> None:
    check_packable(tiny(attention_dropout=0.1), dropout=True)


def test_an_architecture_that_goes_by_places_is_caught_by_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    honest = LlamaForCausalLM.forward

    def by_place(
        self: Any, input_ids: Any = None, position_ids: Any = None, logits_to_keep: Any = 0, **rest: Any
    ) -> Any:
        return honest(self, input_ids=input_ids, logits_to_keep=logits_to_keep, **rest)

    monkeypatch.setattr(LlamaForCausalLM, "forward", by_place)
    with pytest.raises(NotPackable, match=r"in a trial they differed from their rows by [0-9.]+ nats"):
        check_packable(tiny().bfloat16())


def test_an_architecture_that_cannot_be_shrunk_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import LlamaForCausalLM

    monkeypatch.setattr(LlamaForCausalLM, "_from_config", lambda config, **kwargs: config.number_of_flux_capacitors)
    with pytest.raises(NotPackable, match="the trial failed with AttributeError"):
        check_packable(tiny())
