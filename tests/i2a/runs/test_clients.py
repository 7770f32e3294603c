"""A client of the caller's own takes the place of a model string, and goes under a name that says so."""

import pytest
from autogen_ext.models.replay import ReplayChatCompletionClient

from i2a.errors import UsageError
from i2a.models.autogen import AutoGenModel, Client
from i2a.models.model import FREE, Price
from i2a.models.spec import ModelSpec
from i2a.runs.clients import ClientSpec, check_clients, spec_for
from i2a.testing import ScriptedModel

GPT = "openai:gpt-4o"


def test_a_role_without_a_client_gets_the_model_of_its_string() -> None:
    assert spec_for("user", GPT, {"judge": ScriptedModel()}) == ModelSpec.parse(GPT)


def test_a_client_is_found_by_role_first_and_under_the_star_last() -> None:
    mine, others = ScriptedModel(), ScriptedModel()
    clients = {"judge": mine, "*": others}
    assert spec_for("judge", GPT, clients).open() is mine
    assert spec_for("user", GPT, clients).open() is others
    assert str(spec_for("user", GPT, clients)) == "client:ScriptedModel"


def test_a_client_for_a_model_string_goes_under_that_string() -> None:
    model = ScriptedModel()
    spec = spec_for("judge", GPT, {GPT: model, "*": ScriptedModel()})
    assert spec.open() is model
    assert str(spec) == GPT


def test_one_client_for_two_roles_is_one_model_and_two_clients_are_two() -> None:
    one, other = ScriptedModel(), ScriptedModel()
    both = {"user": one, "judge": one}
    assert spec_for("user", GPT, both) == spec_for("judge", GPT, both)
    assert spec_for("user", GPT, {"user": one}) != spec_for("user", GPT, {"user": other})


def test_an_autogen_client_is_taken_as_it_is() -> None:
    client = ReplayChatCompletionClient(["Hello."])
    model = spec_for("user", GPT, {"user": client}).open()
    assert isinstance(model, AutoGenModel)
    assert model.client is client


class Unpriced(ScriptedModel):
    def price(self) -> Price | None:
        return None


def test_what_a_client_costs_it_says_itself_or_its_model_string_does() -> None:
    def price(clients: dict[str, Client]) -> Price | None:
        spec = spec_for("user", GPT, clients)
        assert isinstance(spec, ClientSpec)
        return spec.price()

    assert price({GPT: ScriptedModel()}) == FREE
    assert price({"user": Unpriced()}) is None
    assert price({GPT: Unpriced()}) is not None


def test_a_client_that_nobody_uses_is_refused() -> None:
    check_clients({"user": ScriptedModel(), GPT: ScriptedModel(), "*": ScriptedModel()}, {"user": ModelSpec.parse(GPT)})
    with pytest.raises(UsageError, match="no role 'usr'; the roles: user"):
        check_clients({"usr": ScriptedModel()}, {"user": ModelSpec.parse(GPT)})
