"""Everything that can go wrong in a way the user can act on, as a table of contents.

A message is one line: what is wrong, where, what to do. Anything that is not an `I2AError` is a bug and crashes.
"""


class I2AError(Exception):
    """An expected error; the command line prints it in one line and exits with `exit_code`."""

    exit_code = 1


class UsageError(I2AError):
    """A command, flag, file or script is wrong."""

    exit_code = 2


# A call to a model that brought no usable answer.


class ModelError(I2AError):
    """A call to a model failed."""


class Retryable(ModelError):
    """The same call may succeed later. `retry_after`: seconds the server asked to wait, if it did."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Retryable):
    """HTTP 429, except an exhausted quota."""


class ServerError(Retryable):
    """HTTP 408, 409 or 5xx."""


class Unreachable(Retryable):
    """No connection, a dropped one, or no answer within the time limit."""


class MalformedResponse(Retryable):
    """Status 200, but not a chat completion: HTML, broken JSON, empty `choices`."""


class BadRequest(ModelError):
    """HTTP 400, 413 or 422: this very request will never succeed (too long, a parameter the server rejects)."""


class AccessDenied(ModelError):
    """HTTP 401, 403, 404 or an exhausted quota: no call to this endpoint will succeed; the run stops."""


class MalformedAnswer(ModelError):
    """The model answered, but not in the form that the role asks for, even after repair and retries."""


# A run that ends before its work is done.


class RunStopped(I2AError):
    """The run stopped early and can be resumed."""

    exit_code = 4


class BudgetSpent(RunStopped):
    """`--max-cost` or `--max-tokens` is reached."""


class Interrupted(RunStopped):
    """Ctrl-C."""

    exit_code = 130


class ConversationsFailed(I2AError):
    """The run is through, but some conversations failed; `--retry-failed` redoes them."""

    exit_code = 3
