"""The result of a run, and how it is printed."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from i2a.errors import ConversationsFailed, I2AError
from i2a.jsonl import JsonObject
from i2a.models.usage import UsageTracker
from i2a.progress import say
from i2a.runs.live import money, roles_table
from i2a.text import counted
from i2a.trees.frame import to_dataframe, utterances
from i2a.trees.json import read, trees_of
from i2a.trees.summary import Summary

if TYPE_CHECKING:
    from pandas import DataFrame

CUT = "utterances cut at their limit of tokens: {}; raise max_tokens"
OVERRAN = "utterances that ran past their end, and are cut there: {}; the server lets stop strings through"
SHORTENED = "utterances for which the oldest turns were left out of a call: {}; serve the model with a larger context"
UNCLEAR = "utterances that hold what may be a thought or a special token: {}; look at them"


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    unit       what it is counted in, e.g. "conversations"
    summary    of all trees that are finished
    failures   the last failure of each tree that failed, by its id
    left       how many are still to be done; `resume` continues with them
    stopped    why it ended early, if it did
    """

    folder: Path
    unit: str
    summary: Summary
    failures: Mapping[str, Mapping[str, object]]
    left: int
    stopped: I2AError | None
    usage: UsageTracker

    @property
    def finished(self) -> int:
        return self.summary.trees

    @property
    def failed(self) -> int:
        return len(self.failures)

    @property
    def complete(self) -> bool:
        """Whether some trees are finished and none is left."""
        return bool(self.finished) and not self.left

    @property
    def reasons(self) -> Counter[str]:
        """How many trees failed with each reason; the last failure of a tree counts."""
        return Counter(str(failure["reason"]) for failure in self.failures.values())

    def to_dataframe(self) -> "DataFrame":
        """A table of every utterance of the finished trees; `usage.to_dataframe()` is what they cost. Needs pandas."""
        return to_dataframe(utterances(read(trees_of(self.folder))))

    def raise_for_status(self) -> None:
        """Raise what the exit code of a command follows from: why the run stopped, or that some of it failed."""
        if self.stopped:
            raise self.stopped
        if self.failures:
            ((reason, _),) = self.reasons.most_common(1)
            raise ConversationsFailed(
                f"{self.failed} {self.unit} failed, most often because: {reason}; all reasons are in "
                f"{self.folder}/failures.jsonl; --retry-failed redoes them"
            )


def as_dict(result: RunResult) -> JsonObject:
    """The result as JSON values; an unknown cost is null."""
    return {
        "folder": str(result.folder),
        "stopped": result.stopped and str(result.stopped),
        "failed": result.failed,
        "left": result.left,
        "summary": result.summary.as_json(),
        "cost": result.usage.cost(),
        "roles": result.usage.as_json(),
    }


def print_result(result: RunResult, console: Console) -> None:
    """Print what each role used, what was written, the cost, and the next command."""
    print_usage(result, console)
    print_next(result, console, *corpus_lines(result))


def print_usage(result: RunResult, console: Console) -> None:
    console.print(roles_table(result.usage, console.width))


def print_next(result: RunResult, console: Console, *lines: str) -> None:
    """`lines`, the cost, and the command that comes next."""
    last = [f"cost: {money(result.usage.cost())}"]
    if calls := result.usage.estimated:
        last = [f"cost: ~{money(result.usage.cost())} (tokens of {counted(calls, 'calls')} estimated)"]
    if result.left:
        last.append(f"{result.left} {result.unit} left; the same command with --resume continues")
    elif result.finished:
        last.append(f"Look at one:  i2a show {result.folder}")
    say(console, "\n".join([*lines, *last]))


def corpus_lines(result: RunResult) -> Iterator[str]:
    """The trees in words."""
    first, *rest = in_words(result.summary)
    yield f"{first} in {result.folder}/trees.jsonl"
    yield from rest


def in_words(summary: Summary) -> Iterator[str]:
    """What a corpus holds, a line each: trees, utterances that are not whole, and what became of the pairs."""
    yield f"{counted(summary.trees, 'trees')} with {counted(summary.utterances, 'utterances')}"
    rare = ((summary.cut, CUT), (summary.overran, OVERRAN), (summary.unclear, UNCLEAR), (summary.shortened, SHORTENED))
    for count, what in rare:
        if count:
            yield what.format(f"{count:,}")
    for counts, what in ((summary.asked_again, "asked for again"), (summary.faults, "kept with a fault, and marked")):
        if counts:
            yield f"utterances {what}: " + ", ".join(f"{count:,} ({name})" for name, count in counts.most_common())
    if summary.pairs:
        line = f"{summary.labelled:,} of {counted(summary.pairs, 'pairs')} labelled"
        if {"preferred", "rejected"} <= summary.wins.keys() or summary.hint_won:
            line += f", {summary.hint_won:,} for the hinted reply"
        lost = []
        if summary.flipped:
            rate = "" if summary.flip_rate is None else f" ({summary.flip_rate:.1%})"
            who = "judges" if summary.by_jury else "two orders"
            lost.append(f"{summary.flipped:,} where the {who} name different winners{rate}")
        if summary.unjudged:
            lost.append(f"{summary.unjudged:,} without a usable verdict")
        yield line + (f"; not labelled: {', '.join(lost)}" if lost else "")
    if summary.by_jury:
        share = summary.unanimous / summary.by_jury
        yield f"several judges compared {counted(summary.by_jury, 'pairs')}, and agree on {share:.1%}"
