"""How far a run is, read from its folder again and again while another process writes there. It writes nothing."""

import json
import sqlite3
from collections import Counter, deque
from time import time

from i2a.errors import UsageError
from i2a.jsonl import JsonObject
from i2a.models.batch import BATCH, half
from i2a.models.model import Price
from i2a.models.spec import ModelSpec
from i2a.models.usage import UsageTracker, find_price, parse_price
from i2a.runs.folder import is_in_use
from i2a.runs.run_folder import RunFolder, planned_trees
from i2a.runs.training_folder import read_log
from i2a.view.curves import of_training
from i2a.view.shelf import ShownRun

RECENT = 20_000  # calls at the end of a journal in which unfinished conversations are looked for
GROWING, UTTERANCES, TEXT = 8, 12, 1500  # conversations in progress, utterances of each, characters of one
WINDOW = 60.0  # seconds whose speed is told
QUIET = 10.0  # seconds for which what was written counts as going though nobody here holds the folder's lock

Said = tuple[str, str]  # role, content


class Follower:
    """Follows one run; `state` may be called as often as one likes, and reads only what is new of the journal."""

    def __init__(self, run: ShownRun) -> None:
        self.run = run
        self._calls = 0
        self._last = 0  # row of the journal
        self._spent: dict[tuple[str, str], list[int]] = {}
        self._said: dict[str, deque[Said]] = {}
        self._finished: set[str] = set()
        self._trees = 0
        self._times: deque[tuple[float, int, float]] = deque(maxlen=600)
        self._prices: dict[str, Price | None] = {}

    def state(self) -> JsonObject:
        """What the live screen shows, as JSON values. Raises `UsageError` for a damaged file."""
        self._read_journal()
        failures = self._failures()
        training = self._training() if self.run.kind == "training" else {}
        finished = self._read_trees()
        failed = {id: why for id, why in failures.items() if id not in self._finished}
        total = training["total"] if training else planned_trees(self.run.manifest)
        done = training["step"] if training else finished + len(failed)
        far = done if training else done + self._partly(finished)
        complete = self.run.file("result.json") is not None if training else total is not None and done >= total
        now = time()
        held = self.run.file("lock") is not None and is_in_use(self.run.path)
        going = not complete and (held or now - self.run.changed() < QUIET)
        self._times.append((now, self._calls, far))
        calls_per_second, eta = self._speed(total)
        return {
            "run": self.run.key,
            "kind": self.run.kind,
            "unit": "steps" if training else "conversations",
            "done": done,
            "failed": len(failed),
            "total": total,
            "far": min(far / total, 1.0) if total else None,
            "state": "complete" if complete else "going" if going else "quiet",
            "changed": self.run.changed(),
            "eta": None if complete else eta,
            "calls": self._calls,
            "calls_per_second": 0.0 if complete else calls_per_second,
            "roles": self._roles(),
            "cost": self._tracker().cost(),
            "reasons": Counter(failed.values()).most_common(10),
            "growing": [] if complete else self._growing(),
            "panels": training.get("panels", []),
        }

    def _read_journal(self) -> None:
        if (file := self.run.file("journal.sqlite")) is None:
            return
        try:
            journal = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
            try:
                end = journal.execute("SELECT coalesce(max(rowid), 0) FROM answers").fetchone()[0]
                sums = journal.execute(
                    "SELECT role, model, count(*), sum(prompt_tokens), sum(completion_tokens), sum(estimated), "
                    "sum(cached_tokens), sum(written_tokens) FROM answers WHERE rowid > ? AND rowid <= ? "
                    "GROUP BY role, model",
                    (self._last, end),
                ).fetchall()
                said = journal.execute(
                    "SELECT tree, role, substr(content, 1, ?) FROM answers WHERE rowid > ? AND rowid <= ? "
                    "ORDER BY rowid",
                    (TEXT, max(self._last, end - RECENT), end),
                ).fetchall()
            finally:
                journal.close()
        except sqlite3.Error:  # it is just being made, or of an older version: the next look may see it
            return
        self._last = end
        for role, model, *counts in sums:
            before = self._spent.setdefault((role, model), [0] * len(counts))
            self._spent[role, model] = [a + b for a, b in zip(before, counts, strict=True)]
            self._calls += counts[0]
        for tree, role, content in said:
            self._said.setdefault(tree, deque(maxlen=UTTERANCES)).append((role, content))

    def _read_trees(self) -> int:
        """How many trees are finished; those are no longer growing."""
        if (index := self.run.index) is None:
            return 0
        index.update(2000)
        count = index.count
        if count != self._trees:
            self._trees = count
            for id in list(self._said):
                if index.place(id) is not None:
                    del self._said[id]
                    self._finished.add(id)
        return count

    def _failures(self) -> dict[str, str]:
        if self.run.file("failures.jsonl") is None:
            return {}
        found = {id: str(past[-1]["reason"]) for id, past in RunFolder(self.run.path).failures().items()}
        index = self.run.index
        self._finished |= {id for id in found if index is not None and index.place(id) is not None}
        for id in found:
            self._said.pop(id, None)
        return found

    def _partly(self, finished: int) -> float:
        """How far the unfinished conversations are together, by the calls that a finished one took on average."""
        growing = sum(len(said) for said in self._said.values())
        usual = (self._calls - growing) / finished if finished else 0.0
        return min(growing / usual, 0.95 * len(self._said)) if usual else 0.0

    def _speed(self, total: int | None) -> tuple[float, float | None]:
        """Calls a second, and the seconds that are left; None if unknown."""
        now, calls, far = self._times[-1]
        then, before, was = next(each for each in self._times if now - each[0] <= WINDOW)
        if now <= then:
            return 0.0, None
        left = (total - far) * (now - then) / (far - was) if total is not None and far > was else None
        return (calls - before) / (now - then), left

    def _tracker(self) -> UsageTracker:
        for _, model in self._spent:
            if model not in self._prices:
                self._prices[model] = price_of(model, self.run.manifest)
        return UsageTracker(self._prices, before=[(role, model, *row) for (role, model), row in self._spent.items()])  # type: ignore[misc]

    def _roles(self) -> list[JsonObject]:
        tracker = self._tracker()
        return [
            {"role": role, "calls": used.calls, "tokens": used.tokens, "cost": tracker.cost(role)}
            for role, used in sorted(tracker.by_role().items())
        ]

    def _growing(self) -> list[JsonObject]:
        latest = list(self._said.items())[-GROWING:]
        return [
            {"tree": id, "said": [{"role": role, **_shown(content)} for role, content in said]} for id, said in latest
        ]

    def _training(self) -> JsonObject:
        file = self.run.file("log.jsonl")
        log = [line for line in read_log(file) if "loss" in line] if file else []
        config = self.run.manifest.get("config") or {}
        step = int(log[-1]["step"]) if log else 0
        total = config.get("max_steps")
        if not total and log and log[-1].get("epoch"):
            total = max(step, round(step * config.get("epochs", 1) / log[-1]["epoch"]))
        thin = max(1, len(log) // 500)
        return {"step": step, "total": total, "panels": of_training(log[::thin], self.run.key)}


def _shown(content: str) -> JsonObject:
    """An utterance as it is; of an answer with structure, its values in a line."""
    try:
        value = json.loads(content)
    except ValueError:
        return {"text": content, "structured": False}
    if not isinstance(value, dict):
        return {"text": content, "structured": False}
    return {"text": "; ".join(f"{name}: {said}" for name, said in value.items()), "structured": True}


def price_of(model: str, manifest: JsonObject | object) -> Price | None:
    """What a model of this run costs: as it was told with --price, or as its kind reports."""
    config = manifest.get("config") or {} if isinstance(manifest, dict) else {}
    told = dict(map(parse_price, config.get("price", ())))
    name = model.removesuffix(BATCH)
    try:
        price = told.get(name) or find_price(ModelSpec.parse(name))
    except UsageError:  # a client of somebody's own
        return None
    return half(price) if model.endswith(BATCH) else price
