"""Everything that can go wrong in a way the user can act on, as a table of contents.

A message is one line: what is wrong, where, what to do. Anything that is not an `I2AError` is a bug and crashes.
"""

from collections.abc import Sequence


class I2AError(Exception):
    """An expected error; the command line prints it in one line and exits with `exit_code`."""

    exit_code = 1


class UsageError(I2AError):
    """A command, flag, file or script is wrong."""

    exit_code = 2


class ForeignPackage(UsageError, ImportError):
    """A package of ours is hidden by another one of its name."""


# A call to a model that brought no usable answer.


class ModelError(I2AError):
    """A call to a model failed. `billed`: the prompt and completion tokens that it cost all the same, (0, 0) where the
    server does not say; None: nothing. `request`: the texts that the model was shown, if they are why. `answer`: what
    it said, if that is why."""

    billed: tuple[int, int] | None = None
    request: Sequence[str] = ()
    answer: str = ""


class Retryable(ModelError):
    """The same call may succeed later. `retry_after`: seconds the server asked to wait, if it did. `down`: it is not
    the call, there is no server."""

    def __init__(self, message: str, *, retry_after: float | None = None, down: bool = False) -> None:
        super().__init__(message)
        self.retry_after, self.down = retry_after, down


class RateLimited(Retryable):
    """HTTP 429, except an exhausted quota."""


class ServerError(Retryable):
    """HTTP 408, 409, 424, 425, 499 and the like, or 5xx."""


class Unreachable(Retryable):
    """No connection, or a dropped one."""


class TimedOut(Unreachable):
    """No answer within the time limit: the server is slow, or this answer has no end. Another sample may have one."""


class MalformedResponse(Retryable):
    """Status 200, but no answer: HTML, broken JSON, an empty reply, a fault in the middle of it. Another sample may be
    one."""

    def __init__(self, message: str, *, billed: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.billed = billed


class BadRequest(ModelError):
    """HTTP 400, 402, 413, 422, 451, ...: this very request will never succeed (too long, filtered)."""


class ContextOverflow(BadRequest):
    """The request is longer than the model's context. `context`, `needed`: both in tokens, None where unknown."""

    def __init__(self, message: str, *, context: int | None = None, needed: int | None = None) -> None:
        super().__init__(message)
        self.context, self.needed = context, needed


class AccessDenied(ModelError):
    """HTTP 401, 403, 404 or an exhausted quota: no call to this endpoint will succeed; the run stops.

    Unless `always`, that is so only while the endpoint has not answered any call; afterwards it is this call that
    fails, and which `may_pass`, so that a retry is worth it.
    """

    def __init__(self, message: str, *, always: bool = True, may_pass: bool = False) -> None:
        super().__init__(message)
        self.always, self.may_pass = always, may_pass


class UnfinishedAnswer(ModelError):
    """The model answered, but not to the end: cut at its limit of tokens, or by a content filter."""


class MalformedAnswer(ModelError):
    """The model answered, but not in the form that the role asks for, even after repair and retries."""


# A run that ends before its work is done.


class RunStopped(I2AError):
    """The run stopped early and can be resumed."""

    exit_code = 4


class BudgetSpent(RunStopped):
    """`--max-cost` or `--max-tokens` is reached."""


class ServerAway(RunStopped):
    """A server is down for longer than a run waits, or asks for a longer wait."""


class Interrupted(RunStopped):
    """Ctrl-C."""

    exit_code = 130


class ConversationsFailed(I2AError):
    """The run is through, but some conversations failed; `--retry-failed` redoes them."""

    exit_code = 3


class ModelLacks(I2AError):
    """A model that was checked cannot do all that is required of it."""

    exit_code = 3
