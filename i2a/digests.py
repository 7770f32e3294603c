"""Short digests, and seeds made of them: the same text gives the same one on any machine."""

from hashlib import blake2b


def digest(content: str | bytes, size: int = 8) -> str:
    """`size` bytes of BLAKE2b, as hex digits."""
    return blake2b(content if isinstance(content, bytes) else content.encode(), digest_size=size).hexdigest()


def seed_of(text: str) -> int:
    """A seed that follows from `text`: 31 bits, as all model servers take them."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") >> 1
