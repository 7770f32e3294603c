"""The likelihoods of replies from a server that gives log-probabilities of a prompt, as vLLM does. Without I/O.

A reply is sent as the last message, with `prompt_logprobs`; where it begins shows by the same request without it. The
server applies its chat template, so what the template closes a reply with counts as it does for a local model.
https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ValidationError

from i2a.errors import BadRequest, MalformedResponse
from i2a.jsonl import JsonObject
from i2a.models.model import Completion, Likelihood
from i2a.models.openai_protocol import ChatUsage
from i2a.validation import problem

ASKED = {"prompt_logprobs": 0, "max_tokens": 1}  # 0: of the prompt's own tokens, and of no others


class TokenLogprob(BaseModel):
    logprob: float


class PromptLogprobs(BaseModel):
    """What such a server adds to a chat completion: for each token of the prompt, by its id; None for the first."""

    prompt_logprobs: list[dict[str, TokenLogprob] | None] | None = None
    usage: Annotated[ChatUsage, BeforeValidator(ChatUsage.of)] = ChatUsage()

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Raises `MalformedResponse`, and `BadRequest` if there are no numbers."""
        try:
            found = cls.model_validate_json(body)
        except ValidationError as error:
            raise MalformedResponse(f"prompt_logprobs are not as vLLM gives them: {problem(error)}") from None
        if not found.prompt_logprobs:
            raise BadRequest("the server gives no prompt_logprobs; leave ?prompt_logprobs=true out")
        return found

    @property
    def tokens(self) -> list[tuple[str, float]]:
        """Id and log-probability of each token; the first has none. Of several entries the token's own comes first."""
        places = self.prompt_logprobs or []
        return [next(((id, e.logprob) for id, e in (place or {}).items()), ("", 0.0)) for place in places]


def requests(chat: Sequence[Mapping[str, str]], replies: Sequence[str]) -> list[JsonObject]:
    """What the bodies of the requests hold besides the model: one without a reply, then one for each."""
    with_reply = [[*chat, {"role": "assistant", "content": reply}] for reply in replies]
    whole = {"add_generation_prompt": False, **ASKED}
    return [{"messages": chat, **ASKED}, *({"messages": messages, **whole} for messages in with_reply)]


def completion(bodies: Sequence[bytes]) -> Completion:
    """What the answers to `requests` come to, as `Model.likelihoods` reads it. Raises as `PromptLogprobs.read` does."""
    answers = [PromptLogprobs.read(body) for body in bodies]
    prompt, *whole = (answer.tokens for answer in answers)
    found = []
    for tokens in whole:
        pairs = enumerate(zip(prompt, tokens, strict=False))
        start = next((place for place, (one, other) in pairs if one[0] != other[0]), min(len(prompt), len(tokens)))
        found.append(Likelihood(sum(logprob for _, logprob in tokens[start:]), len(tokens) - start))
    if not all(each.tokens for each in found):
        raise BadRequest("the server's chat template shows no reply that stands at the end of a chat")
    used = [answer.usage for answer in answers]
    return Completion(
        json.dumps(found),
        "stop",
        sum(each.prompt_tokens for each in used),
        sum(each.completion_tokens for each in used),
        cached_tokens=sum(each.cached_tokens for each in used),
        written_tokens=sum(each.written_tokens for each in used),
    )
