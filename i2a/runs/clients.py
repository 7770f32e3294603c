"""The caller's own clients: open models that are used in place of model strings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from i2a.errors import UsageError
from i2a.models.autogen import Client, as_model
from i2a.models.model import Model, Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import find_price

EVERY = "*"  # the key of a client for all roles that have none of their own
KIND = "client"


@dataclass(frozen=True, slots=True)
class ClientSpec(ModelSpec):
    """A client that the caller has opened and will close."""

    client: Client = field(kw_only=True)

    def open(self) -> Model:
        return as_model(self.client)

    def price(self) -> Price | None:
        """The price that the client reports, or the list price of its model string."""
        own = as_model(self.client).price()
        return find_price(self) if own is None and self.kind != KIND else own


def spec_for(role: str, text: str, clients: Mapping[str, Client]) -> ModelSpec:
    """The model of `role`: the one that `text` names, unless the caller has a client for it.

    `clients` are looked up by role, by model string, and under `*`. One found by its model string has that string in
    manifest and prices; any other is called `client:CLASS`. Raises `UsageError` if `text` names no model.
    """
    if role not in clients and text in clients:
        spec = ModelSpec.parse(text)
        return ClientSpec(spec.kind, spec.name, spec.url, spec.params, client=clients[text])
    client = clients.get(role, clients.get(EVERY))
    if client is None:
        return ModelSpec.parse(text)
    return ClientSpec(KIND, type(client).__name__, client=client)


def has_likelihoods(spec: ModelSpec) -> bool:
    """Whether the model tells how likely given replies are; it is not opened."""
    if isinstance(spec, ClientSpec):
        return as_model(spec.client).scores_replies({})
    return spec.load_kind().scores_replies(dict(spec.params))


def check_clients(clients: Mapping[str, Client], models: Mapping[str, ModelSpec]) -> None:
    """Raises `UsageError` for what is no client, and for a client that no role of `models` uses."""
    for name, client in clients.items():
        if not isinstance(client, Client):
            raise UsageError(f"clients: {name!r} is {client!r}, not an open client; model strings go into role_model")
    used = {EVERY, *models, *map(str, models.values())}
    if unused := [name for name in clients if name not in used]:
        raise UsageError(f"clients: there is no role {unused[0]!r}; the roles: {', '.join(models)}")
