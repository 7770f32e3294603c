"""What becomes of a tree that has grown, or that failed: it is stored, counted and shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i2a.errors import AccessDenied, BadRequest, MalformedResponse, ModelError, UnfinishedAnswer, UsageError
from i2a.models.model import Completion
from i2a.runs.live import View
from i2a.runs.plan import RunPlan
from i2a.runs.run_folder import PLACE
from i2a.runs.session import Session, forgotten
from i2a.trees.json import dump
from i2a.trees.summary import Summary
from i2a.trees.tree import Tree


@dataclass(frozen=True, slots=True)
class Collector:
    """Stores and counts the trees of a run as they end."""

    plan: RunPlan
    session: Session
    summary: Summary
    view: View

    def begins(self, place: int) -> Tree:
        tree = self.plan.trees[place]
        self.view.begins(tree)
        return tree

    def breaks_off(self, place: int) -> None:
        """It will begin again."""
        self.view.breaks_off(self.plan.trees[place])
        self.plan.trees[place].forget()

    def ends(self, place: int, reasons: Sequence[ModelError], line: str | None = None) -> None:
        """Store and count a tree that has grown, or failed for these reasons. `line`: it as it is stored, if known.

        Where it cannot be stored, the run stops.
        """
        tree, folder = self.plan.trees[place], self.session.folder
        try:
            if reasons:
                folder.append_failure(failure_of(tree, place, reasons, self.session))
                if self.plan.keeps_broken and tree.roots:
                    folder.append_broken(line or dump(tree))
            else:
                folder.append_tree(line or dump(tree))
                self.summary.add(tree)
            self.view.ends(tree, failed=reasons[0] if reasons else None)
        except UsageError as full_disk:
            self.session.in_flight.stop(full_disk)
        tree.forget()  # it is on disk: free the memory


def model_errors(error: ModelError | ExceptionGroup[Exception]) -> list[ModelError]:
    """The model errors in `error`, deepest first; raises `error` again if it contains any other."""
    if isinstance(error, ModelError):
        return [error]
    bugs = error.split(ModelError)[1]
    if bugs is not None:
        raise error
    return [reason for part in error.exceptions for reason in model_errors(part)]  # type: ignore[arg-type]


def failure_of(tree: Tree, place: int, reasons: Sequence[ModelError], session: Session) -> dict[str, object]:
    """The record of a conversation that failed. `place`: its number among those of the run; `answer`: the one that
    could not be used, if that is why; `forgotten`: which of its answers a redo does not take over."""
    record: dict[str, object] = {
        "id": tree.id,
        PLACE: place,
        "persona": tree.persona.id,
        "seed": tree.seed,
        "error": type(reasons[0]).__name__,
        "reason": str(reasons[0]),
        "utterances": sum(1 for _ in tree),
    }
    if reasons[0].answer:
        record["answer"] = reasons[0].answer
    if isinstance(reasons[0], MalformedResponse | UnfinishedAnswer | BadRequest | AccessDenied):
        given = list(session.journal.answers(tree.id).values())
        start = before_the_wall(given, reasons[0], session.failures.get(tree.id, ()))
        if start is not None:
            record["forgotten"] = [start, len(given)]
    return record


def before_the_wall(given: Sequence[Completion], reason: ModelError, past: Sequence[Mapping[str, Any]]) -> int | None:
    """From which of the answers on a redo asks for others: the last one that the refused request showed the model.

    Each time that this does not help, one answer earlier. Where an answer is to blame, and no words before it, the redo
    asks only for another sample of that one; None: where neither is, it asks the same again.
    """
    if isinstance(reason, MalformedResponse):
        return len(given)
    dead = {i for start, end in forgotten(past) for i in range(start, end)}
    shown = " ".join(" ".join(reason.request).split())
    words = [" ".join(completion.content.split()) for completion in given]
    to_blame = [i for i, said in enumerate(words) if said and i not in dead and said in shown]
    if not to_blame:
        return len(given) if isinstance(reason, UnfinishedAnswer) else None
    return to_blame[max(0, len(to_blame) - 1 - len(past))]
