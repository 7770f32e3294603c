"""List prices, as far as the library genai-prices knows them. It asks nobody: the list comes with the package."""

from i2a.models.model import Price

THOUSAND = 1000  # tokens whose price is asked for; few enough for every provider's lowest tier


def listed_price(name: str, *, address: str | None = None, provider: str | None = None) -> Price | None:
    """The price of a model at a provider, named by the address of its API or by genai-prices' id; None if unknown."""
    from genai_prices import Usage, calc_price

    def dollars(usage: Usage) -> float:
        found = (
            calc_price(usage, name, provider_id=provider)
            if provider
            else calc_price(usage, name, provider_api_url=address)
        )
        return float(found.total_price) * 1_000_000 / THOUSAND

    try:
        return Price(
            prompt=dollars(Usage(input_tokens=THOUSAND)),
            completion=dollars(Usage(output_tokens=THOUSAND)),
            cached=dollars(Usage(input_tokens=THOUSAND, cache_read_tokens=THOUSAND)),
            written=dollars(Usage(input_tokens=THOUSAND, cache_write_tokens=THOUSAND)),
        )
    except LookupError:
        return None
