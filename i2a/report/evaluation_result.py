"""How an evaluation ended, for people and for scripts."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from evaluation.benchmark import EvalResult
from evaluation.leaks import Leak, in_words
from i2a.jsonl import JsonMapping, JsonObject
from i2a.report.tables import agreement_table, summary_table
from i2a.runs import outcome
from i2a.text import one_line


def as_dict(result: EvalResult) -> JsonObject:
    """The result as JSON values; `summary` is what `summary.json` holds, empty for a run that is not complete."""
    return outcome.as_dict(result.run) | {"summary": dict(result.written)}


def print_result(result: EvalResult, console: Console) -> None:
    outcome.print_usage(result.run, console)
    lines = []
    if result.summary is not None:
        console.print(summary_table(result.summary, [*counted(result.written), *audited(result.written["audit"])]))
        lines = [
            f"Every reply: {result.run.folder}/scores.jsonl; numbers: summary.json; curves: curves.png, curves.svg"
        ]
    if calibrated := result.written.get("calibrated"):
        from evaluation.calibration import in_words as calibrated_in_words

        for line in calibrated_in_words(calibrated):
            console.print(Text(f"- {one_line(line)}"))
    if result.agreement is not None:
        console.print(agreement_table(result.agreement))
    outcome.print_next(result.run, console, *lines)


def counted(summary: JsonMapping) -> Iterator[str]:
    """Whom the candidates met, and whose dialogues failed."""
    personas = summary["personas"]
    yield (
        f"{personas['cases']} cases from {personas['provenance']}: {personas['profiles']} profiles, "
        f"{personas['personalities']} personalities"
    )
    leaks = {name: Leak(**leak) for name, leak in summary["leaks"].items()}
    yield from in_words(leaks)
    for name, failed in summary["failed"].items():
        broken = summary["broken"][name]
        if failed > broken:
            yield f"{name}: {failed - broken} dialogues failed and are in no number; --retry-failed redoes them"
        if broken:
            yield f"{name}: {broken} dialogues broke off, and count with their rated turns; --retry-failed redoes them"


def audited(audit: JsonMapping) -> Iterator[str]:
    """The audit of the user simulator in a few lines."""
    revealed = " ".join(percent(value) for value in audit["revealed_by_turn"])
    yield f"simulator audit, {audit['dialogues']} dialogues: of the profile, revealed by turn 1, 2, ...: {revealed}"
    yield (
        f"of its messages, {percent(audit['invented'])} invent a fact, {percent(audit['role_reversal'])} talk like an "
        f"assistant, {percent(audit['repetition'])} repeat an earlier one; {percent(audit['early_ending'])} of "
        "dialogues end early"
    )
    if unseen := audit.get("not_english"):
        yield f"of its {audit['messages']} messages, {unseen} are not in English: of these only repetition can be told"
    for kind, messages in audit["examples"].items():
        yield f"{kind.replace('_', ' ')}, for instance: {messages[0]}"
    inducer = audit["inducer"]
    if inducer["asked"]:
        yield (
            f"inducer, asked {inducer['asked']} times ({inducer['failed']} failed): precision "
            f"{percent(inducer['precision'])}, recall {percent(inducer['recall'])} of what was revealed of the profile"
        )


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"
