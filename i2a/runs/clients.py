"""Clients of the caller's own: a model that is open already, in the place of a model string."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from autogen_core.models import ChatCompletionClient

from i2a.errors import UsageError
from i2a.models.autogen import as_model
from i2a.models.model import Model, Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import find_price

Client = Model | ChatCompletionClient
EVERY = "*"  # the key of a client for all roles that have none of their own
KIND = "client"


@dataclass(frozen=True, slots=True)
class ClientSpec(ModelSpec):
    """Stands for a client that the caller opened, and closes."""

    client: Client = field(kw_only=True)

    def open(self) -> Model:
        return as_model(self.client)

    def price(self) -> Price | None:
        """What the client says that it costs, or the list price of the model string that it goes under."""
        own = as_model(self.client).price()
        return find_price(self) if own is None and self.kind != KIND else own


def spec_for(role: str, text: str, clients: Mapping[str, Client]) -> ModelSpec:
    """The model of `role`: the one that `text` names, unless the caller has a client for it.

    `clients` are found by role, by model string, or under `*`. One that is found by its model string goes under that
    string in manifest and prices, any other under `client:CLASS`. Raises `UsageError` if `text` names no model.
    """
    if role not in clients and text in clients:
        spec = ModelSpec.parse(text)
        return ClientSpec(spec.kind, spec.name, spec.url, spec.params, client=clients[text])
    client = clients.get(role, clients.get(EVERY))
    if client is None:
        return ModelSpec.parse(text)
    return ClientSpec(KIND, type(client).__name__, client=client)


def check_clients(clients: Mapping[str, Client], models: Mapping[str, ModelSpec]) -> None:
    """Raises `UsageError` for a client that no role of `models` uses."""
    used = {EVERY, *models, *map(str, models.values())}
    if unused := [name for name in clients if name not in used]:
        raise UsageError(f"clients: there is no role {unused[0]!r}; the roles: {', '.join(models)}")
